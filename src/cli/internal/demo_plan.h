// What goes wrong in one run of the demo, for each class of incident.
#pragma once

#include "model/incident_class.h"

#include <cstdint>
#include <string_view>

namespace cordon::cli::internal {

/// Who carries the harm: the vendor's answers, or what the clients send.
enum class HarmFrom : std::uint8_t { vendor, clients };

/// One kind of bad day. All of it is known before anything runs.
struct DemoPlan {
  model::IncidentClass of_class;
  HarmFrom from;
  std::string_view scenario;  ///< of vendor-large, as sim/behaviour.h names it
  std::string_view rulepack;  ///< whose rules see it
  std::string_view begins;    ///< one line for the person who watches
  std::string_view reason;    ///< given with every measure
  bool legal_exposure;        ///< it makes a SEV-1 by itself
};

[[nodiscard]] const DemoPlan& plan_of(model::IncidentClass of_class) noexcept;

}  // namespace cordon::cli::internal
