// What the rules say (the verdict) and what was done (the action) use one scale.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string_view>

namespace cordon::model {

/// Weakest first: over several findings, the strongest wins.
enum class Action : std::uint8_t { allow, warn, redact, block };

[[nodiscard]] std::string_view to_string(Action action) noexcept;
/// Refuses any other word as `invalid`.
[[nodiscard]] Result<Action> parse_action(std::string_view text);

}  // namespace cordon::model
