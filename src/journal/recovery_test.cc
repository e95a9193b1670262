// What recovery makes of every way a directory can be damaged: it recovers or refuses, and never
// gives entries that are not the ones appended.
#include "journal/internal/format.h"
#include "journal/journal.h"
#include "journal/memory_disk.h"
#include "journal/test_kit.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cordon::journal {
namespace {

using internal::kFrameBytes;
using internal::kHeaderBytes;
using internal::segment_name;
using test::append_range;
using test::holds;
using test::kDir;
using test::read_all;
using Bytes = std::vector<std::byte>;

class RecoveryTest : public testing::Test {
 protected:
  /// Writes `counts[0]` entries in one commit, then `counts[1]` in the next, and so on, and
  /// kills the process: no close, no mark.
  void write_and_kill(const std::vector<std::uint64_t>& counts) {
    SeededRandom random(3);
    MemoryDisk disk;
    auto journal = Journal::open(options_, disk, random);
    ASSERT_TRUE(journal) << journal.error().detail;
    for (const std::uint64_t count : counts) {
      append_range(**journal, count_, count_ + count);
      count_ += count;
    }
    disk_ = disk.after_kill();
  }
  void write_and_close(std::uint64_t count) {
    SeededRandom random(3);
    const auto journal = Journal::open(options_, *disk_, random);
    ASSERT_TRUE(journal) << journal.error().detail;
    append_range(**journal, count_, count_ + count);
    count_ += count;
    ASSERT_TRUE((*journal)->close());
  }
  [[nodiscard]] static Disk::Path path(std::uint64_t first) { return kDir / segment_name(first); }
  [[nodiscard]] std::vector<std::uint64_t> firsts() const {
    std::vector<std::uint64_t> found;
    const auto names = disk_->list(kDir);
    for (const std::string& name : *names) {
      if (const auto first = internal::parse_segment_name(name)) found.push_back(*first);
    }
    return found;
  }
  /// Offsets of all records of a segment, and behind the last where they end.
  [[nodiscard]] static std::vector<std::size_t> records(const Bytes& bytes) {
    std::vector<std::size_t> offsets = {kHeaderBytes};
    for (;;) {
      const internal::Word word{internal::load_le<std::uint32_t>(bytes.data() + offsets.back())};
      if (word.is_end()) return offsets;
      offsets.push_back(offsets.back() + word.record_bytes());
    }
  }

  /// Opens a copy in which one file has these bytes.
  [[nodiscard]] Result<RecoveryReport> reopen_with(const Disk::Path& file, Bytes bytes) {
    const auto disk = disk_->after_kill();
    disk->put(file, std::move(bytes));
    return reopen(*disk);
  }
  /// Recovers, and checks that what is recovered is a prefix of what was appended, that the
  /// offline reader agrees, and that the journal goes on from there and survives a restart.
  [[nodiscard]] Result<RecoveryReport> reopen(MemoryDisk& disk) {
    SeededRandom random(4);
    std::uint64_t offline = 0;
    {
      const auto readonly = ReadOnlyJournal::open(kDir, disk);
      if (readonly) offline = readonly->entries();
    }
    CORDON_TRY(auto journal, Journal::open(options_, disk, random));
    const RecoveryReport report = journal->recovered();
    EXPECT_EQ(report.entries, offline);
    EXPECT_TRUE(holds(read_all(journal->reader(0)), report.entries));
    append_range(*journal, report.entries, report.entries + 3);
    CORDON_CHECK(journal->close());
    journal.reset();
    CORDON_TRY(const auto again, ReadOnlyJournal::open(kDir, disk));
    EXPECT_TRUE(holds(read_all(again.reader(0)), report.entries + 3));
    EXPECT_EQ(again.recovered().torn_bytes, 0U);
    return report;
  }
  static void expect_corrupt(const Result<RecoveryReport>& result, const Disk::Path& file) {
    ASSERT_FALSE(result) << "recovered " << result->entries;
    EXPECT_EQ(result.error().code, Errc::corrupt);
    EXPECT_NE(result.error().detail.find(file.string() + " at byte "), std::string::npos)
        << result.error().detail;
  }

  test::Failure failure_;
  Options options_ = test::small_options(failure_);
  std::unique_ptr<MemoryDisk> disk_ = std::make_unique<MemoryDisk>();
  std::uint64_t count_ = 0;
};

TEST_F(RecoveryTest, CutsALastRecordTornAtAnyByteAndSaysWhere) {
  write_and_kill({5, 5});
  const Bytes whole = disk_->contents(path(0));
  const auto offsets = records(whole);
  const std::size_t last = offsets[offsets.size() - 2];
  for (std::size_t kept = last; kept < offsets.back(); ++kept) {
    Bytes torn = whole;
    std::fill(torn.begin() + static_cast<std::ptrdiff_t>(kept), torn.end(), std::byte{0});
    const auto report = reopen_with(path(0), torn);
    ASSERT_TRUE(report) << "kept to byte " << kept << ": " << report.error().detail;
    EXPECT_EQ(report->entries, 9U);
    if (kept >= last + 1 && torn[last] != std::byte{0}) {
      EXPECT_EQ(report->torn_offset, last);
      EXPECT_EQ(report->torn_file, path(0).string());
      EXPECT_GT(report->torn_bytes, 0U);
    }
  }
}

TEST_F(RecoveryTest, RestoresALastFileThatEndsEarlyAndSaysByHowMuch) {
  write_and_kill({5, 5});
  const Bytes whole = disk_->contents(path(0));
  const auto offsets = records(whole);
  for (std::size_t kept = kHeaderBytes; kept < whole.size(); kept += 97) {
    Bytes torn = whole;
    torn.resize(kept);
    const auto report = reopen_with(path(0), torn);
    ASSERT_TRUE(report) << "cut to " << kept << ": " << report.error().detail;
    std::uint64_t expected = 0;
    while (expected < 10 && offsets[expected + 1] <= kept) ++expected;
    EXPECT_EQ(report->entries, expected);
    EXPECT_EQ(report->missing_bytes, whole.size() - kept);
  }
}

TEST_F(RecoveryTest, NamesFileAndOffsetForAFlipOfAnyByteBeforeTheLastRecord) {
  write_and_kill({4, 4});
  const Bytes whole = disk_->contents(path(0));
  const auto offsets = records(whole);
  const std::size_t last = offsets[offsets.size() - 2];
  std::size_t record = 0;
  for (std::size_t at = 0; at < last; ++at) {
    for (const auto bit : {std::byte{1}, std::byte{0x80}}) {
      Bytes flipped = whole;
      flipped[at] ^= bit;
      const auto result = reopen_with(path(0), flipped);
      expect_corrupt(result, path(0));
      if (at >= kHeaderBytes && !result) {
        while (offsets[record + 1] <= at) ++record;
        EXPECT_NE(result.error().detail.find(fmt::format("byte {}:", offsets[record])),
                  std::string::npos)
            << "flip at " << at << ": " << result.error().detail;
      }
    }
  }
}

TEST_F(RecoveryTest, CutsTheLastRecordOfAKilledJournalForAFlipInItAndNothingElse) {
  write_and_kill({4, 4});
  const Bytes whole = disk_->contents(path(0));
  const auto offsets = records(whole);
  for (std::size_t at = offsets[offsets.size() - 2]; at < whole.size();
       at += std::size_t{at < offsets.back() + 16 ? 1U : 101U}) {
    Bytes flipped = whole;
    flipped[at] ^= std::byte{0x10};
    const auto report = reopen_with(path(0), flipped);
    ASSERT_TRUE(report) << "flip at " << at << ": " << report.error().detail;
    EXPECT_EQ(report->entries, at < offsets.back() ? 7U : 8U) << "flip at " << at;
    EXPECT_GT(report->torn_bytes, 0U);
  }
}

TEST_F(RecoveryTest, RefusesAFlipOfAnyByteOfAnyEntryOnceItWasClosed) {
  write_and_close(8);
  const Bytes whole = disk_->contents(path(0));
  const auto offsets = records(whole);
  const std::size_t mark = offsets[offsets.size() - 2];
  for (std::size_t at = 0; at < mark; ++at) {
    Bytes flipped = whole;
    flipped[at] ^= std::byte{0x04};
    expect_corrupt(reopen_with(path(0), flipped), path(0));
  }
  for (std::size_t at = mark; at < offsets.back(); ++at) {
    Bytes flipped = whole;
    flipped[at] ^= std::byte{0x04};
    const auto report = reopen_with(path(0), flipped);
    ASSERT_TRUE(report) << report.error().detail;
    EXPECT_EQ(report->entries, 8U);
  }
}

TEST_F(RecoveryTest, RefusesAnyDamageToASegmentThatIsNotTheLast) {
  write_and_kill({100, 60});
  ASSERT_GE(firsts().size(), 3U);
  for (const std::uint64_t first : {firsts()[0], firsts()[1]}) {
    const Bytes whole = disk_->contents(path(first));
    for (std::size_t at = 0; at < whole.size(); at += 61) {
      Bytes flipped = whole;
      flipped[at] ^= std::byte{0x20};
      expect_corrupt(reopen_with(path(first), flipped), path(first));
    }
    for (const std::size_t kept : {std::size_t{0}, kHeaderBytes, whole.size() - 1}) {
      Bytes cut = whole;
      cut.resize(kept);
      expect_corrupt(reopen_with(path(first), cut), path(first));
    }
    Bytes longer = whole;
    longer.resize(whole.size() + 1);
    expect_corrupt(reopen_with(path(first), longer), path(first));
  }
}

TEST_F(RecoveryTest, RefusesAMissingSwappedRenamedOrForeignSegment) {
  write_and_kill({150});
  const auto all = firsts();
  ASSERT_GE(all.size(), 3U);
  {
    const auto disk = disk_->after_kill();
    ASSERT_TRUE(disk->remove(path(all[1])));
    expect_corrupt(reopen(*disk), path(all[2]));
  }
  {
    const auto disk = disk_->after_kill();
    ASSERT_TRUE(disk->remove(path(all[0])));
    expect_corrupt(reopen(*disk), path(all[1]));
  }
  expect_corrupt(reopen_with(path(all[1]), disk_->contents(path(all[2]))), path(all[1]));
  expect_corrupt(reopen_with(path(count_), disk_->contents(path(all[1]))), path(count_));
  expect_corrupt(reopen_with(kDir / "17.journal", disk_->contents(path(0))), kDir / "17.journal");
  // The same entries from another journal: all checksums hold, but it is not this one's.
  SeededRandom random(99);
  MemoryDisk other;
  {
    const auto journal = Journal::open(options_, other, random);
    ASSERT_TRUE(journal);
    append_range(**journal, 0, 150);
  }
  expect_corrupt(reopen_with(path(all[1]), other.contents(path(all[1]))), path(all[1]));
}

TEST_F(RecoveryTest, RefusesRecordsThatWereMovedSwappedOrDoubled) {
  options_.entry_bytes_max = 100;
  MemoryDisk disk;
  SeededRandom random(3);
  const auto journal = Journal::open(options_, disk, random);
  ASSERT_TRUE(journal);
  for (const char c : {'a', 'b', 'c', 'd'}) {
    ASSERT_TRUE((*journal)->append(std::string(50, c), Urgency::lazy));
  }
  ASSERT_TRUE((*journal)->close());
  const Bytes whole = disk.contents(path(0));
  const auto at = [](std::size_t record) {
    return static_cast<std::ptrdiff_t>(kHeaderBytes + record * (50 + kFrameBytes));
  };
  disk_ = disk.after_kill();

  Bytes swapped = whole;
  std::swap_ranges(swapped.begin() + at(1), swapped.begin() + at(2), swapped.begin() + at(2));
  expect_corrupt(reopen_with(path(0), swapped), path(0));
  Bytes doubled = whole;
  std::copy(whole.begin() + at(1), whole.begin() + at(2), doubled.begin() + at(2));
  expect_corrupt(reopen_with(path(0), doubled), path(0));
  Bytes dropped = whole;
  std::copy(whole.begin() + at(2), whole.end(), dropped.begin() + at(1));
  // Nothing behind the gap is where it was written, so nothing behind it counts.
  disk_->put(path(0), dropped);
  const auto readonly = ReadOnlyJournal::open(kDir, *disk_);
  ASSERT_TRUE(readonly) << readonly.error().detail;
  EXPECT_EQ(readonly->entries(), 1U);
  EXPECT_GT(readonly->recovered().torn_bytes, 2 * 50U);
}

// A journal with several commits after the damage has proof that it was durable; a power cut
// cannot have done it, and cutting would lose acknowledged entries in silence.
TEST_F(RecoveryTest, RefusesALostSectorThatALaterCommitProvesWasDurable) {
  write_and_kill({30, 30});
  const Bytes whole = disk_->contents(path(0));
  const auto offsets = records(whole);
  for (std::size_t sector = kHeaderBytes; sector + 512 < offsets[30]; sector += 512) {
    Bytes lost = whole;
    std::fill_n(lost.begin() + static_cast<std::ptrdiff_t>(sector), 512, std::byte{0});
    expect_corrupt(reopen_with(path(0), lost), path(0));
  }
}

TEST_F(RecoveryTest, CutsAtALostSectorOfTheLastCommitThoughLaterSectorsArrived) {
  write_and_kill({10, 40});
  const Bytes whole = disk_->contents(path(0));
  const auto offsets = records(whole);
  std::uint64_t cuts = 0;
  for (std::size_t sector = (offsets[10] + 511) / 512 * 512; sector + 512 < offsets.back();
       sector += 512) {
    Bytes lost = whole;
    std::fill_n(lost.begin() + static_cast<std::ptrdiff_t>(sector), 512, std::byte{0});
    const auto report = reopen_with(path(0), lost);
    ASSERT_TRUE(report) << "sector at " << sector << ": " << report.error().detail;
    EXPECT_GE(report->entries, 10U);
    EXPECT_LT(report->entries, count_);
    ++cuts;
  }
  EXPECT_GT(cuts, 5U);
}

// Had the tail not been zeroed, a later record that ends just there would bring it back.
TEST_F(RecoveryTest, WhatWasCutNeverComesBack) {
  options_.entry_bytes_max = 1024;
  MemoryDisk disk;
  SeededRandom random(3);
  {
    const auto journal = Journal::open(options_, disk, random);
    ASSERT_TRUE(journal);
    ASSERT_TRUE((*journal)->append(std::string(1000, 'a'), Urgency::lazy));
    ASSERT_TRUE((*journal)->append(std::string(1000, 'b'), Urgency::eager));
    ASSERT_TRUE((*journal)->wait_durable(1, test::kPatience));
    disk_ = disk.after_kill();
  }
  Bytes torn = disk_->contents(path(0));
  std::fill_n(torn.begin() + kHeaderBytes, 512, std::byte{0});
  disk_->put(path(0), torn);
  const auto journal = Journal::open(options_, *disk_, random);
  ASSERT_TRUE(journal) << journal.error().detail;
  EXPECT_EQ((*journal)->recovered().entries, 0U);
  ASSERT_TRUE((*journal)->append(std::string(1000, 'A'), Urgency::eager));
  ASSERT_TRUE((*journal)->wait_durable(0, test::kPatience));
  const auto killed = disk_->after_kill();
  const auto readonly = ReadOnlyJournal::open(kDir, *killed);
  ASSERT_TRUE(readonly) << readonly.error().detail;
  EXPECT_EQ(*read_all(readonly->reader(0)), std::vector<std::string>{std::string(1000, 'A')});
}

TEST_F(RecoveryTest, ReadsASealedJournalWithoutChangingAByte) {
  write_and_kill({20});
  Bytes torn = disk_->contents(path(0));
  torn[records(torn).back() - 1] ^= std::byte{1};
  disk_->put(path(0), torn);
  const auto before = disk_->changes();
  const auto readonly = ReadOnlyJournal::open(kDir, *disk_);
  ASSERT_TRUE(readonly) << readonly.error().detail;
  EXPECT_EQ(readonly->entries(), 19U);
  EXPECT_GT(readonly->recovered().torn_bytes, 0U);
  EXPECT_TRUE(holds(read_all(readonly->reader(0)), 19));
  EXPECT_EQ(disk_->changes(), before);
  EXPECT_EQ(disk_->contents(path(0)), torn);
}

TEST_F(RecoveryTest, AReaderRefusesBytesThatRottedSinceTheStart) {
  SeededRandom random(3);
  const auto journal = Journal::open(options_, *disk_, random);
  ASSERT_TRUE(journal);
  append_range(**journal, 0, 20);
  Bytes rotten = disk_->contents(path(0));
  const std::size_t at = records(rotten)[7];
  rotten[at + 20] ^= std::byte{1};
  disk_->put(path(0), rotten);
  Reader reader = (*journal)->reader(0);
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(*reader.next());
  for (int again = 0; again < 2; ++again) {
    const auto refused = reader.next();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::corrupt);
    EXPECT_EQ(refused.error().detail,
              fmt::format("{} at byte {}: damaged record", path(0).string(), at));
  }
  EXPECT_EQ(reader.position(), 7U);
}

TEST_F(RecoveryTest, LeavesOtherFilesAloneAndIgnoresAHalfPreparedSegment) {
  write_and_kill({20});
  disk_->put(kDir / "notes.txt", Bytes(10, std::byte{'x'}));
  disk_->put(kDir / "next.prepared", Bytes(100, std::byte{'x'}));
  const auto report = reopen(*disk_);
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_EQ(report->entries, 20U);
  EXPECT_EQ(disk_->contents(kDir / "notes.txt").size(), 10U);
}

}  // namespace
}  // namespace cordon::journal
