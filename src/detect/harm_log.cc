#include "detect/internal/harm_log.h"

#include <algorithm>
#include <limits>

namespace cordon::detect {
namespace {

// No exchange runs longer; what claims to is a broken record, not a reason to overflow.
constexpr std::uint64_t kTotalUsMax = 30ULL * 24 * 3600 * 1'000'000;
constexpr std::uint32_t kNoPlace = std::numeric_limits<std::uint32_t>::max();

}  // namespace

WallTime began_of(const model::EndRecord& end, WallTime recorded) noexcept {
  return recorded - std::chrono::microseconds(std::min(end.total_us, kTotalUsMax));
}

namespace internal {

HarmLog::HarmLog(const WindowsOptions& options)
    : items_max_(options.harm_items_max), places_max_(options.places_max) {}

std::uint32_t HarmLog::place_of(const model::ExchangeHead& head) {
  std::string key;
  for (const std::string* part :
       {&head.route, &head.model, &head.provider, &head.tenant, &head.use_case}) {
    key += *part;
    key += '\0';
  }
  for (const std::string& flag : head.flags) {
    key += flag;
    key += '\0';
  }
  const auto found = ids_.find(key);
  if (found != ids_.end()) return found->second;
  if (places_.size() >= places_max_) return kNoPlace;
  const auto id = static_cast<std::uint32_t>(places_.size());
  places_.push_back(
      {head.route, head.model, head.provider, head.tenant, head.use_case, head.flags});
  ids_.emplace(std::move(key), id);
  return id;
}

void HarmLog::observe(const model::EndRecord& end, WallTime recorded) {
  for (std::size_t c = 0; c < model::kIncidentClassCount; ++c) {
    Item item;
    bool matched = false;
    for (const model::Hit& hit : end.hits) {
      if (!hit.live || hit.count == 0 || static_cast<std::size_t>(hit.of_class) != c) continue;
      matched = true;
      item.delivered += hit.delivered;
      if (hit.personal) item.personal += hit.delivered;
    }
    if (!matched) continue;
    item.second = second_of(recorded);
    item.began = began_of(end, recorded);
    item.of_class = static_cast<model::IncidentClass>(c);
    item.killed = end.end == model::End::killed;
    item.place = place_of(end.head);
    if (item.place == kNoPlace) {
      dropped_until_ = std::max(dropped_until_, item.second);
      continue;
    }
    auto at = items_.end();
    while (at != items_.begin() && std::prev(at)->second > item.second) --at;
    items_.insert(at, item);
    if (items_.size() <= items_max_) continue;
    dropped_until_ = std::max(dropped_until_, items_.front().second);
    items_.pop_front();
  }
}

Known<Harm> HarmLog::sum(std::span<const model::Scope> scopes, model::IncidentClass of_class,
                         Seconds seconds, WallTime began_from) const {
  if (seconds.after < dropped_until_) {
    return unknown("the window reaches back before what is kept of harm");
  }
  enum class Cover : std::uint8_t { untold, no, yes };
  std::vector<Cover> covered(places_.size(), Cover::untold);
  Harm harm;
  for (auto at = items_.rbegin(); at != items_.rend() && at->second > seconds.after; ++at) {
    const bool counts = at->of_class == of_class && at->second <= seconds.until &&
                        (began_from == WallTime::min() || (!at->killed && at->began >= began_from));
    if (!counts) continue;
    const Where& where = places_[at->place];
    Cover& cover = covered[at->place];
    if (cover == Cover::untold) {
      const model::Place place{where.route,  where.model,    where.provider,
                               where.tenant, where.use_case, where.flags};
      const bool yes = std::any_of(scopes.begin(), scopes.end(),
                                   [&place](const auto& scope) { return scope.covers(place); });
      cover = yes ? Cover::yes : Cover::no;
    }
    if (cover == Cover::no) continue;
    ++harm.attempts;
    if (at->delivered == 0) continue;
    const WallTime when{std::chrono::seconds(at->second)};
    harm.first = harm.exchanges == 0 ? when : std::min(harm.first, when);
    harm.last = std::max(harm.last, when);
    ++harm.exchanges;
    harm.records += at->delivered;
    harm.personal += at->personal;
    ++harm.routes[where.route];
    ++harm.tenants[where.tenant];
    harm.targets.insert(target_name(where.provider, where.model));
    if (!where.use_case.empty()) harm.use_cases.insert(where.use_case);
  }
  return harm;
}

}  // namespace internal
}  // namespace cordon::detect
