#include "evidence/log.h"

#include "evidence/internal/testing.h"
#include "evidence/journal_entries.h"
#include "journal/journal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

namespace cordon::evidence {
namespace {

using testing_support::Entries;
using testing_support::key_of_seed;
using testing_support::TemporaryDirectory;
namespace fs = std::filesystem;

class LogTest : public testing::Test {
 protected:
  std::unique_ptr<Log> open() {
    auto log = Log::open({dir.path() / "log", "log.example/a"}, key_of_seed(7), entries, disk);
    EXPECT_TRUE(log.has_value()) << log.error().detail;
    return std::move(*log);
  }
  void feed(Log& log, std::uint64_t until) {
    while (log.size() < until) {
      ASSERT_TRUE(log.integrate(log.size(), entries.bytes[log.size()]).has_value());
    }
  }
  [[nodiscard]] std::string stored(const char* name) const {
    std::ifstream in(dir.path() / "log" / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  TemporaryDirectory dir;
  journal::SystemDisk disk;
  Entries entries{600};
};

TEST_F(LogTest, SignsWhatItIntegrated) {
  const auto log = open();
  feed(*log, 300);
  const auto note = log->checkpoint();
  ASSERT_TRUE(note.has_value()) << note.error().detail;
  const auto head = open_checkpoint(*note, log->verifier());
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->size, 300U);
  EXPECT_EQ(head->root, log->tree().root());
  EXPECT_EQ(stored("checkpoint"), *note);
  EXPECT_EQ(stored("last-signed"), format_checkpoint(*head));
  EXPECT_EQ(*log->latest(), *note);
  EXPECT_EQ(*log->checkpoint(), *note) << "the same size gives the same bytes";
}

TEST_F(LogTest, SignsAnEmptyTree) {
  const auto log = open();
  const auto head = open_checkpoint(*log->checkpoint(), log->verifier());
  EXPECT_EQ(head->size, 0U);
  EXPECT_EQ(head->root, empty_root());
}

TEST_F(LogTest, ReadsBackOnlyWhatIsNewSinceTheLastHead) {
  const auto log = open();
  feed(*log, 300);
  ASSERT_TRUE(log->checkpoint().has_value());
  EXPECT_EQ(entries.reads, 300U);
  feed(*log, 310);
  ASSERT_TRUE(log->checkpoint().has_value());
  EXPECT_EQ(entries.reads, 310U);
}

TEST_F(LogTest, TakesEntriesInOrderOnly) {
  const auto log = open();
  feed(*log, 3);
  for (const std::uint64_t sequence : {0U, 2U, 4U}) {
    const auto said = log->integrate(sequence, "x");
    ASSERT_FALSE(said.has_value());
    EXPECT_EQ(said.error().code, Errc::conflict);
  }
  EXPECT_EQ(log->size(), 3U);
}

TEST_F(LogTest, SignsNothingWhenTheDiskGivesBackOtherBytes) {
  const auto log = open();
  feed(*log, 100);
  entries.bytes[42] += " ";
  const auto note = log->checkpoint();
  ASSERT_FALSE(note.has_value());
  EXPECT_EQ(note.error().code, Errc::corrupt);
  EXPECT_EQ(stored("checkpoint"), "");
  EXPECT_EQ(stored("last-signed"), "");
  EXPECT_FALSE(log->checkpoint().has_value()) << "it stays broken";
  EXPECT_FALSE(log->integrate(100, "x").has_value());
}

TEST_F(LogTest, TriesAgainWhenTheDiskDidNotAnswer) {
  const auto log = open();
  feed(*log, 10);
  const std::string kept = entries.bytes.back();
  std::vector<std::string> all = entries.bytes;
  entries.bytes.resize(5);
  EXPECT_EQ(log->checkpoint().error().code, Errc::not_found);
  entries.bytes = all;
  EXPECT_TRUE(log->checkpoint().has_value());
}

TEST_F(LogTest, NeverSignsASmallerTreeAfterARestart) {
  {
    const auto log = open();
    feed(*log, 300);
    ASSERT_TRUE(log->checkpoint().has_value());
  }
  const auto log = open();
  EXPECT_EQ(log->signed_size(), 300U);
  EXPECT_TRUE(log->latest().has_value());
  feed(*log, 299);
  const auto early = log->checkpoint();
  ASSERT_FALSE(early.has_value());
  EXPECT_EQ(early.error().code, Errc::conflict);
  EXPECT_EQ(early.error().detail,
            "a tree of 299 entries, but one of 300 was signed: the log is still catching up, or "
            "entries were lost");
  feed(*log, 300);
  EXPECT_EQ(*log->checkpoint(), *log->latest());
}

TEST_F(LogTest, NeverSignsARewrittenHistoryAfterARestart) {
  {
    const auto log = open();
    feed(*log, 300);
    ASSERT_TRUE(log->checkpoint().has_value());
  }
  entries.bytes[7] += "!";
  const auto log = open();
  feed(*log, 299);
  const auto said = log->integrate(299, entries.bytes[299]);
  ASSERT_FALSE(said.has_value());
  EXPECT_EQ(said.error().code, Errc::corrupt);
  EXPECT_TRUE(
      said.error().detail.starts_with("the first 300 entries are not those that were signed"));
  EXPECT_EQ(log->checkpoint().error().code, Errc::corrupt);
}

// Dying between making a head durable and publishing it must not allow another one of its size.
TEST_F(LogTest, HoldsToAHeadThatWasMadeDurableButNeverPublished) {
  {
    const auto log = open();
    feed(*log, 300);
    ASSERT_TRUE(log->checkpoint().has_value());
  }
  fs::remove(dir.path() / "log" / "checkpoint");
  const auto log = open();
  EXPECT_FALSE(log->latest().has_value());
  feed(*log, 200);
  EXPECT_EQ(log->checkpoint().error().code, Errc::conflict);
  feed(*log, 300);
  EXPECT_TRUE(log->checkpoint().has_value());
}

TEST_F(LogTest, RefusesTheDirectoryOfAnotherLogAndOfARunningOne) {
  {
    const auto log = open();
    EXPECT_EQ(Log::open({dir.path() / "log", "log.example/a"}, key_of_seed(7), entries, disk)
                  .error()
                  .code,
              Errc::conflict);
    ASSERT_TRUE(log->checkpoint().has_value());
  }
  const auto other =
      Log::open({dir.path() / "log", "log.example/b"}, key_of_seed(7), entries, disk);
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, Errc::conflict);
  std::ofstream(dir.path() / "log" / "last-signed") << "log.example/a\n3\n";
  EXPECT_EQ(
      Log::open({dir.path() / "log", "log.example/a"}, key_of_seed(7), entries, disk).error().code,
      Errc::corrupt);
  EXPECT_EQ(Log::open({dir.path() / "x", "a b"}, key_of_seed(7), entries, disk).error().code,
            Errc::invalid);
}

TEST_F(LogTest, FollowsARealJournal) {
  SeededRandom random(3);
  journal::Options options;
  options.dir = dir.path() / "journal";
  options.segment_bytes = 80 * 1024;
  auto opened = journal::Journal::open(options, disk, random);
  ASSERT_TRUE(opened.has_value()) << opened.error().detail;
  journal::Journal& journal = **opened;
  for (const std::string& entry : entries.bytes) {
    ASSERT_TRUE(journal.append(entry, journal::Urgency::eager).has_value());
  }
  ASSERT_TRUE(journal.wait_durable(entries.bytes.size() - 1, std::chrono::seconds(20)));

  JournalEntries source(journal.reader(0));
  auto log = Log::open({dir.path() / "log", "log.example/a"}, key_of_seed(7), source, disk);
  ASSERT_TRUE(log.has_value());
  journal::Reader tail = journal.reader(0);
  for (;;) {
    const auto entry = tail.next();
    ASSERT_TRUE(entry.has_value());
    if (!*entry) break;
    ASSERT_TRUE((*log)->integrate((*entry)->sequence, (*entry)->bytes).has_value());
  }
  EXPECT_EQ((*log)->size(), entries.bytes.size());
  EXPECT_TRUE((*log)->checkpoint().has_value());
  Prover prover((*log)->tree(), source);
  const auto proof = prover.inclusion(77, 600);
  ASSERT_TRUE(proof.has_value());
  EXPECT_TRUE(
      proves_inclusion(*proof, leaf_hash(entries.bytes[77]), 77, 600, (*log)->tree().root()));
  EXPECT_EQ(
      source.read(599, 2, [](std::uint64_t, std::string_view) { return Status(); }).error().code,
      Errc::not_found);
  EXPECT_TRUE(journal.close().has_value());
}

TEST(KeyFile, IsMadeOnceForItsOwnerAlone) {
  TemporaryDirectory dir;
  const fs::path path = dir.path() / "keys" / "log.pem";
  const auto made = load_or_create_key(path);
  ASSERT_TRUE(made.has_value()) << made.error().detail;
  EXPECT_TRUE(made->created);
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
  const auto read = load_or_create_key(path);
  ASSERT_TRUE(read.has_value());
  EXPECT_FALSE(read->created);
  EXPECT_EQ(read->key.public_key().raw(), made->key.public_key().raw());
  EXPECT_EQ(std::distance(fs::directory_iterator(path.parent_path()), {}), 1);
}

TEST(KeyFile, IsRefusedWhenOthersMayReadItOrItIsNoKey) {
  TemporaryDirectory dir;
  const fs::path path = dir.path() / "log.pem";
  ASSERT_TRUE(load_or_create_key(path).has_value());
  fs::permissions(path, fs::perms::group_read, fs::perm_options::add);
  const auto open_to_all = load_or_create_key(path);
  ASSERT_FALSE(open_to_all.has_value());
  EXPECT_EQ(open_to_all.error().detail,
            path.string() + ": a signing key must be a plain file with mode 0600, found 0640");
  fs::permissions(path, fs::perms::group_read, fs::perm_options::remove);
  std::ofstream(path) << "not a key";
  EXPECT_EQ(load_or_create_key(path).error().code, Errc::invalid);
  fs::create_symlink(path, dir.path() / "link.pem");
  EXPECT_EQ(load_or_create_key(dir.path() / "link.pem").error().code, Errc::invalid);
}

}  // namespace
}  // namespace cordon::evidence
