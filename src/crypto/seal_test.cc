#include "crypto/seal.h"

#include <gtest/gtest.h>

namespace cordon::crypto {
namespace {

SealKey key_of(unsigned char fill) {
  SealKey key{};
  key.fill(std::byte{fill});
  return key;
}

/// Gives the same byte for ever, so that a nonce can be known.
class Zeros final : public Random {
 public:
  void fill(std::span<std::byte> out) noexcept override {
    for (std::byte& byte : out) byte = std::byte{0};
  }
};

std::string hex_of(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : text) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4U];
    hex += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return hex;
}

// Test cases 13 and 14 of the GCM specification (McGrew and Viega): 256-bit key of zeros.
TEST(Seal, IsTheCipherThatTheSpecificationTests) {
  Zeros zeros;
  EXPECT_EQ(hex_of(seal(key_of(0), "", "", zeros)),
            "000000000000000000000000530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_EQ(hex_of(seal(key_of(0), "", std::string(16, '\0'), zeros)),
            "000000000000000000000000cea7403d4d606b6e074ec5d3baf39d18"
            "d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(Seal, OpensWhatItSealedAndNeverTheSameTwice) {
  SeededRandom random(7);
  for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 5000U}) {
    const std::string text(size, 'x');
    const std::string one = seal(key_of(1), "name", text, random);
    const std::string two = seal(key_of(1), "name", text, random);
    EXPECT_NE(one, two);
    EXPECT_EQ(unseal(key_of(1), "name", one).value_or("lost"), text);
    EXPECT_EQ(unseal(key_of(1), "name", two).value_or("lost"), text);
  }
}

TEST(Seal, RefusesEveryChangedByteAnotherKeyAndAnotherContext) {
  SeededRandom random(7);
  const std::string sealed = seal(key_of(1), "name", "a text", random);
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    std::string changed = sealed;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const auto opened = unseal(key_of(1), "name", changed);
    ASSERT_FALSE(opened.has_value()) << at;
    EXPECT_EQ(opened.error().code, Errc::corrupt);
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(unseal(key_of(1), "name", sealed.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(unseal(key_of(2), "name", sealed).has_value());
  EXPECT_FALSE(unseal(key_of(1), "other", sealed).has_value());
}

}  // namespace
}  // namespace cordon::crypto
