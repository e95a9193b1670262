// Kills a process that appends under load, again and again, and asks for every entry it had
// acknowledged; then makes its syncs fail, one after the other, and asks the same.
#include "base/random.h"
#include "journal/journal.h"
#include "tests/simulation/journal_kill_entry.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace cordon::journal {
namespace {

/// A directory of its own, gone afterwards.
class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "journal-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  [[nodiscard]] std::filesystem::path fresh() { return path_ / std::to_string(made_++); }

 private:
  std::filesystem::path path_;
  int made_ = 0;
};

/// A running child and the acknowledgements that come out of it.
class Child {
 public:
  explicit Child(std::vector<std::string> command) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    EXPECT_EQ(::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    out_ = ends[0];
  }
  ~Child() {
    if (!ended_) static_cast<void>(kill_and_wait());
    ::close(out_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Blocks for the next acknowledgement; false once the child is gone.
  bool read_one() {
    std::uint64_t durable = 0;
    if (::read(out_, &durable, sizeof durable) != sizeof durable) return false;
    acknowledged_ = durable;
    return true;
  }
  /// Kills it and reads what it had said; returns the wait status.
  int kill_and_wait() {
    ::kill(pid_, SIGKILL);
    while (read_one()) {
    }
    return wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = true;
    return status;
  }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  bool ended_ = false;
  std::uint64_t acknowledged_ = 0;
};

/// How many entries there are; every one is checked to be the right one.
std::uint64_t count_and_compare(const std::filesystem::path& dir) {
  SystemDisk disk;
  const auto journal = ReadOnlyJournal::open(dir, disk);
  EXPECT_TRUE(journal) << journal.error().detail;
  if (!journal) return 0;
  Reader reader = journal->reader(0);
  for (std::uint64_t count = 0;; ++count) {
    const auto entry = reader.next();
    EXPECT_TRUE(entry) << entry.error().detail;
    if (!entry || !*entry) return count;
    EXPECT_EQ((*entry)->bytes, test::kill_entry_of(count));
    if ((*entry)->bytes != test::kill_entry_of(count)) return count;
  }
}

TEST(JournalKill, TwoHundredKillsLoseNoAcknowledgedEntry) {
  constexpr int kKills = 200;
  constexpr int kKillsPerJournal = 5;
  SeededRandom random(2026);
  TempDirectory temp;
  std::filesystem::path dir;
  std::uint64_t acknowledged = 0;
  std::uint64_t acknowledged_in_all = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    if (kill % kKillsPerJournal == 0) {
      acknowledged_in_all += acknowledged;
      acknowledged = 0;
      dir = temp.fresh();
    }
    Child child({CORDON_JOURNAL_KILL_CHILD, dir.string()});
    ASSERT_TRUE(child.read_one()) << "kill " << kill << ": the child did not start";
    ::usleep(static_cast<useconds_t>(random.below(15'000)));
    const int status = child.kill_and_wait();
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
    ASSERT_GE(child.acknowledged(), acknowledged);
    acknowledged = child.acknowledged();
    ASSERT_GE(count_and_compare(dir), acknowledged) << "kill " << kill;
  }
  EXPECT_GT(acknowledged_in_all, 10'000U) << "too little was at stake";
}

// The real thing, by strace: the nth fdatasync answers EIO, and the process must be gone.
TEST(JournalKill, AFailedSyncAbortsTheProcessAndLosesNoAcknowledgedEntry) {
  if (std::system("strace -o /dev/null true 2>/dev/null") != 0) {  // NOLINT(cert-env33-c)
    GTEST_SKIP() << "strace cannot trace here";
  }
  TempDirectory temp;
  std::uint64_t aborted = 0;
  for (int nth = 1; nth <= 20; ++nth) {
    const auto dir = temp.fresh();
    Child child({"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e",
                 "inject=fdatasync:error=EIO:when=" + std::to_string(nth),
                 CORDON_JOURNAL_KILL_CHILD, dir.string()});
    while (child.read_one()) {
    }
    const int status = child.wait();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 3) {
      EXPECT_EQ(child.acknowledged(), 0U) << "it refused to begin";
      continue;
    }
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
        << "sync " << nth << ", status " << status;
    EXPECT_GE(count_and_compare(dir), child.acknowledged());
    ++aborted;
  }
  EXPECT_GE(aborted, 10U);
}

}  // namespace
}  // namespace cordon::journal
