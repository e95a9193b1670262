// CRC-32C (Castagnoli), as in iSCSI (RFC 3720, B.4) and ext4: the checksum of every record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cordon::journal::internal {

/// Continues a running state over more bytes. A state starts at `kCrcStart` and is turned into
/// the checksum by `crc_of`. Uses the processor's instruction where there is one.
inline constexpr std::uint32_t kCrcStart = 0xffffffffU;
[[nodiscard]] std::uint32_t crc_extend(std::uint32_t state,
                                       std::span<const std::byte> bytes) noexcept;
/// The same by table, for processors without the instruction.
[[nodiscard]] std::uint32_t crc_extend_by_table(std::uint32_t state,
                                                std::span<const std::byte> bytes) noexcept;
[[nodiscard]] constexpr std::uint32_t crc_of(std::uint32_t state) noexcept {
  return ~state;
}
[[nodiscard]] inline std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept {
  return crc_of(crc_extend(kCrcStart, bytes));
}

}  // namespace cordon::journal::internal
