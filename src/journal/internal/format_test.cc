#include "journal/internal/format.h"

#include "base/hex.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cordon::journal::internal {
namespace {

constexpr std::uint64_t kSalt = 0x1122334455667788U;

SegmentHeader example() {
  SegmentHeader header;
  header.first_sequence = 42;
  header.segment_bytes = 65536;
  for (std::size_t i = 0; i < header.journal_id.size(); ++i) {
    header.journal_id[i] = static_cast<std::byte>(i);
  }
  header.salt = kSalt;
  return header;
}

// The expected bytes come from a separate program written from docs/formats/journal.md.
TEST(JournalFormat, HeaderHasItsGoldenBytes) {
  const HeaderBlock block = encode(example());
  EXPECT_EQ(to_hex(std::span(block).first(56)),
            "434f52444f4e4a3101000000001000002a000000000000000000010000000000"
            "000102030405060708090a0b0c0d0e0f8877665544332211");
  EXPECT_EQ(zeros_ahead(std::span(block).subspan(56)), 4036U);
  EXPECT_EQ(to_hex(std::span(block).last(4)), "2a753611");
}

TEST(JournalFormat, RecordsHaveTheirGoldenChecksums) {
  const Checksum checksum(kSalt);
  EXPECT_EQ(checksum.of(4096, Word{0x80000003U}, bytes_of("abc")), 0x994ec234U);
  EXPECT_EQ(checksum.of(4107, Word{4}, bytes_of("defg")), 0x91c8adb1U);
  EXPECT_EQ(checksum.of(4119, Word{0x80000000U}, {}), 0x7262c37cU);
}

TEST(JournalFormat, AHeaderComesBackAndOneWithAnyBitFlippedDoesNot) {
  const HeaderBlock block = encode(example());
  const auto header = decode(block);
  ASSERT_TRUE(header) << header.error().detail;
  EXPECT_EQ(encode(*header), block);
  for (std::size_t at = 0; at < block.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      HeaderBlock flipped = block;
      flipped[at] ^= static_cast<std::byte>(1U << bit);
      ASSERT_FALSE(decode(flipped)) << "bit " << bit << " of byte " << at;
    }
  }
  EXPECT_FALSE(decode(std::span(block).first(kHeaderBytes - 1)));
}

TEST(JournalFormat, NamesSortAsTheirSequences) {
  EXPECT_EQ(segment_name(0), "00000000000000000000.journal");
  EXPECT_EQ(segment_name(UINT64_MAX), "18446744073709551615.journal");
  EXPECT_LT(segment_name(999), segment_name(1000));
  EXPECT_EQ(parse_segment_name(segment_name(12345)), 12345U);
  for (const std::string_view bad :
       {"0.journal", "0000000000000000000x.journal", "99999999999999999999.journal",
        "00000000000000000000.journals", "+0000000000000000001.journal", ".journal", ""}) {
    EXPECT_FALSE(parse_segment_name(bad)) << bad;
  }
}

TEST(JournalFormat, CountsLeadingZerosExactly) {
  std::vector<std::byte> bytes(40);
  EXPECT_EQ(zeros_ahead(bytes), 40U);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::vector<std::byte> marked = bytes;
    marked[at] = std::byte{1};
    EXPECT_EQ(zeros_ahead(marked), at);
  }
  EXPECT_EQ(zeros_ahead({}), 0U);
}

}  // namespace
}  // namespace cordon::journal::internal
