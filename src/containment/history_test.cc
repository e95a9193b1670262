#include "containment/history.h"

#include "containment/ledger_test_support.h"
#include "containment/moment.h"
#include "model/entry.h"

namespace cordon::containment {
namespace {

/// A journal of changes, as its entries, made by commands.
class Histories : public Ledger {
 protected:
  Histories()
      : clock_(kStart), writer_("n1", "0198c0de-0000-7000-8000-000000000001", clock_, random_) {}

  void write(model::EntryKind kind, const codec::Json& body) {
    clock_.jump(now_ - clock_.wall());
    const Status read = history_.observe(sequence_++, writer_.write(kind, body));
    EXPECT_TRUE(read) << read.error().detail;
  }
  void make_generation(model::Generation generation) {
    generation.number = ++number_;
    const auto sealed = with_measures(generation, number_, state_);
    past_.keep(*sealed);
    write(model::EntryKind::generation_change,
          generation_change_body(*sealed, "start", {ActorKind::service, "cordon"}));
  }
  void change(const Command& command) {
    const auto event = decide(state_, command, looked_at());
    ASSERT_TRUE(event) << event.error().detail;
    state_.evolve(*event);
    write(model::EntryKind::containment, to_body(*event));
    make_generation(generation_);
  }
  codec::Json show(const Moment& moment) {
    return to_json(moment, past_.read(moment.generation.generation.number));
  }

  ManualClock clock_;
  model::EntryWriter writer_;
  History history_;
  std::uint64_t sequence_ = 0;
  std::uint64_t number_ = 0;
};

TEST_F(Histories, SayWhatWasInForceAtEveryMoment) {
  make_generation(generation_);
  std::vector<std::pair<WallTime, State>> truth{{now_, state_}};
  for (int i = 0; i < 20; ++i) {
    now_ += 1min;
    change(a_switch("s" + std::to_string(i), i % 2 == 0 ? "route=support" : "tenant=acme"));
    truth.emplace_back(now_, state_);
    now_ += 1min;
    Release release = a_release("s" + std::to_string(i));
    release.approval = bobs();
    if (i % 3 == 0) change(release);
    truth.emplace_back(now_, state_);
  }
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const auto at = history_.at(truth[i].first);
    ASSERT_TRUE(at) << at.error().detail;
    EXPECT_EQ(at->measures, truth[i].second) << i;
    const auto later = history_.at(truth[i].first + 59s);
    EXPECT_EQ(later->measures, truth[i].second) << i << " still holds a little later";
    if (i == 0) continue;
    const auto before = history_.at(truth[i].first - 1ns);
    EXPECT_EQ(before->measures, truth[i - 1].second) << i << " and not a little before";
  }
}

TEST_F(Histories, KnowNothingBeforeTheFirstGeneration) {
  EXPECT_EQ(history_.at(now_).error().detail,
            "nothing is known of 2026-03-01T00:00:00.000000000Z: no generation was ever in force");
  make_generation(generation_);
  const auto early = history_.at(now_ - 1h);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Errc::not_found);
  EXPECT_NE(early.error().detail.find("the first generation came into force at 2026-03-01"),
            std::string::npos);
  EXPECT_EQ(history_.of_generation(7).error().detail, "there is no generation 7; known: 1 to 1");
}

TEST_F(Histories, NameTheGenerationThatIsMissingAndStillKnowTheMeasures) {
  make_generation(generation_);
  now_ += 1min;
  change(a_switch("s1", "route=support"));
  const auto moment = history_.at(now_);
  const codec::Json json = to_json(*moment, fail(Errc::not_found, "blob is gone"));
  EXPECT_FALSE(json.contains("routes")) << "unknown is not empty";
  ASSERT_EQ(json["unknown"].size(), 1U);
  EXPECT_EQ(json["unknown"][0]["why"], "blob is gone");
  EXPECT_EQ(json["switches"][0]["id"], "s1");
  const codec::Json both = diff(json, show(*moment));
  EXPECT_EQ(both["unknown"].size(), 1U);
  EXPECT_TRUE(both["changes"].empty()) << "what is unknown on one side is no change";
}

TEST_F(Histories, DifferInExactlyWhatChanged) {
  make_generation(generation_);
  const WallTime before = now_;
  now_ += 1min;
  write(model::EntryKind::rulepack_change,
        {{"name", "core"}, {"version", "2"}, {"digest", "bb"}, {"actor", "service:cordon"}});
  generation_.routes[0].mode = Mode::emergency;
  generation_.routes[0].rulepacks = {{"core", "bb"}};
  change(a_switch("s1", "tenant=acme"));
  const codec::Json from = show(*history_.at(before));
  const codec::Json to = show(*history_.at(now_));
  EXPECT_TRUE(diff(from, from)["changes"].empty());
  std::map<std::string, std::string> changes;
  const codec::Json found = diff(from, to);
  for (const codec::Json& each : found["changes"]) {
    changes[each["what"].get<std::string>()] =
        codec::write_json(each["from"]) + " -> " + codec::write_json(each["to"]);
  }
  EXPECT_EQ(changes["routes.support.mode"], R"("standard" -> "emergency")");
  EXPECT_EQ(changes["rulepacks.core"], R"(null -> {"name":"core","digest":"bb","version":"2"})");
  EXPECT_TRUE(changes.contains("routes.support.rulepacks.core"));
  EXPECT_TRUE(changes["switches.s1"].starts_with("null -> {"));
  EXPECT_EQ(changes.size(), 4U) << codec::write_json(found);
}

TEST_F(Histories, RefuseAnEntryThatCannotBeRead) {
  const std::string broken =
      writer_.write(model::EntryKind::generation_change,
                    {{"number", "one"}, {"digest", "d"}, {"cause", "start"}, {"actor", "a"}});
  EXPECT_EQ(history_.observe(0, broken).error().code, Errc::corrupt);
  const std::string odd = writer_.write(model::EntryKind::containment, {{"event", "danced"}});
  EXPECT_EQ(history_.observe(0, odd).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace cordon::containment
