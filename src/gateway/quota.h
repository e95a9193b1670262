// What the tenants of a node have used of their limits: one count for all gateway threads, without
// a lock.
//
// A limit is a bucket that holds what may be used at once and fills up evenly within a minute. It
// is one number: the moment at which it will be full again. Taking moves that moment out, so a
// race between threads can neither lose nor double what was taken.
#pragma once

#include "base/clock.h"
#include "model/generation.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace cordon::gateway {

/// How full a bucket is.
struct BucketStanding {
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
  [[nodiscard]] BucketStanding standing(std::uint64_t per_minute, MonoTime now) const noexcept;

 private:
  std::atomic<std::int64_t> full_at_ns_{0};
};

/// The counts of one tenant. Any thread.
struct TenantQuota {
  explicit TenantQuota(const model::TenantLimits& of) : limits(of) {}
  const model::TenantLimits limits;
  Bucket requests;
  Bucket tokens;
  std::atomic<std::uint64_t> requests_refused{0};  ///< since the start, for want of requests
  std::atomic<std::uint64_t> tokens_refused{0};    ///< likewise, of tokens
};

/// By the names of the tenants that have limits.
using QuotaByTenant = std::map<std::string, std::shared_ptr<TenantQuota>, std::less<>>;

/// The quotas that `generation` wants: those of `before`, if any, where the limits are the same.
[[nodiscard]] QuotaByTenant quotas_of(const model::Generation& generation,
                                      const QuotaByTenant* before);

/// `20ms`, `1s`, `6m0s`, rounded up: how OpenAI's reset headers say a time.
[[nodiscard]] std::string format_reset(std::chrono::nanoseconds time);

/// `2026-01-05T10:12:03Z`, rounded up to a second: how Anthropic's reset headers say a moment.
[[nodiscard]] std::string format_second(WallTime time);

/// Samples for `/metrics`. Labels are names of the configuration; past a thousand tenants the
/// others are left out.
void write_quotas(std::string& out, const QuotaByTenant& quotas, MonoTime now);

}  // namespace cordon::gateway
