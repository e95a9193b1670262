#include "containment/reload.h"

#include <gtest/gtest.h>

namespace cordon::containment {
namespace {

using Lines = std::vector<std::string>;

model::Generation generation() {
  model::Generation made;
  model::Provider provider;
  provider.name = "p";
  made.providers = {provider};
  model::Route route;
  route.name = "support";
  route.targets = {{"p", "m"}};
  route.fallback = {{"p", "safe"}};
  route.rulepacks = {{"core", "aa"}, {"extra", "bb"}};
  route.mode = model::Mode::emergency;
  made.routes = {route};
  made.tenants = {{"acme", {}, {"*"}}};
  made.flags = {{"tools", true}};
  return made;
}

/// The sentences of what `change` comes to.
ReloadDiff diff_of(const std::function<void(model::Generation&)>& change) {
  const model::Generation before = generation();
  model::Generation after = before;
  change(after);
  return diff_reload(before, after);
}

TEST(Reload, SaysWhatIsNewAnotherAndGone) {
  EXPECT_TRUE(diff_of([](model::Generation&) {}).changed.empty());
  const ReloadDiff diff = diff_of([](model::Generation& after) {
    after.routes.push_back(after.routes[0]);
    after.routes[1].name = "sales";
    after.tenants[0].routes = {"support"};
    after.flags.clear();
    after.limits.exchanges_max = 7;
  });
  EXPECT_EQ(diff.changed, (Lines{"route sales is new", "tenant acme is another",
                                 "flag tools is gone", "limits are others"}));
  EXPECT_TRUE(diff.weaker.empty());
}

TEST(Reload, SaysWhatProtectsLess) {
  EXPECT_EQ(diff_of([](auto& after) { after.routes[0].mode = model::Mode::standard; }).weaker,
            Lines{"route support would go from mode emergency to standard"});
  EXPECT_EQ(diff_of([](auto& after) { after.routes[0].rulepacks.pop_back(); }).weaker,
            Lines{"route support would lose the rulepack extra"});
  EXPECT_EQ(diff_of([](auto& after) {
              after.routes[0].fallback_rulepacks = {{model::RulepackRef{"core", "aa"}}};
            }).weaker,
            Lines{"the fallback of route support would lose the rulepack extra"});
  EXPECT_EQ(diff_of([](auto& after) {
              after.routes[0].durability = model::Durability::deferred;
            }).weaker.size(),
            1U);
  EXPECT_EQ(
      diff_of([](auto& after) { after.routes[0].uninspected = model::Uninspected::pass; }).weaker,
      Lines{"route support would let pass what no rule can read"});
  EXPECT_TRUE(
      diff_of([](auto& after) { after.routes[0].mode = model::Mode::lockdown; }).weaker.empty());
  EXPECT_TRUE(diff_of([](auto& after) { after.routes.clear(); }).weaker.empty());
}

TEST(Reload, TakesNoFallbackAwayThatIsInForce) {
  const model::Generation before = generation();
  model::Generation after = before;
  after.routes[0].fallback.clear();
  EXPECT_TRUE(check_reload(before, after, after));
  model::Generation next = after;
  next.measures.push_back({"fb-1", model::Measure::fallback, *model::Scope::parse("route=support"),
                           model::Mode::standard});
  const Status refused = check_reload(before, after, next);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_NE(refused.error().detail.find("fb-1"), std::string::npos);
}

TEST(Reload, TakesNoProviderAwayThatARollbackNeeds) {
  const model::Generation before = generation();
  model::Generation after = before;
  after.providers[0].name = "q";
  after.routes.clear();
  model::Generation next = after;
  next.routes = before.routes;
  const Status refused = check_reload(before, after, next);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_NE(refused.error().detail.find("provider p"), std::string::npos);
  EXPECT_TRUE(check_reload(before, after, after));
}

}  // namespace
}  // namespace cordon::containment
