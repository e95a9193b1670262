#include "containment/effective.h"

#include "base/hex.h"
#include "crypto/sha256.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cordon::containment {
namespace {

using model::Dimension;
using model::Measure;
using model::MeasureInForce;
using model::Mode;
using model::Place;

/// So few are asked one by one sooner than two names are looked up.
constexpr std::size_t kStopsScanned = 8;

bool is_stop(const MeasureInForce& measure) noexcept {
  return measure.measure == Measure::kill_switch ||
         (measure.measure == Measure::mode && measure.mode == Mode::lockdown);
}

Admission why(const MeasureInForce& stop) noexcept {
  return stop.measure == Measure::mode ? Admission::locked_down : Admission::switched_off;
}

/// The value a scope insists on, or null when any will do.
const std::string* insists_on(const MeasureInForce& measure, Dimension dimension) noexcept {
  const auto& value = measure.scope.named(dimension);
  return value && *value != "*" ? &*value : nullptr;
}

bool names_route(const model::IssuedKey& key, std::string_view route) noexcept {
  return std::any_of(key.routes.begin(), key.routes.end(),
                     [route](const std::string& each) { return each == "*" || each == route; });
}

const model::KeyLimits* limits_of(const model::Tenant& tenant, std::string_view sha256) noexcept {
  for (const model::KeyLimits& each : tenant.key_limits) {
    if (each.sha256 == sha256) return &each;
  }
  return nullptr;
}

const MeasureInForce* first_covering(const std::vector<const MeasureInForce*>& measures,
                                     const Place& place) noexcept {
  for (const MeasureInForce* each : measures) {
    if (each->scope.covers(place)) return each;
  }
  return nullptr;
}

}  // namespace

Effective::Effective(std::shared_ptr<const model::Generation> generation)
    : generation_(std::move(generation)) {
  index_names();
  for (const MeasureInForce& measure : generation_->measures) index_measure(measure);
}

void Effective::index_names() {
  for (const model::Route& route : generation_->routes) {
    RouteIndex& index = routes_[route.name];
    index.route = &route;
    index.targets = &route.targets;
  }
  for (const model::Tenant& tenant : generation_->tenants) {
    TenantIndex& index = tenants_[tenant.name];
    index.tenant = &tenant;
    for (const std::string& route : tenant.routes) {
      if (route == "*") index.every_route = true;
      index.routes.push_back(route);
    }
    std::sort(index.routes.begin(), index.routes.end());
    for (const std::string& hash : tenant.key_sha256) {
      index_key(hash, tenant, nullptr, limits_of(tenant, hash));
    }
  }
  for (const model::IssuedKey& key : generation_->keys) {
    const TenantIndex* const of = tenant_index(key.tenant);
    if (of != nullptr) index_key(key.sha256, *of->tenant, &key, nullptr);
  }
  std::sort(keys_.begin(), keys_.end(),
            [](const KeyIndex& a, const KeyIndex& b) { return a.digest < b.digest; });
}

void Effective::index_key(std::string_view sha256, const model::Tenant& tenant,
                          const model::IssuedKey* issued, const model::KeyLimits* limited) {
  const auto bytes = from_hex(sha256);
  KeyIndex key{{}, &tenant, issued, limited};
  if (!bytes || bytes->size() != key.digest.size()) return;
  std::copy(bytes->begin(), bytes->end(), key.digest.begin());
  keys_.push_back(key);
}

void Effective::index_measure(const MeasureInForce& measure) {
  const std::string* only_route = insists_on(measure, Dimension::route);
  if (measure.measure == Measure::fallback) {
    const auto found = only_route == nullptr ? routes_.end() : routes_.find(*only_route);
    if (found == routes_.end() || found->second.route->fallback.empty()) return;
    found->second.targets = &found->second.route->fallback;
    found->second.fallback_id = measure.id;
    return;
  }
  if (measure.measure == Measure::rollback) return;  // it chose the routes already
  const bool stop = is_stop(measure);
  if (stop) stops_.push_back(&measure);
  if (stop && measure.scope.named(Dimension::flag)) flag_stops_.push_back(&measure);
  if (const std::string* tenant = insists_on(measure, Dimension::tenant)) {
    const auto found = tenants_.find(*tenant);
    if (found == tenants_.end()) return;
    (stop ? found->second.stops : found->second.modes).push_back(&measure);
    return;
  }
  for (auto& [name, index] : routes_) {
    if (only_route != nullptr && *only_route != name) continue;
    (stop ? index.stops : index.modes).push_back(&measure);
  }
}

const Effective::RouteIndex* Effective::route_index(std::string_view route) const noexcept {
  const auto found = routes_.find(route);
  return found == routes_.end() ? nullptr : &found->second;
}

const Effective::TenantIndex* Effective::tenant_index(std::string_view tenant) const noexcept {
  const auto found = tenants_.find(tenant);
  return found == tenants_.end() ? nullptr : &found->second;
}

const model::IssuedKey* Effective::issued_key(std::string_view id) const noexcept {
  const auto& keys = generation_->keys;
  const auto found = std::lower_bound(
      keys.begin(), keys.end(), id,
      [](const model::IssuedKey& each, std::string_view wanted) { return each.id < wanted; });
  return found != keys.end() && found->id == id ? &*found : nullptr;
}

Caller Effective::caller_of(std::string_view key, const Clock& clock) const {
  if (key.empty()) return {};
  const crypto::Digest digest = crypto::sha256(key);
  // The search is over digests, whose order tells nothing about the key.
  const auto found = std::lower_bound(
      keys_.begin(), keys_.end(), digest,
      [](const KeyIndex& each, const crypto::Digest& wanted) { return each.digest < wanted; });
  if (found == keys_.end() || !crypto::equal_constant_time(found->digest, digest)) return {};
  const model::IssuedKey* const issued = found->issued;
  if (issued != nullptr && issued->expires_at && *issued->expires_at <= clock.wall()) return {};
  return {found->tenant, issued, found->limited};
}

const model::Provider* Effective::provider(std::string_view name) const noexcept {
  const auto& all = generation_->providers;
  const auto found = std::find_if(
      all.begin(), all.end(), [name](const model::Provider& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

const model::Route* Effective::route(std::string_view name) const noexcept {
  const RouteIndex* index = route_index(name);
  return index == nullptr ? nullptr : index->route;
}

bool Effective::TenantIndex::may_use(std::string_view route) const noexcept {
  return every_route || std::binary_search(routes.begin(), routes.end(), route);
}

bool Effective::may_use(const Caller& caller, std::string_view route) const noexcept {
  if (caller.tenant == nullptr) return false;
  const TenantIndex* index = tenant_index(caller.tenant->name);
  return index != nullptr && index->may_use(route) &&
         (caller.key == nullptr || names_route(*caller.key, route));
}

Ruling Effective::rule(const Place& asked) const noexcept {
  const RouteIndex* route = route_index(asked.route);
  if (route == nullptr) return {};
  if (route->targets->empty()) return rule_as_named(asked, route);
  return rule_on(asked, route, route->targets);
}

Ruling Effective::rule_as_named(const Place& asked) const noexcept {
  const RouteIndex* route = route_index(asked.route);
  return route == nullptr ? Ruling{} : rule_as_named(asked, route);
}

Ruling Effective::rule_fallback(const Place& asked) const noexcept {
  const RouteIndex* route = route_index(asked.route);
  return route == nullptr ? Ruling{} : rule_on(asked, route, &route->route->fallback);
}

bool Effective::may_ask(const TenantIndex* tenant, const Place& asked) const noexcept {
  if (tenant == nullptr || !tenant->may_use(asked.route)) return false;
  if (asked.key.empty()) return true;
  const model::IssuedKey* const key = issued_key(asked.key);
  return key != nullptr && names_route(*key, asked.route);
}

Ruling Effective::rule_on(const Place& asked, const RouteIndex* route,
                          const Targets* targets) const noexcept {
  Ruling ruling;
  ruling.route = route->route;
  ruling.mode = route->route->mode;
  const TenantIndex* tenant = tenant_index(asked.tenant);
  if (!may_ask(tenant, asked)) {
    ruling.admission = Admission::forbidden_route;
    return ruling;
  }
  if (ruling.mode == Mode::lockdown) {
    ruling.admission = Admission::locked_down;
    return ruling;
  }
  ruling.fallback_id = route->fallback_id;
  Place place = asked;
  for (const model::Target& target : *targets) {
    place.provider = target.provider;
    place.model = target.model;
    const MeasureInForce* stop = first_covering(route->stops, place);
    if (stop == nullptr) stop = first_covering(tenant->stops, place);
    if (stop == nullptr) {
      if (ruling.target_count == ruling.target_slots.size()) break;
      ruling.target_slots[ruling.target_count++] = &target;
    } else if (ruling.measure_id.empty()) {
      ruling.measure_id = stop->id;
      ruling.admission = why(*stop);
    }
  }
  if (ruling.target_count == 0) return ruling;
  ruling.admission = Admission::admitted;
  ruling.measure_id = {};
  for (const Measures* modes : {&route->modes, &tenant->modes}) {
    for (const MeasureInForce* each : *modes) {
      for (const model::Target* target : ruling.targets()) {
        place.provider = target->provider;
        place.model = target->model;
        if (each->mode > ruling.mode && each->scope.covers(place)) ruling.mode = each->mode;
      }
    }
  }
  return ruling;
}

Ruling Effective::rule_as_named(const Place& asked, const RouteIndex* route) const noexcept {
  Ruling ruling;
  ruling.route = route->route;
  ruling.mode = route->route->mode;
  const TenantIndex* tenant = tenant_index(asked.tenant);
  if (!may_ask(tenant, asked)) {
    ruling.admission = Admission::forbidden_route;
    return ruling;
  }
  if (ruling.mode == Mode::lockdown) {
    ruling.admission = Admission::locked_down;
    return ruling;
  }
  const MeasureInForce* stop = first_covering(route->stops, asked);
  if (stop == nullptr) stop = first_covering(tenant->stops, asked);
  if (stop != nullptr) {
    ruling.measure_id = stop->id;
    ruling.admission = why(*stop);
    return ruling;
  }
  ruling.admission = Admission::admitted;
  for (const Measures* modes : {&route->modes, &tenant->modes}) {
    for (const MeasureInForce* each : *modes) {
      if (each->mode > ruling.mode && each->scope.covers(asked)) ruling.mode = each->mode;
    }
  }
  return ruling;
}

std::optional<Forbidden> Effective::forbids(const Place& place) const noexcept {
  if (!place.key.empty() && issued_key(place.key) == nullptr) {
    return Forbidden{{}, Admission::key_revoked};
  }
  const MeasureInForce* stop = nullptr;
  if (stops_.size() <= kStopsScanned) {
    stop = first_covering(stops_, place);
  } else {
    const RouteIndex* route = route_index(place.route);
    const TenantIndex* tenant = tenant_index(place.tenant);
    if (route == nullptr || tenant == nullptr) {
      // The configuration dropped the name while the exchange ran; a switch still reaches it.
      stop = first_covering(stops_, place);
    } else {
      stop = first_covering(route->stops, place);
      if (stop == nullptr) stop = first_covering(tenant->stops, place);
    }
  }
  if (stop == nullptr) return std::nullopt;
  return Forbidden{stop->id, why(*stop)};
}

const model::Flag* Effective::flag(std::string_view name) const noexcept {
  const auto& flags = generation_->flags;
  const auto found = std::find_if(flags.begin(), flags.end(),
                                  [name](const model::Flag& each) { return each.name == name; });
  return found == flags.end() ? nullptr : &*found;
}

std::optional<Forbidden> Effective::forbids_flag(const model::Flag& flag,
                                                 const Place& asked) const noexcept {
  Place place = asked;
  place.flags = {&flag.name, 1};
  const MeasureInForce* const stop = first_covering(flag_stops_, place);
  if (stop == nullptr) return std::nullopt;
  return Forbidden{stop->id, why(*stop)};
}

bool Effective::flag_enabled(std::string_view name, const Place& place) const noexcept {
  const model::Flag* const known = flag(name);
  return known != nullptr && known->enabled && !forbids_flag(*known, place);
}

}  // namespace cordon::containment
