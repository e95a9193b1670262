#include "policy/rulepack.h"

#include "crypto/sha256.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace cordon::policy {
namespace {

using model::Action;

// The rule of the design, one key a line so that an error's place can be read off.
constexpr std::string_view kGood =
    "rulepack: core-leakage\n"                                                // 1
    "version: 2026.11.1\n"                                                    // 2
    "rules:\n"                                                                // 3
    "  - id: leak.card-number\n"                                              // 4
    "    class: data_leakage\n"                                               // 5
    "    data_kind: payment_card\n"                                           // 6
    "    on: [response]\n"                                                    // 7
    "    match: {pattern: '\\b\\d(?:[ -]?\\d){12,18}\\b', validate: luhn}\n"  // 8
    "    state: live\n"                                                       // 9
    "    action: redact\n"                                                    // 10
    "    emergency: block\n"                                                  // 11
    "    on_error: fail_closed\n"                                             // 12
    "    rationale: A payment card number in model output.\n"                 // 13
    "    refs: [{scheme: owasp-llm, edition: 2025, id: LLM02}]\n"             // 14
    "    tests: {match: ['card 4111 1111 1111 1111'], pass: ['order 4111 1111 1111 1112']}\n";

std::string with(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string refusal(std::string_view text, const RulepackLimits& limits = {}) {
  const auto pack = Rulepack::parse(text, "p.yaml", limits);
  return pack ? "accepted" : pack.error().detail;
}

TEST(PolicyRulepack, ReadsTheFormOfTheDesign) {
  const auto pack = Rulepack::parse(kGood, "p.yaml");
  ASSERT_TRUE(pack.has_value()) << pack.error().detail;
  EXPECT_EQ((*pack)->name, "core-leakage");
  EXPECT_EQ((*pack)->version, "2026.11.1");
  EXPECT_EQ((*pack)->digest, crypto::hex(crypto::sha256(kGood)));
  ASSERT_EQ((*pack)->rules.size(), 1U);
  const Rule& rule = (*pack)->rules[0];
  EXPECT_EQ(rule.id, "leak.card-number");
  EXPECT_EQ(rule.incident_class, model::IncidentClass::data_leakage);
  EXPECT_TRUE(is_personal_data(rule.data_kind));
  EXPECT_EQ(rule.on, (std::array{false, true, false, false}));
  EXPECT_EQ(rule.state, RuleState::live);
  EXPECT_EQ(rule.action, Action::redact);
  EXPECT_EQ(rule.emergency, Action::block);
  EXPECT_EQ(rule.refs[0].id, "LLM02");
  EXPECT_EQ(rule.price.width_min, 13U);
  EXPECT_EQ(rule.price.width_max, 37U);
  EXPECT_EQ(rule.price.literal_bytes, 0U);
  EXPECT_EQ(rule.line, 4U);
}

TEST(PolicyRulepack, EmergencyIsOneStepStricterUnlessSaid) {
  const auto emergency_of = [](std::string_view action) {
    const std::string text = with("    action: redact\n    emergency: block\n",
                                  "    action: " + std::string(action) + "\n");
    return Rulepack::parse(text, "p.yaml").value()->rules[0].emergency;
  };
  EXPECT_EQ(emergency_of("warn"), Action::redact);
  EXPECT_EQ(emergency_of("redact"), Action::block);
  EXPECT_EQ(emergency_of("block"), Action::block);
}

TEST(PolicyRulepack, RefusesABadPackAndSaysWhere) {
  struct Case {
    std::string text;
    std::string error;
  };
  const std::string twice = std::string(kGood) + std::string(kGood.substr(kGood.find("  - id")));
  const std::array cases = {
      Case{with("    action:", "    actoin:"),
           "p.yaml:10:5: unknown key 'actoin', expected one of id, class, data_kind, on, views, "
           "match, state, action, hold, on_error, emergency, rationale, refs, tests (nearest: "
           "action)"},
      Case{with("    rationale: A payment card number in model output.\n", ""),
           "p.yaml:4:5: rule leak.card-number has no rationale"},
      Case{with("rationale: A payment card number in model output.", "rationale:"),
           "p.yaml:13:5: found nothing, expected a text"},
      Case{with("    tests: {match: ['card 4111 1111 1111 1111'], pass: ['order 4111 1111 1111 "
                "1112']}\n",
                ""),
           "p.yaml:4:5: rule leak.card-number has no tests"},
      Case{with(", pass: ['order 4111 1111 1111 1112']", ""), "p.yaml:15:12: missing key 'pass'"},
      Case{with("card 4111 1111 1111 1111'", "card 4111 1111 1111 1112'"),
           "p.yaml:15:21: test of rule leak.card-number failed: match 1 is not found by the rule"},
      Case{with("order 4111 1111 1111 1112", "order 4111 1111 1111 1111"),
           "p.yaml:15:57: test of rule leak.card-number failed: pass 1 is found by the rule"},
      Case{twice,
           "p.yaml:16:5: found the rule id leak.card-number a second time (the first is on line "
           "4)"},
      Case{with("action: redact", "action: delete"),
           "p.yaml:10:13: found 'delete', expected one of warn, redact, block"},
      Case{with("emergency: block", "emergency: warn"),
           "p.yaml:11:16: found 'warn', expected an action no weaker than `action`"},
      Case{with("class: data_leakage", "class: data_leak"),
           "p.yaml:5:12: found 'data_leak', expected one of prompt_injection_bypass, "
           "unsafe_output, data_leakage, policy_drift (nearest: data_leakage)"},
      Case{with("on: [response]", "on: []"), "p.yaml:7:9: found an empty list"},
      Case{with("on: [response]", "on: response"), "p.yaml:7:9: found 'response', expected a list"},
      Case{with("validate: luhn", "validate: luhm"),
           "p.yaml:8:60: found 'luhm', expected one of none, luhn, iban, ssn, entropy, generated, "
           "aba, nhs, cpf, dni, codice_fiscale, nir, pesel, bsn, verhoeff (nearest: luhn)"},
      Case{with("validate: luhn", "validate: entropy"),
           "p.yaml:8:12: validate: entropy needs bits_min"},
      Case{with("validate: luhn", "group: number"),
           "p.yaml:8:22: pattern refused: the pattern has no group number"},
      Case{with("validate: luhn", "holds: [ab]"),
           "p.yaml:8:57: a text of `holds` needs at least 3 bytes"},
      Case{with("id: leak.card-number", "id: Leak"),
           "p.yaml:4:9: found 'Leak', expected at most 64 lower-case letters, digits, dots and "
           "hyphens"},
      Case{with("    on: [response]\n", ""), "p.yaml:4:5: missing key 'on'"},
      Case{with("version: 2026.11.1\n", "version: 2026.11.1\nversion: 2\n"),
           "p.yaml:3:1: found the key 'version' a second time, expected it once (the first value "
           "is on line 2)"},
      Case{with("match: {", "match: {dictionary: [a], "),
           "p.yaml:8:12: expected exactly one of pattern, dictionary, canary"},
      Case{"rulepack: a\nversion: '1'\nrules: []\n", "p.yaml:3:8: found an empty list"},
      Case{"", "p.yaml:1:1: found nothing, expected a map"},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(refusal(text), error);
}

TEST(PolicyRulepack, RefusesAPatternThatCannotBeStreamed) {
  const std::array<std::pair<std::string_view, std::string_view>, 17> cases = {{
      {"key.*",
       "a match may be without a widest form, expected at most 1024 bytes, or `hold: "
       "whole`"},
      {"k{2000}", "a match may be 2000 bytes wide, expected at most 1024 bytes, or `hold: whole`"},
      {"card$", "pattern refused: '$' depends on the end of the text: use \\b or (?!)"},
      {"card\\z", "pattern refused: '\\z' cannot be streamed"},
      {"(a)\\1", "pattern refused: '\\1' cannot be streamed"},
      {"a?", "pattern refused: the pattern can match nothing at all"},
      {"card(?=.{5})", "pattern refused: a look-around may reach at most 4 bytes past the match"},
      {"card(?!a*)", "pattern refused: a look-around may reach at most 4 bytes past the match"},
      {"(?<=.{5})card", "pattern refused: a look-around may reach at most 4 bytes past the match"},
      {"a(?=b(?!c))", "pattern refused: a look-around inside a look-around"},
      {"(?>card)", "pattern refused: this kind of group is not accepted: (?>c"},
      {"(?x)c ard", "pattern refused: the flag x is not accepted"},
      {"(*UTF)card", "pattern refused: '(*' verbs are not accepted"},
      {"card[", "pattern refused: a character class is not closed"},
      {"card(", "pattern refused: a parenthesis is not closed"},
      {"card)", "pattern refused: a parenthesis closes nothing"},
      {"card\\", "pattern refused: a lone backslash at the end"},
  }};
  for (const auto& [pattern, error] : cases) {
    const std::string text = with("\\b\\d(?:[ -]?\\d){12,18}\\b", pattern);
    EXPECT_EQ(refusal(text), "p.yaml:8:22: " + std::string(error)) << pattern;
  }
}

TEST(PolicyRulepack, NamesTheLimitThatWasPassed) {
  RulepackLimits limits;
  limits.pattern_bytes_max = 8;
  EXPECT_EQ(refusal(kGood, limits), "p.yaml:8:22: a pattern longer than 8 bytes");
  limits = {};
  limits.match_bytes_max = 36;
  EXPECT_EQ(refusal(kGood, limits),
            "p.yaml:8:22: a match may be 37 bytes wide, expected at most 36 bytes, or `hold: "
            "whole`");
  limits = {};
  limits.rules_max = 0;
  EXPECT_EQ(refusal(kGood, limits), "p.yaml:4:3: more than 0 rules");
  limits = {};
  limits.text_bytes_max = 10;
  EXPECT_EQ(refusal(kGood, limits), "p.yaml: longer than 10 bytes");
}

TEST(PolicyRulepack, PricesWhatARuleCosts) {
  const auto price_of = [](std::string_view pattern, std::string_view sample) {
    std::string text =
        with("'\\b\\d(?:[ -]?\\d){12,18}\\b', validate: luhn", "'" + std::string(pattern) + "'");
    const std::string_view old = "card 4111 1111 1111 1111";
    text.replace(text.find(old), old.size(), sample);
    const auto pack = Rulepack::parse(text, "p.yaml");
    EXPECT_TRUE(pack.has_value()) << pack.error().detail;
    return pack ? (*pack)->rules[0].price : Price();
  };
  EXPECT_EQ(price_of("sk-live-[0-9]{4}", "sk-live-1234").literal_bytes, 8U);
  EXPECT_EQ(price_of("[a-f]{3}(?![0-9])", "abc").width_max, 3U);
  EXPECT_EQ(price_of("abc|abcdef", "abc").width_max, 6U);
  EXPECT_EQ(price_of("abc|abcdef", "abc").literal_bytes, 0U);
}

}  // namespace
}  // namespace cordon::policy
