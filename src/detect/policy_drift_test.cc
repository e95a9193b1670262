#include "detect/policy_drift.h"

#include <gtest/gtest.h>

namespace cordon::detect {
namespace {

using model::Action;
using model::Mode;

PolicyInForce pinned() {
  RuleInForce rule;
  rule.on = {"request", "response"};
  rule.action = Action::redact;
  rule.match = "ab";
  PolicyInForce policy;
  policy.routes["support"] = {Mode::standard, {{"leak.card", rule}, {"leak.iban", rule}}};
  policy.routes["sales"] = {Mode::emergency, {{"leak.card", rule}}};
  return policy;
}

std::vector<std::string> words(const std::vector<DriftFinding>& findings) {
  std::vector<std::string> all;
  for (const DriftFinding& one : findings)
    all.push_back(one.route + " " + one.rule + " " + one.what);
  return all;
}

TEST(PolicyDrift, ThePinnedPolicyIsNoDriftAndSurvivesItsJson) {
  const auto read = PolicyInForce::from_json(pinned().to_json());
  ASSERT_TRUE(read.has_value()) << read.error().detail;
  const Drift drift = compare(*read, pinned());
  EXPECT_TRUE(drift.weaker.empty());
  EXPECT_TRUE(drift.not_assessed.empty());
}

// Each way to weaken, alone; and each way to strengthen is none.
TEST(PolicyDrift, NamesEachWeakeningAndNoStrengthening) {
  const auto weakened = [](auto change) {
    PolicyInForce now = pinned();
    change(now.routes["support"], now.routes["support"].rules["leak.card"]);
    return words(compare(pinned(), now).weaker);
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(weakened([](auto& route, auto&) { route.mode = Mode::observe; }),
            Words{"support  mode_weaker"});
  EXPECT_EQ(weakened([](auto& route, auto&) { route.rules.erase("leak.iban"); }),
            Words{"support leak.iban rule_missing"});
  EXPECT_EQ(weakened([](auto&, auto& rule) { rule.live = false; }),
            Words{"support leak.card rule_shadowed"});
  EXPECT_EQ(weakened([](auto&, auto& rule) { rule.action = Action::warn; }),
            Words{"support leak.card action_weaker"});
  EXPECT_EQ(weakened([](auto&, auto& rule) { rule.emergency = Action::redact; }),
            Words{"support leak.card emergency_weaker"});
  EXPECT_EQ(weakened([](auto&, auto& rule) {
              rule.on = {"response", "tool_arguments"};
            }),
            Words{"support leak.card reads_less"});
  EXPECT_EQ(weakened([](auto&, auto& rule) { rule.fails_closed = false; }),
            Words{"support leak.card fails_open"});
  EXPECT_EQ(weakened([](auto& route, auto& rule) {
              route.mode = Mode::lockdown;
              rule.action = Action::block;
              rule.on.insert("reasoning");
              route.rules["new.rule"] = rule;
            }),
            Words{});
}

TEST(PolicyDrift, WhatIsOnlyDifferentIsNotAssessedAndAMissingRouteIsWeaker) {
  PolicyInForce now = pinned();
  now.routes["support"].rules["leak.card"].match = "cd";
  now.routes["beta"] = {};
  now.routes.erase("sales");
  const Drift drift = compare(pinned(), now);
  EXPECT_EQ(words(drift.weaker), std::vector<std::string>{"sales  route_missing"});
  EXPECT_EQ(words(drift.not_assessed),
            (std::vector<std::string>{"support leak.card text_differs", "beta  route_unknown"}));
  EXPECT_EQ(drift.routes(), std::vector<std::string>{"sales"});
  EXPECT_EQ(drift.weaker_on("sales").size(), 1U);
  EXPECT_TRUE(drift.weaker_on("support").empty());
}

TEST(PolicyDrift, ABrokenBaselineIsCorruptAndNeverAnEmptyOne) {
  for (const codec::Json& broken :
       {codec::Json(), codec::Json::object(), codec::Json{{"routes", 7}},
        codec::Json{{"routes", {{"a", {{"mode", "loose"}, {"rules", codec::Json::object()}}}}}},
        codec::Json{{"routes", {{"a", {{"mode", "standard"}, {"rules", {{"r", 1}}}}}}}}}) {
    const auto read = PolicyInForce::from_json(broken);
    ASSERT_FALSE(read.has_value()) << broken.dump();
    EXPECT_EQ(read.error().code, Errc::corrupt);
  }
}

}  // namespace
}  // namespace cordon::detect
