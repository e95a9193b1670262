// What follows the last valid record of the last segment: nothing, a torn write, or damage.
#pragma once

#include "journal/disk.h"
#include "journal/internal/format.h"

#include <cstdint>

namespace cordon::journal::internal {

/// A tail that may be cut: from `torn` up to `dirty_end`, behind which all bytes are zero.
/// Clean if the two are equal.
struct Tail {
  std::uint64_t torn;
  std::uint64_t dirty_end;
  [[nodiscard]] std::uint64_t torn_bytes() const noexcept { return dirty_end - torn; }
};

/// Judges the bytes from `end_of_records` to the end of the file. Refuses as `corrupt`, giving
/// the reason but not the file, what no torn write leaves behind.
[[nodiscard]] Result<Tail> judge_tail(const File& file, std::uint64_t file_bytes,
                                      const Checksum& checksum, std::uint64_t end_of_records);

/// The offset behind the last byte of [from, to) that is not zero, or `from`.
[[nodiscard]] Result<std::uint64_t> end_of_data(const File& file, std::uint64_t from,
                                                std::uint64_t to);

}  // namespace cordon::journal::internal
