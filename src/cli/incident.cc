#include "cli/internal/session.h"

namespace cordon::cli::internal {

void print_incident(Session& session, const codec::Json& incident) {
  if (print_asked(session, incident)) return;
  session.print(make_list(incident, {{"incident", "id"},
                                     {"title", "title"},
                                     {"class", "class"},
                                     {"severity", "severity"},
                                     {"provisional", "provisional"},
                                     {"state", "state"},
                                     {"scope", "scope"},
                                     {"commander", "commander"},
                                     {"proposed", "proposed_commander"},
                                     {"opened", "opened_at", Show::time}}));
  const auto phases = incident.find("phases");
  if (phases == incident.end() || !phases->is_array()) return;
  session.print(make_table(*phases, {{"PHASE", "phase"},
                                     {"STATE", "state"},
                                     {"DUE", "due", Show::time},
                                     {"MET", "met_at", Show::time},
                                     {"LATE", "late"},
                                     {"MISSING", "missing"}})
                    .text(session.width()));
  const auto waiting = incident.find("waiting_for_second_person");
  if (waiting == incident.end() || waiting->empty()) return;
  session.print(make_table(*waiting, {{"APPROVAL", "id"},
                                      {"ASKS TO", "what"},
                                      {"ASKED BY", "asked_by"},
                                      {"FORGOTTEN", "until", Show::time}})
                    .text(session.width()));
}

namespace {

void print_severity(Session& session, const codec::Json& explanation) {
  session.print(make_list(explanation, {{"severity", "severity"}, {"provisional", "provisional"}}));
  const auto predicates = explanation.find("predicates");
  if (predicates == explanation.end()) return;
  session.print(make_table(*predicates, {{"PREDICATE", "name"},
                                         {"MAKES", "severity"},
                                         {"NUMBER", "number"},
                                         {"THRESHOLD", "threshold"},
                                         {"FIRED", "fired"},
                                         {"STATE", "state"},
                                         {"BECAUSE", "reason"}})
                    .text(session.width()));
}

void print_scorecard(Session& session, const codec::Json& card) {
  const auto text = card.find("text");
  if (text == card.end() || !text->is_string()) {
    session.print_line(printable(codec::write_json(card)));
    return;
  }
  std::string_view rest = text->get_ref<const std::string&>();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    session.print_line(printable(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

std::string path_of(const Values& values, std::string_view part) {
  return "/api/v1/incidents/" + segment(values.text("id")) + std::string(part);
}

Done list(Session& session, const Values&) {
  return session.show_items(session.get("/api/v1/incidents"),
                            {{"INCIDENT", "id"},
                             {"SEVERITY", "severity"},
                             {"STATE", "state"},
                             {"CLASS", "class"},
                             {"SCOPE", "scope"},
                             {"COMMANDER", "commander"},
                             {"OPENED", "opened_at", Show::time}},
                            "no incidents");
}

Done show(Session& session, const Values& values) {
  return session.show(session.get(path_of(values, "")), print_incident);
}

Done timeline(Session& session, const Values& values) {
  return session.show_items(session.get(path_of(values, "/timeline")),
                            {{"RECORDED", "recorded", Show::time},
                             {"TIME", "time", Show::time},
                             {"KIND", "kind"},
                             {"ACTOR", "actor"},
                             {"WHAT", "text"}},
                            "nothing yet");
}

Done options(Session& session, const Values& values) {
  return session.show_items(session.get(path_of(values, "/options")),
                            {{"DO", "command"},
                             {"WHAT", "effect"},
                             {"EXCHANGES IN 15M", "blast_radius.exchanges"},
                             {"TENANTS", "blast_radius.tenants"}},
                            "nothing can be done");
}

Done severity(Session& session, const Values& values) {
  return session.show(session.get(path_of(values, "/severity")), print_severity);
}

Done commander(Session& session, const Values& values) {
  codec::Json body = codec::Json::object();
  if (const auto person = values.optional("propose")) body["person"] = *person;
  return session.show(session.post(path_of(values, "/commander"), body), print_incident);
}

Done move(Session& session, const Values& values) {
  const codec::Json body = {{"to", values.text("state")}, {"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "/move"), body), print_incident);
}

void print_score(Session& session, const codec::Json& score) {
  session.print(make_list(score, {{"incident", "incident"}, {"evidence score", "score"}}));
  session.print(
      make_table(score.value("items", codec::Json::array()), {{"ITEM", "name"},
                                                              {"PRESENT", "present"},
                                                              {"VERIFIABLE", "verifiable"},
                                                              {"MISSING", "missing"}})
          .text(session.width()));
  session.print(make_table(score.value("outcomes", codec::Json::array()),
                           {{"OUTCOME", "title"}, {"VERDICT", "verdict"}, {"NUMBER", "number"}})
                    .text(session.width()));
}

Done score(Session& session, const Values& values) {
  return session.show(session.get(path_of(values, "/score")), print_score);
}

Done scorecard(Session& session, const Values& values) {
  return session.show(session.get(path_of(values, "/scorecard")), print_scorecard);
}

constexpr Parameter id() {
  return {Form::positional, Presence::required, "id", "ID", "like INC-2026-00001"};
}

}  // namespace

std::vector<Command> incident_commands() {
  return {
      {.path = "incident list",
       .summary = "Incidents, newest last",
       .example = "incident list",
       .parameters = {},
       .run = list},
      {.path = "incident show",
       .summary = "One incident with its phases and what each still misses",
       .example = "incident show INC-2026-00001",
       .parameters = {id()},
       .run = show},
      {.path = "incident timeline",
       .summary = "Everything that concerns it, in order",
       .example = "incident timeline INC-2026-00001 --json",
       .parameters = {id()},
       .run = timeline},
      {.path = "incident options",
       .summary = "What may be done to contain it, and what each would touch",
       .example = "incident options INC-2026-00001",
       .parameters = {id()},
       .run = options},
      {.path = "incident severity",
       .summary = "Which predicates fired, with numbers and thresholds",
       .example = "incident severity INC-2026-00001",
       .parameters = {id()},
       .run = severity},
      {.path = "incident commander",
       .summary = "Take command, or propose somebody",
       .example = "incident commander INC-2026-00001 --propose anna",
       .parameters = {id(),
                      {Form::option, Presence::optional, "propose", "PERSON",
                       "who is proposed; without it you take command yourself"}},
       .run = commander},
      {.path = "incident move",
       .summary = "Move it to another state",
       .example = "incident move INC-2026-00001 active --reason 'leak confirmed on a sample'",
       .parameters = {id(),
                      {Form::positional,
                       Presence::required,
                       "state",
                       "STATE",
                       "active, contained, stable, closed or declined",
                       {"active", "contained", "stable", "closed", "declined"}},
                      {Form::option, Presence::required, "reason", "TEXT", "why, for the record"}},
       .run = move},
      {.path = "incident score",
       .summary = "How complete the evidence is, item by item, and the four outcomes",
       .example = "incident score INC-2026-00001",
       .parameters = {id()},
       .run = score},
      {.path = "incident scorecard",
       .summary = "Speed, evidence and follow-through on one page",
       .example = "incident scorecard INC-2026-00001",
       .parameters = {id()},
       .run = scorecard},
  };
}

}  // namespace cordon::cli::internal
