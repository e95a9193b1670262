#include "detect/usage.h"

#include "detect/windows.h"
#include "model/prices.h"

#include <gtest/gtest.h>

namespace cordon::detect {
namespace {

using namespace std::chrono_literals;
using model::Cost;
using model::End;
using model::EndRecord;
using model::UsageSource;

constexpr WallTime kNoon{std::chrono::days(20'000) + 12h};

EndRecord some_end(std::string tenant, std::string model = "m") {
  EndRecord end;
  end.head.tenant = std::move(tenant);
  end.head.route = "r";
  end.head.provider = "p";
  end.head.model = std::move(model);
  end.attempts = 1;
  end.tokens_in = 10;
  end.tokens_cached = 4;
  end.tokens_out = 5;
  end.usage = UsageSource::provider;
  end.cost.known = Cost::Known::whole;
  end.cost.nano = 100;
  end.cost.currency = "USD";
  return end;
}

TEST(Usage, SumsByWhateverIsAskedFor) {
  Usage usage;
  usage.observe(some_end("a"), kNoon);
  usage.observe(some_end("a", "n"), kNoon + 13h);
  EndRecord blocked = some_end("b");
  blocked.end = End::blocked;
  blocked.usage = UsageSource::estimated;
  blocked.head.key = "k";
  usage.observe(blocked, kNoon + 13h);
  const UsageReport tenants = usage.report(kNoon, UsageBy::tenant);
  EXPECT_TRUE(tenants.whole);
  EXPECT_EQ(tenants.from, kNoon);
  ASSERT_EQ(tenants.groups.size(), 2U);
  EXPECT_EQ(tenants.groups.at("a").requests, 2U);
  EXPECT_EQ(tenants.groups.at("a").tokens_in, 20U);
  EXPECT_EQ(tenants.groups.at("a").tokens_cached, 8U);
  EXPECT_EQ(tenants.groups.at("a").tokens_out, 10U);
  EXPECT_EQ(tenants.groups.at("a").cost.at("USD"), 200U);
  EXPECT_EQ(tenants.groups.at("b").blocked, 1U);
  EXPECT_EQ(tenants.groups.at("b").estimated, 1U);
  EXPECT_EQ(tenants.groups.at("b").exact, 0U);
  EXPECT_EQ(tenants.all.requests, 3U);
  EXPECT_EQ(usage.report(kNoon, UsageBy::key).groups.at("k").requests, 1U);
  EXPECT_EQ(usage.report(kNoon, UsageBy::key).groups.at("(none)").requests, 2U);
  EXPECT_EQ(usage.report(kNoon, UsageBy::route).groups.at("r").requests, 3U);
  EXPECT_EQ(usage.report(kNoon, UsageBy::provider).groups.at("p").requests, 3U);
  EXPECT_EQ(usage.report(kNoon, UsageBy::model).groups.at("n").requests, 1U);
  const auto days = usage.report(kNoon, UsageBy::day).groups;
  ASSERT_EQ(days.size(), 2U);
  EXPECT_EQ(days.begin()->second.requests, 1U);
  EXPECT_EQ(usage.report(kNoon + 1h, UsageBy::tenant).all.requests, 2U) << "from another hour on";
}

TEST(Usage, ChargesEveryTargetWithWhatItBilled) {
  Usage usage;
  EndRecord end = some_end("a", "second");
  end.tried = {{"p", "first", model::AttemptEnd::cut, 200, 1, 7, 3, 40},
               {"p", "second", model::AttemptEnd::answered, 200, 1}};
  usage.observe(end, kNoon);
  const auto models = usage.report(kNoon, UsageBy::model).groups;
  EXPECT_EQ(models.at("first").requests, 0U);
  EXPECT_EQ(models.at("first").tokens_in, 7U);
  EXPECT_EQ(models.at("first").cost.at("USD"), 40U);
  EXPECT_EQ(models.at("second").requests, 1U);
  EXPECT_EQ(models.at("second").cost.at("USD"), 60U);
  EXPECT_EQ(usage.today().tenants.at("a").tokens, 25U);
  EXPECT_EQ(usage.today().tenants.at("a").cost, 100U);
  // The usage of one whose answer broke stands in the entry, too: it is one usage.
  EndRecord broken = some_end("b", "only");
  broken.tried = {{"p", "only", model::AttemptEnd::cut, 200, 1, 10, 5, 100}};
  usage.observe(broken, kNoon);
  EXPECT_EQ(usage.report(kNoon, UsageBy::tenant).groups.at("b").tokens_in, 10U);
  EXPECT_EQ(usage.report(kNoon, UsageBy::tenant).groups.at("b").cost.at("USD"), 100U);
}

TEST(Usage, SaysWhatNobodyKnowsAndWhatHasNoPrice) {
  Usage usage;
  EndRecord end = some_end("a");
  end.usage = UsageSource::unknown;
  end.cost = {};
  end.cost.known = Cost::Known::unpriced;
  usage.observe(end, kNoon);
  EndRecord crashed;
  crashed.head.tenant = "a";
  crashed.end = End::end_unknown;
  usage.observe(crashed, kNoon);
  EndRecord refused;
  refused.head.tenant = "a";
  refused.end = End::refused;
  usage.observe(refused, kNoon);
  const UsageSums sums = usage.report(kNoon, UsageBy::tenant).groups.at("a");
  EXPECT_EQ(sums.requests, 3U);
  EXPECT_EQ(sums.unknown, 2U);
  EXPECT_EQ(sums.unpriced, 1U);
  EXPECT_TRUE(sums.cost.empty()) << "not 0 of anything";
}

TEST(Usage, CountsAnAmendedEndOnce) {
  Usage usage;
  usage.observe(some_end("a"), kNoon);
  EndRecord amends = some_end("a");
  amends.amends = "id";
  usage.observe(amends, kNoon);
  EXPECT_EQ(usage.report(kNoon, UsageBy::tenant).all.requests, 1U);
  EXPECT_EQ(usage.today().tenants.at("a").requests, 1U);
}

TEST(Usage, KeepsTodayForTheLimitsOfADay) {
  Usage usage;
  EndRecord end = some_end("a");
  end.head.key = "k";
  usage.observe(end, kNoon);
  EndRecord refused = some_end("a");
  refused.end = End::refused;
  refused.tokens_in = refused.tokens_out = refused.cost.nano = 0;
  usage.observe(refused, kNoon);
  EXPECT_EQ(usage.today().day, 20'000);
  EXPECT_EQ(usage.today().tenants.at("a"), (Usage::Day{1, 15, 100}));
  EXPECT_EQ(usage.today().keys.at("k"), (Usage::Day{1, 15, 100}));
  usage.observe(some_end("a"), kNoon + 24h);
  EXPECT_EQ(usage.today().day, 20'001);
  EXPECT_EQ(usage.today().tenants.at("a"), (Usage::Day{1, 15, 100}));
  EXPECT_TRUE(usage.today().keys.empty());
}

// A flood of names must not take the memory, and must not vanish from the sums.
TEST(Usage, CountsWhatIsBeyondItsBoundUnderOther) {
  Usage usage({.places_max = 3, .cells_max = 100, .hours_max = 100});
  for (int i = 0; i < 10; ++i) usage.observe(some_end("t" + std::to_string(i)), kNoon);
  const UsageReport report = usage.report(kNoon, UsageBy::tenant);
  EXPECT_EQ(report.groups.size(), 4U);
  EXPECT_EQ(report.groups.at(std::string(kOther)).requests, 7U);
  EXPECT_EQ(report.all.requests, 10U);
  EXPECT_EQ(report.all.cost.at("USD"), 1'000U);
  EXPECT_EQ(usage.folded(), 7U);
  EXPECT_EQ(usage.today().tenants.size(), 10U) << "limits are of names of the configuration";
}

TEST(Usage, ForgetsWholeHoursAndSaysSo) {
  Usage usage({.places_max = 100, .cells_max = 5, .hours_max = 100});
  for (int i = 0; i < 20; ++i) {
    usage.observe(some_end("a"), kNoon + std::chrono::hours(i));
    usage.observe(some_end("b"), kNoon + std::chrono::hours(i));
  }
  const UsageReport report = usage.report(kNoon, UsageBy::tenant);
  EXPECT_FALSE(report.whole);
  EXPECT_GT(report.from, kNoon);
  EXPECT_LE(report.all.requests, 8U);
  EXPECT_GE(report.all.requests, 4U);
  const UsageReport late = usage.report(kNoon + 19h, UsageBy::tenant);
  EXPECT_TRUE(late.whole);
  EXPECT_EQ(late.all.requests, 2U);
}

TEST(Usage, KnowsTheWordsOfGroups) {
  for (std::size_t i = 0; i < kUsageByCount; ++i) {
    const auto by = static_cast<UsageBy>(i);
    EXPECT_EQ(parse_usage_by(to_string(by)), by);
  }
  const auto refused = parse_usage_by("colour");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("tenant, key, route, model, provider, day"),
            std::string::npos);
}

}  // namespace
}  // namespace cordon::detect
