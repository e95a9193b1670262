// Bytes as lower-case hexadecimal, and back.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon {

[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);
/// Refuses an odd length and any character outside [0-9a-f] as `invalid`.
[[nodiscard]] Result<std::vector<std::byte>> from_hex(std::string_view text);

/// The bytes of a text, without a copy.
[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
[[nodiscard]] inline std::string_view text_of(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace cordon
