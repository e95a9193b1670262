// What kind of failure an incident is. The four of the playbook.
#pragma once

#include "base/result.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace cordon::model {

/// The four classes; an incident has exactly one.
enum class IncidentClass : std::uint8_t {
  prompt_injection_bypass,
  unsafe_output,
  data_leakage,
  policy_drift,
};
inline constexpr std::size_t kIncidentClassCount = 4;

[[nodiscard]] std::string_view to_string(IncidentClass of) noexcept;
/// Refuses an unknown word as `invalid` and names the nearest known one; never guesses.
[[nodiscard]] Result<IncidentClass> parse_incident_class(std::string_view text);

}  // namespace cordon::model
