#include "base/random.h"
#include "replay/run.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cordon::replay {
namespace {

using model::Action;
using policy::Engine;
using policy::Part;
using testing::HasSubstr;

std::string pack_text(std::string_view action, std::string_view extra = "") {
  return fmt::format(R"(rulepack: mine
version: 1
rules:
  - id: leak.key
    class: data_leakage
    data_kind: secret
    on: [response]
    match: {{pattern: 'sk-[a-z]{{8}}'}}
    action: {}
{}    rationale: A key.
    tests: {{match: ['sk-abcdefgh'], pass: ['sk-1']}}
)",
                     action, extra);
}

std::shared_ptr<const policy::Rulepack> pack_of(const std::string& text) {
  auto pack = policy::Rulepack::parse(text, "mine.yaml");
  EXPECT_TRUE(pack.has_value()) << pack.error().detail;
  return *pack;
}

PackThen then_of(const std::string& text) {
  const auto pack = pack_of(text);
  return {pack->name, pack->version, pack->digest, text};
}

ReplayTest test_of(const std::string& pack, std::string text) {
  ReplayTest test;
  test.id = "RT-2026-00001-01";
  test.salt = "c2FsdA";
  test.incident = "INC-2026-00001";
  test.route = "support";
  test.built_by = {model::ActorKind::person, "anna"};
  test.packs = {then_of(pack)};
  Case one;
  one.name = "1";
  one.text = std::move(text);
  one.expect = Action::allow;
  test.cases = {one};
  return test;
}

/// Built as the control plane builds it, and read back from its bytes.
ReplayTest settled(const std::string& pack, std::string text) {
  ReplayTest test = test_of(pack, std::move(text));
  const auto engine = compile(test, {});
  EXPECT_TRUE(engine.has_value());
  const Status done = settle(test, **engine);
  EXPECT_TRUE(done.has_value()) << done.error().detail;
  auto back = read(write(test));
  EXPECT_TRUE(back.has_value()) << back.error().detail;
  return *std::move(back);
}

Outcome outcome_under(const ReplayTest& test, const Candidates& candidates) {
  const auto engine = compile(test, candidates);
  EXPECT_TRUE(engine.has_value());
  return run(test, **engine).outcome();
}

constexpr std::string_view kLeak = "use sk-qwertzui for that";

TEST(ReplayTest, FailsOnTheRulepackThatLetItThroughAndPassesOnTheOneThatDoesNot) {
  struct Step {
    std::string then;
    std::string candidate;
  };
  const Step steps[] = {
      {pack_text("warn"), pack_text("redact")},                          // warned only
      {pack_text("redact"), pack_text("block")},                         // redacted only
      {pack_text("block", "    state: shadow\n"), pack_text("redact")},  // watched only
  };
  for (const Step& step : steps) {
    const ReplayTest test = settled(step.then, std::string(kLeak));
    EXPECT_EQ(outcome_under(test, {}), Outcome::fail) << step.then;
    EXPECT_EQ(outcome_under(test, {pack_of(step.candidate)}), Outcome::pass) << step.then;
  }
}

TEST(ReplayTest, OfAMissingRulePassesOnceTheRuleIsThere) {
  const ReplayTest test = settled(pack_text("block"), "the project is called falcon");
  EXPECT_EQ(test.cases[0].expect, Action::redact);
  EXPECT_EQ(outcome_under(test, {}), Outcome::fail);
  const std::string more = pack_text("block") + R"(
  - id: leak.project
    class: data_leakage
    on: [response]
    match: {dictionary: [falcon]}
    action: redact
    rationale: A project's name.
    tests: {match: ['falcon'], pass: ['sparrow']}
)";
  EXPECT_EQ(outcome_under(test, {pack_of(more)}), Outcome::pass);
}

// What a rule of another class let through in the same text is not what went wrong.
TEST(ReplayTest, AsksOfACandidateOnlyWhatTheIncidentWasAbout) {
  const std::string other = R"(
  - id: unsafe.rude
    class: unsafe_output
    on: [response]
    match: {dictionary: [blockhead]}
    action: warn
    rationale: Rude.
    tests: {match: ['blockhead'], pass: ['head']}
)";
  const ReplayTest test = settled(pack_text("warn") + other, "use sk-qwertzui for that, blockhead");
  EXPECT_EQ(test.cases[0].hide, std::vector<std::string>{"sk-qwertzui"});
  EXPECT_EQ(outcome_under(test, {}), Outcome::fail);
  EXPECT_EQ(outcome_under(test, {pack_of(pack_text("redact") + other)}), Outcome::pass);
}

TEST(ReplayTest, HoldsThatABlockedRequestReleasesNothing) {
  const auto request_pack = [](std::string_view action) {
    std::string text = pack_text(action);
    return text.replace(text.find("[response]"), 10, "[request]");
  };
  ReplayTest test =
      test_of(request_pack("warn"), "he lives in Elm Street 4, his key is sk-qwertzui");
  test.cases[0].part = Part::request;
  test.cases[0].hide = {"Elm Street 4"};
  const auto then = compile(test, {});
  ASSERT_TRUE(settle(test, **then).has_value());
  EXPECT_EQ(outcome_under(test, {pack_of(request_pack("redact"))}), Outcome::fail);
  EXPECT_EQ(outcome_under(test, {pack_of(request_pack("block"))}), Outcome::pass);
}

TEST(ReplayTest, DoesNotPassWhileWhatItHidesIsReleased) {
  // The key is redacted, but the address beside it still goes out.
  ReplayTest test = test_of(pack_text("warn"), "sk-qwertzui and her address is Elm Street 4");
  test.cases[0].hide = {"Elm Street 4"};
  const auto then = compile(test, {});
  ASSERT_TRUE(settle(test, **then).has_value());
  EXPECT_EQ(test.cases[0].hide.size(), 2U);  // and the key, which the warning let through
  const auto engine = compile(test, {pack_of(pack_text("redact"))});
  const Report report = run(test, **engine);
  EXPECT_EQ(report.cases[0].got, Action::redact);
  EXPECT_EQ(report.cases[0].shown, 1U);
  EXPECT_EQ(report.outcome(), Outcome::fail);
}

TEST(ReplayTest, ThatWouldShowNothingIsRefused) {
  ReplayTest test = test_of(pack_text("block"), std::string(kLeak));
  const auto engine = compile(test, {});
  const Status done = settle(test, **engine);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::conflict);
  EXPECT_THAT(done.error().detail, HasSubstr("already decide block"));
}

TEST(ReplayTest, WithAPackThatIsNotWhatItsDigestSaysIsCorrupt) {
  ReplayTest test = test_of(pack_text("warn"), std::string(kLeak));
  test.packs[0].text = pack_text("redact");
  const auto engine = compile(test, {});
  ASSERT_FALSE(engine.has_value());
  EXPECT_EQ(engine.error().code, Errc::corrupt);
  EXPECT_THAT(engine.error().detail, HasSubstr("mine"));
}

TEST(ReplayTest, IsTheSameAfterItWasWrittenAndRead) {
  const ReplayTest test = settled(pack_text("warn"), "a \"quoted\"\nsk-qwertzui \xC3\xA4");
  EXPECT_EQ(write(*read(write(test))), write(test));
}

TEST(ReplayTest, RefusesEveryFileThatIsNotOne) {
  const std::string good = write(settled(pack_text("warn"), std::string(kLeak)));
  const auto code = [](const std::string& bytes) {
    const auto test = read(bytes);
    EXPECT_FALSE(test.has_value());
    return test ? Errc::unavailable : test.error().code;
  };
  for (std::size_t cut = 0; cut + 1 < good.size(); cut += 7) {
    EXPECT_EQ(code(good.substr(0, cut)), Errc::invalid) << cut;
  }
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  EXPECT_EQ(code(with("\"v\":1", "\"v\":2")), Errc::invalid);
  EXPECT_EQ(code(with("\"v\":1", "\"v\":1,\"colour\":1")), Errc::invalid);
  EXPECT_EQ(code(with("\"expect\":\"redact\"", "\"expect\":\"allow\"")), Errc::invalid);
  EXPECT_EQ(code(with("\"part\":\"response\"", "\"part\":\"rumour\"")), Errc::invalid);
  EXPECT_EQ(code(with("data_leakage", "data_leak")), Errc::invalid);
  EXPECT_EQ(code(with(std::string(kLeak), "")), Errc::invalid);
  EXPECT_EQ(code(with(std::string(kLeak), std::string(kCaseBytesMax + 1, 'x'))), Errc::exhausted);
}

// Guarantee 8. What the gateway decided as an answer came in, in whatever pieces, a replay decides
// again from the record.
void expect_same_decision(const Engine& engine, const ReplayTest& record, Random& random) {
  for (const Case& one : record.cases) {
    policy::Scanner scanner = engine.open(one.part, model::Mode::standard);
    std::string released;
    for (std::size_t at = 0; at < one.text.size();) {
      const std::size_t size = 1 + random.below(17);
      scanner.feed(std::string_view(one.text).substr(at, size), released);
      at += size;
    }
    scanner.finish(released);
    std::string again;
    const policy::Decision decision =
        engine.scan(one.part, model::Mode::standard, one.text, &again);
    EXPECT_EQ(decision, scanner.decision()) << one.text;
    EXPECT_EQ(again, released) << one.text;
  }
}

TEST(Replay, OfARecordedExchangeUnderItsRecordedRulepackGivesTheSameDecision) {
  SeededRandom random(20261125);
  for (const policy::BuiltinPack& builtin : policy::builtin_packs()) {
    ReplayTest test = test_of(std::string(builtin.text), "");
    test.cases.clear();
    const auto pack = pack_of(std::string(builtin.text));
    std::vector<std::string> samples;
    for (const policy::Rule& rule : pack->rules) {
      samples.insert(samples.end(), rule.tests_match.begin(), rule.tests_match.end());
      samples.insert(samples.end(), rule.tests_pass.begin(), rule.tests_pass.end());
    }
    const auto engine = compile(test, {});
    ASSERT_TRUE(engine.has_value());
    for (std::size_t i = 0; i < samples.size() + 400; ++i) {
      // The samples as they are; then samples joined, with bytes changed to other plain ones.
      std::string text = i < samples.size() ? samples[i] : "";
      while (i >= samples.size() && text.size() < 200) {
        text += samples[random.below(samples.size())] + " ";
      }
      for (std::size_t change = 0; i >= samples.size() && change < 3; ++change) {
        const std::size_t at = random.below(text.size());
        const bool plain = (static_cast<unsigned char>(text[at]) & 0x80U) == 0;
        if (plain) text[at] = static_cast<char>(0x20 + random.below(0x5f));
      }
      Case one;
      one.name = fmt::format("{}", i);
      one.part = static_cast<Part>(random.below(policy::kPartCount));
      one.text = std::move(text);
      test.cases = {one};
      const auto back = read(write(test));
      ASSERT_TRUE(back.has_value()) << back.error().detail;
      ASSERT_EQ(back->cases[0].text, one.text);
      expect_same_decision(**engine, *back, random);
    }
  }
}

}  // namespace
}  // namespace cordon::replay
