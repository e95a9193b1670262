#include "containment/recent.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::containment {
namespace {

using Names = std::map<std::string, std::uint64_t, std::less<>>;

void count_name(Names& names, std::string_view name, std::uint64_t count) {
  const auto found = names.find(name);
  if (found != names.end()) {
    found->second += count;
  } else {
    names.emplace(name, count);
  }
}

}  // namespace

void Touched::add(const model::Place& place, std::uint64_t count) {
  exchanges += count;
  count_name(routes, place.route, count);
  if (!place.provider.empty()) {
    count_name(targets, fmt::format("{}/{}", place.provider, place.model), count);
  }
  count_name(tenants, place.tenant, count);
  count_name(use_cases, place.use_case, count);
}

void Touched::add(const Touched& other) {
  exchanges += other.exchanges;
  for (const auto& [name, count] : other.routes) count_name(routes, name, count);
  for (const auto& [name, count] : other.targets) count_name(targets, name, count);
  for (const auto& [name, count] : other.tenants) count_name(tenants, name, count);
  for (const auto& [name, count] : other.use_cases) count_name(use_cases, name, count);
}

model::Place Recent::Spot::place() const noexcept {
  return {route, model, provider, tenant, use_case, flags};
}

Recent::Spot* Recent::spot_of(const model::ExchangeHead& head) {
  key_.clear();
  for (const std::string* part :
       {&head.route, &head.model, &head.provider, &head.tenant, &head.use_case}) {
    key_ += *part;
    key_ += '\0';
  }
  for (const std::string& flag : head.flags) {
    key_ += flag;
    key_ += '\0';
  }
  const auto found = spots_.find(key_);
  if (found != spots_.end()) return &found->second;
  if (spots_.size() >= options_.places_max) return nullptr;
  return &spots_
              .emplace(key_, Spot{head.route,
                                  head.model,
                                  head.provider,
                                  head.tenant,
                                  head.use_case,
                                  head.flags,
                                  {}})
              .first->second;
}

void Recent::observe(const model::EndRecord& end, WallTime recorded) {
  const Second second = std::chrono::floor<std::chrono::seconds>(recorded);
  // Once a minute is often enough: what is kept too long is left out when it is asked for.
  if (second - kRecent > forgotten_ + std::chrono::minutes(1)) forget(second - kRecent);
  Spot* const spot = spot_of(end.head);
  const bool known =
      spot != nullptr && !spot->seconds.empty() && spot->seconds.back().first >= second;
  if (spot == nullptr || (!known && kept_ >= options_.seconds_max)) {
    lost_at_ = lost_at_ ? std::max(*lost_at_, second) : second;
    return;
  }
  if (known) {
    ++spot->seconds.back().second;
    return;
  }
  spot->seconds.emplace_back(second, 1);
  ++kept_;
}

void Recent::forget(Second before) {
  forgotten_ = before;
  for (auto spot = spots_.begin(); spot != spots_.end();) {
    auto& seconds = spot->second.seconds;
    while (!seconds.empty() && seconds.front().first < before) {
      seconds.pop_front();
      --kept_;
    }
    spot = seconds.empty() ? spots_.erase(spot) : std::next(spot);
  }
}

Result<Touched> Recent::touched(const model::Scope& scope, WallTime now) const {
  const Second from = std::chrono::floor<std::chrono::seconds>(now - kRecent);
  if (lost_at_ && *lost_at_ >= from) {
    return fail(Errc::exhausted,
                fmt::format("more than {} distinct places or {} counts in {}: not all were kept, "
                            "last at {}",
                            options_.places_max, options_.seconds_max, format_duration(kRecent),
                            format_rfc3339(WallTime(*lost_at_))));
  }
  Touched touched;
  for (const auto& [key, spot] : spots_) {
    if (!scope.covers(spot.place())) continue;
    std::uint64_t count = 0;
    for (const auto& [second, ended] : spot.seconds) count += second > from ? ended : 0;
    if (count > 0) touched.add(spot.place(), count);
  }
  return touched;
}

}  // namespace cordon::containment
