#include "api/internal/blast.h"

#include "api/control_plane.h"

namespace cordon::api::internal {

using codec::Json;

namespace {

using Names = std::map<std::string, std::uint64_t, std::less<>>;

Json show_names(const Names& names) {
  Json json = Json::object();
  for (const auto& [name, count] : names) json[name.empty() ? "(none)" : name] = count;
  return json;
}

}  // namespace

Json show_touched(const containment::Touched& touched) {
  return {{"exchanges", touched.exchanges},
          {"routes", show_names(touched.routes)},
          {"targets", show_names(touched.targets)},
          {"tenants", show_names(touched.tenants)},
          {"use_cases", show_names(touched.use_cases)}};
}

Json blast_radius(const ControlPlane& control, const model::Scope& scope) {
  const auto touched = control.recent().touched(scope, control.now());
  Json json = {{"window", format_duration(containment::kRecent)}};
  if (!touched) {
    json["unknown"] = touched.error().detail;
    return json;
  }
  json.update(show_touched(*touched));
  return json;
}

}  // namespace cordon::api::internal
