// Disks that fail and fill up: no false acknowledgement, no lost acknowledged entry.
#include "journal/journal.h"
#include "journal/memory_disk.h"
#include "journal/test_kit.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace cordon::journal {
namespace {

using test::append_range;
using test::entry_of;
using test::holds;
using test::kDir;
using test::kPatience;
using test::read_all;

class FailureTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> open() {
    auto journal = Journal::open(options_, disk_, random_);
    EXPECT_TRUE(journal) << journal.error().detail;
    return journal ? std::move(*journal) : nullptr;
  }
  /// Appends one at a time until the journal refuses or a wait is in vain; says how many were
  /// acknowledged.
  static std::uint64_t append_until_refused(Journal& journal, std::uint64_t from) {
    for (std::uint64_t at = from; at < from + 400; ++at) {
      if (!journal.append(entry_of(at), Urgency::eager)) return at;
      if (!journal.wait_durable(at, kPatience)) return at;
    }
    return from + 400;
  }
  static void wait_for(Journal& journal, Health health) {
    for (int i = 0; i < 20'000 && journal.health() != health; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_EQ(journal.health(), health);
  }

  MemoryDisk disk_;
  SeededRandom random_{7};
  test::Failure failure_;
  Options options_ = test::small_options(failure_);
};

// The nth write, sync, rename, directory sync or open fails, for every n there is.
TEST_F(FailureTest, TheFirstFailureEndsAcknowledgingForGoodAndLosesNothingAcknowledged) {
  for (const DiskAct act :
       {DiskAct::write, DiskAct::sync, DiskAct::rename, DiskAct::sync_directory, DiskAct::open}) {
    std::uint64_t failures = 0;
    for (std::uint64_t nth = 1; nth <= 60; nth += nth < 20 ? 1 : 7) {
      MemoryDisk disk;
      failure_.count = 0;
      auto journal = Journal::open(options_, disk, random_);
      ASSERT_TRUE(journal);
      disk.fail(act, nth, Errc::unavailable);
      const std::uint64_t acknowledged = append_until_refused(**journal, 0);
      if (acknowledged == 400) continue;  // fewer such acts than n
      ++failures;
      EXPECT_EQ((*journal)->durable(), acknowledged);
      EXPECT_FALSE((*journal)->append("after", Urgency::eager));
      EXPECT_EQ((*journal)->close().error().code, Errc::unavailable);
      EXPECT_EQ((*journal)->health(), Health::failed);
      EXPECT_EQ(failure_.count, 1);
      EXPECT_EQ((*journal)->durable(), acknowledged) << "never acknowledges again";

      const auto left = disk.after_power_cut(random_);
      const auto readonly = ReadOnlyJournal::open(kDir, *left);
      ASSERT_TRUE(readonly) << readonly.error().detail;
      EXPECT_GE(readonly->entries(), acknowledged);
      EXPECT_TRUE(holds(read_all(readonly->reader(0)), readonly->entries()));
    }
    EXPECT_GT(failures, 0U) << "act " << static_cast<int>(act) << " never failed: void";
  }
}

TEST_F(FailureTest, AnUnsetHookAborts) {
  options_.on_failure = {};
  EXPECT_DEATH(
      {
        const auto journal = open();
        disk_.fail(DiskAct::sync, 1, Errc::unavailable);
        static_cast<void>(append_until_refused(*journal, 0));
      },
      "journal.failed");
}

TEST_F(FailureTest, FailsToOpenWhereRecoveryCannotReadOrSync) {
  { append_range(*open(), 0, 10); }
  for (const DiskAct act : {DiskAct::open, DiskAct::read, DiskAct::sync, DiskAct::sync_directory}) {
    disk_.fail(act, 1, Errc::unavailable);
    EXPECT_EQ(Journal::open(options_, disk_, random_).error().code, Errc::unavailable);
  }
  EXPECT_EQ(open()->recovered().entries, 10U);
}

TEST_F(FailureTest, AFullDiskRefusesToBeginAJournal) {
  disk_.set_room(10'000);
  EXPECT_EQ(Journal::open(options_, disk_, random_).error().code, Errc::exhausted);
  EXPECT_TRUE(disk_.list(kDir)->empty());
}

TEST_F(FailureTest, LackOfSpaceShowsEarlyThenRefusesThenGoesOnByItself) {
  options_.preparation = Preparation::ahead;
  disk_.set_room(2 * options_.segment_bytes);
  const auto journal = open();
  append_range(*journal, 0, 10);
  EXPECT_EQ(journal->health(), Health::serving);
  disk_.set_room(options_.segment_bytes);  // no room for a third segment
  std::uint64_t count = 10;
  while (journal->stats().segments_begun < 2) {
    append_range(*journal, count, count + 1);
    ++count;
  }
  wait_for(*journal, Health::degraded);
  append_range(*journal, count, count + 5);  // degraded, it still takes what fits
  count += 5;

  std::uint64_t taken = count;
  Errc refusal = Errc::invalid;
  for (; taken < 10'000; ++taken) {
    const auto sequence = journal->append(entry_of(taken), Urgency::eager);
    if (!sequence) {
      refusal = sequence.error().code;
      break;
    }
    if (journal->health() == Health::full) continue;
  }
  EXPECT_EQ(refusal, Errc::exhausted);
  EXPECT_EQ(journal->health(), Health::full);
  EXPECT_LT(journal->durable(), taken) << "what was taken waits";
  EXPECT_EQ(failure_.count, 0);

  disk_.set_room(UINT64_MAX);
  EXPECT_TRUE(journal->wait_durable(taken - 1, kPatience));
  wait_for(*journal, Health::serving);
  append_range(*journal, taken, taken + 50);
  EXPECT_TRUE(holds(read_all(journal->reader(0)), taken + 50));
}

TEST_F(FailureTest, ClosingAFullJournalSaysThatNotAllWasWritten) {
  const auto journal = open();
  disk_.set_room(options_.segment_bytes);
  std::uint64_t taken = 0;
  while (journal->append(entry_of(taken), Urgency::eager)) {
    ++taken;
    if (taken % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(journal->close().error().code, Errc::exhausted);
  EXPECT_EQ(failure_.count, 0);
  EXPECT_LT(journal->durable(), taken);
  EXPECT_TRUE(holds(read_all(journal->reader(0)), journal->durable()));
}

TEST_F(FailureTest, AWaiterHearsOfAFailureAtOnce) {
  const auto journal = open();
  disk_.fail(DiskAct::sync, 1, Errc::unavailable);
  ASSERT_TRUE(journal->append("x", Urgency::eager));
  const auto waited = journal->wait_durable(0, std::chrono::hours(1));
  EXPECT_EQ(waited.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace cordon::journal
