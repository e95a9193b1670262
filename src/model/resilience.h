// What is done about a provider that fails: asking again, asking elsewhere, not asking for a while.
//
// The keys and bounds are docs/formats/config.md, the behaviour docs/formats/gateway-http.md.
#pragma once

#include "base/result.h"

#include <chrono>
#include <cstdint>
#include <string_view>

namespace cordon::model {

/// How often and how soon a target of a route is asked again after a failure that may pass.
struct Retry {
  std::uint32_t attempts_max = 2;  ///< at one target, the first included; 1: never again
  /// At most, before the first retry; twice as long before each further one.
  std::chrono::milliseconds backoff{100};
  std::chrono::milliseconds backoff_max{2'000};
  std::chrono::milliseconds wait_max{5'000};  ///< longest Retry-After that is waited for
  friend bool operator==(const Retry&, const Retry&) = default;
};

/// How many retries a target gets, over a breaker's window: a share of what it was asked.
struct RetryBudget {
  std::uint32_t percent = 20;
  std::uint32_t floor = 10;  ///< so many in any case
  friend bool operator==(const RetryBudget&, const RetryBudget&) = default;
};

/// When a target is not asked for a while, and how it comes back.
struct Breaker {
  bool enabled = true;
  std::uint32_t failure_percent = 50;  ///< of the attempts of a window: from here on it opens
  std::uint32_t samples_min = 20;      ///< attempts in a window; fewer never open it
  std::chrono::milliseconds window{30'000};
  std::chrono::milliseconds open{5'000};  ///< until the first probe; doubles while it flaps
  std::chrono::milliseconds open_max{300'000};
  std::uint32_t probes = 2;                      ///< in a row that must succeed, one at a time
  std::chrono::milliseconds slow_start{30'000};  ///< until it has its whole share again; 0: at once
  friend bool operator==(const Breaker&, const Breaker&) = default;
};

/// In which order the targets of a route are tried.
enum class Choice : std::uint8_t { ordered, weighted, least_latency };
[[nodiscard]] std::string_view to_string(Choice choice) noexcept;
[[nodiscard]] Result<Choice> parse_choice(std::string_view text);

/// What follows when a stream ends early and none of it has been released.
enum class OnCut : std::uint8_t { next_target, error };

}  // namespace cordon::model
