// The bytes of docs/formats/journal.md: names, segment headers and record frames.
#pragma once

#include "base/result.h"
#include "journal/internal/crc32c.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cordon::journal::internal {

inline constexpr std::size_t kHeaderBytes = 4096;
inline constexpr std::size_t kFrameBytes = 8;
inline constexpr std::size_t kSectorBytes = 512;
inline constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 30U;
inline constexpr std::string_view kPreparedName = "next.prepared";
inline constexpr std::string_view kSegmentSuffix = ".journal";

/// Integers as the format has them, whatever the machine.
template <class T>
[[nodiscard]] T load_le(const std::byte* from) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | static_cast<T>(std::to_integer<T>(from[i]) << (8 * i)));
  }
  return value;
}
template <class T>
void store_le(std::byte* to, T value) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

/// The first word of a record: a length, and whether the record begins a write.
struct Word {
  static constexpr std::uint32_t kBeginsWrite = 0x80000000U;
  static constexpr std::uint32_t kLength = 0xffffU;

  std::uint32_t raw;

  [[nodiscard]] constexpr bool is_end() const noexcept { return raw == 0; }
  [[nodiscard]] constexpr bool is_mark() const noexcept { return raw == kBeginsWrite; }
  [[nodiscard]] constexpr bool begins_write() const noexcept { return (raw & kBeginsWrite) != 0; }
  [[nodiscard]] constexpr bool is_possible() const noexcept {
    return (raw & ~(kBeginsWrite | kLength)) == 0 && raw != 0;
  }
  [[nodiscard]] constexpr std::size_t length() const noexcept { return raw & kLength; }
  [[nodiscard]] constexpr std::size_t record_bytes() const noexcept {
    return kFrameBytes + length();
  }
};

/// What a segment says about itself.
struct SegmentHeader {
  std::uint64_t first_sequence = 0;
  std::uint64_t segment_bytes = 0;
  std::array<std::byte, 16> journal_id{};
  std::uint64_t salt = 0;
};
using HeaderBlock = std::array<std::byte, kHeaderBytes>;

[[nodiscard]] HeaderBlock encode(const SegmentHeader& header);
/// Refuses as `corrupt`, saying which field; the caller knows the file.
[[nodiscard]] Result<SegmentHeader> decode(std::span<const std::byte> block);

[[nodiscard]] std::string segment_name(std::uint64_t first_sequence);
/// The sequence in a segment's name; nothing if it is not 20 digits that fit.
[[nodiscard]] std::optional<std::uint64_t> parse_segment_name(std::string_view name);

/// Checksums of records in one segment. A value: copy freely.
class Checksum {
 public:
  explicit Checksum(std::uint64_t salt) noexcept;
  [[nodiscard]] std::uint32_t of(std::uint64_t offset, Word word,
                                 std::span<const std::byte> payload) const noexcept;
  /// Whether the whole record at `record`, of `word.record_bytes()`, was written at `offset`.
  [[nodiscard]] bool fits(std::uint64_t offset, Word word, const std::byte* record) const noexcept;

 private:
  std::uint32_t salted_;
};

/// How many of the leading bytes are zero.
[[nodiscard]] std::size_t zeros_ahead(std::span<const std::byte> bytes) noexcept;

}  // namespace cordon::journal::internal
