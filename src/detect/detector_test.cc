#include "detect/detector.h"

#include "base/random.h"
#include "detect/burst.h"
#include "detect/detect_test_support.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cordon::detect {
namespace {

using std::chrono::seconds;

double uniform(SeededRandom& random) {
  return static_cast<double>(random.next() >> 11U) * 0x1p-53;
}

TEST(Burst, TailsAgreeWithTheirDefinition) {
  // 1 - (1 + 2 + 2) e^-2, and four heads or more of five.
  EXPECT_NEAR(poisson_tail(3, 2.0), 1 - 5 * std::exp(-2.0), 1e-12);
  EXPECT_NEAR(binomial_tail(4, 5, 0.5), 6.0 / 32, 1e-12);
  EXPECT_NEAR(poisson_tail(1, 1e-9), 1e-9, 1e-15);
  EXPECT_EQ(poisson_tail(0, 5), 1);
  EXPECT_EQ(poisson_tail(4, 0), 0);
  EXPECT_NEAR(poisson_tail(1'000'000, 1'000'000), 0.5, 0.01);
  EXPECT_NEAR(binomial_tail(500'000, 1'000'000, 0.5), 0.5, 0.01);
  EXPECT_LT(poisson_tail(1000, 100), 1e-300);
}

TEST(Burst, TailsFallWithTheCountAndRiseWithTheRate) {
  for (const double mean : {0.01, 0.5, 3.0, 17.0, 400.0}) {
    for (std::uint64_t k = 1; k < 600; k += 13) {
      EXPECT_LE(poisson_tail(k + 1, mean), poisson_tail(k, mean)) << k << ' ' << mean;
      EXPECT_LE(poisson_tail(k, mean), poisson_tail(k, mean * 1.1) + 1e-15) << k << ' ' << mean;
    }
  }
}

// P[p <= alpha] <= alpha for the exact test, at a level where counts are many enough to see.
TEST(Burst, PValueOfTheLearnedTestIsNotTooSmallUnderTheNull) {
  SeededRandom random(17);
  const auto poisson = [&random](double mean) {
    std::uint64_t k = 0;
    for (double sum = -std::log(1 - uniform(random)); sum < mean; ++k) {
      sum -= std::log(1 - uniform(random));
    }
    return k;
  };
  int small = 0;
  constexpr int kRuns = 20'000;
  for (int i = 0; i < kRuns; ++i) {
    const CountPair pair{poisson(6), 60, poisson(60), 600};
    if (burst_p_value(pair) <= 0.05) ++small;
  }
  EXPECT_LE(small, kRuns * 0.05 + 3 * std::sqrt(kRuns * 0.05 * 0.95));
  EXPECT_GE(small, kRuns * 0.02) << "the test must not be void";
}

DetectorsOptions one_burst(BurstMetric metric = BurstMetric::delivered) {
  DetectorsOptions options;
  options.bursts.push_back({});
  options.bursts[0].metric = metric;
  options.canaries.push_back({});
  return options;
}

/// Windows and detectors fed together; what fires is journalled at once.
struct Rig {
  explicit Rig(DetectorsOptions options) : detectors(std::move(options), windows) {}

  void feed(const model::EndRecord& end, WallTime at) {
    windows.observe(end, at);
    detectors.observe(end, at);
  }
  std::vector<Signal> look(WallTime now) {
    std::vector<Signal> signals = detectors.look(now);
    for (Signal& signal : signals) {
      signal.recorded = now;
      detectors.observe(signal);
    }
    return signals;
  }
  Windows windows;
  Detectors detectors;
};

// Two routes, one false match a minute on each, a look every second for two hours: by its own
// promise of 0.1 a day and route, 0.02 false alarms. The seeds are fixed.
TEST(BurstDetector, KeepsItsPromiseOfFalseAlarmsOnABenignProcess) {
  std::size_t alarms = 0;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    SeededRandom random(seed);
    Rig rig(one_burst(BurstMetric::matched));
    const std::string route = "r" + std::to_string(seed);
    for (int s = 0; s < 2 * 3600; ++s) {
      const WallTime at = kNoon + seconds(s);
      for (int i = 0; i < 5; ++i) {
        rig.feed(uniform(random) < 1.0 / 300 ? leak(0, route) : clean(route), at);
      }
      alarms += rig.look(at).size();
    }
  }
  EXPECT_EQ(alarms, 0U);
}

// The same process; then matches come thirty times as often.
TEST(BurstDetector, FiresSoonOnARealBurstAndSaysWhy) {
  SeededRandom random(5);
  Rig rig(one_burst(BurstMetric::matched));
  int s = 0;
  for (; s < 3600; ++s) {
    for (int i = 0; i < 5; ++i) {
      rig.feed(uniform(random) < 1.0 / 300 ? leak(0) : clean(), kNoon + seconds(s));
    }
    ASSERT_TRUE(rig.look(kNoon + seconds(s)).empty());
  }
  std::vector<Signal> fired;
  for (; s < 3700 && fired.empty(); ++s) {
    for (int i = 0; i < 5; ++i) {
      rig.feed(uniform(random) < 0.1 ? leak(0) : clean(), kNoon + seconds(s));
    }
    fired = rig.look(kNoon + seconds(s));
  }
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_LE(s, 3660) << "within one window";
  EXPECT_EQ(fired[0].scope.text(), "route=support");
  const auto& numbers = fired[0].numbers;
  for (const char* key : {"count", "window_s", "baseline_count", "baseline_s", "p_seconds",
                          "p_exchanges", "p_limit", "method"}) {
    EXPECT_TRUE(numbers.contains(key)) << key;
  }
  EXPECT_LE(numbers["p_seconds"].get<double>(), numbers["p_limit"].get<double>());
  EXPECT_LE(numbers["p_exchanges"].get<double>(), numbers["p_limit"].get<double>());
}

// Ten times the traffic with the same share of matches is success, not an attack.
TEST(BurstDetector, IsNotFooledByMoreTraffic) {
  SeededRandom random(9);
  Rig rig(one_burst(BurstMetric::matched));
  std::size_t alarms = 0;
  for (int s = 0; s < 4000; ++s) {
    const int exchanges = s < 3600 ? 4 : 40;
    for (int i = 0; i < exchanges; ++i) {
      rig.feed(uniform(random) < 0.02 ? leak(0) : clean(), kNoon + seconds(s));
    }
    alarms += rig.look(kNoon + seconds(s)).size();
  }
  EXPECT_EQ(alarms, 0U);
}

TEST(BurstDetector, FiresOnDeliveredHarmRightAfterTheStart) {
  Rig rig(one_burst());
  for (int i = 0; i < 50; ++i) rig.feed(clean(), kNoon);
  std::size_t leaks = 0;
  while (rig.look(kNoon + seconds(1)).empty() && leaks < 20) {
    rig.feed(leak(1), kNoon + seconds(1));
    ++leaks;
  }
  EXPECT_GE(leaks, 3U);
  EXPECT_LE(leaks, 6U);
}

TEST(BurstDetector, UsesADeclaredRateWhenThereIsOne) {
  auto options = one_burst();
  options.bursts[0].rate_per_s = 1.0;
  Rig rig(std::move(options));
  for (int s = 0; s < 60; ++s) rig.feed(leak(1), kNoon + seconds(s));
  EXPECT_TRUE(rig.look(kNoon + seconds(59)).empty()) << "one a second is what was declared";
  for (int i = 0; i < 60; ++i) rig.feed(leak(1), kNoon + seconds(59));
  EXPECT_EQ(rig.look(kNoon + seconds(59)).size(), 1U);
}

TEST(CanaryDetector, FiresOnOneHitBlockedOrDelivered) {
  for (const std::uint32_t delivered : {0U, 1U}) {
    Rig rig(one_burst());
    auto end = leak(delivered);
    end.hits[0].data_kind = "canary";
    rig.feed(end, kNoon);
    const auto fired = rig.look(kNoon);
    ASSERT_EQ(fired.size(), 1U);
    EXPECT_EQ(fired[0].detector, "canary");
    EXPECT_EQ(fired[0].numbers["delivered"], delivered);
  }
  auto options = one_burst();
  options.canaries[0].rules = {"leak.card-number"};
  Rig named(std::move(options));
  named.feed(leak(0), kNoon);
  EXPECT_EQ(named.look(kNoon).size(), 1U);
}

TEST(CanaryDetector, AnswersForTheTokensOfItsOwnConfiguration) {
  model::DetectorConfig first;
  first.name = "prompts";
  first.kind = model::DetectorKind::canary;
  model::DetectorConfig second = first;
  second.name = "rows";
  const std::vector<model::DetectorConfig> configured = {first, second};
  Rig rig(DetectorsOptions::from(configured));
  auto end = leak(0);
  end.hits[0].rule = "canary.rows";
  end.hits[0].data_kind = "canary";
  rig.feed(end, kNoon);
  const auto fired = rig.look(kNoon);
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_EQ(fired[0].detector, "rows");
}

TEST(Detectors, SayOneThingOnceThenAgainAfterAPauseOrTheHold) {
  auto options = one_burst();
  options.canaries[0].rules = {"leak.card-number"};
  options.bursts.clear();
  Rig rig(options);
  std::size_t fired = 0;
  for (int s = 0; s < 290; ++s) {
    rig.feed(leak(1), kNoon + seconds(s));
    fired += rig.look(kNoon + seconds(s)).size();
  }
  EXPECT_EQ(fired, 1U) << "it never paused and the hold has not passed";
  rig.feed(leak(1), kNoon + seconds(301));
  EXPECT_EQ(rig.look(kNoon + seconds(301)).size(), 1U) << "the hold has passed";
  rig.feed(leak(1), kNoon + seconds(335));
  EXPECT_EQ(rig.look(kNoon + seconds(335)).size(), 1U) << "it paused for longer than rearm";
}

// Keep issue 2481: a resolved incident kept swallowing new alerts.
TEST(Detectors, AreArmedAgainWhenTheIncidentIsResolved) {
  Rig rig(one_burst());
  for (int i = 0; i < 10; ++i) rig.feed(leak(1), kNoon);
  EXPECT_EQ(rig.look(kNoon).size(), 1U);
  rig.feed(leak(1), kNoon + seconds(5));
  EXPECT_TRUE(rig.look(kNoon + seconds(5)).empty());
  rig.detectors.rearm(model::IncidentClass::data_leakage, *model::Scope::parse("route=support"),
                      kNoon + seconds(6));
  EXPECT_TRUE(rig.look(kNoon + seconds(7)).empty()) << "what was resolved is not news";
  for (int i = 0; i < 10; ++i) rig.feed(leak(1), kNoon + seconds(8));
  EXPECT_EQ(rig.look(kNoon + seconds(8)).size(), 1U);
}

TEST(ThresholdDetector, WantsEnoughExchanges) {
  DetectorsOptions options;
  options.thresholds.push_back({});
  options.thresholds[0].of_class = model::IncidentClass::data_leakage;
  Rig rig(std::move(options));
  for (int i = 0; i < 49; ++i) rig.feed(leak(1), kNoon);
  EXPECT_TRUE(rig.look(kNoon).empty());
  rig.feed(leak(1), kNoon);
  ASSERT_EQ(rig.look(kNoon).size(), 1U);
}

TEST(Detectors, FromConfigurationFitWhatIsKept) {
  model::DetectorConfig burst;
  burst.name = "b";
  model::DetectorConfig canary;
  canary.name = "c";
  canary.kind = model::DetectorKind::canary;
  const std::vector<model::DetectorConfig> configured = {burst, canary};
  const auto options = DetectorsOptions::from(configured);
  ASSERT_EQ(options.bursts.size(), 1U);
  EXPECT_LE((options.bursts[0].window + options.bursts[0].baseline).count(), 3600);
  EXPECT_EQ(options.canaries.size(), 1U);
  EXPECT_FALSE(DetectorsOptions::from({}).bursts.empty());
}

class Signals : public testing::Test {
 protected:
  Result<Signal> round_trip(const Signal& signal) {
    const auto entry = model::parse_entry(writer.write(model::EntryKind::signal, to_body(signal)));
    return parse_signal(*entry);
  }
  Signal some() {
    Signal signal;
    signal.source = SignalSource::customer_report;
    signal.reporter = {model::ActorKind::person, "anna"};
    signal.scope = *model::Scope::parse("route=support,tenant=acme");
    signal.time = clock.wall();
    signal.summary = "saw another customer's address";
    signal.dedupe_key = "ticket-9";
    signal.numbers = {{"count", 3}};
    return signal;
  }
  ManualClock clock{kNoon};
  SeededRandom random{5};
  model::EntryWriter writer{"node-1", "boot-1", clock, random};
};

TEST_F(Signals, ReadBackAsTheyWere) {
  const auto back = round_trip(some());
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  EXPECT_EQ(codec::write_json(to_body(*back)), codec::write_json(to_body(some())));
  EXPECT_EQ(back->recorded, kNoon);
  EXPECT_FALSE(back->id.empty());
}

TEST_F(Signals, FromTheFutureAreAcceptedAndMarked) {
  Signal signal = some();
  signal.time = kNoon + std::chrono::minutes(5);
  EXPECT_FALSE(round_trip(signal)->clock_suspect());
  signal.time += seconds(1);
  EXPECT_TRUE(round_trip(signal)->clock_suspect());
  EXPECT_EQ(to_json(*round_trip(signal))["clock_suspect"], true);
}

TEST_F(Signals, RefuseABodyThatIsNotTheirs) {
  for (const char* key : {"source", "reporter", "class", "scope", "time", "summary", "numbers"}) {
    auto body = to_body(some());
    body.erase(key);
    const auto entry = model::parse_entry(writer.write(model::EntryKind::signal, body));
    const auto refused = parse_signal(*entry);
    ASSERT_FALSE(refused.has_value()) << key;
    EXPECT_EQ(refused.error().code, Errc::corrupt);
  }
}

}  // namespace
}  // namespace cordon::detect
