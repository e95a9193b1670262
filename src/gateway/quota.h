// What tenants and keys have used of their limits on a node: one count for all gateway threads,
// without a lock.
//
// What a minute allows is a bucket that holds what may be used at once and fills up evenly within
// a minute. It is one number: the moment at which it will be full again. Taking moves that moment
// out, so a race between threads can neither lose nor double what was taken. What a day allows is
// a count that begins anew at midnight UTC.
#pragma once

#include "base/clock.h"
#include "model/generation.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::gateway {

/// How full a bucket is, or how much of a day is left.
struct LimitStanding {
  std::uint64_t remaining = 0;
  std::chrono::nanoseconds until_full{0};
};

/// Any thread. Every call for one bucket has the same `per_minute`, at least 1. The price of one
/// taking is right to a nanosecond of the minute.
class Bucket {
 public:
  /// Takes `amount` and answers 0, or takes nothing and answers how long to wait for it. What is
  /// more than the bucket can hold is taken from a full one, so that nothing waits for ever.
  [[nodiscard]] std::chrono::nanoseconds take(std::uint64_t amount, std::uint64_t per_minute,
                                              MonoTime now) noexcept;
  /// Takes what was used already, whether it is there or not; what comes next waits the longer.
  void charge(std::uint64_t amount, std::uint64_t per_minute, MonoTime now) noexcept;
  /// Puts back what was taken and not used; a bucket is never more than full.
  void give_back(std::uint64_t amount, std::uint64_t per_minute) noexcept;
  /// Holds `after` a minute instead of `before`, and lacks as much as it did.
  void resize(std::uint64_t before, std::uint64_t after, MonoTime now) noexcept;
  [[nodiscard]] LimitStanding standing(std::uint64_t per_minute, MonoTime now) const noexcept;

 private:
  std::atomic<std::int64_t> full_at_ns_{0};
};

/// The day of UTC in which a moment lies, since 1970.
[[nodiscard]] std::int64_t day_of(WallTime time) noexcept;
[[nodiscard]] std::chrono::nanoseconds until_midnight(WallTime time) noexcept;

/// Any thread. A clock that goes back counts into the latest day that was seen.
class DayCount {
 public:
  /// Adds `amount` unless that is more than `limit`.
  [[nodiscard]] bool take(std::uint64_t amount, std::uint64_t limit, std::int64_t day) noexcept;
  void charge(std::uint64_t amount, std::int64_t day) noexcept;
  /// Of what was taken on `taken_on`; nothing if that day is over.
  void give_back(std::uint64_t amount, std::int64_t taken_on, std::int64_t day) noexcept;
  [[nodiscard]] std::uint64_t used(std::int64_t day) noexcept;

 private:
  [[nodiscard]] std::atomic<std::uint64_t>& of(std::int64_t day) noexcept;
  std::atomic<std::int64_t> day_{0};
  std::array<std::atomic<std::uint64_t>, 2> used_{};  ///< of even and of odd days
};

/// Which of the limits; in the order of model::UsageLimits.
enum class Limit : std::uint8_t {
  requests_per_minute,
  tokens_per_minute,
  cost_per_minute,
  requests_per_day,
  tokens_per_day,
  cost_per_day,
};
inline constexpr std::size_t kLimitCount = 6;
/// As cordon.yaml writes it.
[[nodiscard]] std::string_view to_string(Limit limit) noexcept;
[[nodiscard]] bool is_daily(Limit limit) noexcept;

/// What was used within one day of UTC; costs in nano-units.
struct DayUse {
  std::uint64_t requests = 0;
  std::uint64_t tokens = 0;
  std::uint64_t cost = 0;
};

/// One moment by both clocks.
struct Moment {
  MonoTime mono{};
  WallTime wall{};
};

/// What one exchange came to.
struct Spent {
  std::uint64_t tokens = 0;
  std::uint64_t cost = 0;  ///< nano-units
};

/// The counts of one tenant or one key. Any thread, but for set_limits().
class Quota {
 public:
  /// `name` is how errors call it.
  Quota(std::string name, const model::UsageLimits& limits);

  /// Puts other limits in force; what was used stays used. One thread.
  void set_limits(const model::UsageLimits& limits, MonoTime now) noexcept;
  /// Counts what was used before this node began to count. One thread, before anything is taken.
  void begin_with(const DayUse& use, std::int64_t day) noexcept;

  struct Refused {
    Limit limit{};
    std::uint64_t of = 0;              ///< what it allows
    std::chrono::nanoseconds wait{0};  ///< until it is worth while to ask again
  };
  /// Takes a request and as many tokens as it may come to (at most what a limit allows in all), or
  /// nothing, and says which limit refused. Money is not reserved: there must be some left.
  [[nodiscard]] std::optional<Refused> take(std::uint64_t tokens, Moment now) noexcept;
  /// Undoes a take(): another limit refused.
  void untake(std::uint64_t tokens, Moment now) noexcept;
  /// Puts what was used in the place of what take() reserved on the day `taken_on`.
  void settle(std::uint64_t tokens_reserved, std::int64_t taken_on, const Spent& spent,
              Moment now) noexcept;

  /// 0: no such limit.
  [[nodiscard]] std::uint64_t limit(Limit which) const noexcept {
    return limits_[static_cast<std::size_t>(which)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] LimitStanding standing(Limit which, Moment now) noexcept;
  [[nodiscard]] std::uint64_t refused(Limit which) const noexcept {
    return refused_[static_cast<std::size_t>(which)].load(std::memory_order_relaxed);
  }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  [[nodiscard]] Refused refuse(Limit which, std::chrono::nanoseconds wait) noexcept;
  [[nodiscard]] std::optional<Refused> take_minute(std::uint64_t tokens, Moment now) noexcept;
  [[nodiscard]] std::optional<Refused> take_day(std::uint64_t tokens, Moment now) noexcept;
  void untake_minute(std::uint64_t tokens) noexcept;

  const std::string name_;
  std::array<std::atomic<std::uint64_t>, kLimitCount> limits_{};
  std::array<std::atomic<std::uint64_t>, kLimitCount> refused_{};
  std::array<Bucket, 3> minute_;  ///< requests, tokens, cost
  std::array<DayCount, 3> day_;   ///< likewise
};

/// Of those that have limits: tenants by name, keys by label_of().
struct Quotas {
  using ByName = std::map<std::string, std::shared_ptr<Quota>, std::less<>>;
  ByName tenants;
  ByName keys;
};

/// How entries and errors call a key of the configuration that has limits: `sha256:` and 16 digits.
[[nodiscard]] std::string label_of(std::string_view key_sha256);

/// What tenants and keys used on a day before this node counts it itself.
struct UsedBefore {
  std::int64_t day = 0;
  std::map<std::string, DayUse, std::less<>> tenants;
  std::map<std::string, DayUse, std::less<>> keys;  ///< by label_of(), or the id of an issued one
};

/// The quotas that `generation` wants. What `before` has counts on, whatever its limits were; what
/// it does not have begins with what `used` says, which is asked only then, once; empty: nothing.
[[nodiscard]] Quotas quotas_of(const model::Generation& generation, const Quotas* before,
                               const std::function<UsedBefore()>& used, MonoTime now);

/// `20ms`, `1s`, `6m0s`, `7h0m0s`, rounded up: how OpenAI's reset headers say a time.
[[nodiscard]] std::string format_reset(std::chrono::nanoseconds time);

/// `2026-01-05T10:12:03Z`, rounded up to a second: how Anthropic's reset headers say a moment.
[[nodiscard]] std::string format_second(WallTime time);

/// Samples for `/metrics`. Labels are names of the configuration and ids of keys; past a thousand
/// the others are left out.
void write_quotas(std::string& out, const Quotas& quotas, Moment now);

}  // namespace cordon::gateway
