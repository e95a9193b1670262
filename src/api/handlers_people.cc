// Handlers of people and of what only people can say about an incident.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "api/internal/show.h"

#include <fmt/format.h>

namespace cordon::api {

using codec::Json;

namespace {

/// One command, then the incident as it is after it; or what waits for a second person.
net::Task<Result<Reply>> carry_out(ControlPlane& control, const Call& call,
                                   Result<incident::Command> command) {
  if (!command) co_return tl::make_unexpected(command.error());
  std::string id = call.id;
  containment::Identity by = call.caller;
  const auto asked = co_await control.order(std::move(id), std::move(by), *std::move(command));
  if (!asked) co_return tl::make_unexpected(asked.error());
  if (*asked) co_return Reply{202, internal::show_asked(**asked), {}};
  co_return co_await handle_incident(control, call);
}

Result<incident::Command> read_role(const Call& call) {
  codec::ObjectReader reader(call.body, "role");
  const std::string role = reader.text("role");
  const auto person = reader.optional_text("person");
  std::string reason = reader.text_or("reason", "");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(const incident::Role which, incident::parse_role(role));
  if (person) return incident::ProposeRole{which, *person, std::move(reason)};
  return incident::AcceptRole{which, std::move(reason)};
}

Result<incident::Command> read_severity(const Call& call) {
  codec::ObjectReader reader(call.body, "severity");
  const auto to = reader.optional_text("to");
  std::string reason = reader.text_or("reason", "");
  const bool confirm = reader.boolean_or("confirm", false);
  CORDON_CHECK(reader.finish());
  if (confirm == to.has_value()) {
    return fail(Errc::invalid, "severity: give either 'to' with a 'reason', or 'confirm': true");
  }
  if (confirm) return incident::ConfirmSeverity{};
  CORDON_TRY(const incident::Severity severity, incident::parse_severity(*to));
  return incident::SetSeverity{severity, std::move(reason)};
}

Result<incident::Command> read_exposure(const Call& call) {
  codec::ObjectReader reader(call.body, "exposure");
  const Json exposed = reader.any("exposed");
  std::string reason = reader.text_or("reason", "");
  CORDON_CHECK(reader.finish());
  if (!exposed.is_boolean()) return fail(Errc::invalid, "exposure: 'exposed' is true or false");
  return incident::StateExposure{exposed.get<bool>(), std::move(reason)};
}

Result<incident::Command> read_merge(const Call& call) {
  codec::ObjectReader reader(call.body, "merge");
  incident::Merge merge{reader.text("into"), reader.text_or("reason", "")};
  CORDON_CHECK(reader.finish());
  return merge;
}

Result<incident::Command> read_impact(const Call& call) {
  codec::ObjectReader reader(call.body, "impact");
  const std::string start = reader.text("impact_start");
  std::string reason = reader.text_or("reason", "");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(const WallTime time, parse_rfc3339(start));
  return incident::CorrectImpact{time, std::move(reason)};
}

Result<std::vector<std::string>> names_in(codec::ObjectReader& reader, std::string_view key) {
  std::vector<std::string> names;
  const Json& list = reader.any(key);
  if (!list.is_null() && !list.is_array()) {
    return fail(Errc::invalid, fmt::format("affected: '{}' is a list of names", key));
  }
  for (const Json& one : list) {
    if (!one.is_string()) {
      return fail(Errc::invalid, fmt::format("affected: '{}' is a list of names", key));
    }
    names.push_back(one.get<std::string>());
  }
  return names;
}

Result<incident::Command> read_affected(const Call& call) {
  codec::ObjectReader reader(call.body, "affected");
  incident::StateAffected state;
  state.affected.reason = reader.text_or("reason", "");
  CORDON_TRY(state.affected.tenants, names_in(reader, "tenants"));
  CORDON_TRY(state.affected.use_cases, names_in(reader, "use_cases"));
  CORDON_TRY(state.affected.routes, names_in(reader, "routes"));
  CORDON_CHECK(reader.finish());
  return state;
}

}  // namespace

net::Task<Result<Reply>> handle_role(ControlPlane& control, const Call& call) {
  return carry_out(control, call, read_role(call));
}
net::Task<Result<Reply>> handle_set_severity(ControlPlane& control, const Call& call) {
  return carry_out(control, call, read_severity(call));
}
net::Task<Result<Reply>> handle_exposure(ControlPlane& control, const Call& call) {
  return carry_out(control, call, read_exposure(call));
}
net::Task<Result<Reply>> handle_merge(ControlPlane& control, const Call& call) {
  return carry_out(control, call, read_merge(call));
}
net::Task<Result<Reply>> handle_impact(ControlPlane& control, const Call& call) {
  return carry_out(control, call, read_impact(call));
}
net::Task<Result<Reply>> handle_affected(ControlPlane& control, const Call& call) {
  return carry_out(control, call, read_affected(call));
}

net::Task<Result<Reply>> handle_related(ControlPlane& control, const Call& call) {
  const auto* incident = control.watch().desk().find(call.id);
  if (incident == nullptr) {
    co_return fail(Errc::not_found, fmt::format("no incident '{}'", call.id.substr(0, 64)));
  }
  Json items = Json::array();
  for (const incident::Related& one : control.watch().desk().related(*incident)) {
    items.push_back({{"incident", one.incident}, {"how", one.how}, {"why", one.why}});
  }
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

}  // namespace cordon::api
