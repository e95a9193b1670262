#include "policy/strength.h"

#include <gtest/gtest.h>

namespace cordon::policy {
namespace {

std::shared_ptr<const Rulepack> pack(const std::string& rules) {
  auto parsed = Rulepack::parse("rulepack: p\nversion: '1'\nrules:\n" + rules, "p.yaml");
  EXPECT_TRUE(parsed) << parsed.error().detail;
  return *parsed;
}

std::string rule(const std::string& id, const std::string& more,
                 const std::string& tests = "['ab 1', 'ab 2']") {
  return "  - id: " + id + "\n    class: data_leakage\n" + more +
         "    match: {pattern: 'ab \\d'}\n    rationale: r\n    tests: {match: " + tests +
         ", pass: ['no']}\n";
}

std::string told(const std::shared_ptr<const Rulepack>& own,
                 const std::shared_ptr<const Rulepack>& other) {
  const std::array a{own};
  const std::array b{other};
  std::string all;
  for (const std::string& loss : losses(a, b)) all += loss + ";";
  return all;
}

TEST(Strength, SaysOfEachLiveRuleWhatWouldBeLost) {
  const std::string usual = "    on: [request, response]\n    action: redact\n";
  const auto own = pack(rule("a", usual) + rule("s", usual + "    state: shadow\n"));
  EXPECT_EQ(told(own, own), "");
  EXPECT_EQ(told(own, pack(rule("other", usual))), "rule a is missing;");
  EXPECT_EQ(told(own, pack(rule("a", usual + "    state: shadow\n"))), "rule a is only a shadow;");
  EXPECT_EQ(told(own, pack(rule("a", "    on: [response]\n    action: block\n"))),
            "rule a reads fewer parts;");
  EXPECT_EQ(told(own, pack(rule("a", "    on: [request, response]\n    action: warn\n"))),
            "rule a acts less strictly;");
  EXPECT_EQ(told(own, pack(rule("a", usual + "    on_error: fail_open\n"))), "rule a fails open;");
  EXPECT_EQ(told(own, pack(rule("a", usual, "['ab 1']"))), "rule a promises to find less;");
  EXPECT_EQ(told(own, pack(rule("z", usual) +
                           rule("a", "    on: [request, response, reasoning]\n    action: block\n",
                                "['ab 3', 'ab 2', 'ab 1']"))),
            "");
}

TEST(Strength, TellsARouteWithoutRulesFromOneThatHasThem) {
  const std::array own{pack(rule("a", "    on: [response]\n    action: warn\n"))};
  EXPECT_EQ(losses(own, {}).size(), 1U);
  EXPECT_TRUE(losses({}, own).empty());
}

}  // namespace
}  // namespace cordon::policy
