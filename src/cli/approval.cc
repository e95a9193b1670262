#include "cli/internal/session.h"

namespace cordon::cli::internal {

bool print_asked(Session& session, const codec::Json& answer) {
  if (!answer.contains("asked_by") || !answer.contains("act")) return false;
  session.print(make_list(answer, {{"approval", "id"},
                                   {"asks to", "what"},
                                   {"two people because", "why"},
                                   {"reason", "reason"},
                                   {"incident", "incident"},
                                   {"asked by", "asked_by"},
                                   {"asked", "asked_at", Show::time},
                                   {"forgotten", "until", Show::time}}));
  session.print_line(
      fmt::format("not done: it waits for a second person with the approver role: cordon approval "
                  "give {}",
                  show(answer, "id")));
  return true;
}

namespace {

Done list(Session& session, const Values&) {
  return session.show_items(session.get("/api/v1/approvals"),
                            {{"APPROVAL", "id"},
                             {"ACT", "act"},
                             {"ASKS TO", "what"},
                             {"ASKED BY", "asked_by"},
                             {"FORGOTTEN", "until", Show::time},
                             {"INCIDENT", "incident"},
                             {"REASON", "reason"},
                             {"TWO PEOPLE BECAUSE", "why"}},
                            "nothing waits for a second person");
}

/// What the yes made happen, as the order itself would have shown it.
void print_given(Session& session, const codec::Json& done) {
  if (done.contains("containment")) return print_contained(session, done);
  if (done.contains("config")) return print_reload(session, done);
  if (done.contains("diff")) return print_rulepack_answer(session, done);
  print_incident(session, done);
}

std::string path_of(const Values& values, std::string_view act) {
  return "/api/v1/approvals/" + segment(values.text("id")) + std::string(act);
}

Done give(Session& session, const Values& values) {
  return session.show(session.post(path_of(values, "/give"), codec::Json::object()), print_given);
}

void print_declined(Session& session, const codec::Json& declined) {
  session.print(make_list(declined, {{"approval", "id"}, {"declined by", "declined_by"}}));
}

Done decline(Session& session, const Values& values) {
  const codec::Json body = {{"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "/decline"), body), print_declined);
}

constexpr Parameter id() {
  return {Form::positional, Presence::required, "id", "ID", "of the approval"};
}

}  // namespace

std::vector<Command> approval_commands() {
  return {
      {.path = "approval list",
       .summary = "What waits for a second person, whatever it is",
       .example = "approval list",
       .parameters = {},
       .run = list},
      {.path = "approval give",
       .summary = "Say yes to what somebody else asked for; it is done at once",
       .example = "approval give 0198c0de-0000-7000-8000-000000000001",
       .parameters = {id()},
       .run = give},
      {.path = "approval decline",
       .summary = "Say no to it, or take back your own wish",
       .example = "approval decline 0198c0de-0000-7000-8000-000000000001 --reason 'not yet'",
       .parameters = {id(),
                      {Form::option, Presence::required, "reason", "TEXT", "why, for the record"}},
       .run = decline},
  };
}

}  // namespace cordon::cli::internal
