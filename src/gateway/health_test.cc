#include "gateway/health.h"

#include "gateway/internal/retry_after.h"
#include "gateway/metrics.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace cordon::gateway {
namespace {

using namespace std::chrono_literals;

model::Breaker quick() {
  model::Breaker breaker;
  breaker.samples_min = 4;
  breaker.window = 10s;
  breaker.open = 1s;
  breaker.open_max = 8s;
  breaker.probes = 2;
  breaker.slow_start = 10s;
  return breaker;
}

/// A target and the time.
struct Target {
  explicit Target(const model::Breaker& breaker = quick(), const model::RetryBudget& budget = {})
      : health(breaker, budget) {}
  void fail(int times) {
    for (int i = 0; i < times; ++i) health.failed(health.ask(now), now);
  }
  void answer(int times) {
    for (int i = 0; i < times; ++i) health.answered(health.ask(now), now);
  }
  [[nodiscard]] BreakerState state() const { return health.standing(now).state; }

  TargetHealth health;
  MonoTime now = 1h;
};

TEST(TargetHealth, OpensAtTheShareOfFailuresOnceThereAreEnoughSamples) {
  Target few;
  few.fail(3);
  EXPECT_EQ(few.state(), BreakerState::closed);
  few.fail(1);
  EXPECT_EQ(few.state(), BreakerState::open);
  EXPECT_EQ(few.health.ask(few.now), Pass::refused);
  EXPECT_EQ(few.health.standing(few.now).open_for, 1s);

  Target mostly_well;
  mostly_well.answer(6);
  mostly_well.fail(5);
  EXPECT_EQ(mostly_well.state(), BreakerState::closed);
  mostly_well.fail(1);
  EXPECT_EQ(mostly_well.state(), BreakerState::open) << "half of them";
}

TEST(TargetHealth, ForgetsWhatIsOlderThanItsWindow) {
  Target target;
  target.fail(3);
  target.now += 11s;
  target.fail(3);
  EXPECT_EQ(target.state(), BreakerState::closed);
  target.now += 24h * 365;
  target.fail(3);
  EXPECT_EQ(target.state(), BreakerState::closed);
}

TEST(TargetHealth, LetsOneProbeThroughAtATimeAndClosesAfterEnoughOfThem) {
  Target target;
  target.fail(4);
  target.now += 999ms;
  EXPECT_EQ(target.health.ask(target.now), Pass::refused);
  target.now += 1ms;
  EXPECT_EQ(target.state(), BreakerState::half_open);
  EXPECT_TRUE(target.health.may_ask(target.now));
  EXPECT_EQ(target.health.ask(target.now), Pass::probe);
  EXPECT_FALSE(target.health.may_ask(target.now));
  EXPECT_EQ(target.health.ask(target.now), Pass::refused) << "a second one beside it";
  target.health.answered(Pass::probe, target.now);
  EXPECT_EQ(target.health.ask(target.now), Pass::probe);
  target.health.answered(Pass::probe, target.now);
  EXPECT_EQ(target.health.ask(target.now), Pass::usual);
  EXPECT_EQ(target.state(), BreakerState::closed);
  target.fail(1);
  EXPECT_EQ(target.state(), BreakerState::closed) << "what came before it opened is forgotten";
}

TEST(TargetHealth, AProbeThatSaysNothingGivesItsPlaceBack) {
  Target target;
  target.fail(4);
  target.now += 1s;
  EXPECT_EQ(target.health.ask(target.now), Pass::probe);
  target.health.dropped(Pass::probe, target.now);
  EXPECT_EQ(target.health.ask(target.now), Pass::probe);
}

TEST(TargetHealth, OpensForTwiceAsLongEachTimeWhileItFlaps) {
  Target target;
  target.fail(4);
  for (const auto expected : {2s, 4s, 8s, 8s}) {
    target.now += target.health.standing(target.now).open_for;
    target.answer(2);
    EXPECT_EQ(target.state(), BreakerState::closed);
    target.fail(4);
    EXPECT_EQ(target.health.standing(target.now).open_for, expected);
  }
  target.now += 8s;
  target.answer(2);
  target.now += 8s;
  target.fail(4);
  EXPECT_EQ(target.health.standing(target.now).open_for, 1s) << "it was calm in between";
}

TEST(TargetHealth, AProbeThatFailsOpensItForLonger) {
  Target target;
  target.fail(4);
  target.now += 1s;
  target.fail(1);
  EXPECT_EQ(target.health.standing(target.now).open_for, 2s);
  EXPECT_EQ(target.health.standing(target.now).opened, 2U);
}

TEST(TargetHealth, ComesBackWithAGrowingShare) {
  Target target;
  EXPECT_EQ(target.health.share_percent(target.now), 100U);
  target.fail(4);
  target.now += 1s;
  target.answer(2);
  std::uint32_t before = 0;
  for (int second = 0; second <= 10; ++second) {
    const std::uint32_t share = target.health.share_percent(target.now + second * 1s);
    EXPECT_GE(share, std::max(before, 10U));
    before = share;
  }
  EXPECT_EQ(before, 100U);
}

TEST(TargetHealth, OneThatIsSwitchedOffNeverOpens) {
  model::Breaker off = quick();
  off.enabled = false;
  Target target(off);
  target.fail(1'000);
  EXPECT_EQ(target.state(), BreakerState::closed);
}

TEST(TargetHealth, GivesRetriesAsAShareOfWhatWasAskedLately) {
  model::Breaker breaker = quick();
  breaker.enabled = false;
  Target target(breaker, {.percent = 20, .floor = 2});
  const auto taken = [&] {
    int count = 0;
    while (count < 100 && target.health.take_retry(target.now)) ++count;
    return count;
  };
  EXPECT_EQ(taken(), 2) << "the floor";
  target.answer(50);
  EXPECT_EQ(taken(), 8) << "a fifth of fifty";
  target.now += 11s;
  EXPECT_EQ(taken(), 2);
  const Standing standing = target.health.standing(target.now);
  EXPECT_EQ(standing.retries, 12U);
  EXPECT_EQ(standing.retries_refused, 3U);
}

TEST(TargetHealth, ComparesLatenciesAndLetsOneCallerMeasureAStaleOne) {
  Target target;
  EXPECT_EQ(target.health.latency_to_compare(target.now), 0us) << "not measured";
  target.health.begin_measuring(target.now);
  EXPECT_EQ(target.health.latency_to_compare(target.now), std::chrono::microseconds::max())
      << "somebody else measures, and may never succeed";
  target.health.note_latency(1000us, target.now);
  EXPECT_EQ(target.health.latency_to_compare(target.now), 1000us);
  target.health.note_latency(1800us, target.now);
  EXPECT_EQ(target.health.latency_to_compare(target.now), 1100us);
  target.now += 11s;
  EXPECT_EQ(target.health.latency_to_compare(target.now), 0us);
  target.health.begin_measuring(target.now);
  EXPECT_EQ(target.health.latency_to_compare(target.now), 1100us) << "somebody else measures";
}

// Whatever the interleaving, one probe at a time, and no count is lost.
TEST(TargetHealth, HoldsItsPromisesFromManyThreads) {
  model::Breaker breaker = quick();
  breaker.samples_min = 100'000;
  Target target(breaker);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&target] {
      for (int n = 0; n < 5'000; ++n) {
        if (n % 2 == 0) target.health.answered(Pass::usual, target.now);
        if (n % 2 == 1) target.health.failed(Pass::usual, target.now);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(target.health.standing(target.now).answered, 10'000U);
  EXPECT_EQ(target.health.standing(target.now).failed, 10'000U);

  Target tripped;
  tripped.fail(4);
  tripped.now += 1s;
  std::atomic<int> probes{0};
  threads.clear();
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1'000; ++n) {
        if (tripped.health.ask(tripped.now) == Pass::probe) ++probes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(probes, 1);
}

TEST(TargetHealth, IsWrittenForPrometheusByTheNamesOfTheConfiguration) {
  HealthByTarget health;
  auto& of = health[{"openai", R"(odd"model\)"}];
  of = std::make_shared<TargetHealth>(quick(), model::RetryBudget{});
  const MonoTime now = 1h;
  for (int i = 0; i < 4; ++i) of->failed(of->ask(now), now);
  std::string text;
  write_health(text, health, now);
  EXPECT_NE(text.find("cordon_target_breaker{provider=\"openai\",model=\"odd\\\"model\\\\\"} 2\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("# TYPE cordon_target_opened_total counter\n"), std::string::npos);
  for (int i = 0; i < 5'000; ++i) health[{"p", std::to_string(i)}] = of;
  text.clear();
  write_health(text, health, now);
  EXPECT_LT(text.size(), 400'000U) << "bounded";
}

TEST(RetryAfter, ReadsSecondsAndEveryFormOfADate) {
  const WallTime now = *parse_rfc3339("1994-11-06T08:49:30Z");
  const auto read = [&](std::string_view text) { return parse_retry_after(text, now); };
  EXPECT_EQ(read("0"), 0ms);
  EXPECT_EQ(read(" 120 "), 120s);
  EXPECT_EQ(read("99999999999999999999"), 365 * 24h) << "at most a year";
  EXPECT_EQ(read("Sun, 06 Nov 1994 08:49:37 GMT"), 7s);
  EXPECT_EQ(read("Sun Nov  6 08:49:37 1994"), 7s);
  EXPECT_EQ(read("Sun, 06 Nov 1994 08:49:20 GMT"), 0ms) << "passed";
  EXPECT_EQ(read("Sun, 06 Nov 2094 08:49:37 GMT"), 365 * 24h);
  const WallTime later = *parse_rfc3339("2026-11-30T08:00:00Z");
  EXPECT_EQ(parse_retry_after("Monday, 30-Nov-26 08:01:00 GMT", later), 1min);
}

TEST(RetryAfter, ReadsNothingElse) {
  const WallTime now = *parse_rfc3339("2026-01-01T00:00:00Z");
  for (const std::string_view text :
       {"", " ", "-1", "1.5", "soon", "1 s", "0x10", "Sun, 06 Nov 1994 08:49:37", "Sun, ",
        "Sun, 31 Feb 2026 08:49:37 GMT", "Sun, 06 Foo 2026 08:49:37 GMT",
        "Sun, 06 Nov 2026 25:49:37 GMT", "Sun, 06 Nov 2026 08:49:3x GMT",
        "Sun, 06 Nov 2026 08:49:37 CET", "Sun Nov  6 08:49:37 19x4", ", GMT", "Sun Nov"}) {
    EXPECT_EQ(parse_retry_after(text, now), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace cordon::gateway
