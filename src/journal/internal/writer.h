// Puts batches on disk: frames, checksums, one write and one sync each, and the step from one
// segment to the next. No thread of its own: the caller's is the writer thread.
#pragma once

#include "base/random.h"
#include "journal/internal/preparer.h"
#include "journal/internal/queue.h"
#include "journal/internal/segments.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace cordon::journal::internal {

/// The one who writes. After a failure it must not be used again.
class Writer {
 public:
  struct Counters {
    std::atomic<std::uint64_t> entries{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> commits{0};
    std::atomic<std::uint64_t> segments_begun{0};
  };
  /// `on_durable` is called after each commit.
  Writer(Disk& disk, SegmentTable& table, Preparer& preparer, Sync sync,
         std::function<void()> on_durable);

  /// Begins the first segment of a new journal, in a directory that has none.
  [[nodiscard]] Status begin(const Disk::Path& dir, const std::array<std::byte, 16>& journal_id,
                             std::uint64_t salt_seed, std::uint64_t segment_bytes);
  /// Goes on behind the last record of an existing one.
  [[nodiscard]] Status resume(const Disk::Path& dir, const Segment& last, std::uint64_t salt_seed,
                              std::uint64_t segment_bytes);

  /// Makes a batch durable. Spans segments if it must. Returns the first failure.
  [[nodiscard]] Status commit(Batch& batch);
  /// Marks that all before is durable, if there is room for a mark.
  [[nodiscard]] Status mark();

  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

 private:
  void stage(std::byte* record, std::size_t record_bytes);
  [[nodiscard]] Status flush();
  [[nodiscard]] Status next_segment(Result<std::unique_ptr<File>> prepared);
  [[nodiscard]] Status sync_file(File& file);

  Disk& disk_;
  SegmentTable& table_;
  Preparer& preparer_;
  const Sync sync_;
  const std::function<void()> on_durable_;
  SeededRandom salts_{0};
  SegmentHeader next_header_;
  Disk::Path dir_;

  std::unique_ptr<File> file_;
  Checksum checksum_{0};
  std::uint64_t segment_bytes_ = 0;
  std::uint64_t segment_first_ = 0;
  std::uint64_t offset_ = 0;    ///< where the next record goes
  std::uint64_t sequence_ = 0;  ///< of the next entry

  // Staged for the next flush, from `staged_offset_` on.
  std::vector<Piece> pieces_;
  std::vector<std::uint32_t> offsets_;
  std::uint64_t staged_offset_ = 0;
  std::uint64_t staged_entries_ = 0;
  std::uint64_t staged_bytes_ = 0;  ///< of those entries
  bool proven_ = true;              ///< all before the next write is durable
  Counters counters_;
};

}  // namespace cordon::journal::internal
