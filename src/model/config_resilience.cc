#include "model/internal/read_resilience.h"
#include "model/internal/yaml_fields.h"

#include <array>

namespace cordon::model::internal {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 3> kChoices = {"ordered", "weighted", "least_latency"};
constexpr std::array<std::string_view, 2> kOnCut = {"next_target", "error"};

/// The longest of a thing that grows is no less than the first.
Status check_order(const YamlNode& map, std::string_view key, Milliseconds least,
                   Milliseconds most) {
  if (least <= most) return {};
  const YamlNode* node = map.find(key);
  const std::string text = fmt::format("found {} shorter than what it limits, expected {} or more",
                                       key, format_duration(least));
  return tl::make_unexpected(node == nullptr ? map.error(text) : node->error(text));
}

Status read_breaker(const YamlNode& provider, Breaker& breaker) {
  const YamlNode* node = section(provider, "breaker");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 8> kKeys = {
      "enabled", "failure_percent", "samples_min", "window",
      "open",    "open_max",        "probes",      "slow_start"};
  CORDON_CHECK(node->check_keys(kKeys));
  if (const YamlNode* enabled = node->find("enabled")) {
    CORDON_TRY(breaker.enabled, enabled->as_bool());
  }
  CORDON_CHECK(read_count(*node, "failure_percent", 1, 100, breaker.failure_percent));
  CORDON_CHECK(read_count(*node, "samples_min", 1, 100'000, breaker.samples_min));
  CORDON_CHECK(read_duration(*node, "window", 1s, 1h, breaker.window));
  CORDON_CHECK(read_duration(*node, "open", 100ms, 1h, breaker.open));
  CORDON_CHECK(read_duration(*node, "open_max", 100ms, 24h, breaker.open_max));
  CORDON_CHECK(read_count(*node, "probes", 1, 10, breaker.probes));
  CORDON_CHECK(read_duration(*node, "slow_start", 0ms, 1h, breaker.slow_start));
  return check_order(*node, "open_max", breaker.open, breaker.open_max);
}

Status read_retry_budget(const YamlNode& provider, RetryBudget& budget) {
  const YamlNode* node = section(provider, "retry_budget");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 2> kKeys = {"percent", "floor"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_count(*node, "percent", 0, 100, budget.percent));
  return read_count(*node, "floor", 0, 10'000, budget.floor);
}

Status read_retry(const YamlNode& route, Retry& retry) {
  const YamlNode* node = section(route, "retry");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 4> kKeys = {"attempts_max", "backoff",
                                                            "backoff_max", "wait_max"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_CHECK(read_count(*node, "attempts_max", 1, 5, retry.attempts_max));
  CORDON_CHECK(read_duration(*node, "backoff", 1ms, 1min, retry.backoff));
  CORDON_CHECK(read_duration(*node, "backoff_max", 1ms, 10min, retry.backoff_max));
  CORDON_CHECK(read_duration(*node, "wait_max", 0ms, 10min, retry.wait_max));
  return check_order(*node, "backoff_max", retry.backoff, retry.backoff_max);
}

/// A weight that nothing weighs would be taken for one that works.
Status check_weights(const YamlNode& route, const RouteConfig& into) {
  const YamlNode* targets = section(route, "targets");
  if (into.choice == Choice::weighted || targets == nullptr) return {};
  for (const YamlNode& target : targets->items()) {
    if (const YamlNode* weight = target.find("weight")) {
      return tl::make_unexpected(
          weight->error("found a weight, expected `choose: weighted` on its route"));
    }
  }
  return {};
}

}  // namespace

Status read_health(const YamlNode& provider, Provider& into) {
  CORDON_CHECK(read_breaker(provider, into.breaker));
  return read_retry_budget(provider, into.retry_budget);
}

Status read_resilience(const YamlNode& route, RouteConfig& into) {
  CORDON_CHECK(read_retry(route, into.retry));
  CORDON_CHECK(read_word(route, "choose", kChoices, into.choice));
  CORDON_CHECK(read_word(route, "on_cut", kOnCut, into.on_cut));
  return check_weights(route, into);
}

}  // namespace cordon::model::internal
