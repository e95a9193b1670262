// Handlers of updates: draft, approve, send, acknowledge.
#include "api/control_plane.h"
#include "api/handlers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cordon::api {

using codec::Json;
using incident::Incident;

namespace {

Result<const Incident*> find_incident(const ControlPlane& control, const std::string& id) {
  const Incident* const found = control.watch().desk().find(id);
  if (found == nullptr) {
    return fail(Errc::not_found, fmt::format("no incident '{}'", id.substr(0, 64)));
  }
  return found;
}

/// `INC-2026-00017-U01` and the incident that it belongs to.
Result<std::pair<const Incident*, const incident::Update*>> find_update(const ControlPlane& control,
                                                                        const std::string& id) {
  const Incident* const found =
      control.watch().desk().find(std::string_view(id).substr(0, id.rfind('-')));
  const incident::Update* const update = found == nullptr ? nullptr : found->follow_up.update(id);
  if (update == nullptr) {
    return fail(Errc::not_found, fmt::format("no update '{}'", id.substr(0, 64)));
  }
  return std::pair(found, update);
}

Result<Reply> update_reply(const ControlPlane& control, const std::string& id, int status) {
  CORDON_TRY(const auto found, find_update(control, id));
  Json json = incident::to_json(*found.second);
  json["incident"] = found.first->id;
  CORDON_TRY(std::string text, control.blob(found.second->draft.digest));
  json["text"] = std::move(text);
  return Reply{status, std::move(json), {}};
}

/// What a person asks for when they draft.
struct DraftRequest {
  model::Audience audience = model::Audience::engineering;
  std::optional<std::string> text;
  std::string approver;
};

Result<DraftRequest> read_draft(const ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "update");
  DraftRequest request;
  const std::string audience = reader.text("audience");
  request.text = reader.optional_text("text");
  request.approver = reader.text_or("approver", control.options().config.updates.approver);
  CORDON_CHECK(reader.finish());
  CORDON_TRY(request.audience, model::parse_audience(audience));
  if (!model::needs_approval(request.audience)) request.approver.clear();
  if (!request.approver.empty()) {
    CORDON_CHECK(model::Actor::parse("person:" + request.approver));
  }
  return request;
}

/// Commands whose body is empty.
net::Task<Result<Reply>> act(ControlPlane& control, const Call& call,
                             incident::FollowUpCommand what) {
  codec::ObjectReader reader(call.body, "update");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  const auto found = find_update(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  std::string id = found->first->id;
  model::Actor actor = call.caller.actor();
  incident::Command command = incident::FollowingUp{std::move(what)};
  const Status done = co_await control.command(std::move(id), std::move(actor), std::move(command));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return update_reply(control, call.id, 200);
}

}  // namespace

net::Task<Result<Reply>> handle_updates(ControlPlane& control, const Call& call) {
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  Json items = Json::array();
  for (const incident::Update& update : (*found)->follow_up.updates) {
    items.push_back(incident::to_json(update));
  }
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_draft_update(ControlPlane& control, const Call& call) {
  const auto request = read_draft(control, call);
  if (!request) co_return tl::make_unexpected(request.error());
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  const Incident& incident = **found;
  auto composed =
      control.watch().desk().compose(incident, request->audience, request->text, control.now());
  if (!composed) co_return tl::make_unexpected(composed.error());
  incident::UpdateDrafted draft;
  draft.audience = request->audience;
  draft.title = std::move(composed->title);
  draft.unresolved = std::move(composed->unresolved);
  draft.state = incident.state;
  draft.severity = incident.severity;
  draft.approver = request->approver;
  draft.token = call.caller.token;
  auto digest = control.keep(composed->text);
  if (!digest) co_return tl::make_unexpected(digest.error());
  draft.digest = *std::move(digest);
  std::string id = incident.id;
  model::Actor actor = call.caller.actor();
  incident::Command command = incident::FollowingUp{incident::DraftUpdate{std::move(draft)}};
  const std::size_t before = incident.follow_up.updates.size();
  std::string incident_id = id;
  const Status done = co_await control.command(std::move(id), std::move(actor), std::move(command));
  if (!done) co_return tl::make_unexpected(done.error());
  // Somebody else may have drafted meanwhile; ours is the last one by this person.
  const Incident* const after = control.watch().desk().find(incident_id);
  const auto& updates = after->follow_up.updates;
  std::string made;
  for (std::size_t i = before; i < updates.size(); ++i) {
    if (updates[i].by == call.caller.actor()) made = updates[i].draft.update;
  }
  co_return update_reply(control, made, 201);
}

net::Task<Result<Reply>> handle_update(ControlPlane& control, const Call& call) {
  co_return update_reply(control, call.id, 200);
}

net::Task<Result<Reply>> handle_approve_update(ControlPlane& control, const Call& call) {
  const auto found = find_update(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  const incident::Update& update = *found->second;
  incident::ApproveUpdate approve{call.id, {}};
  const containment::Approval approval{call.caller.actor(), call.caller.token};
  const Status may =
      control.tokens().may_approve(approval, update.by, update.draft.token, control.now());
  if (!may) approve.objection = may.error().detail;
  incident::FollowUpCommand what = std::move(approve);
  co_return co_await act(control, call, std::move(what));
}

net::Task<Result<Reply>> handle_send_update(ControlPlane& control, const Call& call) {
  const auto found = find_update(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  incident::SendUpdate send{call.id, {}};
  const model::Audience audience = found->second->draft.audience;
  for (const model::ConnectorConfig& connector : control.options().config.connectors) {
    const auto& served = connector.audiences;
    if (std::find(served.begin(), served.end(), audience) == served.end()) continue;
    send.connectors.push_back(connector.name);
  }
  incident::FollowUpCommand what = std::move(send);
  co_return co_await act(control, call, std::move(what));
}

net::Task<Result<Reply>> handle_ack_update(ControlPlane& control, const Call& call) {
  incident::FollowUpCommand what = incident::AckUpdate{call.id};
  co_return co_await act(control, call, std::move(what));
}

}  // namespace cordon::api
