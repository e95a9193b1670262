#include "incident/severity.h"

#include <algorithm>
#include <utility>

namespace cordon::incident {
namespace {

bool fires(const Fact& fact, double threshold, bool unset_counts) {
  switch (fact.state) {
    case FactState::value:
      return fact.value >= threshold;
    case FactState::unset:
      return unset_counts;
    case FactState::failed:
      return true;
  }
  return true;
}

/// Whether a source states this severity.
Fact stated(const Fact& fact, double severity) {
  Fact one = fact;
  if (one.state == FactState::value) one.value = fact.value == severity ? 1 : 0;
  return one;
}

}  // namespace

Fact Fact::of(double value, std::string source) {
  return {FactState::value, value, std::move(source)};
}
Fact Fact::unset(std::string reason) {
  return {FactState::unset, 0, std::move(reason)};
}
Fact Fact::failed(std::string reason) {
  return {FactState::failed, 0, std::move(reason)};
}

Result<SeverityOptions> SeverityOptions::from(const model::SeverityConfig& config) {
  if (config.tenants == 0 || config.records == 0 || config.exchanges == 0 ||
      !(config.route_percent > 0) || !(config.route_percent <= 100) ||
      config.window < std::chrono::seconds(1)) {
    return fail(Errc::invalid,
                "severity: thresholds must be above 0, route_percent at most 100, and the window "
                "at least 1s");
  }
  SeverityOptions options;
  options.tenants = config.tenants;
  options.records = config.records;
  options.route_percent = config.route_percent;
  options.exchanges = config.exchanges;
  options.unset_counts_from = config.unset_counts_from;
  options.blast_window = std::chrono::ceil<std::chrono::seconds>(config.window);
  return options;
}

const Predicate* Assessment::decisive() const noexcept {
  const auto found =
      std::find_if(predicates.begin(), predicates.end(),
                   [this](const Predicate& one) { return one.fired && one.makes == severity; });
  return found == predicates.end() ? nullptr : &*found;
}

Assessment assess(const Facts& facts, const SeverityOptions& options, std::chrono::nanoseconds age,
                  const Waived& waived) {
  Assessment assessment;
  assessment.predicates = {
      {"harm_active", Severity::sev1, facts.delivered_recently, 1},
      {"legal_exposure", Severity::sev1, facts.legal_exposure, 1},
      {"blast_tenants", Severity::sev1, facts.tenants, options.tenants},
      {"blast_records", Severity::sev1, facts.records, options.records},
      {"blast_route_percent", Severity::sev1, facts.route_percent, options.route_percent},
      {"stated_sev1", Severity::sev1, stated(facts.stated, 1), 1},
      {"impact", Severity::sev2, facts.impact, options.exchanges},
      {"stated_sev2", Severity::sev2, stated(facts.stated, 2), 1},
  };
  const bool unset_counts = age >= options.unset_counts_from;
  const auto judge = [&](Predicate& one) {
    one.fired = fires(one.fact, one.threshold, unset_counts);
    // Two people looked at this number and went lower; only a worse one speaks again.
    const auto looked_at = waived.find(one.name);
    const double number = one.fact.state == FactState::value ? one.fact.value : 0;
    if (one.fired && looked_at != waived.end() && number <= looked_at->second) {
      one.fired = false;
      one.fact.reason += "; waived by an approved downgrade";
    }
    if (one.fired) assessment.severity = std::min(assessment.severity, one.makes);
  };
  for (Predicate& one : assessment.predicates) judge(one);
  const Severity graver = assessment.severity == Severity::sev3 ? Severity::sev2 : Severity::sev1;
  assessment.predicates.push_back({"recurrence", graver, facts.recurrence, 1});
  judge(assessment.predicates.back());
  return assessment;
}

codec::Json to_json(const Assessment& assessment) {
  codec::Json list = codec::Json::array();
  for (const Predicate& one : assessment.predicates) {
    codec::Json item = {{"name", one.name},
                        {"severity", to_string(one.makes)},
                        {"state", to_string(one.fact.state)}};
    if (one.fact.state == FactState::value) item["number"] = one.fact.value;
    item["threshold"] = one.threshold;
    item["fired"] = one.fired;
    item["reason"] = one.fact.reason;
    list.push_back(std::move(item));
  }
  return list;
}

}  // namespace cordon::incident
