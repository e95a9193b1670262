// A number that only grows, and tasks that wait for it: how an exchange waits for the journal.
#pragma once

#include "base/result.h"
#include "net/loop.h"
#include "net/task.h"

#include <chrono>
#include <cstdint>
#include <memory>

namespace cordon::net {

/// A growing number with waiters. Loop thread only: whoever learns of progress on another thread
/// posts `raise` to the loop. Outlives its waiters.
class Watermark {
 public:
  explicit Watermark(Loop& loop);
  ~Watermark();
  Watermark(const Watermark&) = delete;
  Watermark& operator=(const Watermark&) = delete;

  /// Suspends until `raise(v)` with v >= value; at once if that has happened. `unavailable` after
  /// `timeout`, after `fail`, and when `cancel` (if given) cuts the wait.
  [[nodiscard]] Task<Status> reach(std::uint64_t value, std::chrono::milliseconds timeout,
                                   Cancel* cancel = nullptr);
  /// Wakes those whose value is reached, lowest first. A lower value than before changes nothing.
  void raise(std::uint64_t value);
  /// Final: wakes all with `unavailable`, and refuses every later `reach` that is not yet met.
  void fail();

  [[nodiscard]] std::uint64_t value() const noexcept;
  [[nodiscard]] bool failed() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cordon::net
