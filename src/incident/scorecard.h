// One page on one incident: speed, evidence, follow-through. From facts alone: the same journal
// gives the same bytes. A number that nobody has says `no data` and why.
#pragma once

#include "incident/evidence_score.h"
#include "incident/outcomes.h"
#include "incident/phases.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cordon::incident {

/// The page. A value.
struct Scorecard {
  std::string incident;
  std::string severity;
  std::string state;
  std::vector<Measure> speed;
  std::optional<double> speed_points;  ///< of 40; none while a measure is unknown
  std::string speed_reason;
  std::vector<EvidenceItem> evidence;
  int evidence_score = 0;  ///< 0 to 100: items present and verifiable
  std::vector<Outcome> outcomes;
  std::uint64_t containments = 0;
  std::uint64_t containments_validated = 0;
  std::uint64_t actions = 0;
  std::uint64_t actions_verified = 0;
  std::optional<double> follow_through;  ///< per cent of actions due; none while nothing is due
  std::string follow_through_reason;

  [[nodiscard]] codec::Json to_json() const;
  [[nodiscard]] std::string to_text() const;
};

[[nodiscard]] Scorecard make_scorecard(const Incident& incident, const Standing& standing,
                                       const ScoreFacts& facts);

}  // namespace cordon::incident
