#include "containment/recent.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <array>

namespace cordon::containment {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kStart{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};

model::EndRecord an_end(std::string route, std::string tenant, std::string use_case = "") {
  model::EndRecord end;
  end.head.route = std::move(route);
  end.head.tenant = std::move(tenant);
  end.head.use_case = std::move(use_case);
  end.head.provider = "sim";
  end.head.model = "small";
  return end;
}

model::Scope scope(std::string_view text) {
  return model::Scope::parse(text).value();
}

// The whole is counted again the slow way, over random traffic and every kind of scope.
TEST(RecentTraffic, IsWhatEndedInScopeInTheLastQuarterOfAnHour) {
  SeededRandom random(5);
  Recent recent;
  std::vector<std::pair<WallTime, model::EndRecord>> all;
  WallTime now = kStart;
  const std::array<std::string, 3> names = {"a", "b", "c"};
  for (int i = 0; i < 4'000; ++i) {
    now += std::chrono::milliseconds(random.below(2'000));
    auto end = an_end(names[random.below(3)], names[random.below(3)], names[random.below(3)]);
    if (random.below(3) == 0) end.head.model = "large";
    if (random.below(3) == 0) end.head.flags = {"agent"};
    recent.observe(end, now);
    all.emplace_back(now, std::move(end));
  }
  for (const char* text : {"route=a", "tenant=b", "use_case=c", "model=large", "provider=sim",
                           "flag=agent", "route=a,tenant=b", "route=*", "route=nowhere"}) {
    const model::Scope asked = scope(text);
    std::uint64_t expected = 0;
    const auto from = std::chrono::floor<std::chrono::seconds>(now - kRecent);
    for (const auto& [at, end] : all) {
      const model::ExchangeHead& head = end.head;
      const model::Place place{head.route,  head.model,    head.provider,
                               head.tenant, head.use_case, head.flags};
      if (std::chrono::floor<std::chrono::seconds>(at) > from && asked.covers(place)) ++expected;
    }
    const auto touched = recent.touched(asked, now);
    ASSERT_TRUE(touched) << touched.error().detail;
    EXPECT_EQ(touched->exchanges, expected) << text;
    std::uint64_t sum = 0;
    for (const auto& [name, count] : touched->tenants) sum += count;
    EXPECT_EQ(sum, expected) << text;
  }
  EXPECT_EQ(recent.touched(scope("route=nowhere"), now)->exchanges, 0U);
  EXPECT_EQ(recent.touched(scope("route=*"), now + kRecent + 1s)->exchanges, 0U);
}

TEST(RecentTraffic, BeyondItsBoundsIsUnknownAndKnownAgainLater) {
  Recent recent({.places_max = 2, .seconds_max = 100});
  recent.observe(an_end("a", "t"), kStart);
  recent.observe(an_end("b", "t"), kStart);
  ASSERT_TRUE(recent.touched(scope("route=*"), kStart));
  recent.observe(an_end("c", "t"), kStart);
  const auto lost = recent.touched(scope("route=a"), kStart);
  ASSERT_FALSE(lost) << "the one not kept may have been in scope";
  EXPECT_EQ(lost.error().code, Errc::exhausted);
  const WallTime later = kStart + kRecent + 2min;
  recent.observe(an_end("c", "t"), later);
  const auto known = recent.touched(scope("route=*"), later);
  ASSERT_TRUE(known) << known.error().detail;
  EXPECT_EQ(known->exchanges, 1U);
}

}  // namespace
}  // namespace cordon::containment
