// The rulepack that is made from the canary tokens of the configuration, so that they are scanned
// wherever a rule is: whole answers, streams, tool arguments, reasoning.
#pragma once

#include "model/config.h"

#include <string>

namespace cordon::app {

/// The pack's text; empty if no token is configured. It holds the tokens, so nobody is shown it.
[[nodiscard]] std::string canary_pack(const model::Config& config);
/// Puts the pack on every route, and on what stands in for its rulepacks during a fallback.
void put_on_routes(model::Config& config);

}  // namespace cordon::app
