// How complete the evidence of an incident is: 0 to 100 over the minimum set of the playbook.
// An item scores only if it is present and verifiable: what is filled in and cannot be checked by
// a stranger scores nothing.
#pragma once

#include "incident/incident.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cordon::incident {

/// One thing that complete evidence holds, and whether it can be checked.
struct EvidenceItem {
  std::string name;
  bool present = false;
  bool verifiable = false;
  std::string reason;  ///< what is missing; empty if nothing is
};

/// What scores are made of, besides incident and standing.
struct ScoreFacts {
  std::optional<WallTime> first_harm;
  std::uint64_t harmed_exchanges = 0;
  std::uint64_t harmed_tenants = 0;
  std::uint64_t records = 0;
  std::optional<std::string> impact_unknown;  ///< why the three numbers are not known
  std::vector<std::string> rulepacks;         ///< `name@digest` in force during it
  std::optional<std::uint64_t> generation;    ///< the last one before t0
  WallTime now{};
};

/// The items, in the order of the playbook (S40 to S46).
[[nodiscard]] std::vector<EvidenceItem> evidence_items(const Incident& incident,
                                                       const Standing& standing,
                                                       const ScoreFacts& facts);
/// Whole per cent of the items that are verifiable.
[[nodiscard]] int evidence_score(const std::vector<EvidenceItem>& items) noexcept;
/// `{score, missing, items}`.
[[nodiscard]] codec::Json to_json(const std::vector<EvidenceItem>& items);

}  // namespace cordon::incident
