// A stored replay test as the journal knows it: everything but its texts.
#pragma once

#include "base/clock.h"
#include "codec/json.h"
#include "model/actor.h"
#include "model/generation.h"
#include "model/incident_class.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::api {

/// The body of an entry of kind `replay_test`; docs/formats/replay.md.
struct ReplayRecord {
  std::string id;      ///< `RT-2026-00017-01`
  std::string digest;  ///< SHA-256 of the file, its name in the vault
  std::string incident;
  model::IncidentClass incident_class = model::IncidentClass::data_leakage;
  std::string route;
  std::vector<model::RulepackRef> packs;  ///< in force then
  std::uint64_t from_capture = 0;         ///< cases by source
  std::uint64_t from_samples = 0;
  model::Actor by;
  // Known only once it stands in the journal.
  std::string entry;
  WallTime at{};

  [[nodiscard]] bool holds(std::string_view pack) const noexcept;
};
[[nodiscard]] codec::Json to_body(const ReplayRecord& record);
/// Refuses as `corrupt` a missing, unknown or mistyped key.
[[nodiscard]] Result<ReplayRecord> parse_replay_record(const codec::Json& body);

}  // namespace cordon::api
