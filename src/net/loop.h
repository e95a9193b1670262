// One thread that does many things: an event loop, and the tasks that live on it.
//
// A Loop waits for sockets, deadlines and posts, and resumes the tasks that wait for them, one at
// a time. Everything else in net belongs to the thread of the loop it was made on. Deadlines are
// coarse (kTick): they cost a store, not a system call.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "net/task.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace cordon::net {

class Cancel;

namespace internal {
class Reactor;
class Parking;
bool take_cut(Cancel* cancel) noexcept;
}  // namespace internal

/// How late a deadline may be noticed; never early.
inline constexpr std::chrono::milliseconds kTick{8};
/// Stands for "no deadline". Every wait on a peer has one; a wait for our own shutdown may not.
inline constexpr std::chrono::milliseconds kNoDeadline = std::chrono::milliseconds::max();

/// An event loop. Neither copies nor moves; outlives everything made on it.
class Loop {
 public:
  /// `clock` outlives the loop. A ManualClock is read at least twice a second of real time.
  explicit Loop(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Makes the calling thread the loop's thread until `stop`. May be called again afterwards.
  void run();
  /// Any thread. `run` returns after the turn in progress; tasks stay suspended where they are.
  void stop() noexcept;
  /// Any thread. Runs `fn` on the loop's thread, in order of posting. Must not throw.
  void post(std::function<void()> fn);
  /// Monotonic time as of this turn of the loop: cheap, at most one turn old.
  [[nodiscard]] MonoTime now() const noexcept;
  [[nodiscard]] const Clock& clock() const noexcept;

  /// For net itself.
  [[nodiscard]] internal::Reactor& reactor() noexcept { return *reactor_; }

 private:
  std::unique_ptr<internal::Reactor> reactor_;
};

/// Wakes one waiting task from outside: the handle by which a running exchange is cut.
///
/// Pass the same Cancel to every operation of one exchange. `cancel` makes the operation in
/// progress (or, if there is none, the next one) fail once with `unavailable` "cut"; operations
/// started after that failure work again, so that a last frame may be written.
/// Loop thread only. Outlives the operations it is passed to; one task waits under it at a time.
class Cancel {
 public:
  Cancel() = default;
  Cancel(const Cancel&) = delete;
  Cancel& operator=(const Cancel&) = delete;

  /// Does not run the woken task before it returns. Idempotent.
  void cancel() noexcept;
  /// True for ever after the first `cancel`.
  [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
  /// Makes it as new, for the next exchange of a connection.
  void reset() noexcept;

 private:
  friend class internal::Parking;
  friend bool internal::take_cut(Cancel* cancel) noexcept;
  [[nodiscard]] bool take() noexcept;
  internal::Parking* waiting_ = nullptr;
  bool cancelled_ = false;
  bool delivered_ = false;
};

/// Owns spawned tasks: it must be joined before it is destroyed. Loop thread only.
class Scope {
 public:
  explicit Scope(Loop& loop);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Wakes every `sleep` in this scope with `unavailable`; later sleeps fail at once.
  void stop();
  [[nodiscard]] bool stopping() const noexcept;
  /// Suspends until every task has ended. Stops nothing by itself.
  [[nodiscard]] Task<void> join();
  [[nodiscard]] std::size_t running() const noexcept;
  [[nodiscard]] Loop& loop() noexcept;

 private:
  friend void spawn(Scope& scope, Task<void> task);
  friend Task<Status> sleep(Scope& scope, std::chrono::milliseconds duration, Cancel* cancel);
  struct State;
  std::unique_ptr<State> state_;
};

/// Starts `task` on the scope's loop, at its next turn. Loop thread, or before the loop runs.
/// An exception that leaves the task ends the process.
void spawn(Scope& scope, Task<void> task);

/// Suspends for `duration`; `unavailable` if the scope is stopped or `cancel` (if given) cuts the
/// wait first.
[[nodiscard]] Task<Status> sleep(Scope& scope, std::chrono::milliseconds duration,
                                 Cancel* cancel = nullptr);

/// Runs the loop until `task` has ended. For tests and the command line: the loop must not be
/// running. Other tasks spawned on the loop run meanwhile.
void run_blocking(Loop& loop, Task<void> task);

namespace internal {
template <class T>
Task<void> keep_result(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}
}  // namespace internal

template <class T>
[[nodiscard]] T run_blocking(Loop& loop, Task<T> task) {
  std::optional<T> out;
  run_blocking(loop, internal::keep_result(std::move(task), out));
  return *std::move(out);
}

}  // namespace cordon::net
