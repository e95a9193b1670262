// The one form in which a bundle is archived: ustar, regular files, nothing left to chance.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::evidence::internal {

inline constexpr std::uint64_t kTarBlock = 512;
inline constexpr std::uint64_t kTarFileBytesMax = (std::uint64_t{1} << 33U) - 1;

/// The header block of a file, or nothing if the path cannot be cut to fit.
[[nodiscard]] std::optional<std::string> tar_header(std::string_view path, std::uint64_t size);

/// What a header says.
struct TarMember {
  std::string path;
  std::uint64_t size;
};
/// Nothing unless the block is exactly what `tar_header` writes for its path and size.
[[nodiscard]] std::optional<TarMember> parse_tar_header(std::string_view block);

/// Zero bytes that follow a file of this size.
[[nodiscard]] constexpr std::uint64_t tar_padding(std::uint64_t size) noexcept {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

}  // namespace cordon::evidence::internal
