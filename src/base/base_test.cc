#include "base/clock.h"
#include "base/hex.h"
#include "base/percent.h"
#include "base/random.h"
#include "base/uuid.h"

#include <gtest/gtest.h>

#include <set>

namespace cordon {
namespace {

TEST(Rfc3339, ReadsWhatItWrites) {
  SeededRandom random(1);
  for (int i = 0; i < 1000; ++i) {
    const WallTime time(std::chrono::nanoseconds(
        static_cast<std::int64_t>(random.below(4'000'000'000'000'000'000ULL))));
    const auto back = parse_rfc3339(format_rfc3339(time));
    ASSERT_TRUE(back.has_value()) << format_rfc3339(time);
    EXPECT_EQ(*back, time);
  }
}

TEST(Rfc3339, ReadsZonesAndRefusesWhatIsNotATime) {
  EXPECT_EQ(*parse_rfc3339("2026-01-05T11:00:00+01:00"), *parse_rfc3339("2026-01-05T10:00:00Z"));
  for (const char* bad :
       {"", "2026-01-05", "2026-13-05T10:00:00Z", "2026-02-30T10:00:00Z", "2026-01-05T25:00:00Z",
        "2026-01-05T10:00:00", "2026-01-05T10:00:00.Z", "2026-01-05T10:00:00Zx",
        "0001-01-01T00:00:00Z", "2026-01-05T10:00:00.1234567890Z"}) {
    EXPECT_FALSE(parse_rfc3339(bad).has_value()) << bad;
  }
}

TEST(Duration, ReadsOneNumberAndOneUnit) {
  EXPECT_EQ(parse_duration("250ms")->count(), 250);
  EXPECT_EQ(parse_duration("15m")->count(), 900'000);
  EXPECT_EQ(format_duration(*parse_duration("7d")), "7d");
  for (const char* bad : {"", "5", "m", "-5m", "5 m", "1h30m", "5w", "99999999999999999999d"}) {
    EXPECT_FALSE(parse_duration(bad).has_value()) << bad;
  }
}

TEST(Hex, RefusesOddLengthAndOtherDigits) {
  EXPECT_EQ(to_hex(*from_hex("00ff7a")), "00ff7a");
  EXPECT_FALSE(from_hex("0").has_value());
  EXPECT_FALSE(from_hex("0G").has_value());
}

TEST(Uuid7, SortsByTimeAndIsWellFormed) {
  ManualClock clock(*parse_rfc3339("2026-01-05T10:00:00Z"));
  SeededRandom random(7);
  std::set<std::string> made;
  std::string last;
  for (int i = 0; i < 100; ++i) {
    clock.advance(std::chrono::milliseconds(1));
    const std::string id = make_uuid7(clock, random);
    EXPECT_TRUE(is_uuid(id));
    EXPECT_EQ(id[14], '7');
    EXPECT_LT(last, id);
    last = id;
    made.insert(id);
  }
  EXPECT_EQ(made.size(), 100U);
  EXPECT_FALSE(is_uuid("00000000-0000-0000-0000-00000000000G"));
}

TEST(SeededRandom, RepeatsFromItsSeedAndStaysBelowItsBound) {
  SeededRandom one(42);
  SeededRandom two(42);
  for (int i = 0; i < 100; ++i) {
    const auto value = one.below(7);
    EXPECT_EQ(value, two.below(7));
    EXPECT_LT(value, 7U);
  }
}

TEST(Percent, IsDecodedWholeOrNotAtAll) {
  EXPECT_EQ(percent_decoded(""), "");
  EXPECT_EQ(percent_decoded("%41a%2Fb%c3%A9"), "Aa/b\xc3\xa9");
  for (const char* const broken : {"a%", "a%2", "a%zz", "%+1", "% 1", "%-1", "%%41"}) {
    EXPECT_EQ(percent_decoded(broken), std::nullopt) << broken;
  }
}

}  // namespace
}  // namespace cordon
