// Which exchanges use tokens, and how many they are where nobody says.
#pragma once

#include "dialect/protocol.h"

#include <cstdint>

namespace cordon::gateway {

/// What models read as a token, as a rule of thumb.
inline constexpr std::uint64_t kBytesPerToken = 4;

[[nodiscard]] inline std::uint64_t tokens_of(std::uint64_t bytes) noexcept {
  return (bytes + kBytesPerToken - 1) / kBytesPerToken;
}

[[nodiscard]] inline bool is_generated(dialect::Surface surface) noexcept {
  using dialect::Surface;
  return surface == Surface::chat || surface == Surface::messages ||
         surface == Surface::completions || surface == Surface::responses;
}

/// Whether it costs tokens at all.
[[nodiscard]] inline bool is_metered(dialect::Surface surface) noexcept {
  return is_generated(surface) || surface == dialect::Surface::embeddings;
}

}  // namespace cordon::gateway
