#include "gateway/quota.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace cordon::gateway {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kNow = 1h;

std::uint64_t taken_at_once(Bucket& bucket, std::uint64_t per_minute, MonoTime now) {
  std::uint64_t taken = 0;
  while (taken <= 2 * per_minute && bucket.take(1, per_minute, now) == 0ns) ++taken;
  return taken;
}

TEST(Bucket, HoldsExactlyItsLimitAndFillsUpEvenly) {
  for (const std::uint64_t limit : {1U, 2U, 3U, 7U, 59U, 60U, 61U, 1'000U, 9'999U}) {
    Bucket bucket;
    EXPECT_EQ(taken_at_once(bucket, limit, kNow), limit);
    EXPECT_EQ(bucket.standing(limit, kNow).remaining, 0U) << limit;
    const auto wait = bucket.take(1, limit, kNow);
    EXPECT_GT(wait, 0ns);
    EXPECT_LE(wait, 1min);
    EXPECT_GT(bucket.take(1, limit, kNow + wait - 1us), 0ns) << limit << ": sooner than it said";
    EXPECT_EQ(bucket.take(1, limit, kNow + wait), 0ns) << limit << ": not when it said";
    EXPECT_EQ(taken_at_once(bucket, limit, kNow + wait + 1min), limit) << "full again";
  }
}

TEST(Bucket, SaysWhatIsLeftAfterEachTaking) {
  constexpr std::uint64_t kLimit = 7;
  Bucket bucket;
  for (std::uint64_t left = kLimit; left > 0; --left) {
    EXPECT_EQ(bucket.standing(kLimit, kNow).remaining, left);
    ASSERT_EQ(bucket.take(1, kLimit, kNow), 0ns);
  }
  EXPECT_EQ(bucket.standing(kLimit, kNow).remaining, 0U);
  EXPECT_LE(bucket.standing(kLimit, kNow).until_full, 1min);
  EXPECT_EQ(bucket.standing(kLimit, kNow + 1min).remaining, kLimit);
  EXPECT_EQ(bucket.standing(kLimit, kNow + 1min).until_full, 0ns);
}

// A hot key on several threads must neither lose nor double what was taken.
TEST(Bucket, GivesAllThreadsTogetherItsLimitAndNotOneMore) {
  constexpr std::uint64_t kLimit = 10'000;
  Bucket bucket;
  std::atomic<std::uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { taken += taken_at_once(bucket, kLimit, kNow); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), kLimit);
}

TEST(Bucket, TakesWhatIsMoreThanItHoldsFromAFullOneOnly) {
  Bucket bucket;
  EXPECT_EQ(bucket.take(5'000, 100, kNow), 0ns);
  EXPECT_EQ(bucket.standing(100, kNow).remaining, 0U);
  EXPECT_GT(bucket.take(1, 100, kNow), 0ns);
  EXPECT_GT(bucket.take(5'000, 100, kNow + 30s), 0ns);
  EXPECT_EQ(bucket.take(5'000, 100, kNow + 1min), 0ns);
}

TEST(Bucket, IsChargedForWhatWasUsedAndNeverMoreThanFull) {
  Bucket bucket;
  ASSERT_EQ(bucket.take(10, 100, kNow), 0ns);
  bucket.charge(190, 100, kNow);
  EXPECT_EQ(bucket.standing(100, kNow).remaining, 0U);
  EXPECT_EQ(bucket.standing(100, kNow).until_full, 2min);
  EXPECT_EQ(bucket.standing(100, kNow + 90s).remaining, 50U) << "what was owed comes first";
  Bucket other;
  ASSERT_EQ(other.take(80, 100, kNow), 0ns);
  other.give_back(80, 100);
  EXPECT_EQ(other.standing(100, kNow).remaining, 100U);
  other.give_back(80, 100);
  EXPECT_EQ(taken_at_once(other, 100, kNow), 100U);
}

TEST(Bucket, SurvivesNumbersAtTheirBounds) {
  Bucket bucket;
  EXPECT_EQ(bucket.take(~0ULL, model::kTokensMax, kNow), 0ns);
  for (int i = 0; i < 100; ++i) bucket.charge(~0ULL, 1, kNow);
  EXPECT_EQ(bucket.standing(1, kNow).remaining, 0U);
  EXPECT_GT(bucket.take(1, 1, kNow), 0ns);
}

constexpr WallTime kMorning{std::chrono::days(20'000) + 8h};
constexpr Moment kThen{kNow, kMorning};

TEST(Bucket, LacksAsMuchWhenItsSizeChanges) {
  Bucket bucket;
  ASSERT_EQ(bucket.take(40, 100, kNow), 0ns);
  bucket.resize(100, 50, kNow);
  EXPECT_EQ(bucket.standing(50, kNow).remaining, 10U);
  bucket.resize(50, 400, kNow);
  EXPECT_EQ(bucket.standing(400, kNow).remaining, 360U);
}

TEST(DayCounts, BeginAnewAtMidnightAndNeverGoBack) {
  DayCount count;
  EXPECT_TRUE(count.take(3, 3, 100));
  EXPECT_FALSE(count.take(1, 3, 100));
  EXPECT_TRUE(count.take(2, 3, 101)) << "another day";
  EXPECT_EQ(count.used(100), 2U) << "a clock that went back counts into the latest day";
  count.give_back(1, 100, 101);
  EXPECT_EQ(count.used(101), 2U) << "of a day that is over";
  count.give_back(1, 101, 101);
  EXPECT_EQ(count.used(101), 1U);
  count.charge(7, 102);
  EXPECT_EQ(count.used(102), 7U) << "two days on, in the place of day 100";
  EXPECT_EQ(count.used(109), 0U);
  count.give_back(5, 109, 109);
  EXPECT_EQ(count.used(109), 0U) << "never below nothing";
}

TEST(DayCounts, GiveAllThreadsTogetherTheLimitAndNotOneMore) {
  constexpr std::uint64_t kLimit = 20'000;
  DayCount count;
  std::atomic<std::uint64_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (count.take(1, kLimit, 100)) ++taken;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), kLimit);
}

// Whoever comes first after midnight must not throw away what others count at the same moment.
TEST(DayCounts, LoseNothingAtMidnight) {
  for (std::int64_t day = 100; day < 300; ++day) {
    DayCount count;
    count.charge(5, day - 2);
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { count.charge(1, day); });
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(count.used(day), 3U);
  }
}

TEST(DayCounts, SayHowLongTheDayStillIs) {
  EXPECT_EQ(until_midnight(kMorning), 16h);
  EXPECT_EQ(until_midnight(WallTime{std::chrono::days(1)}), 24h) << "at midnight, all of it";
  EXPECT_EQ(until_midnight(WallTime{std::chrono::days(1) - 1ns}), 1ns);
}

TEST(Quotas, SayWhichLimitRefusedAndTakeNothingThen) {
  const model::UsageLimits limits{10, 1'000, 0, 3, 0, 0};
  Quota quota("tenant 'a'", limits);
  EXPECT_FALSE(quota.take(600, kThen));
  const auto tokens = quota.take(600, kThen);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->limit, Limit::tokens_per_minute);
  EXPECT_EQ(quota.standing(Limit::requests_per_minute, kThen).remaining, 9U);
  EXPECT_EQ(quota.standing(Limit::requests_per_day, kThen).remaining, 2U);
  EXPECT_FALSE(quota.take(10, kThen));
  EXPECT_FALSE(quota.take(10, kThen));
  const auto day = quota.take(10, kThen);
  ASSERT_TRUE(day);
  EXPECT_EQ(day->limit, Limit::requests_per_day);
  EXPECT_EQ(day->of, 3U);
  EXPECT_EQ(day->wait, 16h) << "until midnight UTC";
  EXPECT_EQ(quota.standing(Limit::requests_per_minute, kThen).remaining, 7U);
  EXPECT_EQ(quota.standing(Limit::tokens_per_minute, kThen).remaining, 380U);
  EXPECT_EQ(quota.refused(Limit::requests_per_day), 1U);
  EXPECT_FALSE(quota.take(10, {kNow + 1min, kMorning + 16h})) << "another day";
}

TEST(Quotas, RefuseWhereTheMoneyIsSpentAndNotBefore) {
  Quota quota("key 'k'", {0, 0, 1'000, 0, 0, 5'000});
  EXPECT_FALSE(quota.take(10, kThen));
  quota.settle(10, day_of(kMorning), {10, 999}, kThen);
  EXPECT_FALSE(quota.take(10, kThen)) << "some is left";
  quota.settle(10, day_of(kMorning), {10, 3'001}, kThen);
  const auto minute = quota.take(10, kThen);
  ASSERT_TRUE(minute);
  EXPECT_EQ(minute->limit, Limit::cost_per_minute);
  EXPECT_GE(minute->wait, 3min) << "what was overdrawn comes first";
  EXPECT_LT(minute->wait, 3min + 1s);
  const Moment later{kNow + 10min, kMorning + 10min};
  EXPECT_FALSE(quota.take(10, later));
  quota.settle(10, day_of(kMorning), {10, 1'000}, later);
  const auto day = quota.take(10, {kNow + 20min, kMorning + 20min});
  ASSERT_TRUE(day);
  EXPECT_EQ(day->limit, Limit::cost_per_day);
}

TEST(Quotas, SettleWhatWasTakenYesterdayToday) {
  Quota quota("tenant 'a'", {0, 0, 0, 0, 1'000, 0});
  ASSERT_FALSE(quota.take(900, kThen));
  const Moment next_day{kNow + 17h, kMorning + 17h};
  quota.settle(900, day_of(kMorning), {400, 0}, next_day);
  EXPECT_EQ(quota.standing(Limit::tokens_per_day, next_day).remaining, 600U);
}

// A reload must not hand a tenant another budget.
TEST(Quotas, CountOnOverAGenerationWhateverTheLimits) {
  model::Generation generation;
  generation.tenants = {{"a", {}, {}, {10, 0}}, {"b", {}, {}, {0, 10}}, {"c", {}, {}, {}}};
  generation.tenants[2].key_limits = {{std::string(64, 'f'), {0, 0, 0, 5}}};
  const Quotas first = quotas_of(generation, nullptr, {}, kNow);
  EXPECT_EQ(first.tenants.size(), 2U) << "who has no limits has no quota";
  EXPECT_TRUE(first.keys.contains("sha256:ffffffffffffffff"));
  ASSERT_FALSE(first.tenants.at("b")->take(5, kThen));
  generation.tenants[1].limits.tokens_per_minute = 20;
  generation.tenants[1].limits.requests_per_day = 2;
  generation.keys = {{"k1", "a", "", {"*"}, {}, {1}}};
  const Quotas second = quotas_of(generation, &first, {}, kNow);
  EXPECT_EQ(second.tenants.at("a"), first.tenants.at("a"));
  Quota& b = *second.tenants.at("b");
  EXPECT_EQ(b.standing(Limit::tokens_per_minute, kThen).remaining, 15U);
  EXPECT_EQ(b.standing(Limit::requests_per_day, kThen).remaining, 1U)
      << "counted before it was one";
  EXPECT_TRUE(second.keys.contains("k1"));
}

TEST(Quotas, BeginWithWhatTheJournalSaysOfToday) {
  model::Generation generation;
  generation.tenants = {{"a", {}, {}, {0, 0, 0, 10, 1'000, 5'000}}};
  UsedBefore used{day_of(kMorning), {{"a", {9, 999, 4'999}}}, {}};
  int asked = 0;
  const auto says = [&] {
    ++asked;
    return used;
  };
  const Quotas quotas = quotas_of(generation, nullptr, says, kNow);
  Quota& quota = *quotas.tenants.at("a");
  EXPECT_EQ(quota.standing(Limit::requests_per_day, kThen).remaining, 1U);
  EXPECT_EQ(quota.standing(Limit::tokens_per_day, kThen).remaining, 1U);
  EXPECT_EQ(quota.standing(Limit::cost_per_day, kThen).remaining, 1U);
  used.day -= 1;
  const Quotas fresh = quotas_of(generation, nullptr, says, kNow);
  EXPECT_EQ(fresh.tenants.at("a")->standing(Limit::requests_per_day, kThen).remaining, 10U)
      << "yesterday is over";
  EXPECT_EQ(asked, 2);
  (void)quotas_of(generation, &quotas, says, kNow);
  EXPECT_EQ(asked, 2) << "everybody is counted already";
}

TEST(Quotas, AreWrittenAsSamples) {
  model::Generation generation;
  generation.tenants = {{"a\"b", {}, {}, {10, 0, 0, 4}}};
  generation.keys = {{"k1", "a\"b", "", {"*"}, {}, {1}}};
  const Quotas quotas = quotas_of(generation, nullptr, {}, kNow);
  for (int i = 0; i < 4; ++i) ASSERT_FALSE(quotas.tenants.at("a\"b")->take(0, kThen));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(quotas.tenants.at("a\"b")->take(0, kThen));
  std::string out;
  write_quotas(out, quotas, kThen);
  const auto has = [&](std::string_view text) { return out.find(text) != out.npos; };
  EXPECT_TRUE(
      has("cordon_tenant_limit_refused_total{tenant=\"a\\\"b\",limit=\"requests_per_day\"} 3\n"));
  EXPECT_TRUE(has("cordon_tenant_limit_refused_total{tenant=\"a\\\"b\",limit=\"requests\"} 0\n"));
  EXPECT_TRUE(has("cordon_tenant_limit_remaining{tenant=\"a\\\"b\",limit=\"requests\"} 6\n"));
  EXPECT_TRUE(has("cordon_key_limit_remaining{key=\"k1\",limit=\"requests\"} 1\n"));
  EXPECT_FALSE(has("limit=\"tokens\""));
}

TEST(Resets, AreWrittenAsEachFamilyReadsThem) {
  EXPECT_EQ(format_reset(0ns), "0ms");
  EXPECT_EQ(format_reset(1ns), "1ms");
  EXPECT_EQ(format_reset(20ms), "20ms");
  EXPECT_EQ(format_reset(999ms + 1ns), "1s");
  EXPECT_EQ(format_reset(1s + 1ns), "2s");
  EXPECT_EQ(format_reset(6min), "6m0s");
  EXPECT_EQ(format_reset(16h), "16h0m0s");
  EXPECT_EQ(format_second(WallTime{1ns}), "1970-01-01T00:00:01Z");
  EXPECT_EQ(format_second(WallTime{60s}), "1970-01-01T00:01:00Z");
}

}  // namespace
}  // namespace cordon::gateway
