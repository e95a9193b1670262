// Commands about people, and about what only people can say of an incident.
#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

std::string path_of(const Values& values, std::string_view part) {
  return "/api/v1/incidents/" + segment(values.text("id")) + std::string(part);
}

Done role(Session& session, const Values& values) {
  codec::Json body = {{"role", values.text("role")}};
  if (const auto person = values.optional("propose")) body["person"] = *person;
  if (const auto reason = values.optional("reason")) body["reason"] = *reason;
  return session.show(session.post(path_of(values, "/roles"), body), print_incident);
}

Done set_severity(Session& session, const Values& values) {
  const codec::Json body = {{"to", values.text("severity")}, {"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "/severity"), body), print_incident);
}

Done confirm_severity(Session& session, const Values& values) {
  return session.show(session.post(path_of(values, "/severity"), {{"confirm", true}}),
                      print_incident);
}

Done exposure(Session& session, const Values& values) {
  const codec::Json body = {{"exposed", values.text("answer") == "yes"},
                            {"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "/exposure"), body), print_incident);
}

Done affected(Session& session, const Values& values) {
  const codec::Json body = {{"tenants", values.all("tenant")},
                            {"use_cases", values.all("use-case")},
                            {"routes", values.all("route")},
                            {"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "/affected"), body), print_incident);
}

Done impact(Session& session, const Values& values) {
  const codec::Json body = {{"impact_start", values.text("start")},
                            {"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "/impact"), body), print_incident);
}

Done merge(Session& session, const Values& values) {
  const codec::Json body = {{"into", values.text("into")}, {"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "/merge"), body), print_incident);
}

Done related(Session& session, const Values& values) {
  return session.show_items(session.get(path_of(values, "/related")),
                            {{"INCIDENT", "incident"}, {"HOW", "how"}, {"WHY", "why"}},
                            "none has to do with it");
}

constexpr Parameter id() {
  return {Form::positional, Presence::required, "id", "ID", "like INC-2026-00001"};
}
constexpr Parameter reason() {
  return {Form::option, Presence::required, "reason", "TEXT", "why, for the record"};
}

}  // namespace

std::vector<Command> people_commands() {
  return {
      {.path = "incident role",
       .summary = "Take a role, or propose somebody for it",
       .example = "incident role INC-2026-00001 scribe --propose ben",
       .parameters = {id(),
                      {Form::positional,
                       Presence::required,
                       "role",
                       "ROLE",
                       "commander, deputy, scribe, customer_liaison or internal_liaison",
                       {"commander", "deputy", "scribe", "customer_liaison", "internal_liaison"}},
                      {Form::option, Presence::optional, "propose", "PERSON",
                       "who is proposed; without it you take the role yourself"},
                      {Form::option, Presence::optional, "reason", "TEXT",
                       "why, if it passes from one person to another"}},
       .run = role},
      {.path = "incident set-severity",
       .summary = "Raise the severity, or lower it together with a second person",
       .example = "incident set-severity INC-2026-00001 SEV-2 --reason 'one internal tenant'",
       .parameters = {id(),
                      {Form::positional,
                       Presence::required,
                       "severity",
                       "SEVERITY",
                       "SEV-1, SEV-2 or SEV-3",
                       {"SEV-1", "SEV-2", "SEV-3"}},
                      reason()},
       .run = set_severity},
      {.path = "incident confirm-severity",
       .summary = "Stand by the severity: it is no longer provisional",
       .example = "incident confirm-severity INC-2026-00001",
       .parameters = {id()},
       .run = confirm_severity},
      {.path = "incident exposure",
       .summary = "Answer whether there is legal exposure",
       .example = "incident exposure INC-2026-00001 yes --reason 'counsel, 10:40'",
       .parameters =
           {id(),
            {Form::positional, Presence::required, "answer", "ANSWER", "yes or no", {"yes", "no"}},
            reason()},
       .run = exposure},
      {.path = "incident affected",
       .summary = "Say who is affected, beside what was computed",
       .example = "incident affected INC-2026-00001 --tenant acme --tenant umbrella --reason "
                  "'support tickets'",
       .parameters = {id(),
                      {Form::option, Presence::any, "tenant", "NAME", "a tenant"},
                      {Form::option, Presence::any, "use-case", "NAME", "a use case"},
                      {Form::option, Presence::any, "route", "NAME", "a route"},
                      reason()},
       .run = affected},
      {.path = "incident impact",
       .summary = "Correct when the impact began",
       .example = "incident impact INC-2026-00001 --start 2026-01-05T10:03:00Z --reason 'logs of "
                  "the bot'",
       .parameters = {id(),
                      {Form::option, Presence::required, "start", "RFC3339", "when it began"},
                      reason()},
       .run = impact},
      {.path = "incident merge",
       .summary = "Let it go on inside another incident of the same class",
       .example = "incident merge INC-2026-00002 --into INC-2026-00001 --reason 'one leak'",
       .parameters = {id(),
                      {Form::option, Presence::required, "into", "ID", "the incident that goes on"},
                      reason()},
       .run = merge},
      {.path = "incident related",
       .summary = "Incidents that may have to do with it, and why",
       .example = "incident related INC-2026-00001",
       .parameters = {id()},
       .run = related},
  };
}

}  // namespace cordon::cli::internal
