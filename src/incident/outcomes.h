// The four outcomes that a response is for, each met, not met or unknown, with the number behind
// it: contained fast, evidence kept, service restored, recurrence prevented.
#pragma once

#include "incident/evidence_score.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cordon::incident {

enum class OutcomeVerdict : std::uint8_t { unknown, met, not_met };
/// `unknown`, `met`, `not met`.
[[nodiscard]] std::string_view to_string(OutcomeVerdict verdict) noexcept;

/// One outcome. `number` is what the verdict rests on; without one it reads unknown.
struct Outcome {
  std::string name;   ///< `contained`, `evidence`, `restored`, `prevented`
  std::string title;  ///< for people
  OutcomeVerdict verdict = OutcomeVerdict::unknown;
  std::string number;
  std::vector<std::string> entries;  ///< ids that it rests on
};

/// In the order of the playbook. A duration that is still running is not met once its budget is
/// over, and unknown before.
[[nodiscard]] std::vector<Outcome> outcomes(const Incident& incident, const Standing& standing,
                                            const ScoreFacts& facts);
[[nodiscard]] codec::Json to_json(const std::vector<Outcome>& outcomes);

}  // namespace cordon::incident
