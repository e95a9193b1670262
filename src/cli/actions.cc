#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

const std::vector<Column> kColumns = {{"ACTION", "id"},           {"STATUS", "status"},
                                      {"OVERDUE", "overdue"},     {"OWNER", "owner"},
                                      {"DUE", "due", Show::time}, {"KIND", "kind"},
                                      {"VERIFY BY", "verify_by"}, {"WHAT", "title"}};

void print_action(Session& session, const codec::Json& action) {
  session.print(make_table(codec::Json::array({action}), kColumns).text(session.width()));
}

void print_exception(Session& session, const codec::Json& answer) {
  print_asked(session, answer);
}

std::string incident_path(const Values& values, std::string_view part) {
  return "/api/v1/incidents/" + segment(values.text("incident")) + std::string(part);
}
std::string action_path(const Values& values, std::string_view act) {
  return "/api/v1/actions/" + segment(values.text("action")) + std::string(act);
}

Done add(Session& session, const Values& values) {
  const codec::Json body = {{"title", values.text("title")},
                            {"owner", values.text("owner")},
                            {"due", values.text("due")},
                            {"kind", values.text_or("kind", "hardening")},
                            {"verify_by", values.text_or("verify-by", "person")}};
  return session.show(session.post(incident_path(values, "/actions"), body), print_action);
}

Done list(Session& session, const Values& values) {
  return session.show_items(session.get(incident_path(values, "/actions")), kColumns,
                            "nothing was agreed on yet");
}

Done done(Session& session, const Values& values) {
  const codec::Json body = {{"note", values.text("note")}};
  return session.show(session.post(action_path(values, "/done"), body), print_action);
}

Done verify(Session& session, const Values& values) {
  const codec::Json body = {{"proof", values.text_or("proof", "person")}};
  return session.show(session.post(action_path(values, "/verify"), body), print_action);
}

Done except(Session& session, const Values& values) {
  const codec::Json body = {{"reason", values.text("reason")}};
  return session.show(session.post(incident_path(values, "/exception"), body), print_exception);
}

constexpr Parameter incident() {
  return {Form::positional, Presence::required, "incident", "ID", "like INC-2026-00001"};
}
constexpr Parameter action() {
  return {Form::positional, Presence::required, "action", "ACTION", "like INC-2026-00001-A01"};
}

}  // namespace

std::vector<Command> action_commands() {
  return {
      {.path = "action add",
       .summary = "One owner, one date, one proof",
       .example = "action add INC-2026-00001 --title 'card rule live' --owner ben "
                  "--due 2030-01-31 --verify-by replay:rt-1",
       .parameters = {incident(),
                      {Form::option, Presence::required, "title", "TEXT", "what will be done"},
                      {Form::option, Presence::required, "owner", "PERSON",
                       "one person who holds a token"},
                      {Form::option, Presence::required, "due", "DATE",
                       "a day like 2030-01-31 (its end, UTC) or an RFC 3339 time"},
                      {Form::option,
                       Presence::optional,
                       "kind",
                       "KIND",
                       "hardening unless said otherwise",
                       {"hardening", "detection", "process", "documentation"}},
                      {Form::option, Presence::optional, "verify-by", "PROOF",
                       "person (unless said otherwise), or replay:TEST"}},
       .run = add},
      {.path = "action list",
       .summary = "The actions of an incident",
       .example = "action list INC-2026-00001",
       .parameters = {incident()},
       .run = list},
      {.path = "action done",
       .summary = "Say that it is done; it is not verified by that",
       .example = "action done INC-2026-00001-A01 --note 'rulepack 2026.12.1 is live'",
       .parameters = {action(),
                      {Form::option, Presence::required, "note", "TEXT", "what was done"}},
       .run = done},
      {.path = "action verify",
       .summary = "Verify it by the proof that was agreed on",
       .example = "action verify INC-2026-00001-A01 --proof replay:rt-1",
       .parameters = {action(),
                      {Form::option, Presence::optional, "proof", "PROOF",
                       "person (unless said otherwise), or replay:TEST"}},
       .run = verify},
      {.path = "action except",
       .summary = "Sign closing without a hardening change; takes two people",
       .example = "action except INC-2026-00001 --reason 'no rule can see it'",
       .parameters = {incident(),
                      {Form::option, Presence::required, "reason", "TEXT", "why, for the record"}},
       .run = except},
  };
}

}  // namespace cordon::cli::internal
