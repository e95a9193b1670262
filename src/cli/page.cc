#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

Done list(Session& session, const Values& values) {
  std::string target = "/api/v1/pages";
  if (const auto incident = values.optional("incident"))
    target += "?" + query("incident", *incident);
  return session.show_items(session.get(target),
                            {{"PAGE", "id"},
                             {"DUE", "at", Show::time},
                             {"INCIDENT", "incident"},
                             {"PERSON", "person"},
                             {"AUDIENCE", "audience"},
                             {"STATUS", "status"},
                             {"NOT SENT BECAUSE", "unsent"},
                             {"ACKNOWLEDGED BY", "acked_by"},
                             {"REASON", "reason"}},
                            "nobody was to be called");
}

void print_page(Session& session, const codec::Json& page) {
  session.print(make_list(page, {{"page", "id"},
                                 {"due", "at", Show::time},
                                 {"incident", "incident"},
                                 {"containment", "containment"},
                                 {"person", "person"},
                                 {"audience", "audience"},
                                 {"reason", "reason"},
                                 {"status", "status"},
                                 {"acknowledged by", "acked_by"},
                                 {"acknowledged", "acked_at", Show::time}}));
}

Done ack(Session& session, const Values& values) {
  return session.show(
      session.post("/api/v1/pages/" + segment(values.text("id")) + "/ack", codec::Json::object()),
      print_page);
}

}  // namespace

std::vector<Command> page_commands() {
  return {
      {.path = "page list",
       .summary = "Who was to be called, and what became of it; of what was not sent, too",
       .example = "page list --incident INC-2026-00001",
       .parameters = {{Form::option, Presence::optional, "incident", "ID", "of this one only"}},
       .run = list},
      {.path = "page ack",
       .summary = "Say that you know",
       .example = "page ack 0198c0de-0000-7000-8000-000000000001",
       .parameters = {{Form::positional, Presence::required, "id", "PAGE", "of the page"}},
       .run = ack},
  };
}

}  // namespace cordon::cli::internal
