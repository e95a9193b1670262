#include "api/internal/fallback_rules.h"

#include <gtest/gtest.h>

namespace cordon::api::internal {
namespace {

std::string pack_text(const std::string& name, const std::string& ids) {
  std::string text = "rulepack: " + name + "\nversion: '1'\nrules:\n";
  for (const char id : ids) {
    text += std::string("  - id: r.") + id +
            "\n    class: data_leakage\n    on: [response]\n    action: block\n"
            "    match: {pattern: 'ab \\d'}\n    rationale: r\n"
            "    tests: {match: ['ab 1'], pass: ['no']}\n";
  }
  return text;
}

struct FallbackRules : testing::Test {
  FallbackRules() {
    for (const auto& [name, ids] : {std::pair{"full", "abcdefg"}, {"part", "a"}}) {
      options.rulepacks[name] = {"1", std::string("digest-") + name, pack_text(name, ids)};
    }
    generation.routes.push_back({"r", {{"p", "m"}}, {{"q", "m"}}, {{"full", "digest-full"}}});
  }
  std::string refusal(std::string_view scope, std::string_view break_glass = "") {
    const auto checked =
        check_fallback_rules(generation, *model::Scope::parse(scope), break_glass, options);
    return checked ? "" : checked.error().detail;
  }
  ControlOptions options;
  model::Generation generation;
};

TEST_F(FallbackRules, AreTheRoutesUnlessItSaysOtherwise) {
  EXPECT_EQ(refusal("route=r"), "");
  generation.routes[0].fallback_rulepacks = generation.routes[0].rulepacks;
  EXPECT_EQ(refusal("route=r"), "");
  generation.routes[0].rulepacks = {{"part", "digest-part"}};
  generation.routes[0].fallback_rulepacks = {{{"full", "digest-full"}}};
  EXPECT_EQ(refusal("route=r"), "") << "stronger rules take nobody's leave";
}

TEST_F(FallbackRules, WeakerThanTheRoutesAreRefusedUnlessTheGlassIsBroken) {
  generation.routes[0].fallback_rulepacks = {{{"part", "digest-part"}}};
  EXPECT_EQ(refusal("route=r"),
            "the fallback of route r has weaker rules: rule r.b is missing, rule r.c is missing, "
            "rule r.d is missing, rule r.e is missing, rule r.f is missing, and 1 more; that takes "
            "`break_glass` with the reason");
  EXPECT_EQ(refusal("route=r", "nothing else answers"), "");
  generation.routes[0].fallback_rulepacks.emplace();
  EXPECT_NE(refusal("route=r"), "") << "no rules at all";
}

TEST_F(FallbackRules, ThatCannotBeComparedAreNotCalledEqual) {
  generation.routes[0].fallback_rulepacks = {{{"full", "another digest"}}};
  EXPECT_NE(refusal("route=r").find("is not loaded"), std::string::npos);
  EXPECT_EQ(refusal("route=unknown"), "") << "the decision says what is wrong with the scope";
}

}  // namespace
}  // namespace cordon::api::internal
