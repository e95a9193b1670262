#include "detect/usage.h"

#include "detect/windows.h"
#include "model/prices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace cordon::detect {
namespace {

using model::Cost;
using model::UsageSource;

constexpr std::array<std::string_view, kUsageByCount> kWords = {"tenant", "key",      "route",
                                                                "model",  "provider", "day"};
constexpr std::string_view kNone = "(none)";

std::int64_t hour_number(WallTime time) noexcept {
  return std::chrono::floor<std::chrono::hours>(time).time_since_epoch().count();
}

WallTime start_of(std::int64_t hour) noexcept {
  return WallTime{std::chrono::hours(hour)};
}

/// What the request itself adds where it was answered.
UsageSums sums_of(const model::EndRecord& end) {
  UsageSums one;
  one.requests = 1;
  one.blocked = end.end == model::End::blocked || end.action == model::Action::block ? 1 : 0;
  one.tokens_in = end.tokens_in;
  one.tokens_cached = end.tokens_cached;
  one.tokens_out = end.tokens_out;
  one.exact = end.usage == UsageSource::provider ? 1 : 0;
  one.estimated = end.usage == UsageSource::estimated ? 1 : 0;
  const bool asked = end.attempts > 0 || end.end == model::End::end_unknown;
  one.unknown = asked && end.usage == UsageSource::unknown ? 1 : 0;
  const Cost::Known known = end.cost.known;
  one.unpriced = known == Cost::Known::partly || known == Cost::Known::unpriced ? 1 : 0;
  return one;
}

}  // namespace

std::string_view to_string(UsageBy by) noexcept {
  return kWords[static_cast<std::size_t>(by)];
}

Result<UsageBy> parse_usage_by(std::string_view text) {
  const auto found = std::find(kWords.begin(), kWords.end(), text);
  if (found != kWords.end()) return static_cast<UsageBy>(found - kWords.begin());
  return fail(Errc::invalid, fmt::format("found '{}', expected one of {}", text.substr(0, 40),
                                         fmt::join(kWords, ", ")));
}

void UsageSums::add(const UsageSums& other) {
  requests += other.requests;
  blocked += other.blocked;
  tokens_in += other.tokens_in;
  tokens_cached += other.tokens_cached;
  tokens_out += other.tokens_out;
  exact += other.exact;
  estimated += other.estimated;
  unknown += other.unknown;
  unpriced += other.unpriced;
  for (const auto& [currency, nano] : other.cost) {
    std::uint64_t& sum = cost[currency];
    sum = model::add_nano(sum, nano);
  }
}

Usage::Hour& Usage::hour_of(WallTime recorded) {
  // A clock that went back counts into the latest hour: what was read stays as it is.
  const std::int64_t hour = hour_number(recorded);
  if (hours_.empty() || hours_.back().hour < hour) hours_.push_back({hour, {}});
  while (hours_.size() > 1 && (cells_ > options_.cells_max || hours_.size() > options_.hours_max)) {
    cells_ -= hours_.front().cells.size();
    forgotten_ = hours_.front().hour;
    hours_.pop_front();
  }
  return hours_.back();
}

void Usage::add(Hour& hour, Place place, const UsageSums& sums) {
  auto found = hour.cells.find(place);
  if (found == hour.cells.end()) {
    if (hour.cells.size() >= options_.places_max) {
      const std::string other(kOther);
      place = {other, other, other, other, other};
      folded_ += sums.requests;
    }
    const auto [added, fresh] = hour.cells.try_emplace(std::move(place));
    if (fresh) ++cells_;
    found = added;
  }
  found->second.add(sums);
}

void Usage::observe(const model::EndRecord& end, WallTime recorded) {
  // What it was was counted with the entry that it amends.
  if (!end.amends.empty()) return;
  const model::ExchangeHead& head = end.head;
  Hour& hour = hour_of(recorded);
  UsageSums own = sums_of(end);
  std::uint64_t rest = end.cost.nano;
  const auto paid = [&end](UsageSums& sums, std::uint64_t nano) {
    if (!end.cost.currency.empty()) sums.cost[end.cost.currency] = nano;
  };
  for (const model::AttemptRecord& attempt : end.tried) {
    const bool billed = attempt.tokens_in != 0 || attempt.tokens_out != 0;
    if (!billed || end.tells(attempt)) continue;
    UsageSums sums;
    sums.tokens_in = attempt.tokens_in;
    sums.tokens_out = attempt.tokens_out;
    paid(sums, attempt.cost_nano);
    rest -= std::min(rest, attempt.cost_nano);
    add(hour, {head.tenant, head.key, head.route, attempt.provider, attempt.model}, sums);
  }
  paid(own, rest);
  add(hour, {head.tenant, head.key, head.route, head.provider, head.model}, own);
  note_today(end, recorded);
}

/// What a limit refused is not in the journal; what a switch refused counts for none.
void Usage::note_today(const model::EndRecord& end, WallTime recorded) {
  const std::int64_t day =
      std::chrono::floor<std::chrono::days>(recorded).time_since_epoch().count();
  if (day > today_.day) today_ = {day, {}, {}};
  Day one;
  one.requests = end.end == model::End::refused ? 0 : 1;
  one.tokens = end.tokens_in + end.tokens_out;
  for (const model::AttemptRecord& attempt : end.tried) {
    if (!end.tells(attempt)) one.tokens += attempt.tokens_in + attempt.tokens_out;
  }
  one.cost = end.cost.nano;
  const auto count = [&one](std::map<std::string, Day, std::less<>>& list,
                            const std::string& name) {
    if (name.empty()) return;
    Day& sum = list[name];
    sum.requests += one.requests;
    sum.tokens += one.tokens;
    sum.cost = model::add_nano(sum.cost, one.cost);
  };
  count(today_.tenants, end.head.tenant);
  count(today_.keys, end.head.key);
}

std::string Usage::name_of(const Place& place, std::int64_t hour, UsageBy by) {
  const std::string* name = nullptr;
  switch (by) {
    case UsageBy::tenant:
      name = &place.tenant;
      break;
    case UsageBy::key:
      name = &place.key;
      break;
    case UsageBy::route:
      name = &place.route;
      break;
    case UsageBy::model:
      name = &place.model;
      break;
    case UsageBy::provider:
      name = &place.provider;
      break;
    case UsageBy::day:
      return format_rfc3339(start_of(hour)).substr(0, 10);
  }
  return name->empty() ? std::string(kNone) : *name;
}

UsageReport Usage::report(WallTime since, UsageBy by) const {
  const std::int64_t first = hour_number(since);
  UsageReport report;
  report.whole = forgotten_ == 0 || forgotten_ < first;
  report.from = start_of(report.whole ? first : forgotten_ + 1);
  for (const Hour& hour : hours_) {
    if (hour.hour < first) continue;
    for (const auto& [place, sums] : hour.cells) {
      report.groups[name_of(place, hour.hour, by)].add(sums);
      report.all.add(sums);
    }
  }
  return report;
}

}  // namespace cordon::detect
