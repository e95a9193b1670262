// What may be done to contain an incident: the measures that fit its class and scope, each with
// what it would have touched in the last quarter of an hour.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "api/internal/blast.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api {

using codec::Json;
using model::IncidentClass;

namespace {

/// One thing that may be done.
struct Option {
  std::string kind;
  std::string scope;
  std::string effect;
  std::string command;  ///< of the command line, but for the reason and the expiry
};

bool has_fallback(const ControlPlane& control, const std::string& route) {
  const auto& routes = control.generation().routes;
  return std::any_of(routes.begin(), routes.end(), [&route](const model::Route& one) {
    return one.name == route && !one.fallback.empty();
  });
}

/// The generation before this one that nobody revoked; nothing if there is none.
std::optional<std::uint64_t> earlier_generation(const ControlPlane& control) {
  const auto& all = control.history().generations();
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    const bool fits =
        each->first < control.generation().number && !control.measures().is_revoked(each->first);
    if (fits) return each->first;
  }
  return std::nullopt;
}

/// The mildest first. A leak or an unsafe text is stopped where it comes out, an injection where
/// it goes in, a drift by going back.
std::vector<Option> options_for(const ControlPlane& control, IncidentClass of_class,
                                const model::Scope& scope) {
  std::vector<Option> options;
  const std::string text = scope.text();
  const auto& route = scope.named(model::Dimension::route);
  options.push_back({"mode", text, "rules act as in an emergency: what they warned of is blocked",
                     fmt::format("mode set {} emergency", text)});
  if (route && has_fallback(control, *route)) {
    options.push_back({"fallback", "route=" + *route, "the route goes to its fallback targets",
                       fmt::format("fallback set {}", *route)});
  }
  const auto back = earlier_generation(control);
  if (back && of_class == IncidentClass::policy_drift) {
    options.push_back({"rollback", "route=*", "routes and flags of the generation before",
                       fmt::format("rollback {}", *back)});
  }
  options.push_back({"switch", text, "everything in scope is refused, and what runs is cut",
                     fmt::format("switch set {}", text)});
  options.push_back(
      {"mode", text, "nothing in scope is answered", fmt::format("mode set {} lockdown", text)});
  return options;
}

}  // namespace

net::Task<Result<Reply>> handle_options(ControlPlane& control, const Call& call) {
  const incident::Incident* const incident = control.watch().desk().find(call.id);
  if (incident == nullptr) {
    co_return fail(Errc::not_found, fmt::format("no incident '{}'", call.id.substr(0, 64)));
  }
  if (!incident::is_open(incident->state)) {
    co_return fail(Errc::conflict, fmt::format("{} is {}: there is nothing to contain",
                                               incident->id, incident::to_string(incident->state)));
  }
  Json items = Json::array();
  for (const model::Scope& scope : incident->scopes) {
    for (const Option& option : options_for(control, incident->of_class, scope)) {
      items.push_back(
          {{"kind", option.kind},
           {"scope", option.scope},
           {"effect", option.effect},
           {"command", fmt::format("cordon {} --incident {}", option.command, incident->id)},
           {"blast_radius", internal::blast_radius(control, *model::Scope::parse(option.scope))}});
    }
  }
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

}  // namespace cordon::api
