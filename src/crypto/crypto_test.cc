#include "base/hex.h"
#include "crypto/ed25519.h"
#include "crypto/sha256.h"

#include <gtest/gtest.h>

namespace cordon::crypto {
namespace {

std::vector<std::byte> bytes(std::string_view hex_text) {
  return *from_hex(hex_text);
}

// FIPS 180-4 examples.
TEST(Sha256, AgreesWithThePublishedVectors) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, IsTheSameInPieces) {
  Sha256 running;
  running.update("a");
  running.update("bc");
  EXPECT_EQ(running.finish(), sha256("abc"));
  running.update("abc");
  EXPECT_EQ(running.finish(), sha256("abc"));
  EXPECT_EQ(sha256(std::byte{'a'}, bytes_of("b"), bytes_of("c")), sha256("abc"));
}

// RFC 4231, test cases 2 and 6.
TEST(HmacSha256, AgreesWithThePublishedVectors) {
  EXPECT_EQ(hex(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::vector<std::byte> key(131, std::byte{0xaa});
  EXPECT_EQ(
      hex(hmac_sha256(key, bytes_of("Test Using Larger Than Block-Size Key - Hash Key First"))),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// RFC 8032 section 7.1, test 2.
TEST(Ed25519, AgreesWithThePublishedVector) {
  const auto key = PublicKey::from_raw(
      bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
  ASSERT_TRUE(key.has_value());
  const auto signature = bytes(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
      "1"
      "d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(key->verifies(bytes("72"), signature));
  EXPECT_FALSE(key->verifies(bytes("73"), signature));
}

TEST(Ed25519, SignsAndSurvivesPem) {
  const SigningKey made = SigningKey::generate();
  const auto read = SigningKey::from_pem(made.to_pem());
  ASSERT_TRUE(read.has_value());
  const Signature signature = read->sign(bytes_of("text"));
  const auto checker = PublicKey::from_pem(made.public_key().to_pem());
  ASSERT_TRUE(checker.has_value());
  EXPECT_TRUE(checker->verifies(bytes_of("text"), signature));
  EXPECT_FALSE(checker->verifies(bytes_of("Text"), signature));
  EXPECT_FALSE(SigningKey::from_pem("-----BEGIN NONSENSE-----").has_value());
}

TEST(EqualConstantTime, ComparesContentAndSize) {
  EXPECT_TRUE(equal_constant_time(bytes_of("ab"), bytes_of("ab")));
  EXPECT_FALSE(equal_constant_time(bytes_of("ab"), bytes_of("ac")));
  EXPECT_FALSE(equal_constant_time(bytes_of("ab"), bytes_of("abc")));
}

}  // namespace
}  // namespace cordon::crypto
