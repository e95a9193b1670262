// How strictly rules are obeyed in a scope.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string_view>

namespace cordon::model {

/// Weakest first: over several scopes that apply, the strictest wins.
enum class Mode : std::uint8_t {
  observe,    ///< records and changes nothing
  standard,   ///< does each rule's `action`
  emergency,  ///< does each rule's `emergency` action
  lockdown,   ///< refuses every new exchange and cuts running ones
};

[[nodiscard]] std::string_view to_string(Mode mode) noexcept;
/// Refuses any other word as `invalid`.
[[nodiscard]] Result<Mode> parse_mode(std::string_view text);

}  // namespace cordon::model
