#include "journal/internal/crc32c.h"

#include "base/hex.h"
#include "base/random.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace cordon::journal::internal {
namespace {

std::vector<std::byte> ascending(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

// The examples of RFC 3720, appendix B.4, and the usual check value.
TEST(Crc32c, GivesThePublishedValues) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32)), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte{0xff})), 0x62a8ab43U);
  EXPECT_EQ(crc32c(ascending(32)), 0x46dd794eU);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, TheTableAndTheInstructionAgreeHoweverTheBytesAreCut) {
  SeededRandom random(1);
  std::vector<std::byte> bytes(200);
  random.fill(bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto front = std::span(bytes).first(cut);
    const auto back = std::span(bytes).subspan(cut);
    EXPECT_EQ(crc_extend(crc_extend(kCrcStart, front), back),
              crc_extend_by_table(kCrcStart, bytes));
    EXPECT_EQ(crc_extend_by_table(crc_extend_by_table(kCrcStart, front), back),
              crc_extend(kCrcStart, bytes));
  }
}

}  // namespace
}  // namespace cordon::journal::internal
