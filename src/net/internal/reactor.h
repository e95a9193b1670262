// The inside of a Loop: epoll, a timer wheel, and the list of tasks that may go on.
//
// A turn is: wait for events, note them, fire due timers, resume every woken task, run what was
// posted. Events and timers only note and wake; tasks run from the ready list alone, so that
// nothing a task does happens in the middle of somebody else's step.
#pragma once

#include "net/loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace cordon::net::internal {

/// Something with a descriptor in the epoll set.
class Source {
 public:
  virtual ~Source() = default;
  /// May destroy any source, itself included, as its last act.
  virtual void on_events(std::uint32_t events) = 0;
};

/// A node of the timer wheel. Arming again later costs a store.
class Timer {
 public:
  explicit Timer(Reactor& reactor) : reactor_(reactor) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { unlink(); }

  void arm(MonoTime deadline) noexcept;
  void disarm() noexcept { due_tick_ = kNever; }

 protected:
  virtual void on_timer() = 0;
  Reactor& reactor_;

 private:
  friend class Reactor;
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  void unlink() noexcept;

  Timer* prev_ = nullptr;
  Timer* next_ = nullptr;
  std::int64_t due_tick_ = kNever;
  std::int64_t slot_tick_ = 0;  // when the wheel looks at it; never after due_tick_
};

/// Why a parked task goes on.
enum class Wake : std::uint8_t { ready, timeout, cut, stopped };

/// Where one task waits. `wake` from the loop's thread puts it on the ready list.
class Parking final : public Timer {
 public:
  using Handler =
      boost::asio::async_result<boost::asio::use_awaitable_t<>, void(Wake)>::handler_type;
  explicit Parking(Reactor& reactor) : Timer(reactor) {}
  ~Parking() override;

  /// Suspends until woken, `deadline`, or a cut. One task at a time.
  [[nodiscard]] Task<Wake> park(MonoTime deadline, Cancel* cancel);
  /// Suspends until some of the tasks that are ready have run; behind whoever yielded before.
  /// No cut reaches it: what waits only for its turn is as good as done.
  [[nodiscard]] Task<Wake> yield();
  /// No effect if nobody waits. A cut replaces a reason that was not yet acted on.
  void wake(Wake why) noexcept;
  [[nodiscard]] bool parked() const noexcept { return handler_.has_value() && !queued_; }

 private:
  friend class Reactor;
  friend class net::Cancel;
  struct Initiate {
    Parking* parking;
    void operator()(Handler handler) const { parking->hold(std::move(handler)); }
  };
  void hold(Handler handler);
  void on_timer() override { wake(Wake::timeout); }
  void resume();

  std::optional<Handler> handler_;
  Cancel* cancel_ = nullptr;
  Parking* next_ready_ = nullptr;
  std::uint64_t round_ = 0;  // of its list, when it was queued
  Wake why_ = Wake::ready;
  bool queued_ = false;
  bool yields_ = false;  // it waits among those that yielded, or is about to
};

/// True once after a cut that no operation has reported yet: this operation must report it.
[[nodiscard]] bool take_cut(Cancel* cancel) noexcept;

/// See Loop.
class Reactor {
 public:
  /// Read at most this much at once; all connections of the loop share the buffer.
  static constexpr std::size_t kReadBytes = 64 * 1024;

  explicit Reactor(const Clock& clock);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  void run();
  void stop() noexcept;
  void post(std::function<void()> fn);
  void start(Task<void> task);
  /// Says that Asio may have something to run although nobody posted.
  void expect_posts() noexcept { posted_.store(true, std::memory_order_relaxed); }

  /// Whether other tasks are ready to go on.
  [[nodiscard]] bool crowded() const noexcept { return ready_.first != nullptr; }
  [[nodiscard]] MonoTime now() const noexcept { return now_; }
  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
  /// `now` plus a timeout; kNoDeadline stays without end.
  [[nodiscard]] MonoTime after(std::chrono::milliseconds timeout) const noexcept;
  [[nodiscard]] std::span<char> read_buffer() noexcept { return {read_buffer_.get(), kReadBytes}; }
  [[nodiscard]] std::string& scratch() noexcept { return scratch_; }

  /// `events` as for epoll_ctl. False if the kernel refuses (out of memory or watches).
  [[nodiscard]] bool add(int fd, std::uint32_t events, Source& source) noexcept;
  void change(int fd, std::uint32_t events, Source& source) noexcept;
  /// Before its descriptor is closed; events already fetched are forgotten too.
  void remove(int fd, Source& source) noexcept;

 private:
  friend class Timer;
  friend class Parking;
  static constexpr std::int64_t kSlots = 2048;
  static constexpr int kEvents = 256;
  /// So many tasks run before those that yielded meanwhile go on.
  static constexpr int kYieldedAfter = 64;
  struct List {
    Parking* first = nullptr;
    Parking* last = nullptr;
  };

  void turn();
  void dispatch(int count);
  void run_ready();
  void run_timers();
  [[nodiscard]] int wait_ms() const noexcept;
  [[nodiscard]] std::int64_t current_tick() const noexcept;
  void link(Timer& timer) noexcept;
  void enqueue(Parking& parking) noexcept;
  void forget(Parking& parking) noexcept;
  [[nodiscard]] static Parking& take_first(List& list) noexcept;

  const Clock& clock_;
  MonoTime now_;
  boost::asio::io_context context_;
  int epoll_fd_;
  int wake_fd_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> posted_{false};
  std::array<epoll_event, kEvents> events_{};
  int event_at_ = 0;
  int event_count_ = 0;
  List ready_;
  List yielded_;
  std::uint64_t round_ = 0;
  std::int64_t tick_;
  std::array<Timer*, kSlots> wheel_{};
  std::array<std::uint64_t, kSlots / 64> occupied_{};
  std::unique_ptr<char[]> read_buffer_;
  std::string scratch_;
};

}  // namespace cordon::net::internal
