// How the targets have done lately: whether one may be asked, asked again, or left alone.
//
// A TargetHealth is shared by all I/O threads. It is made of atomics alone: a request that goes
// well costs it one load and one exchange of a word, no lock and no allocation.
#pragma once

#include "base/clock.h"
#include "model/resilience.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace cordon::gateway {

/// `half_open`: the next request, and no second one beside it, is a probe.
enum class BreakerState : std::uint8_t { closed, half_open, open };
/// `closed`, `half_open`, `open`.
[[nodiscard]] std::string_view to_string(BreakerState state) noexcept;

/// As what a request may go to a target.
enum class Pass : std::uint8_t { refused, usual, probe };

/// What is known of a target at one moment.
struct Standing {
  BreakerState state = BreakerState::closed;
  std::uint64_t answered = 0;             ///< attempts of the window
  std::uint64_t failed = 0;               ///< likewise
  std::chrono::milliseconds open_for{0};  ///< until the next probe may go; 0: at once
  std::uint32_t share_percent = 100;      ///< less during slow start
  std::uint64_t opened = 0;               ///< since the start
  std::uint64_t retries = 0;              ///< likewise
  std::uint64_t retries_refused = 0;      ///< likewise, by the budget
  std::chrono::microseconds latency{0};   ///< until the head of an answer; 0: not measured
};

/// One target. Any thread; never blocks, never allocates, never fails. Every request that ask()
/// lets pass ends in exactly one of answered(), failed() and dropped().
class TargetHealth {
 public:
  TargetHealth(const model::Breaker& breaker, const model::RetryBudget& budget) noexcept;
  TargetHealth(const TargetHealth&) = delete;
  TargetHealth& operator=(const TargetHealth&) = delete;

  /// Whether a request may go there. `probe` takes the one place for it.
  [[nodiscard]] Pass ask(MonoTime now) noexcept;
  /// The same without asking.
  [[nodiscard]] bool may_ask(MonoTime now) const noexcept;
  void answered(Pass as, MonoTime now) noexcept;
  void failed(Pass as, MonoTime now) noexcept;
  /// It ended in a way that says nothing of the target.
  void dropped(Pass as, MonoTime now) noexcept;

  /// Takes a retry out of the budget, if one is left there.
  [[nodiscard]] bool take_retry(MonoTime now) noexcept;
  /// Of the requests that are meant for it, how many it should get: 100, or less while it comes
  /// back.
  [[nodiscard]] std::uint32_t share_percent(MonoTime now) const noexcept;

  void note_latency(std::chrono::microseconds took, MonoTime now) noexcept;
  /// To be compared with other targets'. 0 if nobody has measured it, or begun to, within a
  /// window; the largest there is while somebody measures it for the first time.
  [[nodiscard]] std::chrono::microseconds latency_to_compare(MonoTime now) const noexcept;
  /// Whoever was told 0 and asks it says so, so that others do not do the same.
  void begin_measuring(MonoTime now) noexcept;

  [[nodiscard]] Standing standing(MonoTime now) const noexcept;
  [[nodiscard]] const model::Breaker& breaker() const noexcept { return breaker_; }
  [[nodiscard]] const model::RetryBudget& budget() const noexcept { return budget_; }

 private:
  static constexpr std::size_t kSlots = 10;
  using Slots = std::array<std::atomic<std::uint64_t>, kSlots>;
  struct Totals {
    std::uint64_t answered = 0;
    std::uint64_t failed = 0;
  };

  [[nodiscard]] std::uint64_t slot_at(MonoTime now) const noexcept;
  void count(Slots& slots, std::uint64_t unit, MonoTime now) noexcept;
  [[nodiscard]] Totals totals(const Slots& slots, MonoTime now) const noexcept;
  [[nodiscard]] std::int64_t open_us(std::uint32_t trips) const noexcept;
  void forget_window() noexcept;

  const model::Breaker breaker_;
  const model::RetryBudget budget_;
  std::atomic<std::uint64_t> state_{0};  ///< a Word; see the source
  Slots attempts_{};
  Slots retries_in_window_{};
  std::atomic<std::uint64_t> opened_{0};
  std::atomic<std::uint64_t> retries_{0};
  std::atomic<std::uint64_t> retries_refused_{0};
  std::atomic<std::int64_t> latency_us_{0};
  std::atomic<std::int64_t> measured_us_{0};  ///< when
};

/// By provider and model.
using HealthByTarget =
    std::map<std::pair<std::string, std::string>, std::shared_ptr<TargetHealth>, std::less<>>;

}  // namespace cordon::gateway
