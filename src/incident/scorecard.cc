#include "incident/scorecard.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cordon::incident {
namespace {

// Points of the drill scorecard for its six measures of speed, 40 together. Evidence has points
// of its own.
struct Weight {
  std::string_view measure;
  double points;
};
constexpr Weight kWeights[] = {{"ttd", 8},  {"tta", 4}, {"ttcl", 6},
                               {"ttc", 12}, {"tts", 6}, {"ttcomm", 4}};

/// Full up to the budget, then linearly to nothing at twice the budget.
double earned(const Measure& measure, double points) {
  const auto took = static_cast<double>(measure.took->count());
  const auto budget = static_cast<double>(measure.budget.count());
  return points * std::clamp(2 - took / budget, 0.0, 1.0);
}

void score_speed(Scorecard& card) {
  double sum = 0;
  std::string unknown;
  for (const Weight& weight : kWeights) {
    const auto found =
        std::find_if(card.speed.begin(), card.speed.end(),
                     [&weight](const Measure& one) { return one.name == weight.measure; });
    if (!found->took) {
      unknown += fmt::format("{}{}: {}", unknown.empty() ? "" : "; ", found->name, found->reason);
      continue;
    }
    sum += earned(*found, weight.points);
  }
  if (unknown.empty()) {
    card.speed_points = sum;
  } else {
    card.speed_reason = std::move(unknown);
  }
}

/// Of the actions that were due by now, how many are verified.
void score_follow_through(Scorecard& card, const FollowUp& follow_up, WallTime now) {
  std::uint64_t due = 0;
  std::uint64_t verified = 0;
  for (const Action& action : follow_up.actions) {
    // One that was verified before its day counts from then on.
    if (action.added.due > now && !action.verified_at) continue;
    ++due;
    if (action.verified_at) ++verified;
  }
  card.actions = follow_up.actions.size();
  card.actions_verified = verified;
  if (due > 0) {
    card.follow_through = 100.0 * static_cast<double>(verified) / static_cast<double>(due);
  } else {
    card.follow_through_reason = follow_up.actions.empty()
                                     ? "no follow-up action is recorded, so none can be due"
                                     : "no action is due yet, and none is verified";
  }
}

std::string say_time(std::chrono::milliseconds time) {
  const auto ms = static_cast<double>(time.count());
  if (ms < 60'000) return fmt::format("{:.1f} s", ms / 1000);
  return fmt::format("{} min {} s", time.count() / 60'000, time.count() / 1000 % 60);
}

codec::Json measure_json(const Measure& measure) {
  codec::Json json = {{"name", measure.name}, {"title", measure.title}};
  if (measure.took) {
    json["ms"] = measure.took->count();
  } else {
    json["ms"] = "no data";
  }
  json["budget_ms"] = measure.budget.count();
  if (measure.took) json["met"] = *measure.took <= measure.budget;
  if (!measure.reason.empty()) json["reason"] = measure.reason;
  return json;
}

/// A number, or `no data`.
template <class T>
codec::Json number_or_none(const std::optional<T>& number) {
  return number ? codec::Json(*number) : codec::Json("no data");
}

}  // namespace

Scorecard make_scorecard(const Incident& incident, const Standing& standing,
                         const ScoreFacts& facts) {
  Scorecard card;
  card.incident = incident.id;
  card.severity = incident.severity ? std::string(to_string(*incident.severity)) : "unset";
  card.state = to_string(incident.state);
  card.speed = measures(incident, standing, facts.first_harm);
  score_speed(card);

  card.evidence = evidence_items(incident, standing, facts);
  card.evidence_score = incident::evidence_score(card.evidence);

  card.outcomes = incident::outcomes(incident, standing, facts);
  card.containments = standing.containments.size();
  card.containments_validated = static_cast<std::uint64_t>(
      std::count_if(standing.containments.begin(), standing.containments.end(),
                    [](const auto& one) { return !one.validated_by.empty(); }));
  score_follow_through(card, incident.follow_up, facts.now);
  return card;
}

codec::Json Scorecard::to_json() const {
  codec::Json measured = codec::Json::array();
  for (const Measure& one : speed) measured.push_back(measure_json(one));
  codec::Json json = {{"incident", incident}, {"severity", severity}, {"state", state}};
  json["speed"] = {{"points", number_or_none(speed_points)},
                   {"of", 40},
                   {"reason", speed_reason},
                   {"measures", std::move(measured)}};
  json["outcomes"] = incident::to_json(outcomes);
  json["evidence"] = incident::to_json(evidence);
  json["follow_through"] = {{"percent", number_or_none(follow_through)},
                            {"reason", follow_through_reason},
                            {"actions", actions},
                            {"actions_verified", actions_verified},
                            {"containments", containments},
                            {"containments_validated", containments_validated}};
  return json;
}

std::string Scorecard::to_text() const {
  std::string text = fmt::format("{}  {}  {}\n\nSpeed           {}\n", incident, severity, state,
                                 speed_points ? fmt::format("{:.1f} of 40", *speed_points)
                                              : fmt::format("no data ({})", speed_reason));
  for (const Measure& one : speed) {
    const std::string took = one.took ? fmt::format("{:<14}{}", say_time(*one.took),
                                                    *one.took <= one.budget ? "within" : "OVER")
                                      : fmt::format("{:<14}{};", "no data", one.reason);
    text += fmt::format("  {:<22}{} budget {}\n", one.title, took, say_time(one.budget));
  }
  text += "\nOutcomes\n";
  for (const Outcome& one : outcomes) {
    text += fmt::format("  {:<26}{}: {}\n", one.title, to_string(one.verdict), one.number);
  }
  text += fmt::format("\nEvidence        {} of 100\n", evidence_score);
  for (const EvidenceItem& one : evidence) {
    text += fmt::format("  {:<26}{}\n", one.name,
                        one.verifiable ? "present, verifiable" : "missing: " + one.reason);
  }
  text += fmt::format("\nFollow-through  {}\n",
                      follow_through ? fmt::format("{:.0f} %", *follow_through)
                                     : fmt::format("no data ({})", follow_through_reason));
  text += fmt::format("  actions verified          {} of {}\n", actions_verified, actions);
  text +=
      fmt::format("  containments validated    {} of {}\n", containments_validated, containments);
  return text;
}

}  // namespace cordon::incident
