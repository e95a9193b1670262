#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kTextBytesMax = 64 * 1024;

void print_update(Session& session, const codec::Json& update) {
  session.print(make_list(update, {{"update", "id"},
                                   {"audience", "audience"},
                                   {"status", "status"},
                                   {"title", "title"},
                                   {"unresolved", "unresolved"},
                                   {"approver", "approver"},
                                   {"approved by", "approved_by"},
                                   {"sent", "sent_at", Show::time},
                                   {"no notification", "no_notification_sent"},
                                   {"digest", "digest"}}));
  session.print_line("");
  std::string_view rest;
  const auto text = update.find("text");
  if (text != update.end() && text->is_string()) rest = text->get_ref<const std::string&>();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    session.print_line(printable(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto deliveries = update.find("deliveries");
  if (deliveries == update.end() || deliveries->empty()) return;
  session.print(make_table(*deliveries, {{"CONNECTOR", "connector"},
                                         {"OUTCOME", "outcome"},
                                         {"ATTEMPTS", "attempts"},
                                         {"BECAUSE", "reason"}})
                    .text(session.width()));
}

std::string path_of(const Values& values, std::string_view act) {
  return "/api/v1/updates/" + segment(values.text("update")) + std::string(act);
}

Done draft(Session& session, const Values& values) {
  codec::Json body = {{"audience", values.text("audience")}};
  if (const auto file = values.optional("text-file")) {
    CORDON_TRY(std::string text, read_file(*file, kTextBytesMax));
    body["text"] = std::move(text);
  }
  if (const auto approver = values.optional("approver")) body["approver"] = *approver;
  const std::string path = "/api/v1/incidents/" + segment(values.text("incident")) + "/updates";
  return session.show(session.post(path, body), print_update);
}

Done list(Session& session, const Values& values) {
  const std::string path = "/api/v1/incidents/" + segment(values.text("incident")) + "/updates";
  return session.show_items(session.get(path),
                            {{"UPDATE", "id"},
                             {"AUDIENCE", "audience"},
                             {"STATUS", "status"},
                             {"TITLE", "title"},
                             {"DRAFTED BY", "by"},
                             {"APPROVED BY", "approved_by"},
                             {"SENT", "sent_at", Show::time}},
                            "nobody was told anything");
}

Done show(Session& session, const Values& values) {
  return session.show(session.get(path_of(values, "")), print_update);
}

Done approve(Session& session, const Values& values) {
  return session.show(session.post(path_of(values, "/approve"), codec::Json::object()),
                      print_update);
}

Done send(Session& session, const Values& values) {
  return session.show(session.post(path_of(values, "/send"), codec::Json::object()), print_update);
}

Done ack(Session& session, const Values& values) {
  return session.show(session.post(path_of(values, "/ack"), codec::Json::object()), print_update);
}

constexpr Parameter incident() {
  return {Form::positional, Presence::required, "incident", "ID", "like INC-2026-00001"};
}
constexpr Parameter update() {
  return {Form::positional, Presence::required, "update", "UPDATE", "like INC-2026-00001-U01"};
}

}  // namespace

std::vector<Command> update_commands() {
  return {
      {.path = "update draft",
       .summary = "Draft an update for an audience from the facts, or from your own text",
       .example = "update draft INC-2026-00001 --audience support",
       .parameters = {incident(),
                      {Form::option,
                       Presence::required,
                       "audience",
                       "AUDIENCE",
                       "engineering, product, support, legal or customer",
                       {"engineering", "product", "support", "legal", "customer"}},
                      {Form::option, Presence::optional, "text-file", "FILE",
                       "your own text; {{records}}, {{commander}} and so on are filled in"},
                      {Form::option, Presence::optional, "approver", "PERSON",
                       "whose approval it waits for (legal and customer)"}},
       .run = draft},
      {.path = "update list",
       .summary = "The updates of an incident",
       .example = "update list INC-2026-00001",
       .parameters = {incident()},
       .run = list},
      {.path = "update show",
       .summary = "One update: its text, deliveries and acknowledgements",
       .example = "update show INC-2026-00001-U01",
       .parameters = {update()},
       .run = show},
      {.path = "update approve",
       .summary = "Stand by the text of an update that somebody else drafted",
       .example = "update approve INC-2026-00001-U01",
       .parameters = {update()},
       .run = approve},
      {.path = "update send",
       .summary = "Send it to the connectors that serve its audience",
       .example = "update send INC-2026-00001-U01",
       .parameters = {update()},
       .run = send},
      {.path = "update ack",
       .summary = "Say that you have read it",
       .example = "update ack INC-2026-00001-U01",
       .parameters = {update()},
       .run = ack},
  };
}

}  // namespace cordon::cli::internal
