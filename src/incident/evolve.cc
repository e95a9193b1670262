#include "incident/incident.h"
#include "incident/internal/people.h"

#include <algorithm>
#include <utility>

namespace cordon::incident {
namespace {

using internal::apply;

void add_scope(Incident& incident, const model::Scope& scope) {
  const auto same = std::find(incident.scopes.begin(), incident.scopes.end(), scope);
  if (same == incident.scopes.end()) incident.scopes.push_back(scope);
}

void apply(Incident& incident, const Happening& happening, const Opened& event) {
  incident.id = happening.incident;
  incident.uuid = event.uuid;
  incident.title = event.title;
  incident.snapshot = event.snapshot;
  incident.declared_at = happening.sequence;
  incident.of_class = event.of_class;
  incident.t0 = event.t0;
  incident.clock_start = event.t0;
  incident.last_signal = event.t0;
  incident.impact_start = event.impact_start;
  incident.signals = {event.signal};
  add_scope(incident, event.scope);
  incident.states.push_back({State::triage, happening.actor, happening.recorded, happening.entry});
}

void apply(Incident& incident, const Happening& happening, const SignalJoined& event) {
  incident.signals.push_back(event.signal);
  incident.last_signal = std::max(incident.last_signal, happening.recorded);
  incident.impact_start = std::min(incident.impact_start, event.impact_start);
  add_scope(incident, event.scope);
}

void apply(Incident& incident, const Happening& happening, const Moved& event) {
  if (incident.state == State::triage && event.to == State::active) {
    incident.confirmed_by = happening.actor;
    incident.confirmed_at = happening.recorded;
  }
  if (incident.state == State::closed) incident.clock_start = happening.recorded;
  incident.state = event.to;
  incident.merged_into = event.into;
  incident.states.push_back({event.to, happening.actor, happening.recorded, happening.entry});
}

void apply(Incident& incident, const Happening& happening, const SeverityChanged& event) {
  incident.severity = event.to;
  incident.provisional = happening.actor.kind == model::ActorKind::service;
  internal::owe_candidate_page(incident, event);
  for (const auto& [name, number] : event.waived) incident.waived[name] = number;
  incident.severities.push_back({event, happening.actor, happening.recorded, happening.entry});
}

void apply(Incident& incident, const Happening&, const SeverityConfirmed&) {
  incident.provisional = false;
}

void apply(Incident& incident, const Happening&, const ExposureStated& event) {
  incident.exposed = event.exposed;
  incident.exposed_reason = event.reason;
}

void apply(Incident& incident, const Happening& happening, const MitigationDeclared& event) {
  Mitigation mitigation;
  mitigation.test = event.test;
  mitigation.declared_at = happening.recorded;
  mitigation.declared_sequence = happening.sequence;
  mitigation.counted = SequentialTest(event.test.limit);
  incident.mitigations.push_back(std::move(mitigation));
}

void apply(Incident& incident, const Happening&, const MitigationJudged& event) {
  for (Mitigation& mitigation : incident.mitigations) {
    if (mitigation.test.id == event.id) mitigation.judged = event.judgement;
  }
}

void apply(Incident& incident, const Happening&, const ImpactCorrected& event) {
  incident.impact_start = event.impact_start;
}

void apply(Incident&, const Happening&, const Noted&) {}

void apply(Incident& incident, const Happening&, const Absorbed& event) {
  incident.absorbed.push_back(event.from);
}

void apply(Incident& incident, const Happening& happening, const FollowedUp& event) {
  apply_follow_up(incident.follow_up, happening, event.change);
}

}  // namespace

const Mitigation* Incident::mitigation(std::string_view wanted) const noexcept {
  const auto found = std::find_if(mitigations.begin(), mitigations.end(),
                                  [wanted](const auto& one) { return one.test.id == wanted; });
  return found == mitigations.end() ? nullptr : &*found;
}

std::optional<WallTime> Standing::contained_at(WallTime from) const noexcept {
  std::optional<WallTime> first;
  for (const ContainmentStanding& one : containments) {
    if (one.acked_at && *one.acked_at >= from) {
      first = std::min(first.value_or(*one.acked_at), *one.acked_at);
    }
  }
  return first;
}

std::optional<WallTime> Standing::verified_at(WallTime from) const noexcept {
  std::optional<WallTime> first;
  for (const EvidenceStanding& one : evidence) {
    if (!one.failed && one.verified_at && *one.verified_at >= from) {
      first = std::min(first.value_or(*one.verified_at), *one.verified_at);
    }
  }
  return first;
}

bool overlap(const model::Scope& a, const model::Scope& b) {
  for (std::size_t i = 0; i < model::kDimensionCount; ++i) {
    const auto& one = a.named(static_cast<model::Dimension>(i));
    const auto& other = b.named(static_cast<model::Dimension>(i));
    if (one && other && *one != "*" && *other != "*" && *one != *other) return false;
  }
  return true;
}

bool judges(const Mitigation& mitigation, const ContainmentStanding& containment) {
  if (containment.sequence <= mitigation.declared_sequence) return false;
  if (!mitigation.test.containment.empty()) {
    return mitigation.test.containment == containment.containment.id;
  }
  return overlap(mitigation.test.scope, containment.containment.scope);
}

Incident evolve(Incident incident, const Happening& happening) {
  std::visit([&](const auto& event) { apply(incident, happening, event); }, happening.event);
  incident.revision = happening.revision;
  return incident;
}

}  // namespace cordon::incident
