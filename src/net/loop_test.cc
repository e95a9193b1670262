#include "net/loop.h"

#include "base/clock.h"
#include "net/watermark.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace cordon::net {
namespace {

using std::chrono::milliseconds;

Task<int> answer_of(int value) {
  co_return value;
}

TEST(NetLoop, RunsATaskToItsEndAndGivesItsResult) {
  const SystemClock clock;
  Loop loop(clock);
  EXPECT_EQ(run_blocking(loop, answer_of(42)), 42);
  EXPECT_EQ(run_blocking(loop, answer_of(43)), 43) << "a loop can be run again";
}

Task<void> note_after(Scope& scope, milliseconds wait, std::string what,
                      std::vector<std::string>& out) {
  const Status slept = co_await sleep(scope, wait);
  out.push_back(slept ? what : what + " stopped");
}

Task<void> run_all(Scope& scope) {
  co_await scope.join();
}

TEST(NetLoop, SleepsEndInTheOrderOfTheirDeadlines) {
  const SystemClock clock;
  Loop loop(clock);
  Scope scope(loop);
  std::vector<std::string> order;
  spawn(scope, note_after(scope, milliseconds(220), "late", order));
  spawn(scope, note_after(scope, milliseconds(20), "early", order));
  spawn(scope, note_after(scope, milliseconds(120), "middle", order));
  run_blocking(loop, run_all(scope));
  EXPECT_EQ(order, (std::vector<std::string>{"early", "middle", "late"}));
}

Task<void> stop_then_join(Scope& scope) {
  scope.stop();
  co_await scope.join();
}

TEST(NetLoop, AStoppedScopeWakesItsSleepersAndRefusesNewOnes) {
  const SystemClock clock;
  Loop loop(clock);
  Scope scope(loop);
  std::vector<std::string> order;
  for (const char* name : {"a", "b", "c"}) {
    spawn(scope, note_after(scope, milliseconds(3'600'000), name, order));
  }
  run_blocking(loop, stop_then_join(scope));
  EXPECT_EQ(order, (std::vector<std::string>{"a stopped", "b stopped", "c stopped"}));
  spawn(scope, note_after(scope, milliseconds(3'600'000), "d", order));
  run_blocking(loop, run_all(scope));
  EXPECT_EQ(order.back(), "d stopped");
}

Task<void> note_cuts(Scope& scope, Cancel& cancel, std::vector<std::string>& out) {
  const milliseconds hour(3'600'000);
  const milliseconds moment(1);
  for (int i = 0; i < 2; ++i) {
    const Status slept = co_await sleep(scope, i == 0 ? hour : moment, &cancel);
    out.push_back(slept ? "slept" : slept.error().detail);
  }
}

Task<void> cut_then_join(Scope& scope, Cancel& cancel) {
  const milliseconds moment(1);
  (void)co_await sleep(scope, moment);
  cancel.cancel();
  co_await scope.join();
}

TEST(NetLoop, ACutEndsOneSleepAndNotTheNext) {
  const SystemClock clock;
  Loop loop(clock);
  Scope scope(loop);
  Cancel cancel;
  std::vector<std::string> seen;
  spawn(scope, note_cuts(scope, cancel, seen));
  run_blocking(loop, cut_then_join(scope, cancel));
  EXPECT_EQ(seen, (std::vector<std::string>{"cut", "slept"}));
}

TEST(NetLoop, ADeadlineIsNeverEarlyHoweverFarOff) {
  ManualClock clock(WallTime{});
  Loop loop(clock);
  Scope scope(loop);
  std::vector<std::string> order;
  const milliseconds far(1'000'000);  // several turns of the wheel
  spawn(scope, note_after(scope, far, "far", order));
  loop.post([&loop] { loop.stop(); });
  loop.run();
  // Steps shorter than the wheel, longer than it, and one tick short of the deadline.
  for (const milliseconds step :
       {milliseconds(1'000), milliseconds(20'000), milliseconds(900'000), milliseconds(78'960)}) {
    clock.advance(step);
    loop.post([&loop] { loop.stop(); });
    loop.run();
    EXPECT_TRUE(order.empty());
  }
  clock.advance(milliseconds(200));
  run_blocking(loop, run_all(scope));
  EXPECT_EQ(order, std::vector<std::string>{"far"});
}

TEST(NetLoop, PostsFromAnotherThreadRunInTheirOrder) {
  const SystemClock clock;
  Loop loop(clock);
  std::vector<int> seen;
  std::thread poster([&loop, &seen] {
    for (int i = 0; i < 1000; ++i) loop.post([&seen, i] { seen.push_back(i); });
    loop.post([&loop] { loop.stop(); });
  });
  loop.run();
  poster.join();
  ASSERT_EQ(seen.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

Task<void> note_reached(Watermark& mark, std::uint64_t value, Cancel* cancel,
                        std::vector<std::string>& out) {
  const Status reached = co_await mark.reach(value, milliseconds(60'000), cancel);
  out.push_back(std::to_string(value) + (reached ? "" : " " + reached.error().detail));
}

Task<void> raise_in_steps(Watermark& mark, Scope& waiters, std::vector<std::string>& out) {
  mark.raise(4);
  out.push_back("raised 4");
  mark.raise(2);
  EXPECT_EQ(mark.value(), 4U);
  mark.raise(9);
  co_await waiters.join();
}

TEST(NetWatermark, WakesTheReachedOnesLowestFirstAndNotFromWithinRaise) {
  const SystemClock clock;
  Loop loop(clock);
  Scope scope(loop);
  Watermark mark(loop);
  std::vector<std::string> out;
  for (const std::uint64_t value : {9U, 3U, 5U, 4U}) {
    spawn(scope, note_reached(mark, value, nullptr, out));
  }
  run_blocking(loop, raise_in_steps(mark, scope, out));
  EXPECT_EQ(out, (std::vector<std::string>{"raised 4", "3", "4", "5", "9"}));
}

Task<void> cut_one_fail_rest(Watermark& mark, Cancel& cancel, Scope& waiters) {
  cancel.cancel();
  EXPECT_TRUE(cancel.cancelled());
  mark.fail();
  co_await waiters.join();
}

TEST(NetWatermark, ACutEndsOneWaitAndAFailureEndsAll) {
  const SystemClock clock;
  Loop loop(clock);
  Scope scope(loop);
  Watermark mark(loop);
  Cancel cancel;
  std::vector<std::string> out;
  spawn(scope, note_reached(mark, 7, &cancel, out));
  spawn(scope, note_reached(mark, 8, nullptr, out));
  run_blocking(loop, cut_one_fail_rest(mark, cancel, scope));
  EXPECT_EQ(out, (std::vector<std::string>{"7 cut", "8 what was waited for has failed"}));

  spawn(scope, note_reached(mark, 1, nullptr, out));
  run_blocking(loop, run_all(scope));
  EXPECT_EQ(out.back(), "1 what was waited for has failed");
}

TEST(NetWatermark, ACutBeforeTheWaitFailsTheNextWaitAndOnlyThat) {
  const SystemClock clock;
  Loop loop(clock);
  Scope scope(loop);
  Watermark mark(loop);
  mark.raise(5);
  Cancel cancel;
  cancel.cancel();
  std::vector<std::string> out;
  spawn(scope, note_reached(mark, 1, &cancel, out));
  run_blocking(loop, run_all(scope));
  spawn(scope, note_reached(mark, 2, &cancel, out));
  run_blocking(loop, run_all(scope));
  EXPECT_EQ(out, (std::vector<std::string>{"1 cut", "2"}));
}

Task<void> expect_timeout(Watermark& mark, ManualClock& clock, bool& timed_out) {
  static_cast<void>(clock);
  const Status reached = co_await mark.reach(1, milliseconds(5'000));
  timed_out = !reached && reached.error().code == Errc::unavailable;
}

TEST(NetWatermark, AWaitPassesItsTimeout) {
  ManualClock clock(WallTime{});
  Loop loop(clock);
  Scope scope(loop);
  Watermark mark(loop);
  bool timed_out = false;
  spawn(scope, expect_timeout(mark, clock, timed_out));
  loop.post([&loop] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(timed_out);
  clock.advance(milliseconds(5'100));
  run_blocking(loop, run_all(scope));
  EXPECT_TRUE(timed_out);
}

}  // namespace
}  // namespace cordon::net
