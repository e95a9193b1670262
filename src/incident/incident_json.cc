#include "incident/desk.h"

namespace cordon::incident {
namespace {

using codec::Json;

Json to_json(const ContainmentStanding& one) {
  Json json = {{"id", one.containment.id},
               {"scope", one.containment.scope.text()},
               {"state", containment::to_string(one.containment.state)},
               {"set_at", format_rfc3339(one.containment.set_at)}};
  if (one.acked_at) json["acked_at"] = format_rfc3339(*one.acked_at);
  if (one.receipt) json["streams_cut"] = one.receipt->streams_cut();
  if (one.receipt) json["partial"] = one.receipt->partial();
  json["validation"] = one.validated_by.empty() ? "unvalidated" : one.validated_by;
  return json;
}

Json to_json(const EvidenceStanding& one) {
  Json json = {{"id", one.id}};
  if (one.frozen_at) json["frozen_at"] = format_rfc3339(*one.frozen_at);
  if (one.verified_at) json["verified_at"] = format_rfc3339(*one.verified_at);
  json["verified"] = one.verified_at.has_value() && !one.failed;
  return json;
}

template <class List, class F>
Json list_of(const List& list, F&& each) {
  Json json = Json::array();
  for (const auto& one : list) json.push_back(each(one));
  return json;
}

}  // namespace

Json to_json(const Incident& incident, const Standing& standing, WallTime now) {
  Json json = {{"id", incident.id},
               {"uuid", incident.uuid},
               {"title", incident.title},
               {"class", model::to_string(incident.of_class)},
               {"state", to_string(incident.state)},
               {"severity", incident.severity ? to_string(*incident.severity) : "unset"},
               {"provisional", incident.provisional}};
  json["scopes"] = list_of(incident.scopes, [](const auto& scope) { return scope.text(); });
  if (!incident.scopes.empty()) json["scope"] = incident.scopes.front().text();
  json["opened_at"] = format_rfc3339(incident.t0);
  json["clock_start"] = format_rfc3339(incident.clock_start);
  json["impact_start"] = format_rfc3339(incident.impact_start);
  if (incident.confirmed_by) json["confirmed_by"] = incident.confirmed_by->text();
  if (incident.commander) json["commander"] = *incident.commander;
  if (incident.proposed_commander) json["proposed_commander"] = *incident.proposed_commander;
  if (!incident.merged_into.empty()) json["merged_into"] = incident.merged_into;
  if (!incident.absorbed.empty()) json["absorbed"] = incident.absorbed;
  json["signals"] = incident.signals;
  json["states"] = list_of(incident.states, [](const StateChange& change) {
    return Json{
        {"to", to_string(change.to)}, {"by", change.by.text()}, {"at", format_rfc3339(change.at)}};
  });
  json["phases"] = list_of(phases(incident, standing, now),
                           [](const PhaseReport& report) { return to_json(report); });
  json["containments"] =
      list_of(standing.containments, [](const auto& one) { return to_json(one); });
  json["evidence"] = list_of(standing.evidence, [](const auto& one) { return to_json(one); });
  json["mitigations"] =
      list_of(incident.mitigations, [now](const Mitigation& one) { return to_json(one, now); });
  put_follow_up(json, incident.follow_up, now);
  if (is_open(incident.state) && incident.state != State::triage) {
    const State next = incident.state == State::active      ? State::contained
                       : incident.state == State::contained ? State::stable
                                                            : State::closed;
    json["next"] = {{"state", to_string(next)}, {"missing", missing_for(next, incident, standing)}};
  }
  return json;
}

}  // namespace cordon::incident
