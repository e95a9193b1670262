#include "journal/internal/cursor.h"

#include "base/hex.h"

#include <algorithm>

namespace cordon::journal::internal {

Cursor::Cursor(const File& file, Checksum checksum, std::uint64_t from, std::size_t buffer_bytes)
    : file_(file),
      checksum_(checksum),
      offset_(from),
      capacity_(std::max(buffer_bytes, kFrameBytes + Word::kLength)),
      buffer_(std::make_unique_for_overwrite<std::byte[]>(capacity_)) {}

/// The next `bytes` bytes, or null if the file ends before them. The caller knows that they end
/// at or before `limit`.
Result<const std::byte*> Cursor::window(std::size_t bytes, std::uint64_t limit) {
  const std::uint64_t end = offset_ + bytes;
  if (offset_ < buffer_offset_ || end > buffer_offset_ + buffer_filled_) {
    const auto wanted = std::min<std::uint64_t>(capacity_, limit - offset_);
    buffer_filled_ = 0;
    CORDON_TRY(buffer_filled_, file_.read(offset_, std::span(buffer_.get(), wanted)));
    buffer_offset_ = offset_;
    if (bytes > buffer_filled_) return nullptr;
  }
  return buffer_.get() + (offset_ - buffer_offset_);
}

Result<Found> Cursor::next(std::uint64_t limit) {
  if (limit < offset_ || limit - offset_ < kFrameBytes) return Found::end;
  CORDON_TRY(const std::byte* const frame, window(kFrameBytes, limit));
  if (frame == nullptr) return Found::damaged;
  const Word word{load_le<std::uint32_t>(frame)};
  if (word.is_end()) return Found::end;
  if (!word.is_possible() || limit - offset_ < word.record_bytes()) return Found::damaged;
  CORDON_TRY(const std::byte* const record, window(word.record_bytes(), limit));
  if (record == nullptr || !checksum_.fits(offset_, word, record)) return Found::damaged;
  payload_ = text_of({record + kFrameBytes, word.length()});
  record_offset_ = offset_;
  offset_ += word.record_bytes();
  return word.is_mark() ? Found::mark : Found::entry;
}

}  // namespace cordon::journal::internal
