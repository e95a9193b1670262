// Which bytes of a text are letters, joints and the like: 64 bytes at a time, a bit for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cordon::policy {

inline constexpr std::size_t kClassedBytes = 64;

/// The classes of 64 bytes in a row. The first of them is the lowest bit.
struct ByteClasses {
  std::uint64_t letter = 0;
  std::uint64_t word = 0;  ///< letters and digits
  std::uint64_t base64 = 0;
  std::uint64_t joint = 0;
  std::uint64_t swap = 0;  ///< digits, and signs that stand for letters
  std::uint64_t rare = 0;  ///< beyond ASCII, or the beginning of an escape

  friend bool operator==(const ByteClasses&, const ByteClasses&) = default;
};

/// Puts the classes of `blocks` times 64 bytes into `out`, which has room for them.
using Classify = void(const char* bytes, std::size_t blocks, ByteClasses* out) noexcept;

/// In the fastest way that this processor knows.
void classify(const char* bytes, std::size_t blocks, ByteClasses* out) noexcept;

/// All that it knows, the slowest first: for tests.
[[nodiscard]] std::vector<Classify*> ways_to_classify();

}  // namespace cordon::policy
