#include "policy/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

namespace cordon::policy {
namespace {

using model::Action;
using model::Mode;

std::shared_ptr<const Rulepack> pack_of(std::string_view text) {
  auto pack = Rulepack::parse(text, "t.yaml");
  EXPECT_TRUE(pack.has_value()) << (pack ? "" : pack.error().detail);
  return pack ? *std::move(pack) : nullptr;
}

// Rules in short: only what a test varies is written.
std::string rule(std::string_view id, std::string_view match, std::string_view rest,
                 std::string_view sample) {
  return "  - id: " + std::string(id) +
         "\n    class: data_leakage\n    match: " + std::string(match) +
         "\n    rationale: r\n    tests: {match: [\"" + std::string(sample) +
         "\"], pass: ['-']}\n" + std::string(rest);
}

std::shared_ptr<const Engine> engine_of(const std::vector<std::string>& rules,
                                        const Limits& limits = {}) {
  std::string text = "rulepack: t\nversion: '1'\nrules:\n";
  for (const auto& each : rules) text += each;
  const std::array packs = {pack_of(text)};
  if (!packs[0]) return nullptr;
  auto engine = Engine::compile(packs, limits);
  EXPECT_TRUE(engine.has_value()) << (engine ? "" : engine.error().reason);
  return engine ? *std::move(engine) : nullptr;
}

constexpr std::string_view kRedact = "    on: [response]\n    action: redact\n";
constexpr std::string_view kBlock = "    on: [response]\n    action: block\n";
constexpr std::string_view kWarn = "    on: [response]\n    action: warn\n";
constexpr std::string_view kWholeBlock = "    on: [response]\n    action: block\n    hold: whole\n";

struct Outcome {
  Decision decision;
  std::string released;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome streamed(const Engine& engine, Mode mode, std::span<const std::string_view> chunks) {
  Outcome outcome;
  auto scanner = engine.open(Part::response, mode);
  for (const auto chunk : chunks) scanner.feed(chunk, outcome.released);
  scanner.finish(outcome.released);
  outcome.decision = scanner.decision();
  return outcome;
}

Outcome whole(const Engine& engine, Mode mode, std::string_view text) {
  Outcome outcome;
  outcome.decision = engine.scan(Part::response, mode, text, &outcome.released);
  return outcome;
}

// The property everything rests on, at every cut position and byte by byte.
void expect_same_however_cut(const Engine& engine, Mode mode, std::string_view text) {
  const Outcome expected = whole(engine, mode, text);
  std::vector<std::string_view> bytes;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::array pieces = {text.substr(0, cut), text.substr(cut)};
    EXPECT_EQ(streamed(engine, mode, pieces), expected) << "cut at byte " << cut;
    if (cut < text.size()) bytes.push_back(text.substr(cut, 1));
  }
  EXPECT_EQ(streamed(engine, mode, bytes), expected) << "byte by byte";
}

TEST(PolicyEngine, RedactsEveryMatchAndKeepsTheRest) {
  const auto engine =
      engine_of({rule("key", "{pattern: 'sk-[0-9a-f]{8}'}", kRedact, "sk-01234567")});
  const std::string text = "one sk-0123abcd two sk-ffffffff. sk-0123abcdsk-0123abcd end";
  const Outcome outcome = whole(*engine, Mode::standard, text);
  EXPECT_EQ(outcome.released,
            "one [redacted:key] two [redacted:key]. [redacted:key][redacted:key] end");
  EXPECT_EQ(outcome.decision.action, Action::redact);
  ASSERT_EQ(outcome.decision.findings.size(), 4U);
  EXPECT_EQ(outcome.decision.findings[0].begin, 4U);
  EXPECT_EQ(outcome.decision.findings[0].end, 15U);
  expect_same_however_cut(*engine, Mode::standard, text);
}

// A rule that must hold a word is looked for only around it; a text without it costs nothing.
TEST(PolicyEngine, FindsAMatchThatMustHoldAWordWhereverTheWordStands) {
  const auto engine = engine_of(
      {rule("need",
            "{pattern: '\\b(?:drop|leave) [a-z ]{1,20}(?:rules|order)\\b', holds: [rules, LEAVE]}",
            kRedact, "drop the rules")});
  const std::string text = "drop the order. Drop? leave the order and drop all the rules now";
  const Outcome outcome = whole(*engine, Mode::standard, text);
  EXPECT_EQ(outcome.released, "drop the order. Drop? [redacted:need] and [redacted:need] now");
  EXPECT_EQ(outcome.decision.findings_total, 2U);
  expect_same_however_cut(*engine, Mode::standard, text);
}

TEST(PolicyEngine, BlocksAndReleasesWhatStoodBeforeTheMatch) {
  const auto engine =
      engine_of({rule("key", "{pattern: '\\bsk-[0-9a-f]{8}\\b'}", kBlock, "sk-01234567")});
  const std::string text = "before sk-0123abcd after that much more text follows";
  const Outcome outcome = whole(*engine, Mode::standard, text);
  EXPECT_EQ(outcome.released, "before ");
  EXPECT_EQ(outcome.decision.action, Action::block);
  expect_same_however_cut(*engine, Mode::standard, text);
}

TEST(PolicyEngine, KeepsNothingBackWhereNoRuleMayAct) {
  const auto engine = engine_of({rule("key", "{pattern: 'sk-[0-9a-f]{8}'}", kBlock, "sk-01234567"),
                                 rule("word", "{dictionary: [hush]}", kWarn, "hush")});
  EXPECT_EQ(engine->hold_bytes(Part::response, Mode::observe), 0U);
  EXPECT_EQ(engine->hold_bytes(Part::request, Mode::standard), 0U);
  EXPECT_EQ(engine->hold_bytes(Part::response, Mode::standard), 15U);
  auto scanner = engine->open(Part::response, Mode::observe);
  std::string out;
  for (const std::string_view chunk : {"a", "sk-0123", "4567", " z", ""}) {
    const std::string before = out;
    scanner.feed(chunk, out);
    EXPECT_EQ(out, before + std::string(chunk));
  }
  scanner.finish(out);
  EXPECT_EQ(scanner.decision().verdict, Action::block);
  EXPECT_EQ(scanner.decision().action, Action::allow);
  EXPECT_EQ(scanner.decision().findings_total, 1U);
}

TEST(PolicyEngine, HoldsBackNoMoreThanTheWindow) {
  const auto held_more = [](const std::string& views) {
    const auto engine = engine_of(
        {rule("key", "{pattern: 'sk-[0-9a-f]{8}'}", std::string(kRedact) + views, "sk-01234567")});
    const std::uint64_t hold = engine->hold_bytes(Part::response, Mode::standard);
    auto scanner = engine->open(Part::response, Mode::standard);
    std::string out;
    std::uint64_t most = 0;
    for (int i = 0; i < 20'000; ++i) {
      scanner.feed(i % 7 == 0 ? "sk-0123" : "token ", out);
      most = std::max(most, scanner.held_bytes());
    }
    scanner.finish(out);
    EXPECT_EQ(scanner.held_bytes(), 0U);
    return most > hold ? most - hold : 0;
  };
  EXPECT_LE(held_more("    views: [raw]\n"), 3U);
  // And where encodings are undone, a run of letters that may yet prove to be one.
  EXPECT_LE(held_more(""), std::string_view("sk-0123token").size());
}

// What is committed to is read out of what the scanner still has.
TEST(PolicyEngine, StillHasWhatItFoundAndThenLetsGoOfAllThatNoMatchReaches) {
  const auto engine =
      engine_of({rule("a", R"({pattern: 'key-[0-9]{4,20}'})", kRedact, "key-1234")});
  auto scanner = engine->open(Part::response, Mode::standard);
  std::string released;
  std::uint64_t fed = 0;
  std::size_t found = 0;
  for (const std::size_t size : {std::size_t{60'000}, std::size_t{9}, std::size_t{300}}) {
    for (int round = 0; round < 50; ++round) {
      const std::string piece = "key-1234 " + std::string(size, '.');
      scanner.feed(piece, released);
      fed += piece.size();
      const auto [bytes, begin] = scanner.recent();
      EXPECT_EQ(begin + bytes.size(), fed);
      const auto& findings = scanner.decision().findings;
      for (; found < findings.size(); ++found) {
        ASSERT_GE(findings[found].begin, begin);
        EXPECT_EQ(bytes.substr(findings[found].begin - begin, 8), "key-1234");
      }
      scanner.forget();
      EXPECT_LT(scanner.recent().bytes.size(), 1'000U) << "after a piece of " << piece.size();
    }
  }
  EXPECT_GT(found, 10U);
  scanner.finish(released);
  scanner.forget();
  EXPECT_EQ(scanner.recent().bytes, "");
  EXPECT_EQ(scanner.recent().begin, fed);
}

TEST(PolicyEngine, ShadowRulesAreRecordedAndDoNothing) {
  const auto engine = engine_of(
      {rule("key", "{pattern: 'sk-[0-9a-f]{8}'}",
            "    on: [response]\n    action: block\n    state: shadow\n", "sk-01234567")});
  const std::string text = "a sk-01234567 b";
  const Outcome outcome = whole(*engine, Mode::emergency, text);
  EXPECT_EQ(outcome.released, text);
  EXPECT_EQ(outcome.decision.verdict, Action::block);
  EXPECT_EQ(outcome.decision.action, Action::allow);
  EXPECT_EQ(engine->hold_bytes(Part::response, Mode::emergency), 0U);
  expect_same_however_cut(*engine, Mode::standard, text);
}

TEST(PolicyEngine, DoesWhatTheModeAsks) {
  const auto engine = engine_of({rule("key", "{pattern: 'sk-[0-9a-f]{8}'}", kWarn, "sk-01234567"),
                                 rule("pin", "{pattern: 'pin \\d{4}'}", kRedact, "pin 1234")});
  const std::string text = "a sk-01234567 b pin 1234 c";
  const std::array<std::pair<Mode, Action>, 4> cases = {{{Mode::observe, Action::allow},
                                                         {Mode::standard, Action::redact},
                                                         {Mode::emergency, Action::block},
                                                         {Mode::lockdown, Action::block}}};
  for (const auto& [mode, action] : cases) {
    EXPECT_EQ(whole(*engine, mode, text).decision.action, action) << to_string(mode);
    expect_same_however_cut(*engine, mode, text);
  }
  EXPECT_EQ(whole(*engine, Mode::standard, text).released, "a sk-01234567 b [redacted:pin] c");
  EXPECT_EQ(whole(*engine, Mode::emergency, text).released, "a [redacted:key] b ");
}

TEST(PolicyEngine, MergesOverlappingSpansAndTheStrongestActionWins) {
  const auto engine = engine_of({rule("ab", "{pattern: 'aaabbb'}", kRedact, "aaabbb"),
                                 rule("bc", "{pattern: 'bbbccc'}", kRedact, "bbbccc"),
                                 rule("stop", "{pattern: 'ccc!'}", kBlock, "ccc!")});
  EXPECT_EQ(whole(*engine, Mode::standard, "x aaabbbccc y").released, "x [redacted:ab] y");
  EXPECT_EQ(whole(*engine, Mode::standard, "x aaabbbccc! y").released, "x [redacted:ab]");
  for (const std::string_view text : {"x aaabbbccc y", "x aaabbbccc! y", "bbbcccaaabbb"}) {
    expect_same_however_cut(*engine, Mode::standard, text);
  }
}

TEST(PolicyEngine, FindsALaterMatchAfterOneItsValidatorRefused) {
  const auto engine =
      engine_of({rule("card", "{pattern: '\\b\\d(?:[ -]?\\d){12,18}\\b', validate: luhn}", kRedact,
                      "4111 1111 1111 1111")});
  const std::string text = "ids 1 4111 1111 1111 1111 and 4111 1111 1111 1112.";
  EXPECT_EQ(whole(*engine, Mode::standard, text).released,
            "ids 1 [redacted:card] and 4111 1111 1111 1112.");
  expect_same_however_cut(*engine, Mode::standard, text);
}

TEST(PolicyEngine, RedactsWholeCharactersOnly) {
  // The class takes bytes, so the match ends inside the two bytes of an accented letter.
  const auto engine = engine_of({rule("half", "{pattern: 'k=[^ ]{3}'}", kRedact, "k=abc")});
  const std::string text = "\xC3\xA9k=ab\xC3\xA9\xC3\xA9 \xF0\x9F\x98\x80.";
  EXPECT_EQ(whole(*engine, Mode::standard, text).released,
            "\xC3\xA9[redacted:half]\xC3\xA9 \xF0\x9F\x98\x80.");
  expect_same_however_cut(*engine, Mode::standard, text);
}

TEST(PolicyEngine, RedactsATailOfAnyLengthWithoutHoldingIt) {
  const auto engine =
      engine_of({rule("key", "{pattern: 'sk-[0-9a-f]{4}', tail: '[0-9a-z_-]'}", kRedact, "sk-0123"),
                 rule("in", "{pattern: 'IN[0-9]{3}', tail: '[0-9!]'}", kRedact, "IN123")});
  EXPECT_EQ(engine->hold_bytes(Part::response, Mode::standard), 11U);
  const std::string longest(300, 'z');
  const std::string text = "a sk-0123" + longest + ". sk-4567sk-0000_IN123!!9 sk-89abzIN sk-000";
  EXPECT_EQ(whole(*engine, Mode::standard, text).released,
            "a [redacted:key]. [redacted:key][redacted:in] [redacted:key]IN sk-000");
  expect_same_however_cut(*engine, Mode::standard, text);
  expect_same_however_cut(*engine, Mode::standard, "sk-0123sk-4567sk-89ab");
}

TEST(PolicyEngine, ConfirmsLookAroundOnTheHeldWindow) {
  const auto engine = engine_of(
      {rule("id", "{pattern: '(?<![0-9a-z])id-\\d{4}(?![0-9a-z])'}", kRedact, "id-1234")});
  const std::string text = "id-1234 xid-1234 id-12345 (id-9999) id-0000";
  EXPECT_EQ(whole(*engine, Mode::standard, text).released,
            "[redacted:id] xid-1234 id-12345 ([redacted:id]) [redacted:id]");
  expect_same_however_cut(*engine, Mode::standard, text);
}

TEST(PolicyEngine, FindsWordsAndCanaries) {
  const auto engine =
      engine_of({rule("words", "{dictionary: [Falcon, 'Falcon Nine', \"caf\xC3\xA9\"]}", kRedact,
                      "the FALCON"),
                 rule("canary", "{canary: ['CNRY-7f3a9c']}", kBlock, "aCNRY-7f3a9cb")});
  const std::string text = "falcon nine, falcons, a Falcon; Caf\xC3\xA9.";
  EXPECT_EQ(whole(*engine, Mode::standard, text).released,
            "[redacted:words], falcons, a [redacted:words]; [redacted:words].");
  expect_same_however_cut(*engine, Mode::standard, text);
  EXPECT_EQ(whole(*engine, Mode::standard, "x CNRY-7f3a9c").decision.action, Action::block);
  EXPECT_EQ(whole(*engine, Mode::standard, "x cnry-7f3a9c").decision.action, Action::allow);
}

TEST(PolicyEngine, HoldsTheWholeTextForARuleThatSaysSo) {
  const auto engine =
      engine_of({rule("pair", "{pattern: '(?s)BEGIN.*END'}", kWholeBlock, "BEGIN x END")});
  EXPECT_EQ(engine->hold_bytes(Part::response, Mode::standard), Engine::kHoldsWhole);
  auto scanner = engine->open(Part::response, Mode::standard);
  std::string out;
  scanner.feed("some text BEGIN and much more ", out);
  EXPECT_EQ(out, "");
  scanner.finish(out);
  EXPECT_EQ(out, "some text BEGIN and much more ");
  expect_same_however_cut(*engine, Mode::standard, "some text BEGIN and much more END tail");
}

TEST(PolicyEngine, FailsClosedWhenAHeldTextOutgrowsItsLimit) {
  Limits limits;
  limits.held_bytes_max = 32;
  const auto closed =
      engine_of({rule("pair", "{pattern: '(?s)BEGIN.*END'}", kWholeBlock, "BEGIN x END")}, limits);
  const auto open =
      engine_of({rule("pair", "{pattern: '(?s)BEGIN.*END'}",
                      std::string(kWholeBlock) + "    on_error: fail_open\n", "BEGIN x END"),
                 rule("key", "{pattern: 'sk-[0-9a-f]{8}'}", kRedact, "sk-01234567")},
                limits);
  const std::string text = "0123456789 sk-01234567 0123456789 sk-01234567 BEGIN END";
  const Outcome refused = whole(*closed, Mode::standard, text);
  EXPECT_EQ(refused.decision.action, Action::block);
  EXPECT_EQ(refused.released, "");
  ASSERT_EQ(refused.decision.findings.size(), 1U);
  EXPECT_TRUE(refused.decision.findings[0].by_error);
  const Outcome passed = whole(*open, Mode::standard, text);
  EXPECT_EQ(passed.released, "0123456789 [redacted:key] 0123456789 [redacted:key] BEGIN END");
  EXPECT_EQ(passed.decision.errors_total, 1U);
  expect_same_however_cut(*closed, Mode::standard, text);
  expect_same_however_cut(*open, Mode::standard, text);
}

TEST(PolicyEngine, CountsFindingsItNoLongerKeeps) {
  Limits limits;
  limits.findings_kept_max = 3;
  const auto engine = engine_of({rule("a", "{pattern: 'a!'}", kWarn, "a!"),
                                 rule("bb", "{pattern: 'a!b{4}'}", kRedact, "a!bbbb")},
                                limits);
  const std::string text = "a! a!bbbb a! a!bbbb a!";
  const Outcome outcome = whole(*engine, Mode::standard, text);
  EXPECT_EQ(outcome.decision.findings.size(), 3U);
  EXPECT_EQ(outcome.decision.findings_total, 7U);
  expect_same_however_cut(*engine, Mode::standard, text);
}

TEST(PolicyEngine, RefusesTwoRulesOfOneIdAcrossPacks) {
  const std::string one =
      "rulepack: one\nversion: '1'\nrules:\n" + rule("same", "{pattern: 'abc'}", kWarn, "abc");
  const std::string two =
      "rulepack: two\nversion: '1'\nrules:\n" + rule("same", "{pattern: 'abd'}", kWarn, "abd");
  const std::array packs = {pack_of(one), pack_of(two)};
  const auto engine = Engine::compile(packs);
  ASSERT_FALSE(engine.has_value());
  EXPECT_EQ(engine.error().rulepack, "two");
  EXPECT_EQ(engine.error().rule_id, "same");
  EXPECT_EQ(engine.error().reason, "this rule id is also used by rulepack one");
}

// Vectorscan 5.4.9 lost a match that began with the last two bytes of a block where it had looked
// at fewer than 32 bytes since its last stop (ADR 5). Found by the fuzz target policy_scanner.
TEST(PolicyEngine, FindsAMatchInTheLastTwoBytesHoweverLongTheTextIs) {
  const auto engine = engine_of({rule("pair", "{pattern: 'a{2,5}b?'}", kWarn, "aa"),
                                 rule("long", "{pattern: 'b[a-z]{0,40}c'}", kWarn, "bc"),
                                 rule("word", "{pattern: 'fr?ee'}", kWarn, "free")});
  for (const std::string_view first : {"", "&", "bc", "fr", "ab "}) {
    for (std::size_t fill = 0; fill < 200; ++fill) {
      const std::string text = std::string(first) + std::string(fill, '-') + "aa";
      const Decision decision = engine->scan(Part::response, Mode::standard, text);
      ASSERT_FALSE(decision.findings.empty()) << fill << " after " << first;
      EXPECT_EQ(decision.findings.back().end, text.size()) << fill << " after " << first;
    }
  }
}

// A pattern that needs a digit is looked for around digits alone, in a text of any length.
TEST(PolicyEngine, FindsWhatNeedsADigitAnywhereInATextThatHasFew) {
  const auto engine =
      engine_of({rule("digit", "{pattern: '[a-f]{1,8}-\\d-[a-f]{1,8}'}", kRedact, "a-1-b"),
                 rule("plain", "{pattern: 'needle'}", kWarn, "needle")});
  const std::string match = "abcdefab-7-abcdefab";
  for (const std::size_t size : {100U, 3000U, 70'000U, 200'000U}) {
    for (const std::size_t at : {std::size_t{0}, std::size_t{1}, size / 2, size - match.size()}) {
      std::string text(size, '.');
      text.replace(at, match.size(), match);
      const Decision decision = engine->scan(Part::response, Mode::standard, text);
      ASSERT_EQ(decision.findings_total, 1U) << size << " bytes, at " << at;
      EXPECT_EQ(decision.findings[0].begin, at);
      EXPECT_EQ(decision.findings[0].end, at + match.size());
      if (at < 6) continue;
      text.replace(0, 6, "needle");
      EXPECT_EQ(engine->scan(Part::response, Mode::standard, text).findings_total, 2U);
    }
  }
}

TEST(PolicyEngine, NamesThePacksItWasCompiledFrom) {
  const auto engine = engine_of({rule("a", "{pattern: 'abc'}", kWarn, "abc")});
  ASSERT_EQ(engine->digests().size(), 1U);
  EXPECT_EQ(engine->digests()[0].name, "t");
  EXPECT_EQ(engine->digests()[0].digest.size(), 64U);
  EXPECT_EQ(engine->rulepack_of(0).name, "t");
}

TEST(PolicyEngine, StaysAliveWhileAScannerNeedsIt) {
  auto engine = engine_of({rule("a", "{pattern: 'abc'}", kRedact, "abc")});
  auto scanner = engine->open(Part::response, Mode::standard);
  engine.reset();
  std::string out;
  scanner.feed("xabcx", out);
  scanner.finish(out);
  EXPECT_EQ(out, "x[redacted:a]x");
}

TEST(PolicyEngine, AnEngineWithoutPacksLetsEverythingPass) {
  const auto engine = Engine::compile({});
  ASSERT_TRUE(engine.has_value());
  EXPECT_EQ(whole(**engine, Mode::emergency, "text").released, "text");
}

}  // namespace
}  // namespace cordon::policy
