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
  EXPECT_EQ(bucket.take(~0ULL, model::kTokensPerMinuteMax, kNow), 0ns);
  for (int i = 0; i < 100; ++i) bucket.charge(~0ULL, 1, kNow);
  EXPECT_EQ(bucket.standing(1, kNow).remaining, 0U);
  EXPECT_GT(bucket.take(1, 1, kNow), 0ns);
}

TEST(Quotas, AreKeptOverAGenerationUnlessTheLimitsDiffer) {
  model::Generation generation;
  generation.tenants = {{"a", {}, {}, {10, 0}}, {"b", {}, {}, {0, 10}}, {"c", {}, {}, {}}};
  const QuotaByTenant first = quotas_of(generation, nullptr);
  EXPECT_EQ(first.size(), 2U) << "who has no limits has no quota";
  generation.tenants[1].limits.tokens_per_minute = 11;
  const QuotaByTenant second = quotas_of(generation, &first);
  EXPECT_EQ(second.at("a"), first.at("a"));
  EXPECT_NE(second.at("b"), first.at("b"));
}

TEST(Quotas, AreWrittenAsSamples) {
  model::Generation generation;
  generation.tenants = {{"a\"b", {}, {}, {10, 0}}};
  const QuotaByTenant quotas = quotas_of(generation, nullptr);
  ASSERT_EQ(quotas.at("a\"b")->requests.take(4, 10, kNow), 0ns);
  quotas.at("a\"b")->requests_refused = 3;
  std::string out;
  write_quotas(out, quotas, kNow);
  const auto has = [&](std::string_view text) { return out.find(text) != out.npos; };
  EXPECT_TRUE(has("cordon_tenant_limit_refused_total{tenant=\"a\\\"b\",limit=\"requests\"} 3\n"));
  EXPECT_TRUE(has("cordon_tenant_limit_remaining{tenant=\"a\\\"b\",limit=\"requests\"} 6\n"));
  EXPECT_FALSE(has("limit=\"tokens\""));
}

TEST(Resets, AreWrittenAsEachFamilyReadsThem) {
  EXPECT_EQ(format_reset(0ns), "0ms");
  EXPECT_EQ(format_reset(1ns), "1ms");
  EXPECT_EQ(format_reset(20ms), "20ms");
  EXPECT_EQ(format_reset(999ms + 1ns), "1s");
  EXPECT_EQ(format_reset(1s + 1ns), "2s");
  EXPECT_EQ(format_reset(6min), "6m0s");
  EXPECT_EQ(format_second(WallTime{1ns}), "1970-01-01T00:00:01Z");
  EXPECT_EQ(format_second(WallTime{60s}), "1970-01-01T00:01:00Z");
}

}  // namespace
}  // namespace cordon::gateway
