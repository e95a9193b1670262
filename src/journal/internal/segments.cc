#include "journal/internal/segments.h"

#include "base/assert.h"

#include <algorithm>

namespace cordon::journal::internal {
namespace {

std::uint64_t first_of(const std::shared_ptr<Segment>& segment) {
  return segment->header.first_sequence;
}

}  // namespace

SegmentTable::SegmentTable(Disk& disk, std::vector<std::shared_ptr<Segment>> segments,
                           std::uint64_t durable)
    : disk_(disk), durable_(durable), segments_(std::move(segments)) {}

void SegmentTable::add(std::shared_ptr<Segment> segment) {
  CORDON_ASSERT(first_of(segment) == durable());
  const std::scoped_lock lock(mutex_);
  // One that holds nothing yet is replaced, as its file was, by one of the same name.
  if (!segments_.empty() && first_of(segments_.back()) == first_of(segment)) segments_.pop_back();
  segments_.push_back(std::move(segment));
}

void SegmentTable::advance(std::uint64_t end, std::uint64_t durable,
                           std::span<const std::uint32_t> offsets) {
  {
    const std::scoped_lock lock(mutex_);
    Segment& last = *segments_.back();
    last.offsets.insert(last.offsets.end(), offsets.begin(), offsets.end());
    last.durable_end.store(end, std::memory_order_release);
  }
  // After the end: whoever sees the sequence as durable finds its bytes inside the segment.
  durable_.store(durable);
}

Place SegmentTable::locate(std::uint64_t sequence) const {
  const std::scoped_lock lock(mutex_);
  const auto after = std::ranges::upper_bound(segments_, sequence, {}, first_of);
  CORDON_ASSERT(after != segments_.begin());
  const std::shared_ptr<Segment>& segment = *std::prev(after);
  Place place{segment, first_of(segment), kHeaderBytes};
  if (!segment->offsets.empty()) {
    const std::uint64_t mark = std::min<std::uint64_t>(
        (sequence - place.sequence) / kEntriesPerMark, segment->offsets.size() - 1);
    place.sequence += mark * kEntriesPerMark;
    place.offset = segment->offsets[mark];
  }
  return place;
}

std::shared_ptr<const Segment> SegmentTable::beginning_at(std::uint64_t sequence) const {
  const std::scoped_lock lock(mutex_);
  const auto at = std::ranges::lower_bound(segments_, sequence, {}, first_of);
  if (at == segments_.end() || first_of(*at) != sequence) return nullptr;
  return *at;
}

}  // namespace cordon::journal::internal
