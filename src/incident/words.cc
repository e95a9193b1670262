// The closed vocabularies of this module and their one text form.
#include "incident/mitigation.h"
#include "incident/phases.h"
#include "incident/severity.h"
#include "incident/state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace cordon::incident {
namespace {

constexpr std::array<std::string_view, kStateCount> kStates = {
    "triage", "active", "contained", "stable", "closed", "declined", "merged"};
constexpr std::array<std::string_view, 3> kSeverities = {"SEV-1", "SEV-2", "SEV-3"};
constexpr std::array<std::string_view, 3> kFacts = {"value", "unset", "failed"};
constexpr std::array<std::string_view, 3> kVerdicts = {"inconclusive", "effective", "ineffective"};
constexpr std::array<std::string_view, 2> kMetrics = {"delivered_hit_rate", "error_rate"};
constexpr std::array<std::string_view, kPhaseCount> kPhases = {"detect", "contain", "preserve",
                                                               "stabilise"};
constexpr std::array<std::string_view, 3> kPhaseStates = {"waiting", "running", "met"};

template <std::size_t N>
Result<std::size_t> index_in(const std::array<std::string_view, N>& words, std::string_view text,
                             std::string_view what) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) {
    return fail(Errc::invalid, fmt::format("unknown {} '{}', expected one of {}", what,
                                           text.substr(0, 40), fmt::join(words, ", ")));
  }
  return static_cast<std::size_t>(found - words.begin());
}

}  // namespace

std::string_view to_string(State state) noexcept {
  return kStates[static_cast<std::size_t>(state)];
}
Result<State> parse_state(std::string_view text) {
  CORDON_TRY(const std::size_t at, index_in(kStates, text, "incident state"));
  return static_cast<State>(at);
}

std::string_view to_string(Severity severity) noexcept {
  return kSeverities[static_cast<std::size_t>(severity) - 1];
}
Result<Severity> parse_severity(std::string_view text) {
  CORDON_TRY(const std::size_t at, index_in(kSeverities, text, "severity"));
  return static_cast<Severity>(at + 1);
}

std::string_view to_string(FactState state) noexcept {
  return kFacts[static_cast<std::size_t>(state)];
}

std::string_view to_string(Verdict verdict) noexcept {
  return kVerdicts[static_cast<std::size_t>(verdict)];
}
Result<Verdict> parse_verdict(std::string_view text) {
  CORDON_TRY(const std::size_t at, index_in(kVerdicts, text, "verdict"));
  return static_cast<Verdict>(at);
}

std::string_view to_string(MitigationMetric metric) noexcept {
  return kMetrics[static_cast<std::size_t>(metric)];
}
Result<MitigationMetric> parse_mitigation_metric(std::string_view text) {
  CORDON_TRY(const std::size_t at, index_in(kMetrics, text, "metric"));
  return static_cast<MitigationMetric>(at);
}

std::string_view to_string(Phase phase) noexcept {
  return kPhases[static_cast<std::size_t>(phase)];
}
std::string_view to_string(PhaseState state) noexcept {
  return kPhaseStates[static_cast<std::size_t>(state)];
}

}  // namespace cordon::incident
