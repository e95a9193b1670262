#include "model/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace cordon::model {
namespace {

using namespace std::chrono_literals;

/// A file with one provider and one route, and more keys in either.
std::string file(std::string_view provider, std::string_view route,
                 std::string_view target = "model: m") {
  return "providers:\n  - {name: p, base_url: 'http://h', " + std::string(provider) +
         "}\nroutes:\n  - {name: r, targets: [{provider: p, " + std::string(target) + "}], " +
         std::string(route) + "}\n";
}

TEST(ConfigResilience, ReadsEveryKeyAndLeavesTheOthersAtTheirDefaults) {
  const auto config = Config::parse(
      file("breaker: {enabled: false, failure_percent: 30, samples_min: 5, window: 10s, open: 2s, "
           "open_max: 1m, probes: 3, slow_start: 0ms}, retry_budget: {percent: 5, floor: 0}",
           "retry: {attempts_max: 3, backoff: 50ms, backoff_max: 1s, wait_max: 0ms}, choose: "
           "weighted, on_cut: error",
           "model: m, weight: 7"),
      "cordon.yaml");
  ASSERT_TRUE(config) << config.error().detail;
  const Provider& provider = config->providers[0].provider;
  EXPECT_EQ(provider.breaker, (Breaker{false, 30, 5, 10s, 2s, 1min, 3, 0ms}));
  EXPECT_EQ(provider.retry_budget, (RetryBudget{5, 0}));
  const RouteConfig& route = config->routes[0];
  EXPECT_EQ(route.retry, (Retry{3, 50ms, 1s, 0ms}));
  EXPECT_EQ(route.choice, Choice::weighted);
  EXPECT_EQ(route.on_cut, OnCut::error);
  EXPECT_EQ(route.targets[0].weight, 7U);

  const auto plain = Config::parse(file("breaker: {}", "retry: {attempts_max: 1}"), "cordon.yaml");
  ASSERT_TRUE(plain) << plain.error().detail;
  EXPECT_EQ(plain->providers[0].provider.breaker, Breaker{});
  EXPECT_EQ(plain->routes[0].retry.backoff, Retry{}.backoff);
  EXPECT_EQ(plain->routes[0].choice, Choice::ordered);
}

/// What is written, and what the error must hold.
struct Bad {
  std::string_view provider;
  std::string_view route;
  std::string_view target;
  std::string_view error;
};

TEST(ConfigResilience, RefusesBadValuesWithTheirPlaceAndWhatWasExpected) {
  const Bad cases[] = {
      {"breaker: {failure_percent: 0}", "mode: standard", "model: m", "found '0', expected"},
      {"breaker: {failure_percent: 101}", "mode: standard", "model: m", "1 to 100"},
      {"breaker: {samples_min: 0}", "mode: standard", "model: m", "found '0', expected"},
      {"breaker: {window: 10ms}", "mode: standard", "model: m", "found '10ms', expected"},
      {"breaker: {open: 10s, open_max: 5s}", "mode: standard", "model: m",
       "found open_max shorter than what it limits, expected 10s or more"},
      {"breaker: {open: 2h}", "mode: standard", "model: m", "found '2h', expected"},
      {"breaker: {probes: 11}", "mode: standard", "model: m", "found '11', expected"},
      {"breaker: {failure_percnt: 3}", "mode: standard", "model: m", "nearest: failure_percent"},
      {"retry_budget: {percent: 200}", "mode: standard", "model: m", "found '200', expected"},
      {"retry_budget: {floor: -1}", "mode: standard", "model: m", "found '-1', expected"},
      {"dialect: openai", "retry: {attempts_max: 0}", "model: m", "found '0', expected"},
      {"dialect: openai", "retry: {attempts_max: 6}", "model: m", "found '6', expected"},
      {"dialect: openai", "retry: {backoff: 3s}", "model: m",
       "found backoff_max shorter than what it limits, expected 3s or more"},
      {"dialect: openai", "retry: {wait_max: 1h}", "model: m", "found '1h', expected"},
      {"dialect: openai", "choose: wheighted", "model: m", "nearest: weighted"},
      {"dialect: openai", "on_cut: retry", "model: m", "expected one of next_target, error"},
      {"dialect: openai", "mode: standard", "model: m, weight: 2",
       "found a weight, expected `choose: weighted` on its route"},
      {"dialect: openai", "choose: weighted", "model: m, weight: 0", "found '0', expected"},
      {"dialect: openai", "fallback: [{provider: p, model: f, weight: 2}]", "model: m",
       "unknown key 'weight'"},
      {"dialect: openai", "choose: weighted, on_cut: error", "model: m, weight: 1001",
       "found '1001', expected"},
  };
  for (const Bad& bad : cases) {
    const auto config = Config::parse(file(bad.provider, bad.route, bad.target), "cordon.yaml");
    ASSERT_FALSE(config) << bad.provider << bad.route << bad.target;
    const std::string& detail = config.error().detail;
    EXPECT_TRUE(detail.starts_with("cordon.yaml:")) << detail;
    EXPECT_NE(detail.find(bad.error), std::string::npos) << detail;
  }
}

TEST(ConfigResilience, EveryKeyIsOnItsPage) {
  std::ifstream in("docs/formats/config.md");
  std::stringstream page;
  page << in.rdbuf();
  for (const std::string_view key :
       {"providers[].breaker.enabled", "providers[].breaker.failure_percent",
        "providers[].breaker.samples_min", "providers[].breaker.window", "providers[].breaker.open",
        "providers[].breaker.open_max", "providers[].breaker.probes",
        "providers[].breaker.slow_start", "providers[].retry_budget.percent",
        "providers[].retry_budget.floor", "routes[].retry.attempts_max", "routes[].retry.backoff",
        "routes[].retry.backoff_max", "routes[].retry.wait_max", "routes[].choose",
        "routes[].on_cut", "routes[].targets[].weight"}) {
    EXPECT_NE(page.str().find("`" + std::string(key) + "`"), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace cordon::model
