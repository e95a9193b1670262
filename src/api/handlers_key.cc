// Handlers of tenants' keys.
#include "api/control_plane.h"
#include "api/handlers.h"

#include <fmt/format.h>

namespace cordon::api {

using codec::Json;
using containment::Key;

namespace {

std::string_view state_of(const ControlPlane& control, const Key& key) {
  if (key.revoked_at) return "revoked";
  if (!key.is_in_force(control.now())) return "expired";
  return key.replaced_by.empty() ? "in_force" : "rotating";
}

Json show_key(const ControlPlane& control, const Key& key) {
  Json json = {{"id", key.id},
               {"tenant", key.tenant},
               {"name", key.name},
               {"routes", key.routes},
               {"state", state_of(control, key)},
               {"issued_by", key.issued_by.text()},
               {"issued_at", format_rfc3339(key.issued_at)}};
  json["expires_at"] = key.expires_at ? Json(format_rfc3339(*key.expires_at)) : Json();
  if (key.revoked_at) json["revoked_at"] = format_rfc3339(*key.revoked_at);
  if (!key.replaces.empty()) json["replaces"] = key.replaces;
  if (!key.replaced_by.empty()) json["replaced_by"] = key.replaced_by;
  return json;
}

Reply reply_of(const ControlPlane& control, const KeyChanged& changed, int status) {
  Json json = {{"key", show_key(control, changed.key)}, {"receipt", changed.receipt.to_json()}};
  if (!changed.secret.empty()) json["secret"] = changed.secret;
  return {status, std::move(json), {}};
}

Result<std::optional<WallTime>> read_expiry(codec::ObjectReader& reader, WallTime now) {
  const auto text = reader.optional_text("expires_in");
  if (!text) return std::nullopt;
  CORDON_TRY(const auto duration, parse_duration(*text));
  return std::optional<WallTime>(now + duration);
}

Result<containment::IssueKey> read_issue(const ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "key");
  containment::IssueKey command;
  command.tenant = reader.text("tenant");
  command.name = reader.text_or("name", "");
  command.by = call.caller.actor();
  const Json& routes = reader.any("routes");
  CORDON_TRY(command.expires_at, read_expiry(reader, control.now()));
  CORDON_CHECK(reader.finish());
  if (!routes.is_null() && !routes.is_array()) {
    return fail(Errc::invalid, "key: 'routes' must be a list of route names");
  }
  for (const Json& route : routes) {
    if (!route.is_string()) return fail(Errc::invalid, "key: a route must be a string");
    command.routes.push_back(route.get<std::string>());
  }
  return command;
}

Result<containment::RotateKey> read_rotate(const ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "rotate");
  containment::RotateKey command;
  command.id = call.id;
  command.by = call.caller.actor();
  const std::string overlap = reader.text("overlap");
  CORDON_TRY(command.expires_at, read_expiry(reader, control.now()));
  CORDON_CHECK(reader.finish());
  CORDON_TRY(command.overlap, parse_duration(overlap));
  return command;
}

}  // namespace

net::Task<Result<Reply>> handle_keys(ControlPlane& control, const Call&) {
  Json items = Json::array();
  for (const auto& [id, key] : control.keys().all()) items.push_back(show_key(control, key));
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_issue_key(ControlPlane& control, const Call& call) {
  auto command = read_issue(control, call);
  if (!command) co_return tl::make_unexpected(command.error());
  const auto changed = co_await control.issue_key(*std::move(command));
  if (!changed) co_return tl::make_unexpected(changed.error());
  co_return reply_of(control, *changed, 201);
}

net::Task<Result<Reply>> handle_rotate_key(ControlPlane& control, const Call& call) {
  auto command = read_rotate(control, call);
  if (!command) co_return tl::make_unexpected(command.error());
  const auto changed = co_await control.rotate_key(*std::move(command));
  if (!changed) co_return tl::make_unexpected(changed.error());
  co_return reply_of(control, *changed, 201);
}

net::Task<Result<Reply>> handle_expire_key(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "expire");
  const std::string text = reader.text("expires_in");
  std::string reason = reader.text_or("reason", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  const auto expires_in = parse_duration(text);
  if (!expires_in) co_return tl::make_unexpected(expires_in.error());
  std::string id = call.id;
  model::Actor by = call.caller.actor();
  const auto changed =
      co_await control.expire_key(std::move(id), *expires_in, std::move(reason), std::move(by));
  if (!changed) co_return tl::make_unexpected(changed.error());
  co_return reply_of(control, *changed, 200);
}

net::Task<Result<Reply>> handle_revoke_key(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "revoke");
  std::string reason = reader.text_or("reason", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  std::string id = call.id;
  model::Actor by = call.caller.actor();
  const auto changed = co_await control.revoke_key(std::move(id), std::move(reason), std::move(by));
  if (!changed) co_return tl::make_unexpected(changed.error());
  co_return reply_of(control, *changed, 200);
}

}  // namespace cordon::api
