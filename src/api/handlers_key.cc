// Handlers of tenants' keys.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "model/prices.h"

#include <fmt/format.h>

#include <array>

namespace cordon::api {

using codec::Json;
using containment::Key;

namespace {

std::string_view state_of(const ControlPlane& control, const Key& key) {
  if (key.revoked_at) return "revoked";
  if (!key.is_in_force(control.now())) return "expired";
  return key.replaced_by.empty() ? "in_force" : "rotating";
}

/// A limit as the API writes it.
struct LimitKey {
  std::string_view name;
  std::uint64_t model::UsageLimits::*member;
  std::uint64_t most;
  bool money = false;
};
constexpr std::array<LimitKey, 6> kLimitKeys = {{
    {"requests_per_minute", &model::UsageLimits::requests_per_minute, model::kRequestsMax},
    {"tokens_per_minute", &model::UsageLimits::tokens_per_minute, model::kTokensMax},
    {"cost_per_minute", &model::UsageLimits::cost_per_minute, model::kCostMax, true},
    {"requests_per_day", &model::UsageLimits::requests_per_day,
     model::kRequestsMax* model::kPerDayTimes},
    {"tokens_per_day", &model::UsageLimits::tokens_per_day, model::kTokensMax* model::kPerDayTimes},
    {"cost_per_day", &model::UsageLimits::cost_per_day, model::kCostMax, true},
}};
constexpr unsigned kCostDigits = 9;

Json show_limits(const model::UsageLimits& limits) {
  Json json = Json::object();
  for (const LimitKey& key : kLimitKeys) {
    const std::uint64_t limit = limits.*key.member;
    if (limit == 0) continue;
    json[std::string(key.name)] = key.money ? Json(model::format_nano(limit)) : Json(limit);
  }
  return json;
}

Result<model::UsageLimits> read_limits(const Json& value) {
  model::UsageLimits limits;
  if (value.is_null()) return limits;
  codec::ObjectReader reader(value, "limits");
  for (const LimitKey& key : kLimitKeys) {
    std::uint64_t& limit = limits.*key.member;
    if (!value.is_object() || !value.contains(key.name)) continue;
    if (key.money) {
      const auto amount = model::parse_decimal(reader.text(key.name), kCostDigits, key.most);
      limit = amount.value_or(0);
    } else {
      const std::int64_t count = reader.integer(key.name);
      limit = count > 0 ? static_cast<std::uint64_t>(count) : 0;
    }
    if (limit == 0 || limit > key.most) {
      const std::string most = key.money ? model::format_nano(key.most) : std::to_string(key.most);
      return fail(Errc::invalid,
                  fmt::format("limits: {} is not {} above 0 and at most {}", key.name,
                              key.money ? "a decimal amount in quotes" : "a whole number", most));
    }
  }
  CORDON_CHECK(reader.finish());
  return limits;
}

Json show_key(const ControlPlane& control, const Key& key) {
  Json json = {{"id", key.id},
               {"tenant", key.tenant},
               {"name", key.name},
               {"routes", key.routes},
               {"state", state_of(control, key)},
               {"issued_by", key.issued_by.text()},
               {"issued_at", format_rfc3339(key.issued_at)}};
  if (key.limits.any()) json["limits"] = show_limits(key.limits);
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
  CORDON_TRY(command.limits, read_limits(reader.any("limits")));
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
