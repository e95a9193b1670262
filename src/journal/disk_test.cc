// The same promises from both disks, and the ones that only the real or the simulated one makes.
#include "journal/disk.h"

#include "base/hex.h"
#include "journal/journal.h"
#include "journal/memory_disk.h"
#include "journal/test_kit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

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
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string text(const File& file, std::uint64_t offset, std::size_t bytes) {
  std::vector<std::byte> buffer(bytes);
  const auto got = file.read(offset, buffer);
  return got ? std::string(text_of(std::span(buffer).first(*got))) : got.error().detail;
}

class DiskTest : public testing::TestWithParam<bool> {
 protected:
  Disk& disk() { return GetParam() ? static_cast<Disk&>(system_) : memory_; }
  TempDirectory temp_;
  SystemDisk system_;
  MemoryDisk memory_;
  std::filesystem::path dir_ = temp_.path() / "a" / "b";
};

TEST_P(DiskTest, WritesPiecesInOrderAndReadsThemBack) {
  ASSERT_TRUE(disk().make_directory(dir_));
  ASSERT_TRUE(disk().make_directory(dir_));
  const auto file = disk().open(dir_ / "f", OpenFor::create);
  ASSERT_TRUE(file) << file.error().detail;
  std::vector<Piece> pieces(150, bytes_of("ab"));
  pieces.push_back(bytes_of("end"));
  ASSERT_TRUE((*file)->write(10, pieces));
  ASSERT_TRUE((*file)->sync());
  EXPECT_EQ((*file)->size().value(), 313U);
  EXPECT_EQ(text(**file, 306, 100), "ababend");
  EXPECT_EQ(text(**file, 0, 4), std::string(4, '\0'));
  EXPECT_EQ(text(**file, 1000, 4), "");
  ASSERT_TRUE((*file)->truncate(12));
  EXPECT_EQ(text(**file, 8, 100), std::string("\0\0ab", 4));
  ASSERT_TRUE((*file)->reserve(4096));
  EXPECT_EQ((*file)->size().value(), 4096U);
  EXPECT_EQ(text(**file, 10, 4), std::string("ab\0\0", 4));
}

TEST_P(DiskTest, NamesListsRenamesAndRemoves) {
  ASSERT_TRUE(disk().make_directory(dir_));
  ASSERT_TRUE(disk().open(dir_ / "b", OpenFor::create));
  ASSERT_TRUE(disk().open(dir_ / "a", OpenFor::create));
  EXPECT_EQ(disk().list(dir_).value(), (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(disk().rename(dir_ / "a", dir_ / "c"));
  ASSERT_TRUE(disk().remove(dir_ / "b"));
  ASSERT_TRUE(disk().sync_directory(dir_));
  EXPECT_EQ(disk().list(dir_).value(), std::vector<std::string>{"c"});
  EXPECT_EQ(disk().open(dir_ / "a", OpenFor::reading).error().code, Errc::not_found);
  EXPECT_EQ(disk().open(dir_ / "a", OpenFor::writing).error().code, Errc::not_found);
  EXPECT_EQ(disk().remove(dir_ / "a").error().code, Errc::not_found);
  EXPECT_EQ(disk().rename(dir_ / "a", dir_ / "b").error().code, Errc::not_found);
}

TEST_P(DiskTest, LocksForOneWriterOrManyReaders) {
  ASSERT_TRUE(disk().make_directory(dir_));
  auto writer = disk().lock(dir_, Access::exclusive);
  ASSERT_TRUE(writer);
  EXPECT_EQ(disk().lock(dir_, Access::exclusive).error().code, Errc::conflict);
  EXPECT_EQ(disk().lock(dir_, Access::shared).error().code, Errc::conflict);
  writer->reset();
  auto one = disk().lock(dir_, Access::shared);
  auto other = disk().lock(dir_, Access::shared);
  EXPECT_TRUE(one && other);
  one->reset();
  EXPECT_EQ(disk().lock(dir_, Access::exclusive).error().code, Errc::conflict);
  other->reset();
  EXPECT_TRUE(disk().lock(dir_, Access::exclusive));
}

INSTANTIATE_TEST_SUITE_P(Both, DiskTest, testing::Bool(), [](const auto& each) {
  return each.param ? std::string("System") : std::string("Memory");
});

TEST(SystemDiskTest, KeepsAJournalAndRefusesASecondWriter) {
  const TempDirectory temp;
  test::Failure failure;
  SystemDisk disk;
  SystemRandom random;
  Options options = test::small_options(failure);
  options.dir = temp.path() / "journal";
  options.preparation = Preparation::ahead;
  for (std::uint64_t round = 0; round < 3; ++round) {
    const auto journal = Journal::open(options, disk, random);
    ASSERT_TRUE(journal) << journal.error().detail;
    EXPECT_EQ((*journal)->recovered().entries, round * 300);
    EXPECT_EQ(Journal::open(options, disk, random).error().code, Errc::conflict);
    test::append_range(**journal, round * 300, round * 300 + 300);
    EXPECT_TRUE(test::holds(test::read_all((*journal)->reader(0)), round * 300 + 300));
  }
}

/// Limits the size of this process's files until destroyed.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    before_action_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, before_action_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*before_action_)(int);
};

TEST(SystemDiskTest, AFileSizeLimitIsLackOfSpaceAndIsWaitedOut) {
  const TempDirectory temp;
  test::Failure failure;
  SystemDisk disk;
  SystemRandom random;
  Options options = test::small_options(failure);
  options.dir = temp.path();
  const auto journal = Journal::open(options, disk, random);
  ASSERT_TRUE(journal) << journal.error().detail;
  std::uint64_t taken = 0;
  {
    const FileSizeLimit limit(options.segment_bytes - 1);
    // Only what was made before still has its size; the next segment cannot get it.
    while ((*journal)->append(test::entry_of(taken), Urgency::eager)) {
      static_cast<void>((*journal)->wait_durable(taken, std::chrono::milliseconds(20)));
      ++taken;
    }
    EXPECT_EQ((*journal)->health(), Health::full);
  }
  EXPECT_TRUE((*journal)->wait_durable(taken - 1, test::kPatience));
  EXPECT_EQ(failure.count, 0);
  EXPECT_TRUE(test::holds(test::read_all((*journal)->reader(0)), taken));
}

TEST(MemoryDiskTest, APowerCutKeepsWhatWasSyncedAndLosesOfTheRestWhatItLikes) {
  std::uint64_t kept = 0;
  std::uint64_t lost = 0;
  std::uint64_t torn = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SeededRandom random(seed);
    MemoryDisk disk;
    const auto file = disk.open("/d/f", OpenFor::create);
    const std::string synced(2048, 's');
    const std::string unsynced(2048, 'u');
    const Piece first = bytes_of(synced);
    const Piece second = bytes_of(unsynced);
    ASSERT_TRUE((*file)->write(0, std::span(&first, 1)));
    ASSERT_TRUE((*file)->sync());
    ASSERT_TRUE(disk.sync_directory("/d"));
    ASSERT_TRUE((*file)->write(2048, std::span(&second, 1)));
    const auto left = disk.after_power_cut(random);
    const auto bytes = left->contents("/d/f");
    ASSERT_GE(bytes.size(), 2048U);
    EXPECT_EQ(text_of(std::span(bytes).first(2048)), synced);
    const auto arrived = std::count(bytes.begin() + 2048, bytes.end(), std::byte{'u'});
    EXPECT_EQ(arrived % 512, 0);
    arrived == 2048 ? ++kept : arrived == 0 ? ++lost : ++torn;
  }
  EXPECT_GT(kept, 0U);
  EXPECT_GT(lost, 0U);
  EXPECT_GT(torn, 0U);
}

TEST(MemoryDiskTest, ANameThatWasNotSyncedMayBeGone) {
  std::uint64_t gone = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SeededRandom random(seed);
    MemoryDisk disk;
    const auto file = disk.open("/d/f", OpenFor::create);
    ASSERT_TRUE((*file)->sync());
    const auto left = disk.after_power_cut(random);
    if (left->list("/d")->empty()) ++gone;
  }
  EXPECT_GT(gone, 0U);
  EXPECT_LT(gone, 60U);
}

}  // namespace
}  // namespace cordon::journal
