// What one request tells the simulator to do, past any gateway: `[[sim {...}]]` in its last text,
// or the same object in the header `x-sim`.
#pragma once

#include "base/result.h"
#include "sim/behaviour.h"
#include "sim/internal/reply.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::sim {

/// An order for one answer. What is not named stays as it would be.
struct Directive {
  std::optional<Scenario> scenario;
  std::optional<std::string> answer;  ///< word for word
  std::string reasoning;
  std::vector<ToolCall> calls;  ///< whether or not such tools are offered
  std::string finish;           ///< as the shape has it: `length`, `refusal`
  std::optional<std::uint64_t> seed;
  std::uint32_t times = 0;  ///< how often `scenario` holds for this same order; 0: always
  std::optional<std::uint32_t> chunk_bytes;
  std::optional<std::uint32_t> chunk_delay_ms;
  std::optional<std::uint32_t> retry_after_s;
  std::optional<std::string> retry_after;  ///< the header word for word; empty: none
};

/// Refuses as `invalid` what is no such object, by name.
[[nodiscard]] Result<Directive> parse_directive(std::string_view json);

/// A text in two: the object of its marker, empty without one, and all that is not the marker.
struct Marked {
  std::string_view json;
  std::string rest;
};
/// Refuses as `invalid` a marker that does not end.
[[nodiscard]] Result<Marked> split_marker(std::string_view text);

}  // namespace cordon::sim
