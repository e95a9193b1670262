#include "gateway/quota.h"

#include "codec/json_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace cordon::gateway {
namespace {

constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::uint64_t kMinutesMax = 10'000;
constexpr std::size_t kQuotasWritten = 1'000;
constexpr std::size_t kLabelDigits = 16;
constexpr std::array<std::string_view, kLimitCount> kLimitNames = {
    "requests_per_minute", "tokens_per_minute", "cost_per_minute",
    "requests_per_day",    "tokens_per_day",    "cost_per_day"};
/// Where what is counted stands in both arrays of a Quota.
constexpr std::size_t kRequests = 0;
constexpr std::size_t kTokens = 1;
constexpr std::size_t kCost = 2;

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

LimitStanding Bucket::standing(std::uint64_t per_minute, MonoTime now) const noexcept {
  const std::int64_t full_at = full_at_ns_.load(std::memory_order_relaxed);
  const std::int64_t missing = std::max<std::int64_t>(full_at - now.count(), 0);
  LimitStanding standing;
  standing.until_full = std::chrono::nanoseconds(missing);
  if (missing >= kMinuteNs) return standing;
  standing.remaining = static_cast<std::uint64_t>(static_cast<long double>(kMinuteNs - missing) *
                                                  static_cast<long double>(per_minute) /
                                                  static_cast<long double>(kMinuteNs));
  return standing;
}

void Bucket::resize(std::uint64_t before, std::uint64_t after, MonoTime now) noexcept {
  std::int64_t full_at = full_at_ns_.load(std::memory_order_relaxed);
  while (full_at > now.count()) {
    const long double lacks = static_cast<long double>(full_at - now.count()) *
                              static_cast<long double>(before) / static_cast<long double>(after);
    const auto most = static_cast<long double>(kMinutesMax) * static_cast<long double>(kMinuteNs);
    const std::int64_t next = now.count() + static_cast<std::int64_t>(std::min(lacks, most));
    if (full_at_ns_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) return;
  }
}

std::int64_t day_of(WallTime time) noexcept {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

std::chrono::nanoseconds until_midnight(WallTime time) noexcept {
  return std::chrono::floor<std::chrono::days>(time) + std::chrono::days(1) - time;
}

/// Whoever sees a day first takes away what was counted two days ago or earlier: nobody adds to
/// that count meanwhile, because it is not the day of anybody yet.
std::atomic<std::uint64_t>& DayCount::of(std::int64_t day) noexcept {
  std::int64_t seen = day_.load(std::memory_order_acquire);
  while (seen < day) {
    std::atomic<std::uint64_t>& count = used_[static_cast<std::size_t>(day & 1)];
    const std::uint64_t old = count.load(std::memory_order_relaxed);
    if (day_.compare_exchange_weak(seen, day, std::memory_order_acq_rel)) {
      count.fetch_sub(old, std::memory_order_relaxed);
      return count;
    }
  }
  return used_[static_cast<std::size_t>(seen & 1)];
}

bool DayCount::take(std::uint64_t amount, std::uint64_t limit, std::int64_t day) noexcept {
  std::atomic<std::uint64_t>& count = of(day);
  std::uint64_t used = count.load(std::memory_order_relaxed);
  do {
    if (used > limit || amount > limit - used) return false;
  } while (!count.compare_exchange_weak(used, used + amount, std::memory_order_relaxed));
  return true;
}

void DayCount::charge(std::uint64_t amount, std::int64_t day) noexcept {
  std::atomic<std::uint64_t>& count = of(day);
  std::uint64_t used = count.load(std::memory_order_relaxed);
  while (!count.compare_exchange_weak(used, model::add_nano(used, amount),
                                      std::memory_order_relaxed)) {
  }
}

void DayCount::give_back(std::uint64_t amount, std::int64_t taken_on, std::int64_t day) noexcept {
  std::atomic<std::uint64_t>& count = of(day);
  if (taken_on < day_.load(std::memory_order_relaxed)) return;
  std::uint64_t used = count.load(std::memory_order_relaxed);
  while (!count.compare_exchange_weak(used, used - std::min(used, amount),
                                      std::memory_order_relaxed)) {
  }
}

std::uint64_t DayCount::used(std::int64_t day) noexcept {
  return of(day).load(std::memory_order_relaxed);
}

std::string_view to_string(Limit limit) noexcept {
  return kLimitNames[static_cast<std::size_t>(limit)];
}

bool is_daily(Limit limit) noexcept {
  return limit >= Limit::requests_per_day;
}

Quota::Quota(std::string name, const model::UsageLimits& limits) : name_(std::move(name)) {
  set_limits(limits, MonoTime{0});
}

void Quota::set_limits(const model::UsageLimits& limits, MonoTime now) noexcept {
  const std::array<std::uint64_t, kLimitCount> wanted = {
      limits.requests_per_minute, limits.tokens_per_minute, limits.cost_per_minute,
      limits.requests_per_day,    limits.tokens_per_day,    limits.cost_per_day};
  for (std::size_t i = 0; i < kLimitCount; ++i) {
    const std::uint64_t before = limits_[i].exchange(wanted[i], std::memory_order_relaxed);
    if (i < minute_.size() && before > 0 && wanted[i] > 0 && before != wanted[i]) {
      minute_[i].resize(before, wanted[i], now);
    }
  }
}

void Quota::begin_with(const DayUse& use, std::int64_t day) noexcept {
  day_[kRequests].charge(use.requests, day);
  day_[kTokens].charge(use.tokens, day);
  day_[kCost].charge(use.cost, day);
}

Quota::Refused Quota::refuse(Limit which, std::chrono::nanoseconds wait) noexcept {
  refused_[static_cast<std::size_t>(which)].fetch_add(1, std::memory_order_relaxed);
  return {which, limit(which), wait};
}

void Quota::untake_minute(std::uint64_t tokens) noexcept {
  const std::uint64_t requests = limit(Limit::requests_per_minute);
  const std::uint64_t most = limit(Limit::tokens_per_minute);
  if (requests > 0) minute_[kRequests].give_back(1, requests);
  if (most > 0 && tokens > 0) minute_[kTokens].give_back(std::min(tokens, most), most);
}

std::optional<Quota::Refused> Quota::take_minute(std::uint64_t tokens, Moment now) noexcept {
  const std::uint64_t money = limit(Limit::cost_per_minute);
  if (money > 0) {
    // Nothing is taken: there only must be some left.
    const auto missing = minute_[kCost].standing(money, now.mono).until_full;
    const std::chrono::nanoseconds wait = missing - std::chrono::nanoseconds(kMinuteNs);
    if (wait.count() >= 0) {
      return refuse(Limit::cost_per_minute, wait + std::chrono::nanoseconds(1));
    }
  }
  const std::uint64_t requests = limit(Limit::requests_per_minute);
  if (requests > 0) {
    const auto wait = minute_[kRequests].take(1, requests, now.mono);
    if (wait.count() > 0) return refuse(Limit::requests_per_minute, wait);
  }
  const std::uint64_t most = limit(Limit::tokens_per_minute);
  if (most > 0 && tokens > 0) {
    const auto wait = minute_[kTokens].take(std::min(tokens, most), most, now.mono);
    if (wait.count() > 0) {
      if (requests > 0) minute_[kRequests].give_back(1, requests);
      return refuse(Limit::tokens_per_minute, wait);
    }
  }
  return std::nullopt;
}

std::optional<Quota::Refused> Quota::take_day(std::uint64_t tokens, Moment now) noexcept {
  const std::int64_t day = day_of(now.wall);
  const auto spent = [&](Limit which) { return refuse(which, until_midnight(now.wall)); };
  const std::uint64_t money = limit(Limit::cost_per_day);
  if (money > 0 && day_[kCost].used(day) >= money) return spent(Limit::cost_per_day);
  const auto bound = [this](Limit which) {
    const std::uint64_t set = limit(which);
    return set > 0 ? set : model::kNanoMax;
  };
  if (!day_[kRequests].take(1, bound(Limit::requests_per_day), day)) {
    return spent(Limit::requests_per_day);
  }
  const std::uint64_t most = bound(Limit::tokens_per_day);
  if (tokens > 0 && !day_[kTokens].take(std::min(tokens, most), most, day)) {
    day_[kRequests].give_back(1, day, day);
    return spent(Limit::tokens_per_day);
  }
  return std::nullopt;
}

std::optional<Quota::Refused> Quota::take(std::uint64_t tokens, Moment now) noexcept {
  if (auto refused = take_minute(tokens, now)) return refused;
  auto refused = take_day(tokens, now);
  if (refused) untake_minute(tokens);
  return refused;
}

void Quota::untake(std::uint64_t tokens, Moment now) noexcept {
  const std::int64_t day = day_of(now.wall);
  untake_minute(tokens);
  day_[kRequests].give_back(1, day, day);
  const std::uint64_t most = limit(Limit::tokens_per_day);
  day_[kTokens].give_back(most > 0 ? std::min(tokens, most) : tokens, day, day);
}

void Quota::settle(std::uint64_t tokens_reserved, std::int64_t taken_on, const Spent& spent,
                   Moment now) noexcept {
  const std::int64_t day = day_of(now.wall);
  const std::uint64_t per_minute = limit(Limit::tokens_per_minute);
  if (per_minute > 0) {
    const std::uint64_t reserved = std::min(tokens_reserved, per_minute);
    if (spent.tokens > reserved) {
      minute_[kTokens].charge(spent.tokens - reserved, per_minute, now.mono);
    } else {
      minute_[kTokens].give_back(reserved - spent.tokens, per_minute);
    }
  }
  const std::uint64_t per_day = limit(Limit::tokens_per_day);
  const std::uint64_t reserved = per_day > 0 ? std::min(tokens_reserved, per_day) : tokens_reserved;
  day_[kTokens].give_back(reserved, taken_on, day);
  day_[kTokens].charge(spent.tokens, day);
  if (spent.cost == 0) return;
  const std::uint64_t money = limit(Limit::cost_per_minute);
  if (money > 0) minute_[kCost].charge(spent.cost, money, now.mono);
  day_[kCost].charge(spent.cost, day);
}

LimitStanding Quota::standing(Limit which, Moment now) noexcept {
  const std::uint64_t allowed = limit(which);
  const auto at = static_cast<std::size_t>(which);
  if (!is_daily(which)) return minute_[at].standing(std::max<std::uint64_t>(allowed, 1), now.mono);
  const std::uint64_t used = day_[at - minute_.size()].used(day_of(now.wall));
  LimitStanding standing;
  standing.remaining = allowed - std::min(allowed, used);
  if (used > 0) standing.until_full = until_midnight(now.wall);
  return standing;
}

std::string label_of(std::string_view key_sha256) {
  return "sha256:" + std::string(key_sha256.substr(0, kLabelDigits));
}

Quotas quotas_of(const model::Generation& generation, const Quotas* before,
                 const std::function<UsedBefore()>& used, MonoTime now) {
  Quotas quotas;
  std::optional<UsedBefore> counted;
  const auto add = [&](std::string_view what, Quotas::ByName Quotas::*list,
                       std::map<std::string, DayUse, std::less<>> UsedBefore::*uses,
                       const std::string& name, const model::UsageLimits& limits) {
    if (!limits.any()) return;
    std::shared_ptr<Quota>& quota = (quotas.*list)[name];
    if (before != nullptr) {
      const auto known = (before->*list).find(name);
      if (known != (before->*list).end()) quota = known->second;
    }
    if (quota) {
      quota->set_limits(limits, now);
      return;
    }
    quota = std::make_shared<Quota>(fmt::format("{} '{}'", what, name), limits);
    if (!counted) counted = used ? used() : UsedBefore();
    const auto found = ((*counted).*uses).find(name);
    if (found != ((*counted).*uses).end()) quota->begin_with(found->second, counted->day);
  };
  for (const model::Tenant& tenant : generation.tenants) {
    add("tenant", &Quotas::tenants, &UsedBefore::tenants, tenant.name, tenant.limits);
    for (const model::KeyLimits& key : tenant.key_limits) {
      add("key", &Quotas::keys, &UsedBefore::keys, label_of(key.sha256), key.limits);
    }
  }
  for (const model::IssuedKey& key : generation.keys) {
    add("key", &Quotas::keys, &UsedBefore::keys, key.id, key.limits);
  }
  return quotas;
}

std::string format_reset(std::chrono::nanoseconds time) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  if (ms < 1'000) return fmt::format("{}ms", ms);
  const auto seconds = (ms + 999) / 1'000;
  if (seconds < 60) return fmt::format("{}s", seconds);
  const auto minutes = seconds / 60;
  if (minutes < 60) return fmt::format("{}m{}s", minutes, seconds % 60);
  return fmt::format("{}h{}m{}s", minutes / 60, minutes % 60, seconds % 60);
}

std::string format_second(WallTime time) {
  const std::string exact = format_rfc3339(std::chrono::ceil<std::chrono::seconds>(time));
  return exact.substr(0, exact.find('.')) + "Z";
}

namespace {

/// As `/metrics` calls it: a limit per minute by what it counts.
std::string_view label_of(Limit limit) noexcept {
  const std::string_view name = to_string(limit);
  return is_daily(limit) ? name : name.substr(0, name.find('_'));
}

void write_samples(std::string& out, std::string_view label, const Quotas::ByName& quotas,
                   std::string_view name, std::string_view type, std::string_view help,
                   const std::function<std::uint64_t(Quota&, Limit)>& value) {
  if (quotas.empty()) return;
  fmt::format_to(std::back_inserter(out), "# HELP cordon_{0}_{1} {2}\n# TYPE cordon_{0}_{1} {3}\n",
                 label, name, help, type);
  std::size_t written = 0;
  for (const auto& [holder, quota] : quotas) {
    if (++written > kQuotasWritten) break;
    for (std::size_t i = 0; i < kLimitCount; ++i) {
      const auto limit = static_cast<Limit>(i);
      if (quota->limit(limit) == 0) continue;
      fmt::format_to(std::back_inserter(out), "cordon_{0}_{1}{{{0}=", label, name);
      codec::append_json_string(out, holder);
      fmt::format_to(std::back_inserter(out), ",limit=\"{}\"}} {}\n", label_of(limit),
                     value(*quota, limit));
    }
  }
}

}  // namespace

void write_quotas(std::string& out, const Quotas& quotas, Moment now) {
  for (const auto& [label, list] : {std::pair(std::string_view("tenant"), &quotas.tenants),
                                    std::pair(std::string_view("key"), &quotas.keys)}) {
    write_samples(out, label, *list, "limit_refused_total", "counter",
                  "Requests that a limit refused.",
                  [](Quota& quota, Limit limit) { return quota.refused(limit); });
    write_samples(
        out, label, *list, "limit_remaining", "gauge",
        "What may still be used at once, or today; costs in nano-units.",
        [now](Quota& quota, Limit limit) { return quota.standing(limit, now).remaining; });
  }
}

}  // namespace cordon::gateway
