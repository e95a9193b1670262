// Handlers of rulepacks: what is in force, what was, publishing and going back.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "api/internal/show.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api {

using codec::Json;

namespace {

constexpr std::size_t kFileNameBytesMax = 256;

Json milliseconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

/// Time to policy update, or why it is not known.
void add_ttpu(Json& json, const ControlPlane& control, const RulepackChange& change) {
  const containment::Receipt* const receipt = control.receipt(change.entry);
  if (const auto time = time_to_update(change, receipt)) {
    json["ttpu_ms"] = milliseconds_of(*time);
    return;
  }
  json["ttpu_ms"] = nullptr;
  json["ttpu_unknown"] = change.event == RulepackEvent::loaded ? "loaded when the node started"
                         : receipt == nullptr                  ? "no receipt yet"
                                                               : "a node did not acknowledge";
}

Json to_json(const RulepackChange& change) {
  Json json = {{"version", change.version},        {"digest", change.digest},
               {"event", to_string(change.event)}, {"actor", change.actor.text()},
               {"at", format_rfc3339(change.at)},  {"entry", change.entry}};
  if (change.event == RulepackEvent::loaded) return json;
  json["reason"] = change.reason;
  if (!change.incident.empty()) json["incident"] = change.incident;
  if (change.approval) json["approved_by"] = change.approval->by.text();
  json["weaker"] = change.weaker;
  json["classes"] = change.classes;
  if (!change.override_reason.empty()) {
    json["override"] = change.override_reason;
    json["failing"] = change.failing;
  }
  return json;
}

/// A pack as it is in force; `loaded` stands for one that this start read.
Json to_json(const ControlPlane& control, const std::string& name, const RulepackChange& change) {
  Json json = {{"name", name}};
  const Json facts = to_json(change);
  for (const auto& [key, value] : facts.items()) json[key] = value;
  Json routes = Json::array();
  for (const model::Route& route : control.generation().routes) {
    const bool obeys = std::any_of(
        route.rulepacks.begin(), route.rulepacks.end(),
        [&](const auto& ref) { return ref.name == name && ref.digest == change.digest; });
    if (obeys) routes.push_back(route.name);
  }
  json["routes"] = std::move(routes);
  const auto file = control.options().rulepacks.find(name);
  const bool loaded = file != control.options().rulepacks.end();
  json["file_digest"] = loaded ? Json(file->second.digest) : Json();
  json["follows_file"] = change.follows_file;
  add_ttpu(json, control, change);
  const auto& approvals = control.approvals();
  if (const auto* asked = approvals.find(containment::Act::rulepack, name, control.now())) {
    json["waiting"] = internal::show_asked(*asked);
  }
  return json;
}

Json to_json(const policy::Rule& rule) {
  Json on = Json::array();
  for (std::size_t part = 0; part < policy::kPartCount; ++part) {
    if (rule.on[part]) on.push_back(policy::to_string(static_cast<policy::Part>(part)));
  }
  return {{"id", rule.id},
          {"class", model::to_string(rule.incident_class)},
          {"state", policy::to_string(rule.state)},
          {"on", std::move(on)},
          {"action", model::to_string(rule.action)},
          {"emergency", model::to_string(rule.emergency)},
          {"rationale", rule.rationale}};
}

Json to_json(const policy::PackDiff& diff) {
  Json changes = Json::array();
  for (const policy::RuleChange& change : diff.changes) {
    Json fields = Json::array();
    for (const policy::FieldChange& field : change.fields) {
      fields.push_back({{"key", field.key},
                        {"before", field.before},
                        {"after", field.after},
                        {"strength", policy::to_string(field.strength)}});
    }
    changes.push_back({{"rule", change.rule},
                       {"change", policy::to_string(change.fate)},
                       {"class", model::to_string(change.incident_class)},
                       {"strength", policy::to_string(change.strength)},
                       {"fields", std::move(fields)}});
  }
  return {{"strength", policy::to_string(diff.strength())}, {"changes", std::move(changes)}};
}

/// What publishing and going back have in common.
void read_common(codec::ObjectReader& reader, const Call& call, RulepackOrder& order) {
  order.reason = reader.text_or("reason", "");
  order.incident = reader.text_or("incident", "");
  order.override_reason = reader.text_or("override", "");
  if (reader.boolean_or("dry_run", false)) order.act = RulepackAct::judge_only;
  order.by = call.caller;
}

Result<RulepackOrder> read_publish(const Call& call) {
  codec::ObjectReader reader(call.body, "rulepack");
  RulepackOrder order;
  order.event = RulepackEvent::published;
  order.text = reader.text("text");
  order.file = reader.text_or("file", "rulepack");
  read_common(reader, call, order);
  CORDON_CHECK(reader.finish());
  if (order.file.empty() || order.file.size() > kFileNameBytesMax) {
    return fail(Errc::invalid, "rulepack: 'file' has 1 to 256 bytes");
  }
  return order;
}

Result<RulepackOrder> read_rollback(const Call& call) {
  codec::ObjectReader reader(call.body, "rollback");
  RulepackOrder order;
  order.event = RulepackEvent::rolled_back;
  order.name = call.id;
  order.digest = reader.text("digest");
  read_common(reader, call, order);
  CORDON_CHECK(reader.finish());
  return order;
}

net::Task<Result<Reply>> carry_out(ControlPlane& control, Result<RulepackOrder> order) {
  if (!order) co_return tl::make_unexpected(order.error());
  const RulepackAct act = order->act;
  const auto answer = co_await control.order_rulepack(*std::move(order));
  if (!answer) co_return tl::make_unexpected(answer.error());
  const int status = act == RulepackAct::judge_only ? 200 : answer->change ? 201 : 202;
  co_return Reply{status, internal::show_answer(control, *answer, act), {}};
}

Result<const RulepackChange*> find_pack(const ControlPlane& control, const std::string& name) {
  const RulepackChange* const change = control.shelf().in_force(name);
  if (change == nullptr) {
    return fail(Errc::not_found,
                fmt::format("no rulepack '{}'; see `cordon rulepack list`", name.substr(0, 64)));
  }
  return change;
}

}  // namespace

Json internal::show_answer(const ControlPlane& control, const RulepackAnswer& answer,
                           RulepackAct act) {
  Json json = {{"name", answer.name},
               {"version", answer.version},
               {"digest", answer.digest},
               {"before", answer.before},
               {"diff", to_json(answer.diff)},
               {"replays", Json::array()},
               {"second_person", answer.second_person}};
  for (const replay::Report& report : answer.replays) {
    json["replays"].push_back(replay::to_json(report));
  }
  json["state"] = answer.change                    ? "in_force"
                  : act == RulepackAct::judge_only ? "judged"
                                                   : "waiting";
  if (!answer.after_rollback.empty()) {
    json["after_rollback"] = answer.after_rollback;
    if (answer.change) json["state"] = "in_force_after_rollback";
  }
  if (answer.asked) json["waiting"] = show_asked(*answer.asked);
  if (!answer.change) return json;
  json["entry"] = answer.change->entry;
  json["actor"] = answer.change->actor.text();
  if (answer.change->approval) json["approved_by"] = answer.change->approval->by.text();
  json["receipt"] = answer.receipt->to_json();
  add_ttpu(json, control, *answer.change);
  return json;
}

net::Task<Result<Reply>> handle_rulepacks(ControlPlane& control, const Call&) {
  Json items = Json::array();
  for (const auto& [name, history] : control.shelf().all()) {
    items.push_back(to_json(control, name, history.back()));
  }
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_rulepack(ControlPlane& control, const Call& call) {
  const auto change = find_pack(control, call.id);
  if (!change) co_return tl::make_unexpected(change.error());
  std::string digest = (*change)->digest;
  const auto pack = co_await control.read_rulepack(std::move(digest));
  if (!pack) co_return tl::make_unexpected(pack.error());
  const RulepackChange now = **find_pack(control, call.id);
  Json json = to_json(control, call.id, now);
  json["rules"] = Json::array();
  for (const policy::Rule& rule : (*pack)->rules) json["rules"].push_back(to_json(rule));
  json["history"] = Json::array();
  for (const RulepackChange& each : control.shelf().history(call.id)) {
    Json item = to_json(each);
    add_ttpu(item, control, each);
    json["history"].push_back(std::move(item));
  }
  co_return Reply{200, std::move(json), {}};
}

net::Task<Result<Reply>> handle_rulepack_text(ControlPlane& control, const Call& call) {
  const auto change = find_pack(control, call.id);
  if (!change) co_return tl::make_unexpected(change.error());
  if (call.id == kCanaryPack) {
    co_return fail(Errc::invalid, "this rulepack holds the canary tokens, which are never shown");
  }
  std::string digest = (*change)->digest;
  if (const auto asked = call.query.find("digest"); asked != call.query.end()) {
    const auto found = control.find_rulepack(call.id, asked->second);
    if (!found) co_return tl::make_unexpected(found.error());
    digest = *found;
  }
  auto text = control.rulepack_text(digest);
  if (!text) co_return tl::make_unexpected(text.error());
  co_return Reply{200, {}, *std::move(text)};
}

net::Task<Result<Reply>> handle_publish_rulepack(ControlPlane& control, const Call& call) {
  return carry_out(control, read_publish(call));
}

net::Task<Result<Reply>> handle_rollback_rulepack(ControlPlane& control, const Call& call) {
  return carry_out(control, read_rollback(call));
}

}  // namespace cordon::api
