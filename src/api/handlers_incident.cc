// Handlers of incidents, mitigation tests, evidence and live numbers.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "api/internal/show.h"

#include <fmt/format.h>

#include <algorithm>

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

Json to_json(const ControlPlane& control, const EvidenceRecord& record) {
  return {{"id", record.id},
          {"incident", record.incident},
          {"path", control.bundle_path(record).string()},
          {"sha256", record.sha256},
          {"tree_size", record.tree_size},
          {"decisions", record.records},
          {"verified", record.verified}};
}

Reply list_reply(Json items) {
  return {200, {{"items", std::move(items)}}, {}};
}

Result<incident::MitigationTest> read_mitigation(const Call& call) {
  codec::ObjectReader reader(call.body, "mitigation");
  incident::MitigationTest test;
  CORDON_TRY(test.metric,
             incident::parse_mitigation_metric(reader.text_or("metric", "delivered_hit_rate")));
  CORDON_TRY(test.scope, model::Scope::parse(reader.text("scope")));
  const std::string comparator = reader.text_or("comparator", "<");
  if (comparator != "<") {
    return fail(Errc::invalid, fmt::format("mitigation: 'comparator' is '{}', expected '<'",
                                           comparator.substr(0, 16)));
  }
  test.limit = reader.number_or("value", 0);
  CORDON_TRY(test.window, parse_duration(reader.text("window")));
  const std::int64_t samples = reader.integer("min_samples");
  test.min_samples = static_cast<std::uint64_t>(std::max<std::int64_t>(samples, 0));
  test.containment = reader.text_or("containment", "");
  CORDON_CHECK(reader.finish());
  return test;
}

Json evidence_of(const ControlPlane& control, const Incident& incident) {
  Json items = Json::array();
  for (const EvidenceRecord& record : control.evidence()) {
    if (record.incident == incident.id) items.push_back(to_json(control, record));
  }
  return items;
}

template <class T>
Json known(const detect::Known<T>& number) {
  return number ? Json(*number) : Json{{"unknown", number.error().reason}};
}

}  // namespace

Json internal::show_incident(const ControlPlane& control, const Incident& incident) {
  Json json = control.watch().desk().detail(incident, control.now());
  Json waiting = Json::array();
  for (const auto* asked : control.approvals().waiting(control.now())) {
    if (asked->incident == incident.id) waiting.push_back(show_asked(*asked));
  }
  json["waiting_for_second_person"] = std::move(waiting);
  return json;
}

net::Task<Result<Reply>> handle_incidents(ControlPlane& control, const Call&) {
  Json items = Json::array();
  for (const Incident* incident : control.watch().desk().incidents()) {
    items.push_back(internal::show_incident(control, *incident));
  }
  co_return list_reply(std::move(items));
}

net::Task<Result<Reply>> handle_incident(ControlPlane& control, const Call& call) {
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  co_return Reply{200, internal::show_incident(control, **found), {}};
}

net::Task<Result<Reply>> handle_timeline(ControlPlane& control, const Call& call) {
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  Json items = Json::array();
  for (const incident::TimelineItem& item : control.watch().desk().timeline(**found)) {
    items.push_back(incident::to_json(item));
  }
  co_return list_reply(std::move(items));
}

net::Task<Result<Reply>> handle_severity(ControlPlane& control, const Call& call) {
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  const Incident& incident = **found;
  const incident::Assessment assessment = control.watch().desk().explain(incident, control.now());
  Json history = Json::array();
  for (const incident::SeverityChange& change : incident.severities) {
    history.push_back({{"to", incident::to_string(change.change.to)},
                       {"rule", change.change.rule},
                       {"by", change.by.text()},
                       {"at", format_rfc3339(change.at)},
                       {"entry", change.entry}});
  }
  Json json = {{"severity", incident.severity ? incident::to_string(*incident.severity)
                                              : std::string_view("unset")},
               {"provisional", incident.provisional},
               {"predicates", incident::to_json(assessment)},
               {"history", std::move(history)}};
  co_return Reply{200, std::move(json), {}};
}

net::Task<Result<Reply>> handle_commander(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "commander");
  const auto person = reader.optional_text("person");
  const std::string reason = reader.text_or("reason", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  incident::Command command = incident::AcceptCommander{reason};
  if (person) command = incident::ProposeCommander{*person, reason};
  std::string id = call.id;
  model::Actor actor = call.caller.actor();
  const Status done = co_await control.command(std::move(id), std::move(actor), std::move(command));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return co_await handle_incident(control, call);
}

net::Task<Result<Reply>> handle_move(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "move");
  const auto to = incident::parse_state(reader.text("to"));
  std::string reason = reader.text_or("reason", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  if (!to) co_return tl::make_unexpected(to.error());
  std::string id = call.id;
  containment::Identity by = call.caller;
  incident::Command command = incident::Move{*to, std::move(reason)};
  const auto asked = co_await control.order(std::move(id), std::move(by), std::move(command));
  if (!asked) co_return tl::make_unexpected(asked.error());
  if (*asked) co_return Reply{202, internal::show_asked(**asked), {}};
  co_return co_await handle_incident(control, call);
}

net::Task<Result<Reply>> handle_mitigations(ControlPlane& control, const Call& call) {
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  Json items = Json::array();
  for (const incident::Mitigation& mitigation : (*found)->mitigations) {
    items.push_back(incident::to_json(mitigation, control.now()));
  }
  co_return list_reply(std::move(items));
}

net::Task<Result<Reply>> handle_declare_mitigation(ControlPlane& control, const Call& call) {
  auto test = read_mitigation(call);
  if (!test) co_return tl::make_unexpected(test.error());
  test->id = control.make_id();
  const std::string test_id = test->id;
  std::string id = call.id;
  model::Actor actor = call.caller.actor();
  incident::Command command = incident::DeclareMitigation{*std::move(test)};
  const Status done = co_await control.command(std::move(id), std::move(actor), std::move(command));
  if (!done) co_return tl::make_unexpected(done.error());
  const Incident* const incident = control.watch().desk().find(call.id);
  const incident::Mitigation* const declared = incident->mitigation(test_id);
  if (declared == nullptr) co_return fail(Errc::corrupt, "the declared test was not found again");
  co_return Reply{201, incident::to_json(*declared, control.now()), {}};
}

net::Task<Result<Reply>> handle_scorecard(ControlPlane& control, const Call& call) {
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  const incident::Scorecard card = control.watch().desk().scorecard(**found, control.now());
  Json json = card.to_json();
  json["text"] = card.to_text();
  co_return Reply{200, std::move(json), {}};
}

net::Task<Result<Reply>> handle_evidence(ControlPlane& control, const Call& call) {
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  co_return list_reply(evidence_of(control, **found));
}

net::Task<Result<Reply>> handle_freeze(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "freeze");
  std::string purpose = reader.text_or("reason", "incident evidence");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  std::string id = call.id;
  model::Actor actor = call.caller.actor();
  const auto frozen = co_await control.freeze(std::move(id), std::move(actor), std::move(purpose));
  if (!frozen) co_return tl::make_unexpected(frozen.error());
  Json json = to_json(control, *frozen);
  json["vkey"] = control.log().verifier().text();
  co_return Reply{201, std::move(json), {}};
}

net::Task<Result<Reply>> handle_traffic(ControlPlane& control, const Call& call) {
  const auto asked = [&call](std::string_view key) {
    const auto found = call.query.find(key);
    return found == call.query.end() ? std::string() : found->second;
  };
  const auto length = parse_duration(asked("window").empty() ? "60s" : asked("window"));
  if (!length) co_return tl::make_unexpected(length.error());
  for (const auto& [key, value] : call.query) {
    if (key != "window" && key != "route" && key != "tenant") {
      co_return fail(Errc::invalid, fmt::format("unknown query key '{}', expected window, route, "
                                                "tenant",
                                                key.substr(0, 40)));
    }
  }
  const std::string route = asked("route");
  const std::string tenant = asked("tenant");
  if (!route.empty() && !tenant.empty()) {
    co_return fail(Errc::invalid, "ask for a route or for a tenant, not for both");
  }
  const detect::Subject subject = !route.empty()    ? detect::Subject::route
                                  : !tenant.empty() ? detect::Subject::tenant
                                                    : detect::Subject::all;
  const std::string name = route.empty() ? tenant : route;
  const detect::Window window{control.now(),
                              std::chrono::duration_cast<std::chrono::seconds>(*length)};
  const detect::Windows& windows = control.watch().windows();
  const auto counts = windows.counts(subject, name, window);
  Json json = {{"window", format_duration(*length)}};
  if (!route.empty()) json["route"] = route;
  if (!tenant.empty()) json["tenant"] = tenant;
  if (!counts) {
    json["exchanges"] = Json{{"unknown", counts.error().reason}};
    co_return Reply{200, std::move(json), {}};
  }
  json["exchanges"] = counts->exchanges;
  json["blocked"] = counts->blocked;
  json["errors"] = counts->errors;
  for (std::size_t i = 0; i < model::kIncidentClassCount; ++i) {
    const auto& of = counts->by_class[i];
    const auto of_class = static_cast<model::IncidentClass>(i);
    if (!control.options().watch.desk.measured.contains(of_class)) {
      json["hits"][std::string(model::to_string(of_class))] = {
          {"unknown", "no rule in force can see this class"}};
      continue;
    }
    json["hits"][std::string(model::to_string(of_class))] = {
        {"exchanges", of.exchanges_hit},
        {"delivered_exchanges", of.exchanges_delivered},
        {"delivered_matches", of.matches_delivered}};
  }
  if (subject != detect::Subject::tenant) {
    json["latency_us"] = {{"p50", known(windows.latency_us(subject, name, 0.5, window))},
                          {"p95", known(windows.latency_us(subject, name, 0.95, window))}};
  }
  co_return Reply{200, std::move(json), {}};
}

}  // namespace cordon::api
