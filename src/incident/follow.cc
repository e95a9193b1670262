#include "incident/internal/follow.h"

#include "incident/internal/people.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cordon::incident::internal {
namespace {

constexpr std::size_t kRecurrenceMax = 20;

std::optional<WallTime> closed_at(const Incident& incident) {
  if (incident.state != State::closed) return std::nullopt;
  return incident.states.back().at;
}

/// Closed incidents of which this one is a repetition, oldest first.
std::vector<std::string> earlier_of(const File& file, const Files& files) {
  std::vector<std::string> earlier;
  for (const auto& [id, other] : files) {
    const auto closed = closed_at(other.incident);
    if (!closed || id == file.incident.id || *closed > file.incident.t0) continue;
    if (file.incident.t0 - *closed > kRecursWithin) continue;
    if (other.incident.of_class != file.incident.of_class || !overlaps(file, other)) continue;
    earlier.push_back(id);
  }
  if (earlier.size() > kRecurrenceMax) {
    earlier.erase(earlier.begin(), earlier.end() - static_cast<std::ptrdiff_t>(kRecurrenceMax));
  }
  return earlier;
}

std::optional<Event> follow_recurrence(const File& file, const Files& files) {
  // Asked once, before the first assessment: later it is the same answer.
  if (file.incident.severity || !file.incident.people.recurrence_of.empty()) return std::nullopt;
  std::vector<std::string> earlier = earlier_of(file, files);
  if (earlier.empty()) return std::nullopt;
  return Recurred{std::move(earlier)};
}

std::optional<Event> follow_severity(const Incident& incident, const Assessment& found) {
  if (incident.severity && found.severity >= *incident.severity) return std::nullopt;
  const Predicate* decisive = found.decisive();
  SeverityChanged change;
  change.to = found.severity;
  change.rule = decisive != nullptr ? decisive->name : "none";
  change.reason = decisive != nullptr ? decisive->fact.reason : "no predicate fired";
  if (decisive == nullptr) return change;
  change.threshold = decisive->threshold;
  change.candidate = decisive->fact.state == FactState::unset;
  if (decisive->fact.state == FactState::value) change.number = decisive->fact.value;
  return change;
}

std::optional<Event> follow_harm(const Incident& incident, const Assessment& found) {
  const bool held = incident.state == State::contained || incident.state == State::stable;
  const Predicate& harm = found.predicates.front();
  if (!held || harm.fact.state != FactState::value || harm.fact.value < harm.threshold) {
    return std::nullopt;
  }
  return Moved{.to = State::active,
               .reason = fmt::format("harm was delivered again: {} exchanges", harm.fact.value),
               .approval = {},
               .into = {}};
}

std::optional<Event> follow_mitigations(const Incident& incident, WallTime now) {
  for (const Mitigation& mitigation : incident.mitigations) {
    Judgement judgement = mitigation.judge(now);
    if (judgement.verdict == mitigation.judged.verdict) continue;
    return MitigationJudged{mitigation.test.id, std::move(judgement)};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Event> follow(const File& file, const Files& files, const Assessment& found,
                            const DeskOptions& options, WallTime now) {
  const Incident& incident = file.incident;
  if (auto event = follow_recurrence(file, files)) return event;
  if (auto event = follow_severity(incident, found)) return event;
  if (auto event = follow_harm(incident, found)) return event;
  if (auto event = follow_mitigations(incident, now)) return event;
  return follow_people(incident, file.standing, options.people, now);
}

bool overlaps(const File& file, const model::Scope& scope) {
  return std::any_of(file.incident.scopes.begin(), file.incident.scopes.end(),
                     [&scope](const model::Scope& own) { return overlap(own, scope); });
}

bool overlaps(const File& file, const File& other) {
  return std::any_of(other.incident.scopes.begin(), other.incident.scopes.end(),
                     [&file](const model::Scope& scope) { return overlaps(file, scope); });
}

const File* home_of(const Files& files, const detect::Signal& signal, std::chrono::minutes within) {
  const File* home = nullptr;
  WallTime latest{};
  for (const auto& [id, file] : files) {
    const Incident& incident = file.incident;
    if (!is_open(incident.state) || incident.of_class != signal.of_class) continue;
    const WallTime last = std::max(incident.last_signal, incident.clock_start);
    if (signal.recorded - last > within || !overlaps(file, signal.scope)) continue;
    if (home == nullptr || last >= latest) {
      home = &file;
      latest = last;
    }
  }
  return home;
}

Status check_merge(const File& from, const File& into) {
  if (&into == &from || !is_open(into.incident.state)) {
    return fail(Errc::conflict, fmt::format("{} cannot take another incident", into.incident.id));
  }
  if (into.incident.of_class == from.incident.of_class) return {};
  return fail(Errc::conflict,
              fmt::format("{} is {} and {} is {}: two classes are never one incident",
                          from.incident.id, model::to_string(from.incident.of_class),
                          into.incident.id, model::to_string(into.incident.of_class)));
}

std::vector<Related> related(const File& file, const Files& files) {
  std::vector<Related> all;
  const Incident& incident = file.incident;
  for (const auto& [id, other] : files) {
    if (id == incident.id || !overlaps(file, other)) continue;
    const bool same_class = other.incident.of_class == incident.of_class;
    if (other.incident.merged_into == incident.id) {
      all.push_back({id, "merged", "it was merged into this one"});
    } else if (is_open(other.incident.state)) {
      all.push_back(same_class ? Related{id, "same",
                                         "open, the same class and an overlapping scope; "
                                         "merge them if they are one"}
                               : Related{id, "beside",
                                         "open, another class in an overlapping scope; two "
                                         "classes are never one incident"});
    } else if (same_class && closed_at(other.incident)) {
      all.push_back({id, "earlier", "closed, the same class and an overlapping scope"});
    }
  }
  return all;
}

}  // namespace cordon::incident::internal
