// Entries on their way from the threads that append to the one that writes.
//
// An append copies into a chunk under a short lock and wakes the writer only if nobody else
// has and the writer would otherwise sleep too long: under load, appends make no system call.
#pragma once

#include "base/result.h"
#include "journal/journal.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace cordon::journal::internal {

/// Whole records, framed as on disk but for flags and checksum, which their place decides.
struct Chunk {
  static constexpr std::size_t kBytes = std::size_t{256} << 10U;
  std::unique_ptr<std::byte[]> bytes;
  std::size_t used = 0;
};

/// What the writer takes at once. Reuse one: its chunks go back to the queue at the next take.
struct Batch {
  std::vector<Chunk> chunks;
  std::size_t bytes = 0;
};

/// Why appends are refused, if they are.
enum class Refusal : std::uint8_t { none, full, failed, closed };

/// Any number of threads append; one takes.
class EntryQueue {
 public:
  struct Bounds {
    std::uint32_t entry_bytes_max;
    std::size_t queue_bytes_max;
    std::chrono::microseconds lazy_window;
    std::chrono::microseconds eager_window;
  };
  EntryQueue(const Bounds& bounds, std::uint64_t first_sequence);

  [[nodiscard]] Result<std::uint64_t> append(std::string_view entry, Urgency urgency);
  /// Blocks until something is due to be written; false once stopped and empty.
  [[nodiscard]] bool take(Batch& batch);
  /// The batch is durable: its bytes no longer count against the bound.
  void release(const Batch& batch);

  /// Refuses appends, or takes them again. `failed` and `closed` stay.
  void refuse(Refusal why);
  /// Lets `take` hand out what is left and then answer false.
  void stop();
  [[nodiscard]] std::uint64_t wakeups() const;

 private:
  /// What the writer is doing: working, napping for lazy entries to gather, or asleep.
  enum class Writer : std::uint8_t { busy, napping, asleep };

  [[nodiscard]] bool urgent() const noexcept;
  [[nodiscard]] Status admit(std::size_t bytes) const;
  [[nodiscard]] std::byte* room_for(std::size_t record_bytes);
  [[nodiscard]] bool wake_needed() noexcept;
  void hand_out(Batch& batch);
  void nap(std::unique_lock<std::mutex>& lock);
  void sleep(std::unique_lock<std::mutex>& lock);

  const Bounds bounds_;
  mutable std::mutex mutex_;
  std::condition_variable due_;
  std::vector<Chunk> filling_;
  std::vector<Chunk> spare_;
  std::uint64_t next_sequence_;
  std::size_t filling_bytes_ = 0;
  std::size_t in_flight_bytes_ = 0;
  std::uint64_t wakeups_ = 0;
  Writer writer_ = Writer::busy;
  Refusal refusal_ = Refusal::none;
  bool eager_ = false;
  bool stopping_ = false;
};

}  // namespace cordon::journal::internal
