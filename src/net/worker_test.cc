#include "net/worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace cordon::net {
namespace {

Task<void> ask(Worker& worker, std::function<Result<int>()> job, std::chrono::milliseconds timeout,
               std::vector<Result<int>>& answers) {
  answers.push_back(co_await worker.run<int>(std::move(job), timeout));
}

TEST(Worker, AnswersFromAnotherThreadWhileTheLoopGoesOn) {
  const SystemClock clock;
  Loop loop(clock);
  Worker worker(loop);
  std::promise<void> released;
  const std::shared_future<void> gate = released.get_future().share();
  std::vector<Result<int>> answers;
  const auto here = std::this_thread::get_id();
  Scope scope(loop);
  spawn(scope, ask(
                   worker,
                   [gate, here]() -> Result<int> {
                     gate.wait();
                     return std::this_thread::get_id() == here ? 0 : 7;
                   },
                   std::chrono::minutes(1), answers));
  // The job waits for this turn of the loop: a worker on the loop's thread would never end.
  loop.post([&released] { released.set_value(); });
  run_blocking(loop, scope.join());
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].value(), 7);
}

TEST(Worker, GivesUpWaitingAndLetsTheJobEnd) {
  const SystemClock clock;
  Loop loop(clock);
  std::vector<Result<int>> answers;
  std::promise<void> released;
  const std::shared_future<void> gate = released.get_future().share();
  auto worker = std::make_unique<Worker>(loop);
  run_blocking(loop, ask(
                         *worker,
                         [gate]() -> Result<int> {
                           gate.wait();
                           return 1;
                         },
                         std::chrono::milliseconds(10), answers));
  EXPECT_EQ(answers[0].error().code, Errc::unavailable);
  released.set_value();
  worker.reset();
}

TEST(Worker, RefusesMoreThanItsQueueHolds) {
  const SystemClock clock;
  Loop loop(clock);
  std::vector<Result<int>> answers;
  std::promise<void> released;
  const std::shared_future<void> gate = released.get_future().share();
  Worker worker(loop);
  Scope scope(loop);
  for (std::size_t i = 0; i <= Worker::kJobsMax; ++i) {
    spawn(scope, ask(
                     worker,
                     [gate]() -> Result<int> {
                       gate.wait();
                       return 1;
                     },
                     std::chrono::minutes(1), answers));
  }
  loop.post([&released] { released.set_value(); });
  run_blocking(loop, scope.join());
  ASSERT_EQ(answers.size(), Worker::kJobsMax + 1);
  EXPECT_EQ(std::count_if(answers.begin(), answers.end(),
                          [](const Result<int>& answer) { return !answer.has_value(); }),
            1);
}

}  // namespace
}  // namespace cordon::net
