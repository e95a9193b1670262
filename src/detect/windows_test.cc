#include "detect/windows.h"

#include "base/random.h"
#include "detect/detect_test_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace cordon::detect {
namespace {

using std::chrono::seconds;

constexpr auto kLeakage = model::IncidentClass::data_leakage;

model::Scope scope(const char* text) {
  return *model::Scope::parse(text);
}

TEST(Windows, CountTheSecondsOfTheWindowAndNoOthers) {
  Windows windows;
  for (int s = 0; s < 100; ++s) windows.observe(clean(), kNoon + seconds(s));
  const WallTime last = kNoon + seconds(99);
  for (const int length : {1, 10, 60, 100, 1000}) {
    EXPECT_EQ(windows.counts(Subject::route, "support", {last, seconds(length)})->exchanges,
              static_cast<std::uint64_t>(std::min(length, 100)));
  }
  EXPECT_EQ(windows.counts(Subject::all, "", {kNoon + seconds(49), seconds(10)})->exchanges, 10U);
  EXPECT_EQ(windows.counts(Subject::tenant, "acme", {last, seconds(5)})->tokens_out, 100U);
  EXPECT_EQ(windows.counts(Subject::target, target_name("sim", "large"), {last, seconds(5)})
                ->ends[static_cast<std::size_t>(model::End::complete)],
            5U);
  EXPECT_DOUBLE_EQ(*windows.rate(Subject::all, "", {last, seconds(50)}), 1.0);
}

// The order in which ends arrive does not matter within what is kept.
TEST(Windows, DoNotDependOnTheOrderOfArrival) {
  std::vector<int> order(600);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i % 300);
  Windows in_order;
  for (const int s : order) in_order.observe(leak(1), kNoon + seconds(s));
  SeededRandom random(11);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  Windows shuffled;
  for (const int s : order) shuffled.observe(leak(1), kNoon + seconds(s));
  for (int end = 0; end < 300; end += 7) {
    const Window window{kNoon + seconds(end), seconds(31)};
    EXPECT_EQ(in_order.counts(Subject::route, "support", window)->exchanges,
              shuffled.counts(Subject::route, "support", window)->exchanges);
    const auto all = scope("route=*");
    EXPECT_EQ(in_order.harm({&all, 1}, kLeakage, window)->records,
              shuffled.harm({&all, 1}, kLeakage, window)->records);
  }
}

TEST(Windows, SayUnknownAndNeverZeroForWhatTheyCannotTell) {
  WindowsOptions options;
  options.seconds_max = 60;
  options.routes_max = 2;
  Windows windows(options);
  for (int s = 0; s < 200; ++s) windows.observe(clean(), kNoon + seconds(s));
  const WallTime last = kNoon + seconds(199);
  EXPECT_EQ(windows.counts(Subject::all, "", {last, seconds(60)})->exchanges, 60U);
  EXPECT_FALSE(windows.counts(Subject::all, "", {last, seconds(61)}));
  EXPECT_FALSE(windows.delivered_percent(Subject::route, "idle", kLeakage, {last, seconds(9)}));
  EXPECT_FALSE(windows.latency_us(Subject::route, "idle", 0.5, {last, seconds(9)}));
  EXPECT_EQ(windows.counts(Subject::route, "idle", {last, seconds(9)})->exchanges, 0U);

  windows.observe(clean("two"), last);
  windows.observe(clean("three"), last);
  windows.observe(clean("four"), last);
  EXPECT_EQ(windows.folded(Subject::route), 2U);
  EXPECT_FALSE(windows.counts(Subject::route, "three", {last, seconds(9)}));
  EXPECT_EQ(windows.counts(Subject::route, kOther, {last, seconds(9)})->exchanges, 2U);
  EXPECT_EQ(windows.counts(Subject::all, "", {last, seconds(1)})->exchanges, 4U);

  WindowsOptions late;
  late.known_from = kNoon;
  EXPECT_FALSE(Windows(late).counts(Subject::all, "", {kNoon + seconds(5), seconds(9)}));
}

// A node whose clock jumped a year ahead for one entry must not wipe out the hour.
TEST(Windows, SurviveAnEntryFromTheFuture) {
  Windows windows;
  windows.observe(leak(1), kNoon + std::chrono::hours(24 * 365));
  for (int s = 0; s < 60; ++s) windows.observe(leak(2), kNoon + seconds(s));
  const Window minute{kNoon + seconds(59), seconds(60)};
  EXPECT_EQ(windows.counts(Subject::route, "support", minute)->exchanges, 60U);
  const auto all = scope("route=*");
  EXPECT_EQ(windows.harm({&all, 1}, kLeakage, minute)->records, 120U);
}

TEST(Windows, KeepQuantilesWithinOneSixteenth) {
  SeededRandom random(3);
  Windows windows;
  std::vector<std::uint64_t> times;
  for (int i = 0; i < 20'000; ++i) {
    auto end = clean();
    end.total_us = std::uint64_t{1} << random.below(24);
    end.total_us += random.below(end.total_us);
    times.push_back(end.total_us);
    windows.observe(end, kNoon + seconds(i / 1000));
  }
  std::sort(times.begin(), times.end());
  for (const double q : {0.01, 0.25, 0.5, 0.9, 0.99, 1.0}) {
    const auto exact = static_cast<double>(
        times[static_cast<std::size_t>(std::ceil(q * static_cast<double>(times.size()))) - 1]);
    const auto found = static_cast<double>(
        *windows.latency_us(Subject::route, "support", q, {kNoon + seconds(19), seconds(20)}));
    EXPECT_NEAR(found / exact, 1.0, 1.0 / 16) << q;
  }
}

TEST(Windows, CountEveryEndByItsCause) {
  Windows windows;
  for (std::size_t cause = 0; cause < kEndCount; ++cause) {
    auto end = clean();
    end.end = static_cast<model::End>(cause);
    windows.observe(end, kNoon);
  }
  const auto counts = windows.counts(Subject::all, "", {kNoon, seconds(1)});
  EXPECT_EQ(counts->exchanges, kEndCount);
  for (const std::uint64_t n : counts->ends) EXPECT_EQ(n, 1U);
  EXPECT_EQ(counts->blocked, 1U);
  EXPECT_EQ(counts->errors, 3U);
}

TEST(Windows, ShadowRulesCountInTheirOwnSeriesOnly) {
  Windows windows;
  auto end = leak(3);
  end.hits[0].live = false;
  windows.observe(end, kNoon);
  const Window now{kNoon, seconds(1)};
  const auto all = scope("route=*");
  EXPECT_EQ(windows.counts(Subject::rule, "leak.card-number", now)->of(kLeakage).matches, 3U);
  EXPECT_EQ(windows.counts(Subject::all, "", now)->of(kLeakage).matches, 0U);
  EXPECT_EQ(windows.harm({&all, 1}, kLeakage, now)->attempts, 0U);
}

TEST(Harm, IsToldForAnyScopeAlsoOneOfTwoDimensions) {
  Windows windows;
  windows.observe(leak(2, "support", "acme"), kNoon);
  windows.observe(leak(3, "support", "umbrella"), kNoon + seconds(1));
  windows.observe(leak(5, "sales", "acme"), kNoon + seconds(2));
  windows.observe(leak(0, "support", "acme"), kNoon + seconds(3));
  const Window now{kNoon + seconds(9), seconds(60)};
  const auto told = [&](const char* text) {
    const auto of = scope(text);
    return *windows.harm({&of, 1}, kLeakage, now);
  };
  EXPECT_EQ(told("route=support,tenant=acme").records, 2U);
  EXPECT_EQ(told("route=support,tenant=acme").attempts, 2U);
  EXPECT_EQ(told("tenant=acme").records, 7U);
  EXPECT_EQ(told("route=support").tenants.size(), 2U);
  EXPECT_EQ(told("route=*").personal, 10U);
  EXPECT_EQ(told("route=*").first, kNoon);
  EXPECT_EQ(told("model=small").attempts, 0U);
  const std::vector<model::Scope> both = {scope("tenant=umbrella"), scope("route=sales")};
  EXPECT_EQ(windows.harm(both, kLeakage, now)->records, 8U);
  EXPECT_EQ(told("flag=beta").attempts, 0U) << "nobody said that it ran under beta";
  auto under_beta = leak(1);
  under_beta.head.flags = {"alpha", "beta"};
  windows.observe(under_beta, kNoon);
  EXPECT_EQ(told("flag=beta").exchanges, 1U);
  EXPECT_EQ(told("flag=alpha").exchanges, 1U);
  EXPECT_EQ(told("flag=gamma").attempts, 0U);
}

// What a switch cut had begun before it, and what began before it is not its failure.
TEST(Harm, AfterAContainmentLeavesOutWhatBeganBefore) {
  Windows windows;
  const WallTime acked = kNoon + seconds(10);
  auto long_one = leak(1);
  long_one.total_us = 5'000'000;
  windows.observe(long_one, acked + seconds(2));
  auto cut = leak(1);
  cut.end = model::End::killed;
  windows.observe(cut, acked + seconds(3));
  const auto all = scope("route=*");
  const Window now{acked + seconds(20), seconds(60)};
  EXPECT_EQ(windows.harm({&all, 1}, kLeakage, now)->exchanges, 2U);
  EXPECT_EQ(windows.harm({&all, 1}, kLeakage, now, acked)->exchanges, 0U);
  windows.observe(leak(1), acked + seconds(4));
  EXPECT_EQ(windows.harm({&all, 1}, kLeakage, now, acked)->exchanges, 1U);
}

TEST(Harm, SaysUnknownOnceItHadToForget) {
  WindowsOptions options;
  options.harm_items_max = 10;
  Windows windows(options);
  for (int s = 0; s < 20; ++s) windows.observe(leak(1), kNoon + seconds(s));
  const auto all = scope("route=*");
  const WallTime last = kNoon + seconds(19);
  EXPECT_EQ(windows.harm({&all, 1}, kLeakage, {last, seconds(10)})->exchanges, 10U);
  EXPECT_FALSE(windows.harm({&all, 1}, kLeakage, {last, seconds(11)}));

  WindowsOptions few;
  few.places_max = 1;
  Windows narrow(few);
  narrow.observe(leak(1), kNoon);
  narrow.observe(leak(1, "sales"), kNoon);
  EXPECT_FALSE(narrow.harm({&all, 1}, kLeakage, {kNoon, seconds(1)}));
}

TEST(Harm, DoesNotOverflowOnABrokenDuration) {
  auto end = leak(1);
  end.total_us = UINT64_MAX;
  Windows windows;
  windows.observe(end, kNoon);
  const auto all = scope("route=*");
  EXPECT_EQ(windows.harm({&all, 1}, kLeakage, {kNoon, seconds(1)})->exchanges, 1U);
}

}  // namespace
}  // namespace cordon::detect
