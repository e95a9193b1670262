#include "api/rulepack_shelf.h"

#include "api/replay_record.h"

#include <gtest/gtest.h>

namespace cordon::api {
namespace {

RulepackChange change_of(RulepackEvent event, std::string digest, int second) {
  RulepackChange change;
  change.name = "core-leakage";
  change.version = "1";
  change.digest = std::move(digest);
  change.event = event;
  change.actor = {model::ActorKind::person, "anna"};
  change.follows_file = event == RulepackEvent::loaded;
  change.at = WallTime(std::chrono::seconds(second));
  return change;
}

TEST(RulepackShelf, KnowsWhatIsInForceAndWhatWasAtAnyTime) {
  RulepackShelf shelf;
  EXPECT_EQ(shelf.in_force("core-leakage"), nullptr);
  shelf.evolve(change_of(RulepackEvent::loaded, "aa", 10));
  shelf.evolve(change_of(RulepackEvent::published, "bb", 20));
  shelf.evolve(change_of(RulepackEvent::rolled_back, "aa", 30));
  EXPECT_EQ(shelf.in_force("core-leakage")->digest, "aa");
  EXPECT_EQ(shelf.history("core-leakage").size(), 3U);
  EXPECT_EQ(shelf.in_force_at("core-leakage", WallTime(std::chrono::seconds(9))), nullptr);
  EXPECT_EQ(shelf.in_force_at("core-leakage", WallTime(std::chrono::seconds(29)))->digest, "bb");
  EXPECT_EQ(shelf.in_force_at("core-leakage", WallTime(std::chrono::seconds(30)))->digest, "aa");
}

TEST(RulepackChange, IsTheSameAfterItWasWrittenAndRead) {
  for (const auto event :
       {RulepackEvent::loaded, RulepackEvent::published, RulepackEvent::rolled_back}) {
    RulepackChange change = change_of(event, "bb", 20);
    if (event != RulepackEvent::loaded) {
      change.before = "aa";
      change.reason = "why";
      change.token = "0123456789abcdef";
      change.weaker = {"leak.key"};
      change.classes = {"data_leakage"};
      change.override_reason = "the test is wrong";
      change.failing = {"RT-2026-00001-01"};
      change.asked_at = WallTime(std::chrono::seconds(19));
      change.approval = containment::Approval{{model::ActorKind::person, "ben"}, "fedcba98", "a-1"};
    }
    const auto back = parse_rulepack_change(to_body(change));
    ASSERT_TRUE(back.has_value()) << back.error().detail;
    EXPECT_EQ(to_body(*back), to_body(change));
    EXPECT_EQ(back->event, event);
  }
}

TEST(RulepackChange, ReadsTheBodyThatEarlierVersionsWrote) {
  const auto change = parse_rulepack_change(
      {{"name", "core-leakage"}, {"version", "1"}, {"digest", "aa"}, {"actor", "service:cordon"}});
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->event, RulepackEvent::loaded);
  EXPECT_TRUE(change->follows_file);
}

TEST(RulepackChange, RefusesABodyThatIsNotOne) {
  const codec::Json good = to_body(change_of(RulepackEvent::published, "bb", 20));
  const auto broken = [&good](const char* key, codec::Json value) {
    codec::Json body = good;
    body[key] = std::move(value);
    return parse_rulepack_change(body);
  };
  EXPECT_EQ(broken("event", "wished").error().code, Errc::corrupt);
  EXPECT_EQ(broken("actor", "nobody").error().code, Errc::corrupt);
  EXPECT_EQ(broken("weaker", "leak.key").error().code, Errc::corrupt);
  EXPECT_EQ(broken("approved_by", "person:ben").error().code, Errc::corrupt);
  EXPECT_EQ(broken("colour", "red").error().code, Errc::corrupt);
}

containment::NodeReceipt acked_at(int second) {
  containment::NodeReceipt node;
  node.acked = true;
  node.acked_at = WallTime(std::chrono::seconds(second));
  return node;
}

TEST(TimeToUpdate, RunsFromTheOrderToTheLastNodeAndIsUnknownWithoutOne) {
  RulepackChange change = change_of(RulepackEvent::published, "bb", 20);
  change.asked_at = WallTime(std::chrono::seconds(19));
  containment::Receipt receipt;
  EXPECT_EQ(time_to_update(change, nullptr), std::nullopt);
  EXPECT_EQ(time_to_update(change, &receipt), std::nullopt);
  receipt.nodes = {acked_at(21), acked_at(23)};
  EXPECT_EQ(time_to_update(change, &receipt), std::chrono::seconds(4));
  receipt.nodes.emplace_back();  // one that did not answer
  EXPECT_EQ(time_to_update(change, &receipt), std::nullopt);
}

TEST(ReplayRecord, IsTheSameAfterItWasWrittenAndRead) {
  ReplayRecord record;
  record.id = "RT-2026-00001-01";
  record.digest = "dd";
  record.incident = "INC-2026-00001";
  record.route = "support";
  record.packs = {{"core-leakage", "aa"}};
  record.from_capture = 2;
  record.by = {model::ActorKind::person, "anna"};
  const auto back = parse_replay_record(to_body(record));
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  EXPECT_EQ(to_body(*back), to_body(record));
  EXPECT_TRUE(back->holds("core-leakage"));
  EXPECT_FALSE(back->holds("core-injection"));
  codec::Json body = to_body(record);
  body["from_samples"] = -1;
  EXPECT_EQ(parse_replay_record(body).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace cordon::api
