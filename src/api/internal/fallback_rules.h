// What a route would lose under its fallback: the fallback's rulepacks against the route's own.
#pragma once

#include "api/control_plane.h"
#include "model/generation.h"

#include <string>
#include <string_view>
#include <vector>

namespace cordon::api::internal {

/// One sentence for each live rule that would be lost (policy/strength.h); empty where the route
/// keeps its rulepacks. Refuses as `conflict` a rulepack that is not loaded: what cannot be
/// compared is not called equal.
[[nodiscard]] Result<std::vector<std::string>> fallback_losses(const model::Route& route,
                                                               const ControlOptions& options);

/// Refuses as `conflict` a fallback over `scope` whose rules are weaker, unless the glass is
/// broken: `break_glass` says why. The detail names the first rules that would be lost.
[[nodiscard]] Status check_fallback_rules(const model::Generation& generation,
                                          const model::Scope& scope, std::string_view break_glass,
                                          const ControlOptions& options);

}  // namespace cordon::api::internal
