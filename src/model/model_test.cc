#include "model/actor.h"
#include "model/exchange.h"
#include "model/scope.h"

#include <gtest/gtest.h>

namespace cordon::model {
namespace {

TEST(Scope, HasOneTextAndReadsItBack) {
  for (const char* text : {"route=support", "route=support,tenant=acme", "model=gpt,provider=sim",
                           "route=*", "use_case=triage,flag=beta"}) {
    const auto scope = Scope::parse(text);
    ASSERT_TRUE(scope.has_value()) << text;
    EXPECT_EQ(scope->text(), text);
  }
  EXPECT_EQ(Scope::parse("tenant=acme,route=support")->text(), "route=support,tenant=acme");
}

TEST(Scope, RefusesWhatItCannotMeanExactly) {
  for (const char* text :
       {"", "route", "route=", "region=eu", "route=a,route=b", "route=a b", "route=a,,tenant=b"}) {
    EXPECT_FALSE(Scope::parse(text).has_value()) << text;
  }
  EXPECT_EQ(Scope::parse("region=eu").error().detail,
            "unknown scope dimension 'region', expected one of route, model, provider, tenant, "
            "use_case, flag as name=value");
}

TEST(Scope, CoversOnlyWhereEveryNamedDimensionAgrees) {
  const std::vector<std::string> flags = {"beta"};
  const Place place{"support", "large", "sim", "acme", "triage", flags};
  EXPECT_TRUE(Scope::parse("route=support,tenant=acme")->covers(place));
  EXPECT_TRUE(Scope::parse("route=*")->covers(place));
  EXPECT_TRUE(Scope::parse("flag=beta")->covers(place));
  EXPECT_FALSE(Scope::parse("route=support,tenant=umbrella")->covers(place));
  EXPECT_FALSE(Scope::parse("flag=alpha")->covers(place));
  EXPECT_TRUE(Scope::parse("route=support")->covers_any_target(place));
  EXPECT_FALSE(Scope::parse("route=support,model=large")->covers_any_target(place));
}

TEST(IncidentClass, NamesTheNearestInsteadOfGuessing) {
  EXPECT_EQ(*parse_incident_class("data_leakage"), IncidentClass::data_leakage);
  const auto refused = parse_incident_class("data_leak");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().detail.find("the nearest is data_leakage"), std::string::npos);
}

TEST(Actor, ReadsItsOwnText) {
  EXPECT_EQ(Actor::parse("person:anna")->text(), "person:anna");
  for (const char* bad : {"", "anna", "person:", "robot:x"}) EXPECT_FALSE(Actor::parse(bad)) << bad;
}

class Entries : public testing::Test {
 protected:
  ManualClock clock{*parse_rfc3339("2026-01-05T10:00:00.000000007Z")};
  SeededRandom random{5};
  EntryWriter writer{"node-1", "boot-1", clock, random};
};

TEST_F(Entries, KeepTheirHeadFirstAndReadBack) {
  const std::string bytes = writer.write(EntryKind::signal, {{"source", "alert"}, {"n", 3}});
  EXPECT_EQ(*peek_kind(bytes), EntryKind::signal);
  const auto entry = parse_entry(bytes);
  ASSERT_TRUE(entry.has_value()) << entry.error().detail;
  EXPECT_EQ(entry->recorded, clock.wall());
  EXPECT_EQ(entry->node, "node-1");
  EXPECT_EQ(codec::write_json(entry->body), R"({"source":"alert","n":3})");
  EXPECT_TRUE(parse_entry(writer.write(EntryKind::signal, codec::Json::object())).has_value());
}

// An entry whose body repeated a key of its head was written once and could never be read back.
TEST_F(Entries, AreNotWrittenWhenNobodyCouldReadThem) {
  EXPECT_EQ(writer.compose(EntryKind::signal, {{"id", "x"}}).error().detail,
            "the body of an entry of kind signal has the key 'id' of its head");
  EXPECT_FALSE(writer.compose(EntryKind::signal, codec::Json::array()).has_value());
  const codec::Json large = {{"text", std::string(kEntryBytesMax, 'x')}};
  EXPECT_FALSE(writer.compose(EntryKind::signal, large).has_value());
}

TEST_F(Entries, RefuseWhatHasNoHead) {
  for (const char* bad : {"", "{}", R"({"v":2,"kind":"signal"})", R"({"kind":"signal","v":1})",
                          R"({"v":1,"kind":"gossip","id":"x"})", "[]"}) {
    EXPECT_FALSE(parse_entry(bad).has_value()) << bad;
    EXPECT_FALSE(peek_kind(bad).has_value()) << bad;
  }
}

Hit some_hit() {
  return {.rule = "leak.card-number",
          .of_class = IncidentClass::data_leakage,
          .data_kind = "payment_card",
          .personal = true,
          .verdict = Action::redact,
          .action = Action::allow,
          .count = 2,
          .delivered = 2,
          .commit = "AAAA"};
}

TEST_F(Entries, OfAnExchangeReadBackAsTheyWere) {
  DecisionRecord decision;
  decision.head = {"x-1", 7, "acme", "support", "", "sim", "large", Mode::observe};
  decision.verdict = Action::block;
  decision.reason = "policy";
  decision.scanned = {1200, 3};
  decision.hits = {some_hit()};
  decision.hits[0].side = Side::request;
  decision.hits[0].role = Role::tool;
  decision.head.flags = {"new-prompt", "b\"eta"};
  decision.head.surface = "embeddings";
  decision.uninspected = "input";
  decision.request_bytes = 1500;
  std::string bytes;
  append_entry(writer, decision, bytes);
  ASSERT_TRUE(parse_entry(bytes).has_value()) << bytes;
  ExchangeReader reader;
  const auto back = reader.decision(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  EXPECT_EQ(back->recorded, clock.wall());
  std::string again;
  SeededRandom same(5);
  append_entry(EntryWriter("node-1", "boot-1", clock, same), back->record, again);
  EXPECT_EQ(bytes, again);
  EXPECT_LT(bytes.size(), 750U);
  EXPECT_EQ(back->record.hits[0].side, Side::request);
  EXPECT_EQ(back->record.head.surface, "embeddings");
  EXPECT_EQ(back->record.uninspected, "input");
}

TEST_F(Entries, OfAnEndReadBackAsTheyWere) {
  EndRecord end;
  end.head = {"x-1", 7, "ac\"me\n", "support", "triage", "sim", "large", Mode::emergency};
  end.end = End::killed;
  end.status = 200;
  end.stream = true;
  end.hits = {some_hit(), some_hit()};
  end.hits[1].side = Side::request;
  end.hits[1].role = Role::user;
  end.amends = "an-earlier-id";
  end.translated = true;
  end.attempts = 2;
  end.tried = {{"si\"m", "small", AttemptEnd::overloaded, 429, 1200, 5, 1},
               {"big", "safe", AttemptEnd::open},
               {"other", "safe", AttemptEnd::untranslatable},
               {"sim", "large", AttemptEnd::answered, 200, 900}};
  end.usage = UsageSource::provider;
  end.tokens_out = 12;
  std::string bytes;
  append_entry(writer, end, bytes);
  ASSERT_TRUE(parse_entry(bytes).has_value()) << bytes;
  ExchangeReader reader;
  const auto back = reader.response_end(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  std::string again;
  SeededRandom same(5);
  append_entry(EntryWriter("node-1", "boot-1", clock, same), back->record, again);
  EXPECT_EQ(bytes, again);
  EXPECT_EQ(back->record.head.tenant, "ac\"me\n");
  EXPECT_EQ(back->record.hits[1].delivered, 2U);
  EXPECT_EQ(back->record.hits[0].side, Side::response);
  EXPECT_EQ(back->record.hits[1].side, Side::request);
  EXPECT_EQ(back->record.hits[1].role, Role::user);
  EXPECT_EQ(back->record.amends, "an-earlier-id");
  EXPECT_TRUE(back->record.translated);
  ASSERT_EQ(back->record.tried.size(), 4U);
  EXPECT_EQ(back->record.tried[0].provider, "si\"m");
  EXPECT_EQ(back->record.tried[0].tokens_in, 5U);
  EXPECT_EQ(back->record.tried[1].end, AttemptEnd::open);
  EXPECT_EQ(back->record.tried[2].end, AttemptEnd::untranslatable);
  EXPECT_EQ(back->record.tried[3].us, 900U);
  EXPECT_EQ(reader.decision(bytes).error().detail,
            "an entry of kind response_end, expected decision");
}

// Entries of nodes that did not write the side yet are still read.
TEST_F(Entries, OfADecisionHoldHitsOfTheRequestWhateverTheySay) {
  DecisionRecord decision;
  decision.head = {"x-1", 7, "acme", "support", "", "sim", "large", Mode::standard};
  decision.hits = {some_hit()};
  std::string bytes;
  append_entry(writer, decision, bytes);
  ASSERT_EQ(bytes.find("\"on\""), std::string::npos);
  ExchangeReader reader;
  const auto back = reader.decision(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  EXPECT_EQ(back->record.hits[0].side, Side::request);
}

TEST_F(Entries, OfAnEndSayWhatItCostOrThatNobodyKnows) {
  EndRecord end;
  end.head = {"x-1", 7, "acme", "support", "", "sim", "large", Mode::standard};
  const auto written = [&] {
    std::string bytes;
    append_entry(writer, end, bytes);
    return bytes;
  };
  ExchangeReader reader;
  EXPECT_EQ(written().find("\"cost"), std::string::npos) << "a node without prices writes none";
  end.tokens_in = 10;
  end.tokens_cached = 4;
  end.tokens_cache_write = 2;
  end.tried = {{"sim", "large", AttemptEnd::cut, 200, 9, 1, 1, 77}};
  end.cost = {Cost::Known::partly, 123, "USD", WallTime{std::chrono::days(20'000)}, true};
  const std::string partly = written();
  auto back = reader.response_end(partly);
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  EXPECT_EQ(back->record.tokens_cached, 4U);
  EXPECT_EQ(back->record.tokens_cache_write, 2U);
  EXPECT_EQ(back->record.tried.at(0).cost_nano, 77U);
  EXPECT_EQ(back->record.cost.known, Cost::Known::partly);
  EXPECT_EQ(back->record.cost.nano, 123U);
  EXPECT_EQ(back->record.cost.currency, "USD");
  EXPECT_EQ(back->record.cost.price_from, WallTime{std::chrono::days(20'000)});
  EXPECT_TRUE(back->record.cost.estimated);
  for (const auto& [from, to] : {std::pair{R"("nano":123)", R"("nano":-1)"},
                                 {R"("currency":"USD")", R"("currency":7)"},
                                 {R"("price_from":")", R"("price_from":"x)"},
                                 {R"("unpriced":true)", R"("unpriced":1)"},
                                 {R"("cost":{)", R"("cost":[{)"}}) {
    std::string damaged = partly;
    damaged.replace(damaged.find(from), std::string_view(from).size(), to);
    EXPECT_FALSE(reader.response_end(damaged).has_value()) << to;
  }
  end.cost = {};
  end.cost.known = Cost::Known::unpriced;
  back = reader.response_end(written());
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  EXPECT_EQ(back->record.cost.known, Cost::Known::unpriced);
  EXPECT_EQ(back->record.cost.nano, 0U);
}

// A reader must not take a damaged entry for a harmless one.
TEST_F(Entries, OfAnEndAreRefusedWhenAnyKeyIsGone) {
  EndRecord end;
  end.head = {"x-1", 7, "acme", "support", "", "sim", "large", Mode::standard};
  std::string bytes;
  append_entry(writer, end, bytes);
  ExchangeReader reader;
  for (const char* key : {"exchange", "generation", "mode", "end", "status", "verdict", "rules",
                          "usage", "source", "total", "attempts", "resp", "ts"}) {
    std::string damaged = bytes;
    damaged.replace(damaged.find("\"" + std::string(key) + "\""), 2, "\"_");
    EXPECT_FALSE(reader.response_end(damaged).has_value()) << key;
  }
  end.head.flags = {"a"};
  end.hits = {some_hit()};
  end.hits[0].side = Side::request;
  end.hits[0].role = Role::user;
  end.tried = {{"sim", "large", AttemptEnd::cut, 200, 9, 1, 1}};
  bytes.clear();
  append_entry(writer, end, bytes);
  for (const auto& [from, to] : {std::pair{R"("on":"request")", R"("on":"sideways")"},
                                 {R"("role":"user")", R"("role":"king")"},
                                 {R"("tried":[{)", R"("tried":[7,{)"},
                                 {R"("end":"cut")", R"("end":"tired")"},
                                 {R"("status":200,"us")", R"("status":-1,"us")"},
                                 {R"("usage":{"in":1)", R"("usage":{"in":-1)"},
                                 {R"("flags":["a"])", R"("flags":"a")"},
                                 {R"("flags":["a"])", R"("flags":[1])"}}) {
    std::string damaged = bytes;
    damaged.replace(damaged.find(from), std::string_view(from).size(), to);
    EXPECT_FALSE(reader.response_end(damaged).has_value()) << to;
  }
}

}  // namespace
}  // namespace cordon::model
