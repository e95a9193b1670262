#include "journal/internal/queue.h"

#include "journal/internal/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace cordon::journal::internal {
namespace {

/// Lazy entries wait for company no longer than until there are so many bytes.
constexpr std::size_t kDueBytes = Chunk::kBytes;
constexpr std::size_t kChunksPerBatch = 16;
constexpr std::size_t kSpareChunks = 2 * kChunksPerBatch;

}  // namespace

EntryQueue::EntryQueue(const Bounds& bounds, std::uint64_t first_sequence)
    : bounds_(bounds), next_sequence_(first_sequence) {}

bool EntryQueue::urgent() const noexcept {
  return eager_ || stopping_ || filling_bytes_ >= kDueBytes;
}

Status EntryQueue::admit(std::size_t bytes) const {
  switch (refusal_) {
    case Refusal::none:
      break;
    case Refusal::full:
      return fail(Errc::exhausted, "no space left for the journal");
    case Refusal::failed:
      return fail(Errc::unavailable, "the journal has failed");
    case Refusal::closed:
      return fail(Errc::unavailable, "the journal is closed");
  }
  if (filling_bytes_ + in_flight_bytes_ + bytes > bounds_.queue_bytes_max) {
    return fail(Errc::exhausted,
                fmt::format("journal queue: queue_bytes_max is {}", bounds_.queue_bytes_max));
  }
  return {};
}

/// Room at the end of the last chunk, or in a new one: records do not straddle chunks.
std::byte* EntryQueue::room_for(std::size_t record_bytes) {
  if (filling_.empty() || Chunk::kBytes - filling_.back().used < record_bytes) {
    if (spare_.empty()) {
      filling_.push_back({std::make_unique_for_overwrite<std::byte[]>(Chunk::kBytes)});
    } else {
      filling_.push_back(std::move(spare_.back()));
      spare_.pop_back();
    }
  }
  Chunk& last = filling_.back();
  std::byte* const room = last.bytes.get() + last.used;
  last.used += record_bytes;
  return room;
}

bool EntryQueue::wake_needed() noexcept {
  if (writer_ == Writer::busy || (writer_ == Writer::napping && !urgent())) return false;
  // Whoever comes next need not wake it again.
  writer_ = Writer::busy;
  ++wakeups_;
  return true;
}

Result<std::uint64_t> EntryQueue::append(std::string_view entry, Urgency urgency) {
  if (entry.empty()) return fail(Errc::invalid, "an entry cannot be empty");
  if (entry.size() > bounds_.entry_bytes_max) {
    return fail(Errc::invalid, fmt::format("entry of {} bytes: entry_bytes_max is {}", entry.size(),
                                           bounds_.entry_bytes_max));
  }
  const std::size_t record_bytes = kFrameBytes + entry.size();
  std::uint64_t sequence = 0;
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    CORDON_CHECK(admit(record_bytes));
    std::byte* const room = room_for(record_bytes);
    store_le(room, static_cast<std::uint32_t>(entry.size()));
    std::memcpy(room + kFrameBytes, entry.data(), entry.size());
    filling_bytes_ += record_bytes;
    if (urgency == Urgency::eager) eager_ = true;
    sequence = next_sequence_++;
    wake = wake_needed();
  }
  if (wake) due_.notify_one();
  return sequence;
}

void EntryQueue::nap(std::unique_lock<std::mutex>& lock) {
  if (urgent()) return;
  writer_ = Writer::napping;
  due_.wait_for(lock, bounds_.lazy_window, [this] { return urgent(); });
  writer_ = Writer::busy;
}

void EntryQueue::sleep(std::unique_lock<std::mutex>& lock) {
  writer_ = Writer::asleep;
  due_.wait(lock, [this] { return filling_bytes_ > 0 || stopping_; });
  writer_ = Writer::busy;
}

bool EntryQueue::take(Batch& batch) {
  std::unique_lock lock(mutex_);
  for (Chunk& chunk : batch.chunks) {
    chunk.used = 0;
    if (spare_.size() < kSpareChunks) spare_.push_back(std::move(chunk));
  }
  batch.chunks.clear();
  batch.bytes = 0;

  // Under steady traffic the first nap is all there is, and no append has to wake anybody.
  nap(lock);
  if (filling_bytes_ == 0 && !stopping_) {
    sleep(lock);
    nap(lock);
  }
  if (eager_ && bounds_.eager_window.count() > 0) {
    due_.wait_for(lock, bounds_.eager_window, [this] { return stopping_; });
  }
  if (filling_bytes_ == 0) return false;
  hand_out(batch);
  return true;
}

void EntryQueue::hand_out(Batch& batch) {
  const auto count = static_cast<std::ptrdiff_t>(std::min(filling_.size(), kChunksPerBatch));
  batch.chunks.assign(std::move_iterator(filling_.begin()),
                      std::move_iterator(filling_.begin() + count));
  filling_.erase(filling_.begin(), filling_.begin() + count);
  for (const Chunk& chunk : batch.chunks) batch.bytes += chunk.used;
  filling_bytes_ -= batch.bytes;
  in_flight_bytes_ += batch.bytes;
  if (filling_.empty()) eager_ = false;
}

void EntryQueue::release(const Batch& batch) {
  const std::scoped_lock lock(mutex_);
  in_flight_bytes_ -= batch.bytes;
}

void EntryQueue::refuse(Refusal why) {
  const std::scoped_lock lock(mutex_);
  if (refusal_ != Refusal::failed && refusal_ != Refusal::closed) refusal_ = why;
}

void EntryQueue::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  due_.notify_one();
}

std::uint64_t EntryQueue::wakeups() const {
  const std::scoped_lock lock(mutex_);
  return wakeups_;
}

}  // namespace cordon::journal::internal
