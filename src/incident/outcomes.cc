#include "incident/outcomes.h"

#include "incident/phases.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::incident {
namespace {

std::string say(std::chrono::milliseconds time) {
  const auto seconds = time.count() / 1000;
  return seconds >= 60 ? fmt::format("{} min {} s", seconds / 60, seconds % 60)
                       : fmt::format("{}.{:03} s", seconds, time.count() % 1000);
}

/// A duration against its budget.
Outcome timed(const char* name, const char* title, const std::vector<Measure>& all,
              std::string_view measure, const Incident& incident, WallTime now) {
  Outcome one{name, title, OutcomeVerdict::unknown, {}, {}};
  const auto found = std::find_if(all.begin(), all.end(),
                                  [measure](const Measure& each) { return each.name == measure; });
  if (found == all.end()) return one;
  if (found->took) {
    one.verdict = *found->took <= found->budget ? OutcomeVerdict::met : OutcomeVerdict::not_met;
    one.number = fmt::format("{} of {}", say(*found->took), say(found->budget));
    return one;
  }
  const auto running =
      std::chrono::duration_cast<std::chrono::milliseconds>(now - incident.clock_start);
  if (running > found->budget) {
    one.verdict = OutcomeVerdict::not_met;
    one.number = fmt::format("not after {} of {}", say(running), say(found->budget));
  } else {
    one.number = found->reason;
  }
  return one;
}

Outcome evidence(const Incident& incident, const Standing& standing, const ScoreFacts& facts) {
  Outcome one{"evidence", "evidence preserved", OutcomeVerdict::unknown, {}, {}};
  if (standing.evidence.empty()) {
    one.number = "no evidence was frozen";
    return one;
  }
  const int score = evidence_score(evidence_items(incident, standing, facts));
  one.verdict = score == 100 ? OutcomeVerdict::met : OutcomeVerdict::not_met;
  one.number = fmt::format("score {} of 100", score);
  return one;
}

Outcome prevented(const Incident& incident) {
  Outcome one{"prevented", "recurrence prevented", OutcomeVerdict::unknown, {}, {}};
  const FollowUp& state = incident.follow_up;
  std::size_t hardening = 0;
  std::size_t proven = 0;
  for (const Action& action : state.actions) {
    if (action.added.kind != ActionKind::hardening) continue;
    ++hardening;
    one.entries.push_back(action.entry);
    if (hardens(action)) ++proven;
  }
  if (hardening == 0 && !state.exception) {
    one.number = "no hardening change is recorded yet";
    return one;
  }
  one.verdict = proven > 0 ? OutcomeVerdict::met : OutcomeVerdict::not_met;
  one.number = fmt::format("{} of {} hardening changes proved by a replay test that passes{}",
                           proven, hardening, state.exception ? "; an exception is signed" : "");
  return one;
}

}  // namespace

std::string_view to_string(OutcomeVerdict verdict) noexcept {
  constexpr std::string_view kWords[] = {"unknown", "met", "not met"};
  return kWords[static_cast<std::size_t>(verdict)];
}

std::vector<Outcome> outcomes(const Incident& incident, const Standing& standing,
                              const ScoreFacts& facts) {
  const auto all = measures(incident, standing, facts.first_harm);
  std::vector<Outcome> four = {
      timed("contained", "impact contained fast", all, "ttc", incident, facts.now),
      evidence(incident, standing, facts),
      timed("restored", "service restored", all, "tts", incident, facts.now), prevented(incident)};
  for (Outcome& one : four) {
    if (one.entries.empty() && !incident.states.empty()) {
      one.entries.push_back(incident.states.front().entry);
    }
  }
  return four;
}

codec::Json to_json(const std::vector<Outcome>& outcomes) {
  codec::Json json = codec::Json::array();
  for (const Outcome& one : outcomes) {
    json.push_back({{"name", one.name},
                    {"title", one.title},
                    {"verdict", to_string(one.verdict)},
                    {"number", one.number}});
  }
  return json;
}

}  // namespace cordon::incident
