#include "containment/reload.h"

#include "containment/internal/weaker.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::containment {
namespace {

template <class T>
const T* named(const std::vector<T>& all, std::string_view name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [name](const T& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

template <class T>
void compare(std::string_view what, const std::vector<T>& before, const std::vector<T>& after,
             std::vector<std::string>& changed) {
  for (const T& each : after) {
    const T* const old = named(before, each.name);
    if (old == nullptr) {
      changed.push_back(fmt::format("{} {} is new", what, each.name));
    } else if (!(*old == each)) {
      changed.push_back(fmt::format("{} {} is another", what, each.name));
    }
  }
  for (const T& each : before) {
    if (named(after, each.name) != nullptr) continue;
    changed.push_back(fmt::format("{} {} is gone", what, each.name));
  }
}

}  // namespace

ReloadDiff diff_reload(const model::Generation& before, const model::Generation& after) {
  ReloadDiff diff;
  compare("provider", before.providers, after.providers, diff.changed);
  compare("route", before.routes, after.routes, diff.changed);
  compare("tenant", before.tenants, after.tenants, diff.changed);
  compare("flag", before.flags, after.flags, diff.changed);
  if (!(before.limits == after.limits)) diff.changed.emplace_back("limits are others");
  if (!(before.prices == after.prices)) diff.changed.emplace_back("prices are others");
  for (const model::Route& route : after.routes) {
    const model::Route* const old = named(before.routes, route.name);
    if (old != nullptr) internal::compare(*old, route, diff.weaker);
  }
  return diff;
}

Status check_reload(const model::Generation& before, const model::Generation& after,
                    const model::Generation& next) {
  for (const model::MeasureInForce& measure : next.measures) {
    if (measure.measure != model::Measure::fallback) continue;
    const auto& scope = measure.scope.named(model::Dimension::route);
    const model::Route* const old = scope ? named(before.routes, *scope) : nullptr;
    const model::Route* const route = scope ? named(after.routes, *scope) : nullptr;
    if (old == nullptr || route == nullptr || old->fallback.empty()) continue;
    if (!route->fallback.empty()) continue;
    return fail(Errc::conflict,
                fmt::format("fallback {} is in force on route {}, whose fallback targets would be "
                            "gone; release it first",
                            measure.id, route->name));
  }
  for (const model::Route& route : next.routes) {
    for (const auto* targets : {&route.targets, &route.fallback}) {
      for (const model::Target& target : *targets) {
        if (named(next.providers, target.provider) != nullptr) continue;
        return fail(Errc::conflict,
                    fmt::format("route {} of the rollback in force needs the provider {}, which "
                                "the file no longer has; release the rollback first",
                                route.name, target.provider));
      }
    }
  }
  return {};
}

}  // namespace cordon::containment
