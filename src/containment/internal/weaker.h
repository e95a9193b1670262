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

/// The same of one route, added to `found`.
void compare(const model::Route& now, const model::Route& then, std::vector<std::string>& found);

}  // namespace cordon::containment::internal
