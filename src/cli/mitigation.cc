#include "cli/internal/session.h"

#include <charconv>

namespace cordon::cli::internal {
namespace {

const std::vector<Column> kColumns = {{"ID", "id"},           {"METRIC", "metric"},
                                      {"SCOPE", "scope"},     {"BELOW", "value"},
                                      {"WINDOW", "window"},   {"NEEDS", "min_samples"},
                                      {"SAMPLES", "samples"}, {"OBSERVED", "observed"},
                                      {"VERDICT", "verdict"}, {"BECAUSE", "reason"}};

std::string path_of(const Values& values) {
  return "/api/v1/incidents/" + segment(values.text("incident")) + "/mitigations";
}

void print_mitigation(Session& session, const codec::Json& mitigation) {
  session.print(make_table(codec::Json::array({mitigation}), kColumns).text(session.width()));
}

Answer<double> rate(const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value > 0 && value < 1)) {
    return tl::make_unexpected(
        Failure{kExitUsage, "--below: expected a rate between 0 and 1, like 0.05"});
  }
  return value;
}

Done declare(Session& session, const Values& values) {
  CORDON_TRY(const double below, rate(values.text("below")));
  CORDON_TRY(const std::uint64_t samples, values.number_or("min-samples", 30, 1, 1'000'000));
  codec::Json body = {{"metric", values.text_or("metric", "delivered_hit_rate")},
                      {"scope", values.text("scope")},
                      {"comparator", "<"},
                      {"value", below},
                      {"window", values.text_or("window", "60s")},
                      {"min_samples", samples}};
  if (const auto containment = values.optional("containment")) body["containment"] = *containment;
  return session.show(session.post(path_of(values), body), print_mitigation);
}

Done list(Session& session, const Values& values) {
  return session.show_items(session.get(path_of(values)), kColumns, "no test was declared");
}

constexpr Parameter incident() {
  return {Form::positional, Presence::required, "incident", "ID", "like INC-2026-00001"};
}

}  // namespace

std::vector<Command> mitigation_commands() {
  return {
      {.path = "mitigation declare",
       .summary = "Declare, before acting, the test that will tell whether it helped",
       .example = "mitigation declare INC-2026-00001 --scope route=support --below 0.05 "
                  "--window 60s --min-samples 30",
       .parameters = {incident(),
                      {Form::option, Presence::required, "scope", "SCOPE",
                       "the exchanges that are counted, like route=support"},
                      {Form::option, Presence::required, "below", "RATE",
                       "the rate that must be undercut, like 0.05"},
                      {Form::option,
                       Presence::optional,
                       "metric",
                       "METRIC",
                       "what is bad; delivered_hit_rate unless given",
                       {"delivered_hit_rate", "error_rate"}},
                      {Form::option, Presence::optional, "window", "DURATION",
                       "watch at least this long; 60s unless given"},
                      {Form::option, Presence::optional, "min-samples", "N",
                       "judge on no fewer exchanges; 30 unless given"},
                      {Form::option, Presence::optional, "containment", "ID",
                       "the measure it judges; those set afterwards unless given"}},
       .run = declare},
      {.path = "mitigation list",
       .summary = "Declared tests and their verdicts from live numbers",
       .example = "mitigation list INC-2026-00001",
       .parameters = {incident()},
       .run = list},
  };
}

}  // namespace cordon::cli::internal
