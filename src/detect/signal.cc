#include "detect/signal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::detect {
namespace {

constexpr std::array<std::string_view, 4> kSources = {"detector", "alert", "customer_report",
                                                      "analyst_review"};

Error corrupt(const Error& error) {
  return {Errc::corrupt, error.detail};
}

}  // namespace

std::string_view to_string(SignalSource source) noexcept {
  return kSources[static_cast<std::size_t>(source)];
}

Result<SignalSource> parse_signal_source(std::string_view text) {
  const auto found = std::find(kSources.begin(), kSources.end(), text);
  if (found == kSources.end()) {
    return fail(Errc::invalid, fmt::format("unknown signal source '{}', expected detector, alert, "
                                           "customer_report or analyst_review",
                                           text.substr(0, 40)));
  }
  return static_cast<SignalSource>(found - kSources.begin());
}

Result<std::uint8_t> parse_stated_severity(std::string_view text) {
  if (text.empty()) return std::uint8_t{0};
  if (text == "SEV-1" || text == "SEV-2" || text == "SEV-3") {
    return static_cast<std::uint8_t>(text.back() - '0');
  }
  return fail(Errc::invalid, fmt::format("unknown severity '{}', expected SEV-1, SEV-2 or SEV-3",
                                         text.substr(0, 40)));
}

codec::Json to_body(const Signal& signal) {
  codec::Json body = {
      {"source", to_string(signal.source)}, {"detector", signal.detector},
      {"reporter", signal.reporter.text()}, {"class", model::to_string(signal.of_class)},
      {"scope", signal.scope.text()},       {"time", format_rfc3339(signal.time)},
      {"summary", signal.summary}};
  if (!signal.dedupe_key.empty()) body["dedupe_key"] = signal.dedupe_key;
  if (!signal.evidence.empty()) body["evidence"] = signal.evidence;
  if (signal.severity != 0) body["severity"] = fmt::format("SEV-{}", signal.severity);
  body["numbers"] = signal.numbers;
  return body;
}

Result<Signal> parse_signal(const model::Entry& entry) {
  if (entry.kind != model::EntryKind::signal) {
    return fail(Errc::corrupt, "an entry of another kind than signal");
  }
  codec::ObjectReader reader(entry.body, "signal");
  const std::string source = reader.text("source");
  const std::string reporter = reader.text("reporter");
  const std::string of_class = reader.text("class");
  const std::string scope = reader.text("scope");
  const std::string time = reader.text("time");
  Signal signal;
  signal.id = entry.id;
  signal.recorded = entry.recorded;
  signal.detector = reader.text("detector");
  signal.summary = reader.text("summary");
  signal.dedupe_key = reader.text_or("dedupe_key", "");
  signal.evidence = reader.text_or("evidence", "");
  const std::string severity = reader.text_or("severity", "");
  signal.numbers = reader.any("numbers");
  CORDON_CHECK(reader.finish().map_error(corrupt));
  if (!signal.numbers.is_object()) return fail(Errc::corrupt, "signal: 'numbers' is no object");
  CORDON_TRY(signal.severity, parse_stated_severity(severity).map_error(corrupt));
  CORDON_TRY(signal.source, parse_signal_source(source).map_error(corrupt));
  CORDON_TRY(signal.reporter, model::Actor::parse(reporter).map_error(corrupt));
  CORDON_TRY(signal.of_class, model::parse_incident_class(of_class).map_error(corrupt));
  CORDON_TRY(signal.scope, model::Scope::parse(scope).map_error(corrupt));
  CORDON_TRY(signal.time, parse_rfc3339(time).map_error(corrupt));
  return signal;
}

codec::Json to_body(const SignalEnd& end) {
  return {{"source", to_string(end.source)},
          {"dedupe_key", end.dedupe_key},
          {"reporter", end.reporter.text()},
          {"time", format_rfc3339(end.time)}};
}

Result<SignalEnd> parse_signal_end(const model::Entry& entry) {
  if (entry.kind != model::EntryKind::signal_end) {
    return fail(Errc::corrupt, "an entry of another kind than signal_end");
  }
  codec::ObjectReader reader(entry.body, "signal_end");
  const std::string source = reader.text("source");
  const std::string reporter = reader.text("reporter");
  const std::string time = reader.text("time");
  SignalEnd end;
  end.dedupe_key = reader.text("dedupe_key");
  CORDON_CHECK(reader.finish().map_error(corrupt));
  CORDON_TRY(end.source, parse_signal_source(source).map_error(corrupt));
  CORDON_TRY(end.reporter, model::Actor::parse(reporter).map_error(corrupt));
  CORDON_TRY(end.time, parse_rfc3339(time).map_error(corrupt));
  return end;
}

codec::Json to_json(const Signal& signal) {
  codec::Json json = {{"id", signal.id}, {"recorded", format_rfc3339(signal.recorded)}};
  json.update(to_body(signal));
  if (signal.clock_suspect()) json["clock_suspect"] = true;
  return json;
}

}  // namespace cordon::detect
