#include "policy/diff.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cordon::policy {
namespace {

constexpr std::string_view kRule = R"(
  - id: leak.key
    class: data_leakage
    data_kind: secret
    on: [response, reasoning]
    match: {pattern: 'sk-[a-z]{8}', allow: [sk-examples]}
    action: redact
    rationale: A key.
    tests: {match: ['sk-abcdefgh'], pass: ['sk-1']}
)";
constexpr std::string_view kWords = R"(
  - id: leak.words
    class: data_leakage
    on: [response]
    match: {dictionary: [falcon, osprey]}
    action: warn
    rationale: Names of projects.
    tests: {match: ['falcon'], pass: ['sparrow']}
)";

std::string pack_of(std::string_view rules) {
  return fmt::format("rulepack: mine\nversion: 1\nrules:{}", rules);
}

std::string changed(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

PackDiff diff_of(const std::string& before, const std::string& after) {
  const auto old = Rulepack::parse(before, "before.yaml");
  const auto now = Rulepack::parse(after, "after.yaml");
  EXPECT_TRUE(old.has_value()) << old.error().detail;
  EXPECT_TRUE(now.has_value()) << now.error().detail;
  auto found = diff({**old, before}, {**now, after});
  EXPECT_TRUE(found.has_value());
  return *std::move(found);
}

TEST(PackDiff, OfAPackWithItselfIsEmpty) {
  const std::string pack = pack_of(std::string(kRule) + std::string(kWords));
  EXPECT_TRUE(diff_of(pack, pack).changes.empty());
  EXPECT_EQ(diff_of(pack, pack).strength(), Strength::same);
}

TEST(PackDiff, IgnoresOrderCommentsAndSpelledOutDefaults) {
  const std::string pack = pack_of(std::string(kRule) + std::string(kWords));
  const std::string other = pack_of(std::string(kWords) + "  # moved\n" +
                                    changed(std::string(kRule), "    action: redact",
                                            "    state: live\n    emergency: block\n"
                                            "    on_error: fail_closed\n    action: redact"));
  EXPECT_TRUE(diff_of(pack, other).changes.empty());
}

TEST(PackDiff, NamesRulesAddedAndRemovedAndWhichSideIsWeaker) {
  const std::string both = pack_of(std::string(kRule) + std::string(kWords));
  const std::string one = pack_of(kRule);
  const PackDiff less = diff_of(both, one);
  ASSERT_EQ(less.changes.size(), 1U);
  EXPECT_EQ(less.changes[0].rule, "leak.words");
  EXPECT_EQ(less.changes[0].fate, RuleFate::removed);
  EXPECT_EQ(less.strength(), Strength::weaker);
  const PackDiff more = diff_of(one, both);
  EXPECT_EQ(more.changes[0].fate, RuleFate::added);
  EXPECT_EQ(more.strength(), Strength::stronger);
}

/// Where a pack is changed, and what that makes of it; the way back is the opposite.
struct Step {
  std::string_view from;
  std::string_view to;
  std::string_view key;
  Strength there;
  Strength back;
};

TEST(PackDiff, JudgesEveryKindOfChangeBothWays) {
  constexpr Strength kUp = Strength::stronger;
  constexpr Strength kDown = Strength::weaker;
  constexpr Strength kUnknown = Strength::unknown;
  const std::string pack = pack_of(std::string(kRule) + std::string(kWords));
  const Step steps[] = {
      {"action: redact", "action: block", "action", kUp, kDown},
      {"action: redact", "action: redact\n    emergency: redact", "emergency", kDown, kUp},
      {"action: redact", "action: redact\n    state: shadow", "state", kDown, kUp},
      {"action: redact", "action: redact\n    on_error: fail_open", "on_error", kDown, kUp},
      {"on: [response, reasoning]", "on: [response]", "on", kDown, kUp},
      {"data_kind: secret", "data_kind: email", "data_kind", kUp, kDown},
      {"data_kind: secret", "data_kind: url", "data_kind", kUnknown, kUnknown},
      {"sk-[a-z]{8}", "sk-[a-z]{8,9}", "match", kUnknown, kUnknown},
      {"[sk-examples]", "[sk-examples, sk-testings]", "match", kDown, kUp},
      {"[falcon, osprey]", "[falcon, osprey, merlin]", "match", kUp, kDown},
      {"[falcon, osprey]", "[falcon, merlin]", "match", kDown, kDown},
      {"class: data_leakage", "class: policy_drift", "class", kUnknown, kUnknown},
      {"A key.", "A key of ours.", "rationale", Strength::same, Strength::same},
  };
  for (const Step& step : steps) {
    const std::string other = changed(pack, step.from, step.to);
    const PackDiff there = diff_of(pack, other);
    const PackDiff back = diff_of(other, pack);
    ASSERT_EQ(there.changes.size(), 1U) << step.to;
    ASSERT_FALSE(there.changes[0].fields.empty()) << step.to;
    bool named = false;
    for (const FieldChange& field : there.changes[0].fields) named = named || field.key == step.key;
    EXPECT_TRUE(named) << step.to;
    EXPECT_EQ(there.strength(), step.there) << step.to;
    EXPECT_EQ(back.strength(), step.back) << step.to;
  }
}

TEST(PackDiff, WhatStaysInShadowChangesNothing) {
  const std::string shadow =
      changed(pack_of(kRule), "action: redact", "action: redact\n    state: shadow");
  const std::string other = changed(shadow, "sk-[a-z]{8}", "sk-[a-z]{8,9}");
  EXPECT_EQ(diff_of(shadow, other).strength(), Strength::same);
  EXPECT_EQ(diff_of(shadow, other).changes.size(), 1U);
}

TEST(PackDiff, RefusesATextThatIsNotThePacks) {
  const std::string one = pack_of(kRule);
  const std::string both = pack_of(std::string(kRule) + std::string(kWords));
  const auto pack = Rulepack::parse(one, "one.yaml");
  ASSERT_TRUE(pack.has_value());
  const auto found = diff({**pack, both}, {**pack, one});
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code, Errc::corrupt);
}

}  // namespace
}  // namespace cordon::policy
