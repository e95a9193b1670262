// Walks the records of one segment with large reads.
#pragma once

#include "journal/disk.h"
#include "journal/internal/format.h"

#include <cstdint>
#include <memory>
#include <string_view>

namespace cordon::journal::internal {

/// What stands at the cursor: a record, the end of them, or bytes that are neither.
enum class Found : std::uint8_t { entry, mark, end, damaged };

/// One pass over a segment. The file must outlive it; belongs to one thread.
class Cursor {
 public:
  Cursor(const File& file, Checksum checksum, std::uint64_t from, std::size_t buffer_bytes);

  /// Steps over an entry or a mark; stays put at `end` and `damaged`. Nothing at or behind
  /// `limit` is looked at: a record that would reach across it is damaged. Fails only as the
  /// disk does.
  [[nodiscard]] Result<Found> next(std::uint64_t limit);

  /// Of the entry just stepped over; valid until the next step.
  [[nodiscard]] std::string_view payload() const noexcept { return payload_; }
  /// Where it began.
  [[nodiscard]] std::uint64_t record_offset() const noexcept { return record_offset_; }
  /// Where the cursor stands now.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

 private:
  [[nodiscard]] Result<const std::byte*> window(std::size_t bytes, std::uint64_t limit);

  const File& file_;
  Checksum checksum_;
  std::uint64_t offset_;
  std::uint64_t record_offset_ = 0;
  std::string_view payload_;
  std::size_t capacity_;
  std::unique_ptr<std::byte[]> buffer_;
  std::uint64_t buffer_offset_ = 0;
  std::size_t buffer_filled_ = 0;
};

}  // namespace cordon::journal::internal
