// Which segments there are, where in them an entry is, and how far they are durable.
#pragma once

#include "journal/disk.h"
#include "journal/internal/format.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace cordon::journal::internal {

/// Every so many entries of a segment, the offset of one is kept in memory.
inline constexpr std::uint64_t kEntriesPerMark = 256;

/// One segment file. Shared by the writer and readers; lives as long as the last of them.
struct Segment {
  Segment(Disk::Path at, const SegmentHeader& read) : path(std::move(at)), header(read) {}

  const Disk::Path path;
  const SegmentHeader header;
  /// Where the durable records end. Written by the writer thread alone.
  std::atomic<std::uint64_t> durable_end{kHeaderBytes};
  /// Offsets of entries first, first + 256, ...; guarded by the table that holds the segment.
  std::vector<std::uint32_t> offsets;
};

/// An entry at or before one that is looked for.
struct Place {
  std::shared_ptr<const Segment> segment;
  std::uint64_t sequence = 0;
  std::uint64_t offset = kHeaderBytes;
};

/// All segments of a journal, in order. Any thread may ask; one thread adds and advances.
class SegmentTable {
 public:
  /// The disk must outlive the table.
  SegmentTable(Disk& disk, std::vector<std::shared_ptr<Segment>> segments, std::uint64_t durable);

  [[nodiscard]] Disk& disk() const noexcept { return disk_; }
  [[nodiscard]] std::uint64_t durable() const noexcept { return durable_.load(); }

  /// Adds a segment that begins where the last one ends.
  void add(std::shared_ptr<Segment> segment);
  /// What the last segment holds is durable up to `end`, and so all entries below `durable`.
  void advance(std::uint64_t end, std::uint64_t durable, std::span<const std::uint32_t> offsets);

  /// The nearest remembered entry at or before a durable sequence.
  [[nodiscard]] Place locate(std::uint64_t sequence) const;
  /// The segment whose first entry has this sequence, or none.
  [[nodiscard]] std::shared_ptr<const Segment> beginning_at(std::uint64_t sequence) const;

 private:
  Disk& disk_;
  std::atomic<std::uint64_t> durable_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Segment>> segments_;
};

}  // namespace cordon::journal::internal
