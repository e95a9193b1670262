// The form of an incident in the API, with what only the desk knows.
#include "incident/internal/file.h"

#include <algorithm>
#include <set>

namespace cordon::incident::internal {
namespace {

using codec::Json;

/// Who noticed, where to look, and who confirmed it. Without a person who did, nothing counts as
/// detected.
Json detection_of(const Incident& incident, const std::vector<const detect::Signal*>& signals) {
  Json sources = Json::array();
  for (const detect::Signal* signal : signals) {
    Json one = {{"signal", signal->id},
                {"source", detect::to_string(signal->source)},
                {"reporter", signal->reporter.text()},
                {"evidence", signal->evidence.empty() ? "entry:" + signal->id : signal->evidence}};
    if (signal->clock_suspect()) one["clock_suspect"] = true;
    sources.push_back(std::move(one));
  }
  Json json = {{"counted", incident.confirmed_by.has_value()}};
  if (incident.confirmed_by) {
    json["confirmed_by"] = incident.confirmed_by->text();
    json["confirmed_at"] = format_rfc3339(*incident.confirmed_at);
  } else {
    json["reason"] = "no person has confirmed a signal's source";
  }
  json["sources"] = std::move(sources);
  return json;
}

Json role_json(const std::optional<std::string>& person, const std::optional<WallTime>& since,
               const std::optional<std::string>& proposed) {
  Json json = Json::object();
  if (person) json["person"] = *person;
  if (since) json["since"] = format_rfc3339(*since);
  if (proposed) json["proposed"] = *proposed;
  return json;
}

Json roles_of(const Incident& incident) {
  Json json = Json::object();
  json["commander"] =
      role_json(incident.commander, incident.commander_at, incident.proposed_commander);
  for (const auto& [role, holding] : incident.people.roles) {
    json[std::string(to_string(role))] = role_json(holding.person, holding.since, holding.proposed);
  }
  return json;
}

Json pages_of(const Incident& incident) {
  Json list = Json::array();
  for (const At<Paged>& page : incident.people.pages) {
    Json one = {{"at", format_rfc3339(page.at)},
                {"audience", page.what.audience},
                {"reason", page.what.reason}};
    if (!page.what.person.empty()) one["person"] = page.what.person;
    list.push_back(std::move(one));
  }
  return list;
}

Json escalations_of(const Incident& incident) {
  Json list = Json::array();
  for (const At<Escalated>& one : incident.people.escalations) {
    list.push_back({{"at", format_rfc3339(one.at)},
                    {"about", one.what.about},
                    {"from", one.what.from},
                    {"to", one.what.to},
                    {"reason", one.what.reason}});
  }
  return list;
}

/// Delivered and blocked apart; never 0 for what nobody can see.
Json impact_of(const File& file, const DeskOptions& options) {
  if (!options.measured.contains(file.incident.of_class)) {
    return {{"unknown", "no rule in force can see this class"}};
  }
  const detect::Harm& impact = file.impact;
  if (!file.impact_unknown.empty() && impact.exchanges == 0) {
    return {{"unknown", file.impact_unknown}};
  }
  Json json = {{"delivered_exchanges", impact.exchanges},
               {"blocked_exchanges", impact.attempts - std::min(impact.attempts, impact.exchanges)},
               {"records", impact.records},
               {"personal_records", impact.personal}};
  if (!file.impact_unknown.empty()) json["at_least"] = file.impact_unknown;
  if (impact.exchanges > 0) {
    json["first"] = format_rfc3339(impact.first);
    json["last"] = format_rfc3339(impact.last);
  }
  return json;
}

template <class Names>
std::set<std::string> names_of(const Names& names) {
  std::set<std::string> all;
  for (const auto& name : names) {
    if constexpr (requires { name.first; }) {
      all.insert(name.first);
    } else {
      all.insert(name);
    }
  }
  return all;
}

/// What was computed and what people say, both kept. A person who names fewer is told so for good.
Json affected_of(const File& file) {
  const std::set<std::string> tenants = names_of(file.impact.tenants);
  const std::set<std::string> routes = names_of(file.impact.routes);
  const std::set<std::string> use_cases = names_of(file.impact.use_cases);
  Json json = {{"computed",
                {{"tenants", tenants},
                 {"routes", routes},
                 {"use_cases", use_cases},
                 {"targets", file.impact.targets}}}};
  if (!file.impact_unknown.empty()) json["computed"]["unknown"] = file.impact_unknown;
  const auto& stated = file.incident.people.affected;
  if (!stated) return json;
  json["stated"] = {{"tenants", stated->what.tenants},        {"routes", stated->what.routes},
                    {"use_cases", stated->what.use_cases},    {"reason", stated->what.reason},
                    {"by", file.incident.people.affected_by}, {"at", format_rfc3339(stated->at)}};
  Json left_out = Json::array();
  const auto compare = [&left_out](const std::set<std::string>& computed,
                                   const std::vector<std::string>& said) {
    for (const std::string& name : computed) {
      if (std::find(said.begin(), said.end(), name) == said.end()) left_out.push_back(name);
    }
  };
  compare(tenants, stated->what.tenants);
  compare(routes, stated->what.routes);
  compare(use_cases, stated->what.use_cases);
  if (!left_out.empty()) {
    json["warning"] = {{"text", "the list of a person is smaller than the computed one"},
                       {"left_out", std::move(left_out)}};
  }
  return json;
}

}  // namespace

Json detail(const File& file, const std::vector<const detect::Signal*>& signals,
            const DeskOptions& options, WallTime now) {
  const Incident& incident = file.incident;
  Json json = to_json(incident, file.standing, now);
  json["snapshot"] = {
      {"entry", incident.states.front().entry},     {"log_position", incident.declared_at},
      {"generation", incident.snapshot.generation}, {"digest", incident.snapshot.digest},
      {"rulepacks", incident.snapshot.rulepacks},   {"records", incident.snapshot.records}};
  json["detection"] = detection_of(incident, signals);
  json["roles"] = roles_of(incident);
  json["impact"] = impact_of(file, options);
  json["affected"] = affected_of(file);
  json["escalations"] = escalations_of(incident);
  json["pages"] = pages_of(incident);
  if (!incident.people.recurrence_of.empty()) {
    json["recurrence_of"] = incident.people.recurrence_of;
  }
  return json;
}

}  // namespace cordon::incident::internal
