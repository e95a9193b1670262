#include "store/archive.h"

#include "base/random.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

namespace cordon::store {
namespace {

namespace fs = std::filesystem;

class DirectoryArchiveTest : public testing::Test {
 protected:
  DirectoryArchiveTest()
      : dir(fs::temp_directory_path() /
            fmt::format("cordon-archive-{:016x}", SystemRandom().next())) {}
  ~DirectoryArchiveTest() override { fs::remove_all(dir); }
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for (const auto& item : fs::recursive_directory_iterator(dir)) count += item.is_regular_file();
    return count;
  }

  fs::path dir;
  journal::SystemDisk disk;
  DirectoryArchive archive{{dir, 1000}, disk};
};

TEST_F(DirectoryArchiveTest, GivesBackWhatWasPutUnderItsDigest) {
  for (const std::string& bytes : {std::string(), std::string("abc"), std::string(1000, '\0')}) {
    const auto digest = archive.put(bytes);
    ASSERT_TRUE(digest.has_value()) << digest.error().detail;
    EXPECT_EQ(*digest, crypto::sha256(bytes));
    EXPECT_EQ(*archive.get(*digest), bytes);
  }
  EXPECT_EQ(archive.get(crypto::sha256("other")).error().code, Errc::not_found);
}

TEST_F(DirectoryArchiveTest, KeepsOneFileForTheSameBytes) {
  ASSERT_TRUE(archive.put("abc").has_value());
  ASSERT_TRUE(archive.put("abc").has_value());
  EXPECT_EQ(files(), 1U);
}

TEST_F(DirectoryArchiveTest, NoticesAndMendsABlobThatWentBad) {
  const auto digest = *archive.put("abc");
  const std::string name = crypto::hex(digest);
  const fs::path path = dir / "sha256" / name.substr(0, 2) / name;
  std::ofstream(path) << "abd";
  EXPECT_EQ(archive.get(digest).error().code, Errc::corrupt);
  ASSERT_TRUE(archive.put("abc").has_value());
  EXPECT_EQ(*archive.get(digest), "abc");
}

TEST_F(DirectoryArchiveTest, NeverChangesWhatANameStandsFor) {
  ASSERT_TRUE(archive.put_once("INC-2026-00017.tar", "first").has_value());
  EXPECT_TRUE(archive.put_once("INC-2026-00017.tar", "first").has_value());
  EXPECT_EQ(archive.put_once("INC-2026-00017.tar", "second").error().code, Errc::conflict);
  EXPECT_EQ(*archive.get("INC-2026-00017.tar"), "first");
}

TEST_F(DirectoryArchiveTest, RefusesNamesThatCouldLeaveItsDirectory) {
  for (const std::string& key :
       {std::string(), std::string("../x"), std::string("a/b"), std::string(".hidden"),
        std::string("a b"), std::string("a\0b", 3), std::string(129, 'a')}) {
    EXPECT_EQ(archive.put_once(key, "x").error().code, Errc::invalid) << key;
    EXPECT_EQ(archive.get(key).error().code, Errc::invalid) << key;
  }
}

TEST_F(DirectoryArchiveTest, NamesTheLimitOnABlob) {
  EXPECT_EQ(archive.put(std::string(1001, 'a')).error().detail,
            "a blob of 1001 bytes, at most 1000 are allowed");
  EXPECT_EQ(archive.put_once("key", std::string(1001, 'a')).error().code, Errc::exhausted);
}

}  // namespace
}  // namespace cordon::store
