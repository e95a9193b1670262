// Whether a change takes guardrails away, and which.
#pragma once

#include "model/generation.h"

#include <string>
#include <vector>

namespace cordon::containment::internal {

/// What is weaker when the routes and flags of `now` give way to those of `then`; empty when
/// nothing is. A rulepack with other bytes counts: that they are stricter is not known here.
[[nodiscard]] std::vector<std::string> weaker(const model::Generation& now,
                                              const model::Generation& then);

}  // namespace cordon::containment::internal
