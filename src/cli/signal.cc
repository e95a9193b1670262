#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kReportBytesMax = 4'000;
constexpr std::size_t kNotificationBytesMax = 2 * 1024 * 1024;

void print_signal(Session& session, const codec::Json& signal) {
  session.print(make_list(signal, {{"id", "id"},
                                   {"source", "source"},
                                   {"detector", "detector"},
                                   {"reporter", "reporter"},
                                   {"class", "class"},
                                   {"scope", "scope"},
                                   {"time", "time", Show::time},
                                   {"recorded", "recorded", Show::time},
                                   {"summary", "summary"},
                                   {"severity", "severity"},
                                   {"evidence", "evidence"},
                                   {"clock suspect", "clock_suspect"},
                                   {"ended", "ended_at", Show::time},
                                   {"incident", "incident"},
                                   {"numbers", "numbers"}}));
}

Done list(Session& session, const Values&) {
  return session.show_items(session.get("/api/v1/signals"),
                            {{"RECORDED", "recorded", Show::time},
                             {"SOURCE", "source"},
                             {"DETECTOR", "detector"},
                             {"CLASS", "class"},
                             {"SCOPE", "scope"},
                             {"INCIDENT", "incident"},
                             {"SUMMARY", "summary"}},
                            "no signals");
}

Done report(Session& session, const Values& values) {
  codec::Json body = {{"class", values.text("class")},
                      {"scope", values.text("scope")},
                      {"summary", values.text("summary")}};
  for (const std::string_view key : {"source", "time", "evidence", "severity"}) {
    if (const auto value = values.optional(key)) body[std::string(key)] = *value;
  }
  return session.show(session.post("/api/v1/signals", body), print_signal);
}

/// From a file, so that a customer's words are in no list of processes.
Done report_text(Session& session, const Values& values) {
  CORDON_TRY(std::string text, read_file(values.text("text-file"), kReportBytesMax));
  codec::Json body = {
      {"class", values.text("class")}, {"scope", values.text("scope")}, {"text", std::move(text)}};
  for (const std::string_view key : {"ticket", "time"}) {
    if (const auto value = values.optional(key)) body[std::string(key)] = *value;
  }
  return session.show(session.post("/api/v1/reports", body), print_signal);
}

Done read_report(Session& session, const Values& values) {
  return session.show(session.get("/api/v1/reports/" + segment(values.text("id")) + "?" +
                                  query("purpose", values.text("purpose"))),
                      [](Session& shown, const codec::Json& report) {
                        shown.print(make_list(report, {{"report", "id"}, {"text", "text"}}));
                      });
}

Done ingest(Session& session, const Values& values) {
  CORDON_TRY(std::string body, read_file(values.text("file"), kNotificationBytesMax));
  return session.show(session.send("POST", "/api/v1/ingest/alertmanager", std::move(body)),
                      [](Session& shown, const codec::Json& done) {
                        shown.print(make_list(done, {{"taken", "taken"},
                                                     {"repeated", "repeated"},
                                                     {"ended", "ended"},
                                                     {"left out by the sender", "truncated"}}));
                      });
}

Parameter class_option() {
  return {Form::option,
          Presence::required,
          "class",
          "CLASS",
          "what kind of failure",
          {"prompt_injection_bypass", "unsafe_output", "data_leakage", "policy_drift"}};
}

std::vector<Command> report_commands() {
  return {
      {.path = "report send",
       .summary = "Report what a customer said; the text stays out of the log",
       .example = "report send --class unsafe_output --scope route=support,tenant=acme "
                  "--text-file mail.txt --ticket T-1042",
       .parameters = {class_option(),
                      {Form::option, Presence::required, "scope", "SCOPE", "like route=support"},
                      {Form::option, Presence::required, "text-file", "FILE",
                       "what the customer said, at most 4,000 bytes"},
                      {Form::option, Presence::optional, "ticket", "ID",
                       "the ticket; the same one is taken once while its incident is open"},
                      {Form::option, Presence::optional, "time", "RFC3339",
                       "when it was so; now unless given"}},
       .run = report_text},
      {.path = "report show",
       .summary = "The text of a customer report; that you read it is recorded",
       .example = "report show 0192f0c1-7b1a-7c3e-9d2e-0a1b2c3d4e5f --purpose 'confirm the source'",
       .parameters = {{Form::positional, Presence::required, "id", "ID", "of its signal"},
                      {Form::option, Presence::required, "purpose", "TEXT",
                       "why you read it, for the record"}},
       .run = read_report},
  };
}

}  // namespace

std::vector<Command> signal_commands() {
  std::vector<Command> all = {
      {.path = "signal list",
       .summary = "What was noticed, newest last",
       .example = "signal list",
       .parameters = {},
       .run = list},
      {.path = "signal report",
       .summary = "Report something that a person noticed",
       .example = "signal report --class data_leakage --scope route=support --summary 'A customer "
                  "sees records of others'",
       .parameters = {class_option(),
                      {Form::option, Presence::required, "scope", "SCOPE", "like route=support"},
                      {Form::option, Presence::required, "summary", "TEXT",
                       "one sentence; never the text of a prompt"},
                      {Form::option,
                       Presence::optional,
                       "source",
                       "SOURCE",
                       "who says so; analyst_review unless given",
                       {"analyst_review", "customer_report", "alert"}},
                      {Form::option, Presence::optional, "evidence", "REF",
                       "where to look: a URL, a ticket, a digest"},
                      {Form::option,
                       Presence::optional,
                       "severity",
                       "SEVERITY",
                       "how bad it is, if you know",
                       {"SEV-1", "SEV-2", "SEV-3"}},
                      {Form::option, Presence::optional, "time", "RFC3339",
                       "when it was so; now unless given"}},
       .run = report},
      {.path = "signal ingest",
       .summary = "Send a notification of Alertmanager from a file, to try how it is read",
       .example = "signal ingest notification.json",
       .parameters = {{Form::positional, Presence::required, "file", "FILE",
                       "the body of a webhook, version 4"}},
       .run = ingest},
  };
  for (Command& command : report_commands()) all.push_back(std::move(command));
  return all;
}

}  // namespace cordon::cli::internal
