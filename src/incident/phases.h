// The hour of the playbook: detect 0-10, contain 10-20, preserve 20-40, stabilise 40-60, all from
// t0; and how long each thing took. Computed from events, never typed by hand.
#pragma once

#include "incident/incident.h"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::incident {

enum class Phase : std::uint8_t { detect, contain, preserve, stabilise };
inline constexpr std::size_t kPhaseCount = 4;
[[nodiscard]] std::string_view to_string(Phase phase) noexcept;

enum class PhaseState : std::uint8_t { waiting, running, met };
[[nodiscard]] std::string_view to_string(PhaseState state) noexcept;

/// One phase. It is met when nothing is missing, whatever the others are.
struct PhaseReport {
  Phase phase = Phase::detect;
  PhaseState state = PhaseState::waiting;
  WallTime begins{};
  WallTime due{};
  std::optional<WallTime> met_at;
  bool late = false;  ///< met after `due`, or not met and past it
  std::vector<std::string> missing;
};

[[nodiscard]] std::array<PhaseReport, kPhaseCount> phases(const Incident& incident,
                                                          const Standing& standing, WallTime now);
[[nodiscard]] codec::Json to_json(const PhaseReport& report);

/// One duration of the scorecard.
struct Measure {
  std::string name;   ///< `ttd`, `tta`, `ttcl`, `ttc`, `tte`, `tts`, `ttcomm`
  std::string title;  ///< for people
  std::chrono::milliseconds budget{};
  std::optional<std::chrono::milliseconds> took;
  std::string reason;  ///< why there is none
};

/// `first_harm` is the first delivered harm as the live numbers saw it, if they did.
[[nodiscard]] std::vector<Measure> measures(const Incident& incident, const Standing& standing,
                                            const std::optional<WallTime>& first_harm);

}  // namespace cordon::incident
