#include "net/watermark.h"

#include "net/internal/reactor.h"

namespace cordon::net {

using internal::Parking;
using internal::Wake;

namespace {

/// Lives in the frame of its task; the list is sorted by value, first come first served.
struct Waiter {
  Waiter(internal::Reactor& reactor, std::uint64_t for_value)
      : parking(reactor), value(for_value) {}
  Parking parking;
  std::uint64_t value;
  Waiter* prev = nullptr;
  Waiter* next = nullptr;
};

}  // namespace

struct Watermark::State {
  explicit State(Loop& of) : loop(of) {}
  Loop& loop;
  std::uint64_t value = 0;
  bool failed = false;
  Waiter* first = nullptr;
  Waiter* last = nullptr;

  // From the back: waiters mostly come with growing values.
  void insert(Waiter& waiter) noexcept {
    Waiter* before = last;
    while (before != nullptr && before->value > waiter.value) before = before->prev;
    waiter.prev = before;
    waiter.next = before == nullptr ? first : before->next;
    (before == nullptr ? first : before->next) = &waiter;
    (waiter.next == nullptr ? last : waiter.next->prev) = &waiter;
  }
  void remove(Waiter& waiter) noexcept {
    (waiter.prev == nullptr ? first : waiter.prev->next) = waiter.next;
    (waiter.next == nullptr ? last : waiter.next->prev) = waiter.prev;
  }
};

Watermark::Watermark(Loop& loop) : state_(std::make_unique<State>(loop)) {}
Watermark::~Watermark() = default;
std::uint64_t Watermark::value() const noexcept {
  return state_->value;
}
bool Watermark::failed() const noexcept {
  return state_->failed;
}

Task<Status> Watermark::reach(std::uint64_t value, std::chrono::milliseconds timeout,
                              Cancel* cancel) {
  State& state = *state_;
  if (internal::take_cut(cancel)) co_return cordon::fail(Errc::unavailable, "cut");
  if (value <= state.value) co_return Status();
  if (state.failed) co_return cordon::fail(Errc::unavailable, "what was waited for has failed");
  internal::Reactor& reactor = state.loop.reactor();
  Waiter waiter(reactor, value);
  state.insert(waiter);
  const MonoTime deadline = reactor.after(timeout);
  const Wake why = co_await waiter.parking.park(deadline, cancel);
  state.remove(waiter);
  switch (why) {
    case Wake::ready:
      co_return Status();
    case Wake::timeout:
      co_return cordon::fail(Errc::unavailable, "the wait passed its timeout");
    case Wake::cut:
      co_return cordon::fail(Errc::unavailable, "cut");
    case Wake::stopped:
      break;
  }
  co_return cordon::fail(Errc::unavailable, "what was waited for has failed");
}

void Watermark::raise(std::uint64_t value) {
  if (value <= state_->value) return;
  state_->value = value;
  for (Waiter* waiter = state_->first; waiter != nullptr && waiter->value <= value;
       waiter = waiter->next) {
    waiter->parking.wake(Wake::ready);
  }
}

void Watermark::fail() {
  state_->failed = true;
  for (Waiter* waiter = state_->first; waiter != nullptr; waiter = waiter->next) {
    waiter->parking.wake(Wake::stopped);
  }
}

}  // namespace cordon::net
