// Handlers of tokens, switches, modes, fallbacks and rollbacks.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "api/internal/blast.h"
#include "api/internal/show.h"
#include "containment/moment.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api {

using codec::Json;
using containment::Containment;

namespace {

Json show_measure(const ControlPlane& control, const Containment& measure) {
  Json json = containment::to_json(measure);
  if (measure.paged_at) json["paged_at"] = format_rfc3339(*measure.paged_at);
  const auto& approvals = control.approvals();
  if (const auto* asked = approvals.find(containment::Act::release, measure.id, control.now())) {
    json["release_requested_by"] = asked->by.text();
    json["release_approval"] = asked->id;
  }
  return json;
}

Json to_json(const ControlPlane& control, const containment::Token& token) {
  const bool expired = token.expires_at && *token.expires_at <= control.now();
  Json json = {{"id", token.id},
               {"person", token.person},
               {"roles", Json::array()},
               {"state", token.revoked_at ? "revoked" : (expired ? "expired" : "valid")},
               {"minted_by", token.minted_by.text()}};
  json["expires_at"] = token.expires_at ? Json(format_rfc3339(*token.expires_at)) : Json();
  for (std::size_t i = 0; i < containment::kRoleCount; ++i) {
    const auto role = static_cast<containment::Role>(i);
    if (token.roles.has(role)) json["roles"].push_back(containment::to_string(role));
  }
  return json;
}

Result<containment::Roles> read_roles(const Json& value) {
  if (!value.is_array()) {
    return fail(Errc::invalid, "token: 'roles' must be a list of role names");
  }
  containment::Roles roles;
  for (const Json& item : value) {
    if (!item.is_string()) return fail(Errc::invalid, "token: a role must be a string");
    CORDON_TRY(const containment::Role role, containment::parse_role(item.get<std::string>()));
    roles.add(role);
  }
  return roles;
}

/// "expires_in" of a body, as a time. Left unset when absent, so that the refusal is decide()'s.
Result<std::optional<WallTime>> read_expiry(codec::ObjectReader& reader, WallTime now) {
  const auto text = reader.optional_text("expires_in");
  if (!text) return std::nullopt;
  CORDON_TRY(const auto duration, parse_duration(*text));
  return std::optional<WallTime>(now + duration);
}

Result<containment::Set> read_set(const ControlPlane& control, const Call& call,
                                  model::Measure measure) {
  codec::ObjectReader reader(call.body, std::string(model::to_string(measure)));
  containment::Set set;
  set.id = control.make_id();
  set.measure = measure;
  set.by = call.caller.actor();
  set.by_token = call.caller.token;
  if (measure == model::Measure::fallback) {
    set.scope = fmt::format("route={}", reader.text("route"));
  } else if (measure != model::Measure::rollback) {
    set.scope = reader.text_or("scope", "");
  }
  if (measure == model::Measure::mode) {
    CORDON_TRY(set.mode, model::parse_mode(reader.text("mode")));
  }
  if (measure == model::Measure::fallback) set.break_glass = reader.text_or("break_glass", "");
  if (measure == model::Measure::rollback) {
    const Json& generation = reader.any("generation");
    if (!generation.is_null() && !generation.is_number_unsigned()) {
      return fail(Errc::invalid, "rollback: 'generation' must be the number of a generation");
    }
    if (!generation.is_null()) set.generation = generation.get<std::uint64_t>();
  }
  set.reason = reader.text_or("reason", "");
  set.incident = reader.text_or("incident", "");
  CORDON_TRY(set.expires_at, read_expiry(reader, control.now()));
  CORDON_CHECK(reader.finish());
  return set;
}

/// Done, or waiting for a second person.
Reply reply_of(const ControlPlane& control, const Ordered<Contained>& ordered, int status) {
  if (const auto* asked = std::get_if<containment::Asked>(&ordered)) {
    return {202, internal::show_asked(*asked), {}};
  }
  return {status, internal::show_contained(control, std::get<Contained>(ordered)), {}};
}

net::Task<Result<Reply>> set_measure(ControlPlane& control, const Call& call,
                                     model::Measure measure) {
  auto set = read_set(control, call, measure);
  if (!set) co_return tl::make_unexpected(set.error());
  const auto done = co_await control.contain(*std::move(set));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return reply_of(control, *done, 201);
}

Result<const Containment*> find_measure(const ControlPlane& control, const std::string& id) {
  const Containment* const found = control.measures().find(id);
  if (found == nullptr) {
    return fail(Errc::not_found, fmt::format("no containment '{}'", id.substr(0, 64)));
  }
  return found;
}

}  // namespace

Json internal::show_contained(const ControlPlane& control, const Contained& contained) {
  Json json = {{"containment", show_measure(control, contained.containment)},
               {"receipt", contained.receipt.to_json()}};
  if (contained.containment.is_in_force()) {
    json["blast_radius"] = internal::blast_radius(control, contained.containment.scope);
  }
  return json;
}

net::Task<Result<Reply>> handle_whoami(ControlPlane&, const Call& call) {
  Json roles = Json::array();
  for (std::size_t i = 0; i < containment::kRoleCount; ++i) {
    const auto role = static_cast<containment::Role>(i);
    if (call.caller.roles.has(role)) roles.push_back(containment::to_string(role));
  }
  co_return Reply{200, {{"person", call.caller.person}, {"roles", std::move(roles)}}, {}};
}

net::Task<Result<Reply>> handle_tokens(ControlPlane& control, const Call&) {
  Json items = Json::array();
  for (const auto& [id, token] : control.tokens().all()) items.push_back(to_json(control, token));
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_mint_token(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "token");
  containment::MintToken command;
  command.person = reader.text("person");
  command.by = call.caller.actor();
  auto roles = read_roles(reader.any("roles"));
  auto expiry = read_expiry(reader, control.now());
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  if (!roles) co_return tl::make_unexpected(roles.error());
  if (!expiry) co_return tl::make_unexpected(expiry.error());
  if (!*expiry) {
    co_return fail(Errc::invalid,
                   "token: 'expires_in' is missing; say how long it is valid, "
                   "for example 30d");
  }
  command.roles = *roles;
  command.expires_at = *expiry;
  auto minted = co_await control.mint(std::move(command));
  if (!minted) co_return tl::make_unexpected(minted.error());
  Json json = to_json(control, minted->event.token);
  json["token"] = std::move(minted->secret);
  co_return Reply{201, std::move(json), {}};
}

net::Task<Result<Reply>> handle_revoke_token(ControlPlane& control, const Call& call) {
  std::string id = call.id;
  model::Actor by = call.caller.actor();
  const Status revoked = co_await control.revoke(std::move(id), std::move(by));
  if (!revoked) co_return tl::make_unexpected(revoked.error());
  co_return Reply{200, to_json(control, control.tokens().all().find(call.id)->second), {}};
}

net::Task<Result<Reply>> handle_containments(ControlPlane& control, const Call&) {
  std::vector<const Containment*> all;
  for (const auto& [id, measure] : control.measures().all()) all.push_back(&measure);
  std::sort(all.begin(), all.end(),
            [](const Containment* a, const Containment* b) { return a->order < b->order; });
  Json items = Json::array();
  for (const Containment* measure : all) items.push_back(show_measure(control, *measure));
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_containment(ControlPlane& control, const Call& call) {
  const auto found = find_measure(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  co_return Reply{200, show_measure(control, **found), {}};
}

net::Task<Result<Reply>> handle_receipt(ControlPlane& control, const Call& call) {
  const auto found = find_measure(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  const containment::Receipt* const receipt = control.receipt(call.id);
  if (receipt == nullptr) {
    co_return fail(Errc::not_found, "this containment has no receipt yet");
  }
  co_return Reply{200, receipt->to_json(), {}};
}

net::Task<Result<Reply>> handle_renew(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "renew");
  containment::Renew command;
  command.id = call.id;
  command.by = call.caller.actor();
  command.reason = reader.text_or("reason", "");
  auto expiry = read_expiry(reader, control.now());
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  if (!expiry) co_return tl::make_unexpected(expiry.error());
  command.expires_at = *expiry;
  const auto renewed = co_await control.renew(std::move(command));
  if (!renewed) co_return tl::make_unexpected(renewed.error());
  co_return Reply{200, show_measure(control, *renewed), {}};
}

net::Task<Result<Reply>> handle_release(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "release");
  std::string reason = reader.text_or("reason", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  std::string id = call.id;
  containment::Identity by = call.caller;
  const auto done = co_await control.release(std::move(id), std::move(reason), std::move(by));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return reply_of(control, *done, 200);
}

net::Task<Result<Reply>> handle_set_switch(ControlPlane& control, const Call& call) {
  return set_measure(control, call, model::Measure::kill_switch);
}
net::Task<Result<Reply>> handle_set_mode(ControlPlane& control, const Call& call) {
  return set_measure(control, call, model::Measure::mode);
}
net::Task<Result<Reply>> handle_set_fallback(ControlPlane& control, const Call& call) {
  return set_measure(control, call, model::Measure::fallback);
}

net::Task<Result<Reply>> handle_set_rollback(ControlPlane& control, const Call& call) {
  return set_measure(control, call, model::Measure::rollback);
}

}  // namespace cordon::api
