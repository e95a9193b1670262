#include "net/worker.h"

#include <atomic>
#include <thread>

namespace cordon::net {

/// A loop of its own already has the queue, the order and the waiting.
struct Worker::State {
  explicit State(const Clock& clock) : loop(clock) {}
  Loop loop;
  std::thread thread;
  std::atomic<std::size_t> waiting{0};
  std::atomic<bool> stopping{false};
};

Worker::Worker(Loop& loop) : loop_(loop), state_(std::make_unique<State>(loop.clock())) {
  state_->thread = std::thread([state = state_.get()] { state->loop.run(); });
}

Worker::~Worker() {
  state_->stopping.store(true);
  state_->loop.post([state = state_.get()] { state->loop.stop(); });
  state_->thread.join();
}

bool Worker::submit(std::function<void()> job) {
  if (state_->waiting.fetch_add(1) >= kJobsMax) {
    state_->waiting.fetch_sub(1);
    return false;
  }
  state_->loop.post([state = state_.get(), work = std::move(job)] {
    if (!state->stopping.load()) work();
    state->waiting.fetch_sub(1);
  });
  return true;
}

}  // namespace cordon::net
