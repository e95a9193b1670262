// Handlers of signals: what was noticed, by whom, and how it comes in from elsewhere.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "detect/alertmanager.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api {

using codec::Json;

namespace {

constexpr std::size_t kReportBytesMax = 4'000;
constexpr std::size_t kTicketBytesMax = 128;

Result<detect::Signal> read_signal(const Call& call, WallTime now) {
  codec::ObjectReader reader(call.body, "signal");
  detect::Signal signal;
  signal.reporter = call.caller.actor();
  CORDON_TRY(signal.source,
             detect::parse_signal_source(reader.text_or("source", "analyst_review")));
  if (signal.source == detect::SignalSource::detector) {
    return fail(Errc::invalid, "signal: a person cannot report as 'detector'");
  }
  CORDON_TRY(signal.of_class, model::parse_incident_class(reader.text("class")));
  CORDON_TRY(signal.scope, model::Scope::parse(reader.text("scope")));
  signal.summary = reader.text("summary");
  if (signal.summary.empty() || signal.summary.size() > detect::kSummaryBytesMax) {
    return fail(Errc::invalid,
                fmt::format("signal: 'summary' must have 1 to {} bytes", detect::kSummaryBytesMax));
  }
  signal.evidence = reader.text_or("evidence", "");
  if (signal.evidence.size() > detect::kEvidenceBytesMax) {
    return fail(Errc::invalid,
                fmt::format("signal: 'evidence' has at most {} bytes", detect::kEvidenceBytesMax));
  }
  signal.dedupe_key = reader.text_or("dedupe_key", "");
  CORDON_TRY(signal.severity, detect::parse_stated_severity(reader.text_or("severity", "")));
  signal.time = now;
  if (const auto time = reader.optional_text("time")) {
    CORDON_TRY(signal.time, parse_rfc3339(*time));
  }
  CORDON_CHECK(reader.finish());
  return signal;
}

/// What a customer said, and the signal that says so without their words.
struct Report {
  detect::Signal signal;
  std::string text;
};

bool is_ticket(std::string_view ticket) {
  return ticket.size() <= kTicketBytesMax &&
         std::all_of(ticket.begin(), ticket.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<Report> read_report(const Call& call, WallTime now) {
  codec::ObjectReader reader(call.body, "report");
  Report report;
  detect::Signal& signal = report.signal;
  signal.source = detect::SignalSource::customer_report;
  signal.reporter = call.caller.actor();
  const std::string of_class = reader.text("class");
  const std::string scope = reader.text("scope");
  report.text = reader.text("text");
  const std::string ticket = reader.text_or("ticket", "");
  const auto time = reader.optional_text("time");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(signal.of_class, model::parse_incident_class(of_class));
  CORDON_TRY(signal.scope, model::Scope::parse(scope));
  if (report.text.empty() || report.text.size() > kReportBytesMax) {
    return fail(Errc::invalid,
                fmt::format("report: 'text' must have 1 to {} bytes", kReportBytesMax));
  }
  if (!is_ticket(ticket)) {
    return fail(Errc::invalid, fmt::format("report: 'ticket' has at most {} printable characters "
                                           "without spaces",
                                           kTicketBytesMax));
  }
  signal.time = now;
  if (time) {
    CORDON_TRY(signal.time, parse_rfc3339(*time));
  }
  signal.summary =
      fmt::format("a customer reports {} on {}{}", model::to_string(signal.of_class),
                  signal.scope.text(), ticket.empty() ? "" : fmt::format(", ticket {}", ticket));
  if (!ticket.empty()) signal.dedupe_key = "ticket:" + ticket;
  return report;
}

Json to_json(const ControlPlane& control, const detect::Signal& signal) {
  Json json = detect::to_json(signal);
  const std::string incident = control.watch().desk().incident_of(signal.id);
  if (!incident.empty()) json["incident"] = incident;
  if (const auto ended = control.watch().desk().ended_at(signal)) {
    json["ended_at"] = format_rfc3339(*ended);
  }
  return json;
}

detect::AlertmanagerOptions alertmanager_options(const model::IngestConfig& config) {
  detect::AlertmanagerOptions options;
  options.class_label = config.class_label;
  options.scope = config.scope;
  for (const model::AlertClass& one : config.classes) options.classes[one.alert] = one.of_class;
  return options;
}

}  // namespace

net::Task<Result<Reply>> handle_signals(ControlPlane& control, const Call&) {
  Json items = Json::array();
  for (const detect::Signal& signal : control.watch().desk().signals()) {
    items.push_back(to_json(control, signal));
  }
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_report_signal(ControlPlane& control, const Call& call) {
  auto signal = read_signal(call, control.now());
  if (!signal) co_return tl::make_unexpected(signal.error());
  auto reported = co_await control.report(*std::move(signal));
  if (!reported) co_return tl::make_unexpected(reported.error());
  co_return Reply{201, to_json(control, *reported), {}};
}

net::Task<Result<Reply>> handle_alertmanager(ControlPlane& control, const Call& call) {
  // The token's holder is a system, whatever its name: no person noticed anything.
  model::Actor by{model::ActorKind::service, call.caller.person};
  auto batch = detect::read_alertmanager(
      call.body, alertmanager_options(control.options().config.ingest), by, control.now());
  if (!batch) {
    Error error = batch.error();
    co_await control.refuse("ingest_alertmanager", std::move(by), std::move(error));
    co_return tl::make_unexpected(batch.error());
  }
  const std::uint64_t truncated = batch->truncated;
  const auto done = co_await control.ingest(*std::move(batch), std::move(by));
  if (!done) co_return tl::make_unexpected(done.error());
  // The sender must see that something was wrong; what was right is taken all the same.
  if (!done->refusal.empty()) co_return fail(Errc::invalid, done->refusal);
  co_return Reply{200,
                  {{"taken", done->taken},
                   {"repeated", done->repeated},
                   {"ended", done->ended},
                   {"truncated", truncated}},
                  {}};
}

net::Task<Result<Reply>> handle_report(ControlPlane& control, const Call& call) {
  const Status admitted = control.admit_report(call.caller.token);
  if (!admitted) co_return tl::make_unexpected(admitted.error());
  auto report = read_report(call, control.now());
  if (!report) co_return tl::make_unexpected(report.error());
  auto reported = co_await control.report_text(std::move(report->signal), std::move(report->text));
  if (!reported) co_return tl::make_unexpected(reported.error());
  co_return Reply{201, to_json(control, *reported), {}};
}

net::Task<Result<Reply>> handle_read_report(ControlPlane& control, const Call& call) {
  const auto asked = call.query.find("purpose");
  std::string purpose = asked == call.query.end() ? std::string() : asked->second;
  if (purpose.empty() || purpose.size() > detect::kEvidenceBytesMax) {
    co_return fail(Errc::invalid, fmt::format("say why you read it: ?purpose=TEXT of 1 to {} bytes",
                                              detect::kEvidenceBytesMax));
  }
  std::string id = call.id;
  model::Actor by = call.caller.actor();
  auto text = co_await control.read_report(std::move(id), std::move(by), std::move(purpose));
  if (!text) co_return tl::make_unexpected(text.error());
  co_return Reply{200, {{"id", call.id}, {"text", *std::move(text)}}, {}};
}

}  // namespace cordon::api
