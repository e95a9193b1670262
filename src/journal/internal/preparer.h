// Makes the next segment file, zeroed and allocated, before the writer needs it.
#pragma once

#include "base/result.h"
#include "journal/disk.h"
#include "journal/journal.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace cordon::journal::internal {

/// Whether there is room for what comes next. `low`: the next segment cannot be made.
/// `out`: and the writer needs it now.
enum class Space : std::uint8_t { ample, low, out };

/// Owns `next.prepared`. The writer thread takes; with `Preparation::ahead` a thread of its own
/// makes. Lack of space is waited out, any other failure is handed to whoever takes.
class Preparer {
 public:
  struct Bounds {
    std::uint64_t segment_bytes;
    std::chrono::milliseconds retry;
    Preparation preparation;
  };
  /// `on_space` hears of every change, on the thread that noticed; it must not block.
  Preparer(Disk& disk, Disk::Path dir, const Bounds& bounds, std::function<void(Space)> on_space);
  ~Preparer();
  Preparer(const Preparer&) = delete;
  Preparer& operator=(const Preparer&) = delete;

  /// Makes a segment on the calling thread and does not wait for space. Before `start`.
  [[nodiscard]] Result<std::unique_ptr<File>> make();
  /// Begins to make the next segment, if that is done ahead.
  void start();
  /// The prepared file; waits for it, and for space. `exhausted` if there is none and nobody
  /// waits for it any more. The next one is made after `renamed`.
  [[nodiscard]] Result<std::unique_ptr<File>> take();
  [[nodiscard]] Disk::Path path() const;
  /// What was taken has another name now, so `path` is free.
  void renamed();
  /// From now on, lack of space is an answer and not waited out.
  void give_up_waiting();
  /// Ends the thread. Nothing is taken afterwards.
  void stop();

 private:
  [[nodiscard]] Result<std::unique_ptr<File>> fill();
  void run();
  void make_one(std::unique_lock<std::mutex>& lock);
  void tell(Space space);

  Disk& disk_;
  const Disk::Path dir_;
  const Bounds bounds_;
  const std::function<void(Space)> on_space_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<File> ready_;
  Status outcome_;
  Space told_ = Space::ample;
  bool lacking_ = false;     ///< the last attempt found no space
  bool waited_for_ = false;  ///< the writer can go no further without it
  bool patient_ = true;
  bool path_free_ = true;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace cordon::journal::internal
