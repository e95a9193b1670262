#include "cli/internal/child.h"
#include "cli/internal/demo_control.h"
#include "cli/internal/demo_traffic.h"
#include "sim/provider.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

namespace cordon::cli::internal {
namespace {

using namespace std::chrono_literals;

class DemoParts : public testing::Test {
 protected:
  DemoParts() {
    char name[] = "/tmp/cordon-demo-test-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  ~DemoParts() override { std::filesystem::remove_all(dir_); }
  std::string slurp(const std::string& name) const {
    std::ifstream file(dir_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  int end_of(Child& child) {
    const std::chrono::milliseconds within = 20s;
    return net::run_blocking(loop_, wait_for(scope_, child, within)).value_or(-1);
  }
  std::filesystem::path dir_;
  SystemClock clock_;
  net::Loop loop_{clock_};
  net::Scope scope_{loop_};
};

TEST_F(DemoParts, AChildsOutputAndExitCodeAreItsOwn) {
  auto child = Child::start({"sh", "-c", "echo out; echo err >&2; pwd; exit 7"}, dir_ / "log", "/");
  ASSERT_TRUE(child.has_value());
  EXPECT_EQ(end_of(*child), 7);
  EXPECT_EQ(slurp("log"), "out\nerr\n/\n");
  auto missing = Child::start({"/nowhere/program"}, dir_ / "log");
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(end_of(*missing), 127);
}

TEST_F(DemoParts, AChildDiesWithItsObjectAndBySignal) {
  pid_t pid = -1;
  {
    auto child = Child::start({"sleep", "600"}, dir_ / "log");
    ASSERT_TRUE(child.has_value());
    pid = child->pid();
    EXPECT_FALSE(child->ended().has_value());
    const Child moved = std::move(*child);
    EXPECT_EQ(::kill(pid, 0), 0) << "moving is not ending";
  }
  EXPECT_NE(::kill(pid, 0), 0);
  auto other = Child::start({"sleep", "600"}, dir_ / "log");
  ASSERT_TRUE(other.has_value());
  other->signal(SIGTERM);
  EXPECT_EQ(end_of(*other), 128 + SIGTERM);
}

TEST(DemoLeakFinder, FindsWholeTextsOnly) {
  const LeakFinder finder(
      {"The card on file is 4111 1111 1111 1111.", "short", "The card on file is another."});
  EXPECT_TRUE(finder.holds_any("So: The card on file is 4111 1111 1111 1111. Bye"));
  EXPECT_TRUE(finder.holds_any("The card on file is another."));
  EXPECT_FALSE(finder.holds_any("The card on file is [redacted]."));
  EXPECT_FALSE(finder.holds_any("The card on file is 4111 1111 1111 111"));
  EXPECT_FALSE(finder.holds_any("short"));
  EXPECT_FALSE(finder.holds_any(""));
}

/// Clients against a simulated provider without a gateway between.
class DemoClients : public DemoParts {
 protected:
  net::Task<void> play(sim::Provider& provider, Traffic& traffic, std::size_t exchanges) {
    traffic.start({"sim-large", "key", 2, 2});
    const MonoTime until = clock_.mono() + 20s;
    const auto ended = [&traffic] {
      std::size_t count = 0;
      for (const Sent& sent : traffic.sent()) count += sent.ending != Ending::running ? 1 : 0;
      return count;
    };
    while (ended() < exchanges && clock_.mono() < until) {
      const std::chrono::milliseconds step = 20ms;
      (void)co_await net::sleep(scope_, step);
    }
    traffic.stop();
    const std::chrono::milliseconds grace = 5s;
    co_await provider.stop(grace);
    scope_.stop();
    co_await scope_.join();
  }
  /// Every ending that was seen, after at least `exchanges` of them.
  std::set<std::pair<bool, Ending>> endings(sim::Scenario scenario, std::size_t exchanges) {
    sim::Options options;
    options.behaviour.scenario = scenario;
    options.leaks = {"the key is AKIA0123456789ABCDEF"};
    auto provider = sim::Provider::start(loop_, std::move(options)).value();
    Traffic traffic(scope_, provider->port(), LeakFinder({"the key is AKIA0123456789ABCDEF"}), 1);
    net::run_blocking(loop_, play(*provider, traffic, exchanges));
    EXPECT_EQ(traffic.clients(), 0U);
    std::set<std::pair<bool, Ending>> seen;
    for (const Sent& sent : traffic.sent()) {
      seen.emplace(sent.streamed, sent.ending);
      leaked_ += sent.leaked ? 1 : 0;
    }
    EXPECT_GE(traffic.sent().size(), exchanges);
    return seen;
  }
  std::size_t leaked_ = 0;
};

TEST_F(DemoClients, SeeWholeAnswersAndNoLeak) {
  EXPECT_EQ(
      endings(sim::Scenario::normal, 32),
      (std::set<std::pair<bool, Ending>>{{false, Ending::complete}, {true, Ending::complete}}));
  EXPECT_EQ(leaked_, 0U);
}

TEST_F(DemoClients, SeeTheLeakInStreamsAndWholeAnswers) {
  (void)endings(sim::Scenario::leak, 8);
  EXPECT_GE(leaked_, 8U);
}

TEST_F(DemoClients, TakeACutStreamForNoAnswer) {
  for (const auto& [streamed, ending] : endings(sim::Scenario::cut, 8)) {
    EXPECT_EQ(ending, Ending::down) << streamed;
  }
}

TEST_F(DemoClients, TakeAnErrorForAFailure) {
  for (const auto& [streamed, ending] : endings(sim::Scenario::error_500, 8)) {
    EXPECT_EQ(ending, Ending::failed) << streamed;
  }
}

}  // namespace
}  // namespace cordon::cli::internal
