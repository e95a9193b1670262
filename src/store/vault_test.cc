#include "store/vault.h"

#include "journal/memory_disk.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

namespace cordon::store {
namespace {

namespace fs = std::filesystem;

class VaultTest : public testing::Test {
 protected:
  VaultTest()
      : dir(fs::temp_directory_path() /
            fmt::format("cordon-vault-{:016x}", SystemRandom().next())) {
    fs::create_directories(dir);
  }
  ~VaultTest() override { fs::remove_all(dir); }
  [[nodiscard]] Vault open(std::byte fill) {
    crypto::SealKey key{};
    key.fill(fill);
    return Vault({dir, 1000}, key, disk, random);
  }

  fs::path dir;
  journal::SystemDisk disk;
  SystemRandom random;
};

TEST_F(VaultTest, GivesBackWhatWasPutAndShowsNothingOnDisk) {
  Vault vault = open(std::byte{1});
  const std::string text = "the card is 4111 1111 1111 1111";
  ASSERT_TRUE(vault.put("one", text).has_value());
  EXPECT_EQ(vault.get("one").value_or(""), text);
  ASSERT_TRUE(vault.put("one", "another").has_value());
  EXPECT_EQ(vault.get("one").value_or(""), "another");
  ASSERT_TRUE(vault.put("two", text).has_value());
  std::ifstream file(dir / "two.sealed", std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(bytes.size(), text.size() + crypto::kSealNonceBytes + crypto::kSealTagBytes);
  EXPECT_EQ(bytes.find("4111"), std::string::npos);
}

TEST_F(VaultTest, ErasesForGood) {
  Vault vault = open(std::byte{1});
  ASSERT_TRUE(vault.put("one", "text").has_value());
  ASSERT_TRUE(vault.erase("one").has_value());
  EXPECT_EQ(vault.get("one").error().code, Errc::not_found);
  EXPECT_TRUE(fs::is_empty(dir));
}

TEST_F(VaultTest, RefusesAChangedByteAnotherKeyAndAnotherName) {
  Vault vault = open(std::byte{1});
  ASSERT_TRUE(vault.put("one", "text").has_value());
  fs::copy_file(dir / "one.sealed", dir / "two.sealed");
  EXPECT_EQ(vault.get("two").error().code, Errc::corrupt);
  EXPECT_EQ(open(std::byte{2}).get("one").error().code, Errc::corrupt);
  std::fstream file(dir / "one.sealed", std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(14);
  file.put('!');
  file.close();
  EXPECT_EQ(vault.get("one").error().code, Errc::corrupt);
}

TEST_F(VaultTest, RefusesNamesThatLeadElsewhereAndTextsPastTheBound) {
  Vault vault = open(std::byte{1});
  for (const char* name : {"", ".hidden", "../up", "a/b", "a b"}) {
    EXPECT_EQ(vault.put(name, "x").error().code, Errc::invalid) << name;
    EXPECT_EQ(vault.get(name).error().code, Errc::invalid) << name;
  }
  EXPECT_EQ(vault.put("big", std::string(1001, 'x')).error().code, Errc::exhausted);
  EXPECT_EQ(vault.get("absent").error().code, Errc::not_found);
}

TEST_F(VaultTest, KeepsItsKeyOverAStartAndRefusesOneOfAnotherSize) {
  const auto made = load_or_create_seal_key(disk, dir / "vault.key", random);
  const auto again = load_or_create_seal_key(disk, dir / "vault.key", random);
  ASSERT_TRUE(made.has_value() && again.has_value());
  EXPECT_EQ(*made, *again);
  std::ofstream(dir / "short.key") << "short";
  EXPECT_EQ(load_or_create_seal_key(disk, dir / "short.key", random).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace cordon::store
