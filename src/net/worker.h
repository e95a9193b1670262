// One thread for work that blocks: disks and compilers, beside a loop that must not wait.
#pragma once

#include "base/result.h"
#include "net/loop.h"
#include "net/task.h"
#include "net/watermark.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace cordon::net {

/// Runs jobs one after another on a thread of its own. Made and destroyed by whoever owns the
/// loop; its destructor ends the job that runs, drops those that wait, and joins. Jobs touch
/// nothing of the loop's thread: they take values and answer with one.
class Worker {
 public:
  static constexpr std::size_t kJobsMax = 64;

  /// `loop` is where callers wait, and outlives the worker.
  explicit Worker(Loop& loop);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Suspends until `job` has run and answers with its result. `exhausted` if kJobsMax wait
  /// already, `unavailable` after `timeout` (the job still ends by itself). Loop thread only.
  template <class T>
  [[nodiscard]] Task<Result<T>> run(std::function<Result<T>()> job,
                                    std::chrono::milliseconds timeout);

 private:
  struct State;
  /// Takes a job that must not throw; false if too many wait.
  [[nodiscard]] bool submit(std::function<void()> job);

  Loop& loop_;
  std::unique_ptr<State> state_;
};

template <class T>
Task<Result<T>> Worker::run(std::function<Result<T>()> job, std::chrono::milliseconds timeout) {
  // Shared with the job, which may outlive this wait.
  struct Answer {
    explicit Answer(Loop& loop) : done(loop) {}
    std::optional<Result<T>> result;
    Watermark done;
  };
  const auto answer = std::make_shared<Answer>(loop_);
  Loop& loop = loop_;
  std::function<void()> wrapped = [answer, &loop, work = std::move(job)] {
    auto result = std::make_shared<Result<T>>(work());
    loop.post([answer, result] {
      answer->result.emplace(std::move(*result));
      answer->done.raise(1);
    });
  };
  if (!submit(std::move(wrapped))) {
    co_return cordon::fail(Errc::exhausted, "too much work is waiting already; try again");
  }
  const Status reached = co_await answer->done.reach(1, timeout);
  if (!reached) co_return cordon::fail(Errc::unavailable, "the work did not end in time");
  co_return std::move(*answer->result);
}

}  // namespace cordon::net
