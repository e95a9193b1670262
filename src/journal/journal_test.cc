#include "journal/journal.h"

#include "journal/internal/format.h"
#include "journal/memory_disk.h"
#include "journal/test_kit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace cordon::journal {
namespace {

using test::append_range;
using test::entry_of;
using test::holds;
using test::kDir;
using test::kPatience;
using test::read_all;

class JournalTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> open() { return open(options_); }
  std::unique_ptr<Journal> open(const Options& options) {
    auto journal = Journal::open(options, disk_, random_);
    EXPECT_TRUE(journal) << journal.error().detail;
    return journal ? std::move(*journal) : nullptr;
  }

  MemoryDisk disk_;
  SeededRandom random_{7};
  test::Failure failure_;
  Options options_ = test::small_options(failure_);
};

TEST_F(JournalTest, ReadsBackWhatItTookAcrossRestartsAndSegments) {
  std::uint64_t count = 0;
  for (int round = 0; round < 4; ++round) {
    const auto journal = open();
    EXPECT_EQ(journal->recovered().entries, count);
    EXPECT_EQ(journal->recovered().torn_bytes, 0U);
    append_range(*journal, count, count + 200);
    count += 200;
    EXPECT_TRUE(holds(read_all(journal->reader(0)), count));
    EXPECT_TRUE(journal->close());
  }
  EXPECT_GT(disk_.list(kDir)->size(), 4U);
}

TEST_F(JournalTest, TakesEveryByteAndTheLongestEntry) {
  options_.segment_bytes = 256 << 10;
  options_.entry_bytes_max = kEntryBytesMax;
  const auto journal = open();
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::vector<std::string> entries = {all, std::string(kEntryBytesMax, '\0'), "x",
                                            std::string(kEntryBytesMax, '\xff')};
  for (const std::string& entry : entries) ASSERT_TRUE(journal->append(entry, Urgency::lazy));
  ASSERT_TRUE(journal->close());
  EXPECT_EQ(*read_all(open()->reader(0)), entries);
}

TEST_F(JournalTest, RefusesWhatItsBoundsForbidAndNamesTheBound) {
  const auto journal = open();
  EXPECT_EQ(journal->append("", Urgency::lazy).error().code, Errc::invalid);
  const auto too_long = journal->append(std::string(4097, 'x'), Urgency::lazy);
  EXPECT_EQ(too_long.error().code, Errc::invalid);
  EXPECT_NE(too_long.error().detail.find("entry_bytes_max"), std::string::npos);

  Options bad = options_;
  bad.segment_bytes = 4096;
  EXPECT_EQ(Journal::open(bad, disk_, random_).error().code, Errc::invalid);
  bad = options_;
  bad.entry_bytes_max = kEntryBytesMax + 1;
  EXPECT_EQ(Journal::open(bad, disk_, random_).error().code, Errc::invalid);
  bad = options_;
  bad.dir.clear();
  EXPECT_EQ(Journal::open(bad, disk_, random_).error().code, Errc::invalid);
}

TEST_F(JournalTest, RefusesWhatTheQueueCannotHoldAndTakesMoreOnceItIsWritten) {
  options_.queue_bytes_max = 8192;
  const auto journal = open();
  std::uint64_t taken = 0;
  while (journal->append(std::string(1000, 'x'), Urgency::lazy)) ++taken;
  EXPECT_EQ(taken, 8U);
  const auto refused = journal->append(std::string(1000, 'x'), Urgency::lazy);
  EXPECT_EQ(refused.error().code, Errc::exhausted);
  EXPECT_NE(refused.error().detail.find("queue_bytes_max"), std::string::npos);
  // A short one still fits, is eager, and so empties the queue.
  ASSERT_TRUE(journal->append("now", Urgency::eager));
  ASSERT_TRUE(journal->wait_durable(8, kPatience));
  EXPECT_TRUE(journal->append("more", Urgency::lazy));
}

TEST_F(JournalTest, IsOpenForOneWriterOrManyReaders) {
  {
    const auto journal = open();
    EXPECT_EQ(Journal::open(options_, disk_, random_).error().code, Errc::conflict);
    EXPECT_EQ(ReadOnlyJournal::open(kDir, disk_).error().code, Errc::conflict);
    append_range(*journal, 0, 3);
  }
  const auto one = ReadOnlyJournal::open(kDir, disk_);
  const auto other = ReadOnlyJournal::open(kDir, disk_);
  ASSERT_TRUE(one);
  ASSERT_TRUE(other);
  EXPECT_TRUE(holds(read_all(other->reader(0)), 3));
  EXPECT_EQ(Journal::open(options_, disk_, random_).error().code, Errc::conflict);
}

TEST_F(JournalTest, LazyEntriesShareOneCommitWithTheEagerOneThatFollows) {
  const auto journal = open();
  append_range(*journal, 0, 50);
  EXPECT_EQ(journal->stats().commits, 1U);
  EXPECT_EQ(journal->stats().entries_durable, 50U);
  append_range(*journal, 50, 51);
  EXPECT_EQ(journal->stats().commits, 2U);
}

TEST_F(JournalTest, ALazyEntryIsWrittenThoughNobodyWaits) {
  options_.lazy_window = std::chrono::milliseconds(1);
  const auto journal = open();
  ASSERT_TRUE(journal->append("alone", Urgency::lazy));
  EXPECT_TRUE(journal->wait_durable(0, kPatience));
}

TEST_F(JournalTest, ManyAppendsWakeTheWriterOnce) {
  const auto journal = open();
  for (std::uint64_t at = 0; at < 100; ++at) {
    ASSERT_TRUE(journal->append(entry_of(at), Urgency::lazy));
  }
  EXPECT_LE(journal->stats().wakeups, 1U);
}

TEST_F(JournalTest, TellsListenersInOrderAndNeverOfMoreThanIsDurable) {
  const auto journal = open();
  std::vector<std::uint64_t> heard;
  std::atomic<int> others{0};
  journal->on_durable([&](std::uint64_t durable) {
    EXPECT_EQ(durable, journal->durable());
    heard.push_back(durable);
  });
  journal->on_durable([&](std::uint64_t) { ++others; });
  append_range(*journal, 0, 10);
  append_range(*journal, 10, 30);
  ASSERT_TRUE(journal->close());
  ASSERT_GE(heard.size(), 2U);
  EXPECT_TRUE(std::is_sorted(heard.begin(), heard.end()));
  EXPECT_EQ(heard.back(), 30U);
  EXPECT_EQ(static_cast<std::size_t>(others), heard.size());
}

TEST_F(JournalTest, FindsAnyEntryByItsSequence) {
  const auto journal = open();
  append_range(*journal, 0, 1000);
  for (const std::uint64_t at : {999U, 0U, 255U, 256U, 257U, 511U, 512U, 700U}) {
    EXPECT_EQ(journal->read(at).value(), entry_of(at));
  }
  EXPECT_EQ(journal->read(1000).error().code, Errc::not_found);

  Reader reader = journal->reader(500);
  EXPECT_EQ((*reader.next())->bytes, entry_of(500));
  for (const std::uint64_t at : {501U, 510U, 3U, 999U, 998U, 256U}) {
    reader.seek(at);
    EXPECT_EQ((*reader.next())->bytes, entry_of(at));
    EXPECT_EQ(reader.position(), at + 1);
  }
}

TEST_F(JournalTest, AReaderFollowsTheWriterAndSeesOnlyWhatIsDurable) {
  const auto journal = open();
  Reader reader = journal->reader(0);
  for (std::uint64_t at = 0; at < 300; at += 7) {
    EXPECT_FALSE(*reader.next());
    append_range(*journal, at, at + 7);
    for (std::uint64_t read = at; read < at + 7; ++read) {
      const auto entry = reader.next();
      ASSERT_TRUE(entry && *entry);
      EXPECT_EQ((*entry)->sequence, read);
      EXPECT_EQ((*entry)->bytes, entry_of(read));
    }
  }
  ASSERT_TRUE(journal->append("not durable", Urgency::lazy));
  EXPECT_FALSE(*reader.next());
}

TEST_F(JournalTest, ManyThreadsAppendAndNothingIsLostDoubledOrMixed) {
  options_.lazy_window = std::chrono::milliseconds(1);
  options_.preparation = Preparation::ahead;
  constexpr int kThreads = 8;
  constexpr int kEach = 400;
  std::vector<std::string> expected(kThreads * kEach);
  {
    const auto journal = open();
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < kEach; ++i) {
          const std::string entry = std::to_string(thread) + ":" + std::to_string(i);
          const auto urgency = i % 5 == 0 ? Urgency::eager : Urgency::lazy;
          const auto sequence = journal->append(entry, urgency);
          ASSERT_TRUE(sequence) << sequence.error().detail;
          expected[*sequence] = entry;
        }
      });
    }
    Reader reader = journal->reader(0);
    for (std::uint64_t read = 0; read < 100;) {
      const auto entry = reader.next();
      ASSERT_TRUE(entry) << entry.error().detail;
      if (*entry) ++read;
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(journal->close());
  }
  EXPECT_EQ(*read_all(open()->reader(0)), expected);
}

TEST_F(JournalTest, ClosedItRefusesAndSaysSo) {
  const auto journal = open();
  append_range(*journal, 0, 5);
  ASSERT_TRUE(journal->append(entry_of(5), Urgency::lazy));
  ASSERT_TRUE(journal->close());
  EXPECT_TRUE(journal->close());
  EXPECT_EQ(journal->durable(), 6U);
  EXPECT_EQ(journal->health(), Health::closed);
  EXPECT_EQ(journal->append("late", Urgency::lazy).error().code, Errc::unavailable);
  EXPECT_EQ(journal->wait_durable(6, kPatience).error().code, Errc::unavailable);
  // The directory is free, and the old journal's readers still read.
  const auto next = open();
  EXPECT_TRUE(holds(read_all(journal->reader(0)), 6));
}

TEST_F(JournalTest, AWaitThatIsInVainEnds) {
  const auto journal = open();
  ASSERT_TRUE(journal->append("lazy", Urgency::lazy));
  EXPECT_EQ(journal->wait_durable(0, std::chrono::milliseconds(1)).error().code, Errc::unavailable);
}

TEST_F(JournalTest, GrowsItsEntriesAcrossARestartThoughTheOldSegmentIsSmall) {
  { const auto journal = open(); }  // an empty segment of 16 KiB
  options_.segment_bytes = 256 << 10;
  options_.entry_bytes_max = kEntryBytesMax;
  {
    const auto journal = open();
    ASSERT_TRUE(journal->append(std::string(60'000, 'x'), Urgency::lazy));
    ASSERT_TRUE(journal->close());
  }
  EXPECT_EQ(open()->read(0)->size(), 60'000U);
  EXPECT_EQ(disk_.list(kDir)->size(), 1U);
}

}  // namespace
}  // namespace cordon::journal
