#include "net/loop.h"

#include "base/assert.h"
#include "net/internal/reactor.h"

#include <algorithm>
#include <vector>

namespace cordon::net {

using internal::Parking;
using internal::Wake;

Loop::Loop(const Clock& clock) : reactor_(std::make_unique<internal::Reactor>(clock)) {}
Loop::~Loop() = default;
void Loop::run() {
  reactor_->run();
}
void Loop::stop() noexcept {
  reactor_->stop();
}
void Loop::post(std::function<void()> fn) {
  reactor_->post(std::move(fn));
}
MonoTime Loop::now() const noexcept {
  return reactor_->now();
}
const Clock& Loop::clock() const noexcept {
  return reactor_->clock();
}

void Cancel::cancel() noexcept {
  if (cancelled_) return;
  cancelled_ = true;
  if (waiting_ != nullptr) waiting_->wake(Wake::cut);
}

bool Cancel::take() noexcept {
  if (!cancelled_ || delivered_) return false;
  delivered_ = true;
  return true;
}

void Cancel::reset() noexcept {
  cancelled_ = delivered_ = false;
}

struct Scope::State {
  explicit State(Loop& of) : loop(of), joiner(of.reactor()) {}
  Loop& loop;
  Parking joiner;
  std::vector<Parking*> sleepers;
  std::size_t running = 0;
  bool stopping = false;

  void ended() {
    --running;
    loop.reactor().expect_posts();
    if (running == 0) joiner.wake(Wake::ready);
  }
};

namespace {

template <class State>
Task<void> run_in(State& state, Task<void> task) {
  co_await std::move(task);
  state.ended();
}

}  // namespace

Scope::Scope(Loop& loop) : state_(std::make_unique<State>(loop)) {}
Scope::~Scope() {
  CORDON_ASSERT(state_->running == 0);
}
bool Scope::stopping() const noexcept {
  return state_->stopping;
}
std::size_t Scope::running() const noexcept {
  return state_->running;
}
Loop& Scope::loop() noexcept {
  return state_->loop;
}

void Scope::stop() {
  state_->stopping = true;
  for (Parking* sleeper : state_->sleepers) sleeper->wake(Wake::stopped);
}

Task<void> Scope::join() {
  while (state_->running > 0) {
    const MonoTime never = MonoTime::max();
    co_await state_->joiner.park(never, nullptr);
  }
}

void spawn(Scope& scope, Task<void> task) {
  ++scope.state_->running;
  scope.state_->loop.reactor().start(run_in(*scope.state_, std::move(task)));
}

Task<Status> sleep(Scope& scope, std::chrono::milliseconds duration, Cancel* cancel) {
  Scope::State& state = *scope.state_;
  if (state.stopping) co_return fail(Errc::unavailable, "the scope is stopping");
  if (internal::take_cut(cancel)) co_return fail(Errc::unavailable, "cut");
  internal::Reactor& reactor = state.loop.reactor();
  Parking parking(reactor);
  state.sleepers.push_back(&parking);
  const MonoTime until = reactor.after(duration);
  const Wake why = co_await parking.park(until, cancel);
  std::erase(state.sleepers, &parking);
  if (why == Wake::cut) co_return fail(Errc::unavailable, "cut");
  if (why != Wake::timeout) co_return fail(Errc::unavailable, "the scope is stopping");
  co_return Status();
}

namespace {

Task<void> then_stop(Loop& loop, Task<void> task) {
  co_await std::move(task);
  loop.stop();
}

}  // namespace

void run_blocking(Loop& loop, Task<void> task) {
  Scope scope(loop);
  spawn(scope, then_stop(loop, std::move(task)));
  loop.run();
}

}  // namespace cordon::net
