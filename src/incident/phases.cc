#include "incident/phases.h"

#include <algorithm>
#include <utility>

namespace cordon::incident {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr std::array<minutes, kPhaseCount + 1> kEdges = {minutes(0), minutes(10), minutes(20),
                                                         minutes(40), minutes(60)};

/// When the incident stopped being worked on; clocks stop with it.
std::optional<WallTime> ended_at(const Incident& incident) {
  if (is_open(incident.state) || incident.states.empty()) return std::nullopt;
  return incident.states.back().at;
}

std::optional<WallTime> first_stable(const Incident& incident) {
  const auto found = std::find_if(
      incident.states.begin(), incident.states.end(), [&incident](const StateChange& change) {
        return change.to == State::stable && change.at >= incident.clock_start;
      });
  return found == incident.states.end() ? std::nullopt : std::optional(found->at);
}

void fill_detect(PhaseReport& report, const Incident& incident) {
  WallTime last = incident.clock_start;
  const auto need = [&](const std::optional<WallTime>& when, const char* what) {
    if (when) last = std::max(last, *when);
    if (!when) report.missing.emplace_back(what);
  };
  need(incident.confirmed_at, "a person who confirms the signal's source");
  need(incident.severities.empty() ? std::nullopt : std::optional(incident.severities.front().at),
       "a severity");
  need(incident.commander_at, "a commander who accepted");
  if (report.missing.empty()) report.met_at = last;
}

void fill(PhaseReport& report, std::optional<WallTime> when, const char* what) {
  report.met_at = when;
  if (!when) report.missing.emplace_back(what);
}

/// When somebody inside was first told.
std::optional<WallTime> first_update(const Incident& incident) {
  std::optional<WallTime> first;
  for (const Update& update : incident.follow_up.updates) {
    const bool inside = update.draft.audience != model::Audience::customer;
    if (!inside || !update.sent_at || *update.sent_at < incident.clock_start) continue;
    first = std::min(first.value_or(*update.sent_at), *update.sent_at);
  }
  return first;
}

Measure measure(const char* name, const char* title, minutes budget, WallTime from,
                const std::optional<WallTime>& to, const char* reason) {
  Measure one{name, title, budget, std::nullopt, {}};
  if (to) {
    one.took = std::max(std::chrono::floor<milliseconds>(*to - from), milliseconds(0));
  } else {
    one.reason = reason;
  }
  return one;
}

}  // namespace

std::array<PhaseReport, kPhaseCount> phases(const Incident& incident, const Standing& standing,
                                            WallTime now) {
  const WallTime start = incident.clock_start;
  const WallTime at = std::min(now, ended_at(incident).value_or(now));
  std::array<PhaseReport, kPhaseCount> reports;
  for (std::size_t i = 0; i < kPhaseCount; ++i) {
    reports[i].phase = static_cast<Phase>(i);
    reports[i].begins = start + kEdges[i];
    reports[i].due = start + kEdges[i + 1];
  }
  fill_detect(reports[0], incident);
  fill(reports[1], standing.contained_at(start), "a containment that every node acknowledged");
  fill(reports[2], standing.verified_at(start), "evidence that was frozen and verified");
  fill(reports[3], first_stable(incident), "the state stable");
  for (PhaseReport& report : reports) {
    report.late = report.met_at.value_or(at) > report.due;
    if (report.met_at) {
      report.state = PhaseState::met;
    } else if (at >= report.begins) {
      report.state = PhaseState::running;
    }
  }
  return reports;
}

codec::Json to_json(const PhaseReport& report) {
  codec::Json json = {{"phase", to_string(report.phase)},
                      {"state", to_string(report.state)},
                      {"begins", format_rfc3339(report.begins)},
                      {"due", format_rfc3339(report.due)}};
  if (report.met_at) json["met_at"] = format_rfc3339(*report.met_at);
  json["late"] = report.late;
  json["missing"] = report.missing;
  return json;
}

std::vector<Measure> measures(const Incident& incident, const Standing& standing,
                              const std::optional<WallTime>& first_harm) {
  const WallTime start = incident.clock_start;
  // Detection is measured up to the first signal, whenever the clock was restarted.
  Measure detect{"ttd", "time to detect", minutes(5), std::nullopt,
                 "no delivered harm was seen, so there is nothing to count from"};
  if (first_harm && !incident.confirmed_by) {
    detect.reason = "no person has confirmed a signal's source, so it does not count as detected";
  } else if (first_harm) {
    detect.took =
        std::max(std::chrono::floor<milliseconds>(incident.t0 - *first_harm), milliseconds(0));
    detect.reason.clear();
  }
  std::optional<WallTime> accepted = incident.commander_at;
  if (incident.confirmed_at) {
    accepted = std::min(accepted.value_or(*incident.confirmed_at), *incident.confirmed_at);
  }
  const auto classified =
      incident.severities.empty() ? std::nullopt : std::optional(incident.severities.front().at);
  return {
      std::move(detect),
      measure("tta", "time to acknowledge", minutes(5), start, accepted,
              "no person has confirmed it or taken command"),
      measure("ttcl", "time to classify", minutes(10), start, classified, "no severity yet"),
      measure("ttc", "time to contain", minutes(20), start, standing.contained_at(start),
              "no containment was acknowledged by every node"),
      measure("tte", "time to evidence", minutes(40), start, standing.verified_at(start),
              "no evidence was frozen and verified"),
      measure("tts", "time to stable", minutes(60), start, first_stable(incident),
              "it has not been stable"),
      measure("ttcomm", "time to first update", minutes(10), start, first_update(incident),
              "no update was sent"),
  };
}

}  // namespace cordon::incident
