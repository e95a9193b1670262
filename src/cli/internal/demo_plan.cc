#include "cli/internal/demo_plan.h"

#include <array>

namespace cordon::cli::internal {
namespace {

using model::IncidentClass;

/// In the order of the enumerators.
constexpr std::array<DemoPlan, model::kIncidentClassCount> kPlans = {{
    {IncidentClass::prompt_injection_bypass, HarmFrom::clients, "normal", "core-injection",
     "clients begin to send attacks, and vendor-large answers them", "attacks are answered", false},
    {IncidentClass::unsafe_output, HarmFrom::vendor, "leak", "core-unsafe",
     "vendor-large begins to say what nobody should be told", "vendor-large answers unsafely",
     false},
    {IncidentClass::data_leakage, HarmFrom::vendor, "leak", "core-leakage",
     "vendor-large begins to leak", "vendor-large leaks records", true},
    {IncidentClass::policy_drift, HarmFrom::vendor, "policy_drift", "core-drift",
     "vendor-large begins to promise what the policy forbids", "vendor-large left its policy",
     false},
}};

}  // namespace

const DemoPlan& plan_of(IncidentClass of_class) noexcept {
  return kPlans[static_cast<std::size_t>(of_class)];
}

}  // namespace cordon::cli::internal
