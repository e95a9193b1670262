// What the journal costs and gives on this machine: entries made durable a second, time from
// append to acknowledgement, processor time an entry, and time to recover a million of them.
//
//     journal_bench [directory]        default: a new one in the current directory
#include "base/clock.h"
#include "base/random.h"
#include "journal/journal.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace cordon;
using journal::Journal;
using journal::Urgency;

constexpr std::size_t kEntryBytes = 400;
const std::string kEntry(kEntryBytes, 'e');
const SystemClock kClock;

double cpu_us() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(used.ru_utime) + us(used.ru_stime);
}
double wall_us() {
  return static_cast<double>(kClock.mono().count()) / 1e3;
}
double thread_cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// Ends the program with a word if the journal refuses.
template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "{}\n", result.error().detail);
  std::exit(1);
}
void must(const Status& status) {
  if (status) return;
  fmt::print(stderr, "{}\n", status.error().detail);
  std::exit(1);
}

/// One measurement on a fresh journal.
class Bench {
 public:
  Bench(const std::filesystem::path& root, const char* name)
      : name_(name), dir_(root / name), journal_(open(dir_)) {
    // The first prepared segment is not part of what is measured.
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    wall_ = wall_us();
    cpu_ = cpu_us();
  }
  ~Bench() { std::filesystem::remove_all(dir_); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  static std::unique_ptr<Journal> open(const std::filesystem::path& dir) {
    static journal::SystemDisk disk;
    static SystemRandom random;
    return must(Journal::open({.dir = dir}, disk, random));
  }
  Journal& journal() { return *journal_; }
  void took(double us) { latencies_us_.push_back(us); }

  void report() {
    const double wall = wall_us() - wall_;
    const double cpu = cpu_us() - cpu_;
    const auto stats = journal_->stats();
    const auto entries = static_cast<double>(stats.entries_durable);
    fmt::print("{:22} {:9.0f} entries/s  {:6.0f} ns CPU/entry  {:7.1f} entries/commit", name_,
               entries / wall * 1e6, cpu / entries * 1e3,
               entries / static_cast<double>(stats.commits));
    fmt::print("  {} wake-ups in {} appends", stats.wakeups, stats.entries_durable);
    if (!latencies_us_.empty()) {
      std::ranges::sort(latencies_us_);
      const auto at = [&](double part) {
        return latencies_us_[static_cast<std::size_t>(
            part * static_cast<double>(latencies_us_.size() - 1))];
      };
      fmt::print("  ack us p50 {:.0f} p99 {:.0f} p99.9 {:.0f} max {:.0f}", at(0.5), at(0.99),
                 at(0.999), at(1.0));
    }
    fmt::print("\n");
  }

 private:
  const char* name_;
  std::filesystem::path dir_;
  std::unique_ptr<Journal> journal_;
  std::vector<double> latencies_us_;
  double wall_ = 0;
  double cpu_ = 0;
};

/// So many producers, each waiting for its entry before it appends the next.
void closed_loop(const std::filesystem::path& root, const char* name, std::size_t producers,
                 std::uint64_t entries) {
  Bench bench(root, name);
  std::deque<double> begun;
  std::uint64_t acknowledged = 0;
  for (std::uint64_t appended = 0; acknowledged < entries;) {
    while (begun.size() < producers && appended < entries) {
      begun.push_back(wall_us());
      must(bench.journal().append(kEntry, Urgency::eager));
      ++appended;
    }
    must(bench.journal().wait_durable(acknowledged, std::chrono::seconds(10)));
    const double now = wall_us();
    for (; acknowledged < bench.journal().durable(); ++acknowledged) {
      bench.took(now - begun.front());
      begun.pop_front();
    }
  }
  bench.report();
}

/// As fast as the queue takes them; nobody waits for one.
void flat_out(const std::filesystem::path& root, std::uint64_t entries) {
  Bench bench(root, "flat-out");
  for (std::uint64_t appended = 0; appended < entries;) {
    const auto taken = bench.journal().append(kEntry, Urgency::lazy);
    if (taken) {
      ++appended;
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  must(bench.journal().wait_durable(entries - 1, std::chrono::seconds(30)));
  bench.report();
}

/// At a steady rate, in bursts of one millisecond; what the appending thread itself pays.
void paced(const std::filesystem::path& root, const char* name, std::uint64_t per_ms,
           std::uint64_t milliseconds) {
  Bench bench(root, name);
  double appending_us = 0;
  double due = wall_us();
  for (std::uint64_t burst = 0; burst < milliseconds; ++burst) {
    const double before = thread_cpu_us();
    for (std::uint64_t i = 0; i < per_ms; ++i) must(bench.journal().append(kEntry, Urgency::lazy));
    appending_us += thread_cpu_us() - before;
    due += 1000;
    const double left = due - wall_us();
    if (left > 0) ::usleep(static_cast<useconds_t>(left));
  }
  must(bench.journal().wait_durable(per_ms * milliseconds - 1, std::chrono::seconds(30)));
  bench.report();
  fmt::print("{:22} {:9.0f} ns CPU an append on the appending thread\n", "",
             appending_us / static_cast<double>(per_ms * milliseconds) * 1e3);
}

void recovery(const std::filesystem::path& root, std::uint64_t entries) {
  const auto dir = root / "recovery";
  {
    const auto journal = Bench::open(dir);
    for (std::uint64_t appended = 0; appended < entries;) {
      if (journal->append(kEntry, Urgency::lazy)) {
        ++appended;
      } else {
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    }
    must(journal->close());
  }
  const double begun = wall_us();
  const auto journal = Bench::open(dir);
  const double opened = wall_us();
  journal::Reader reader = journal->reader(0);
  std::uint64_t read = 0;
  while (must(reader.next())) ++read;
  const double done = wall_us();
  fmt::print("recovery               {} entries in {:.0f} ms, then read back in {:.0f} ms\n",
             journal->recovered().entries, (opened - begun) / 1e3, (done - opened) / 1e3);
  if (read != entries) std::exit(1);
  std::filesystem::remove_all(dir);
}

}  // namespace

int main(int argc, char** argv) {
  std::string made = "journal-bench-XXXXXX";
  const std::filesystem::path root = argc > 1 ? argv[1] : ::mkdtemp(made.data());
  closed_loop(root, "1 producer", 1, 4'000);
  closed_loop(root, "64 producers", 64, 400'000);
  closed_loop(root, "1000 producers", 1000, 1'000'000);
  paced(root, "80,000/s lazy", 80, 2'000);
  paced(root, "4,000/s lazy", 4, 2'000);
  flat_out(root, 2'000'000);
  recovery(root, 1'000'000);
  if (argc <= 1) std::filesystem::remove_all(root);
  return 0;
}
