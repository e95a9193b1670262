#include "gateway/quota.h"

#include "codec/json_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace cordon::gateway {
namespace {

constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::uint64_t kMinutesMax = 10'000;
constexpr std::size_t kTenantsWritten = 1'000;

/// The time in which so much comes back. Rounded down, so that a full bucket yields all it holds.
std::int64_t cost_ns(std::uint64_t amount, std::uint64_t per_minute) noexcept {
  const auto minutes = static_cast<std::int64_t>(std::min(amount / per_minute, kMinutesMax));
  const long double rest = static_cast<long double>(amount % per_minute) *
                           static_cast<long double>(kMinuteNs) /
                           static_cast<long double>(per_minute);
  return minutes * kMinuteNs + static_cast<std::int64_t>(rest);
}

}  // namespace

std::chrono::nanoseconds Bucket::take(std::uint64_t amount, std::uint64_t per_minute,
                                      MonoTime now) noexcept {
  const std::int64_t cost = cost_ns(std::min(amount, per_minute), per_minute);
  std::int64_t full_at = full_at_ns_.load(std::memory_order_relaxed);
  while (true) {
    const std::int64_t next = std::max<std::int64_t>(full_at, now.count()) + cost;
    const std::int64_t late = next - now.count() - kMinuteNs;
    if (late > 0) return std::chrono::nanoseconds(late);
    if (full_at_ns_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) {
      return std::chrono::nanoseconds(0);
    }
  }
}

void Bucket::charge(std::uint64_t amount, std::uint64_t per_minute, MonoTime now) noexcept {
  const std::int64_t cost = cost_ns(amount, per_minute);
  std::int64_t full_at = full_at_ns_.load(std::memory_order_relaxed);
  while (!full_at_ns_.compare_exchange_weak(
      full_at, std::max<std::int64_t>(full_at, now.count()) + cost, std::memory_order_relaxed)) {
  }
}

void Bucket::give_back(std::uint64_t amount, std::uint64_t per_minute) noexcept {
  // A moment in the past is a full bucket, however long ago it was.
  full_at_ns_.fetch_sub(cost_ns(std::min(amount, per_minute), per_minute),
                        std::memory_order_relaxed);
}

BucketStanding Bucket::standing(std::uint64_t per_minute, MonoTime now) const noexcept {
  const std::int64_t full_at = full_at_ns_.load(std::memory_order_relaxed);
  const std::int64_t missing = std::max<std::int64_t>(full_at - now.count(), 0);
  BucketStanding standing;
  standing.until_full = std::chrono::nanoseconds(missing);
  if (missing >= kMinuteNs) return standing;
  standing.remaining = static_cast<std::uint64_t>(static_cast<long double>(kMinuteNs - missing) *
                                                  static_cast<long double>(per_minute) /
                                                  static_cast<long double>(kMinuteNs));
  return standing;
}

QuotaByTenant quotas_of(const model::Generation& generation, const QuotaByTenant* before) {
  QuotaByTenant quotas;
  for (const model::Tenant& tenant : generation.tenants) {
    if (!tenant.limits.any()) continue;
    std::shared_ptr<TenantQuota>& quota = quotas[tenant.name];
    if (before != nullptr) {
      const auto known = before->find(tenant.name);
      if (known != before->end() && known->second->limits == tenant.limits) quota = known->second;
    }
    if (!quota) quota = std::make_shared<TenantQuota>(tenant.limits);
  }
  return quotas;
}

std::string format_reset(std::chrono::nanoseconds time) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  if (ms < 1'000) return fmt::format("{}ms", ms);
  const auto seconds = (ms + 999) / 1'000;
  if (seconds < 60) return fmt::format("{}s", seconds);
  return fmt::format("{}m{}s", seconds / 60, seconds % 60);
}

std::string format_second(WallTime time) {
  const std::string exact = format_rfc3339(std::chrono::ceil<std::chrono::seconds>(time));
  return exact.substr(0, exact.find('.')) + "Z";
}

void write_quotas(std::string& out, const QuotaByTenant& quotas, MonoTime now) {
  if (quotas.empty()) return;
  const auto write = [&](std::string_view name, std::string_view type, std::string_view help,
                         const auto& value) {
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    std::size_t written = 0;
    for (const auto& [tenant, quota] : quotas) {
      if (++written > kTenantsWritten) break;
      const auto sample = [&, &name_of = tenant](std::string_view limit, std::uint64_t number) {
        fmt::format_to(std::back_inserter(out), "{}{{tenant=", name);
        codec::append_json_string(out, name_of);
        fmt::format_to(std::back_inserter(out), ",limit=\"{}\"}} {}\n", limit, number);
      };
      value(*quota, sample);
    }
  };
  write("cordon_tenant_limit_refused_total", "counter",
        "Requests that a limit of their tenant refused.",
        [](const TenantQuota& quota, const auto& sample) {
          if (quota.limits.requests_per_minute > 0) {
            sample("requests", quota.requests_refused.load(std::memory_order_relaxed));
          }
          if (quota.limits.tokens_per_minute > 0) {
            sample("tokens", quota.tokens_refused.load(std::memory_order_relaxed));
          }
        });
  write("cordon_tenant_limit_remaining", "gauge", "What a tenant may still use at once.",
        [now](const TenantQuota& quota, const auto& sample) {
          const auto& limits = quota.limits;
          if (limits.requests_per_minute > 0) {
            sample("requests", quota.requests.standing(limits.requests_per_minute, now).remaining);
          }
          if (limits.tokens_per_minute > 0) {
            sample("tokens", quota.tokens.standing(limits.tokens_per_minute, now).remaining);
          }
        });
}

}  // namespace cordon::gateway
