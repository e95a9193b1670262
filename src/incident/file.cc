#include "incident/internal/file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace cordon::incident::internal {
namespace {

model::Place place_of(const model::ExchangeHead& head) {
  return {head.route, head.model, head.provider, head.tenant, head.use_case, {}};
}

bool is_bad(const Mitigation& mitigation, model::IncidentClass of_class,
            const model::EndRecord& end) {
  if (mitigation.test.metric == MitigationMetric::error_rate) {
    return end.end == model::End::upstream_error || end.end == model::End::upstream_cut ||
           end.end == model::End::timeout;
  }
  return std::any_of(end.hits.begin(), end.hits.end(), [of_class](const model::Hit& hit) {
    return hit.live && hit.of_class == of_class && hit.delivered > 0;
  });
}

/// From when on harm speaks against what was done: the last measure that took hold.
WallTime judged_from(const File& file) {
  WallTime from = WallTime::min();
  for (const ContainmentStanding& one : file.standing.containments) {
    if (one.acked_at && !one.released_at) from = std::max(from, *one.acked_at);
  }
  const State state = file.incident.state;
  if (state == State::contained || state == State::stable) {
    for (const StateChange& change : file.incident.states) {
      if (change.to == State::contained) from = std::max(from, change.at);
    }
  }
  return from;
}

Fact fact_of(const detect::Known<detect::Harm>& harm, double value, const char* source) {
  return harm ? Fact::of(value, source) : Fact::failed(harm.error().reason);
}

/// The largest share of a route's exchanges that delivered harm.
Fact route_percent(const detect::Known<detect::Harm>& harm, const detect::Windows& windows,
                   detect::Window window) {
  if (!harm) return Fact::failed(harm.error().reason);
  double worst = 0;
  for (const auto& [route, harmed] : harm->routes) {
    const auto counts = windows.counts(detect::Subject::route, route, window);
    if (!counts || counts->exchanges == 0) {
      return Fact::failed("the route's exchanges are not known");
    }
    worst = std::max(worst,
                     100.0 * static_cast<double>(harmed) / static_cast<double>(counts->exchanges));
  }
  return Fact::of(worst, "live windows");
}

Fact exposure(const File& file, bool measured) {
  const Incident& incident = file.incident;
  if (incident.exposed.value_or(false)) return Fact::of(1, incident.exposed_reason);
  if (measured && incident.of_class == model::IncidentClass::data_leakage) {
    if (!file.impact_unknown.empty() && file.impact.personal == 0) {
      return Fact::failed(file.impact_unknown);
    }
    return Fact::of(static_cast<double>(file.impact.personal),
                    "personal records delivered since the impact began");
  }
  if (incident.exposed) return Fact::of(0, incident.exposed_reason);
  return Fact::unset("nobody was asked yet");
}

}  // namespace

void count_impact(File& file, const model::EndRecord& end, WallTime recorded) {
  const Incident& incident = file.incident;
  std::uint64_t delivered = 0;
  std::uint64_t personal = 0;
  bool matched = false;
  for (const model::Hit& hit : end.hits) {
    if (!hit.live || hit.count == 0 || hit.of_class != incident.of_class) continue;
    matched = true;
    delivered += hit.delivered;
    if (hit.personal) personal += hit.delivered;
  }
  if (!matched) return;
  const model::Place place = place_of(end.head);
  if (std::none_of(incident.scopes.begin(), incident.scopes.end(),
                   [&place](const model::Scope& scope) { return scope.covers(place); })) {
    return;
  }
  detect::Harm& impact = file.impact;
  ++impact.attempts;
  if (delivered == 0) return;
  const WallTime when = std::chrono::floor<std::chrono::seconds>(recorded);
  impact.first = impact.exchanges == 0 ? when : std::min(impact.first, when);
  impact.last = std::max(impact.last, when);
  ++impact.exchanges;
  impact.records += delivered;
  impact.personal += personal;
  ++impact.routes[end.head.route];
  ++impact.tenants[end.head.tenant];
  impact.targets.insert(detect::target_name(end.head.provider, end.head.model));
  if (!end.head.use_case.empty()) impact.use_cases.insert(end.head.use_case);
}

void count_samples(File& file, const model::EndRecord& end, WallTime recorded) {
  const model::Place place = place_of(end.head);
  for (Mitigation& mitigation : file.incident.mitigations) {
    if (!mitigation.began || !mitigation.test.scope.covers(place)) continue;
    if (detect::began_of(end, recorded) < *mitigation.began) continue;
    const bool bad = is_bad(mitigation, file.incident.of_class, end);
    mitigation.counted.add(bad ? SequentialTest::Sample::bad : SequentialTest::Sample::good);
    if (end.end == model::End::refused) ++mitigation.refused;
  }
}

void measure_impact(File& file, const detect::Windows& windows, WallTime now) {
  const detect::Window window{now, std::chrono::ceil<std::chrono::seconds>(now - file.impact_from) +
                                       std::chrono::seconds(1)};
  auto harm = windows.harm(file.incident.scopes, file.incident.of_class, window);
  if (harm) {
    file.impact = *std::move(harm);
    file.impact_unknown.clear();
  } else {
    file.impact_unknown = harm.error().reason;
  }
}

void link_validation(File& file) {
  for (ContainmentStanding& one : file.standing.containments) {
    one.validated_by.clear();
    for (const Mitigation& mitigation : file.incident.mitigations) {
      if (mitigation.judged.verdict != Verdict::effective || !judges(mitigation, one)) continue;
      one.validated_by = mitigation.test.id;
      break;
    }
  }
}

Facts facts_of(const File& file, const DeskOptions& options, const detect::Windows& windows,
               WallTime now) {
  const Incident& incident = file.incident;
  const bool measured = options.measured.contains(incident.of_class);
  Facts facts;
  if (file.stated != 0) {
    facts.stated = Fact::of(file.stated, fmt::format("a signal states SEV-{}", file.stated));
  }
  if (const auto& earlier = incident.people.recurrence_of; !earlier.empty()) {
    facts.recurrence = Fact::of(static_cast<double>(earlier.size()),
                                fmt::format("it happened before: {}", fmt::join(earlier, ", ")));
  }
  facts.legal_exposure = exposure(file, measured);
  if (!measured) {
    const Fact unset = Fact::unset("no rule in force can see this class");
    facts.delivered_recently = facts.tenants = facts.records = facts.route_percent = facts.impact =
        unset;
    return facts;
  }
  const auto recent = windows.harm(incident.scopes, incident.of_class,
                                   {now, options.severity.harm_active_window}, judged_from(file));
  const detect::Window blast{now, options.severity.blast_window};
  const auto harm = windows.harm(incident.scopes, incident.of_class, blast);
  const auto number = [](std::uint64_t n) { return static_cast<double>(n); };
  facts.delivered_recently =
      fact_of(recent, recent ? number(recent->exchanges) : 0, "live windows");
  facts.tenants = fact_of(harm, harm ? number(harm->tenants.size()) : 0, "live windows");
  facts.records = fact_of(harm, harm ? number(harm->records) : 0, "live windows");
  facts.route_percent = route_percent(harm, windows, blast);
  facts.impact = file.impact_unknown.empty() || file.impact.exchanges > 0
                     ? Fact::of(number(file.impact.exchanges), "since the impact began")
                     : Fact::failed(file.impact_unknown);
  return facts;
}

}  // namespace cordon::incident::internal
