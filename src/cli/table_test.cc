#include "cli/internal/table.h"

#include <gtest/gtest.h>

namespace cordon::cli::internal {
namespace {

TEST(CliTable, AlignsColumnsAndEndsLinesWithoutBlanks) {
  Table table({"ID", "SCOPE"});
  table.add({"1", "route=a"});
  table.add({"12345", ""});
  EXPECT_EQ(table.text(0), "ID     SCOPE\n1      route=a\n12345\n");
}

TEST(CliTable, CutsTheWidestColumnUntilALineFits) {
  Table table({"ID", "REASON"});
  table.add({"1", "the quick brown fox jumps over the lazy dog"});
  const std::string text = table.text(20);
  EXPECT_EQ(text, "ID  REASON\n1   the quick brown\xE2\x80\xA6\n");
  // Nothing is cut below a width at which it can still be read.
  EXPECT_EQ(table.text(1), "ID  REASON\n1   the qui\xE2\x80\xA6\n");
}

TEST(CliTable, CountsWideAndCombiningCharactersAsTheTerminalDoes) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("\xE6\xBC\xA2\xE5\xAD\x97"), 4U);
  EXPECT_EQ(display_width("e\xCC\x81"), 1U);
}

// The reason of a switch or the summary of a signal may be an attacker's words.
TEST(CliTable, LetsNoControlReachTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(printable("a\nb\tc\r"), "a\\nb\\tc\\x0d");
  EXPECT_EQ(printable("\xC2\x9B"), "\\x9b");  // C1: another escape sequence
  EXPECT_EQ(printable("a\xE2\x80\xAE"
                      "b"),
            "a\\u{202e}b");  // reverses what follows
  EXPECT_EQ(printable("a\xE2\x80\x8B"
                      "b"),
            "a\\u{200b}b");                                // zero width
  EXPECT_EQ(printable("\xF3\xA0\x81\x81"), "\\u{e0041}");  // tag character
  EXPECT_EQ(printable("\xFF\xC3(\xED\xA0\x80"), "\\xff\\xc3(\\xed\\xa0\\x80");
  EXPECT_EQ(printable("gr\xC3\xBC\xC3\x9F \xE6\xBC\xA2"), "gr\xC3\xBC\xC3\x9F \xE6\xBC\xA2");
  for (int byte = 0; byte < 0x20; ++byte) {
    const std::string text = printable(std::string(1, static_cast<char>(byte)));
    EXPECT_EQ(text.front(), '\\') << byte;
  }
  Table table({"WHAT"});
  table.add({"\x1b]0;owned\x07"});
  EXPECT_EQ(table.text(0), "WHAT\n\\x1b]0;owned\\x07\n");
}

TEST(CliTable, ShowsValuesOfEveryKindAndDashesForWhatIsNotThere) {
  const auto value =
      codec::parse_json(R"({"a":{"b":"x"},"n":3,"f":0.5,"t":true,"l":["p","q"],"e":"","z":null,)"
                        R"("at":"2026-01-05T10:12:03.114000000Z"})");
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(show(*value, "a.b"), "x");
  EXPECT_EQ(show(*value, "a.b.c"), "-");
  EXPECT_EQ(show(*value, "n"), "3");
  EXPECT_EQ(show(*value, "f"), "0.5");
  EXPECT_EQ(show(*value, "t"), "yes");
  EXPECT_EQ(show(*value, "l"), "p, q");
  EXPECT_EQ(show(*value, "e"), "-");
  EXPECT_EQ(show(*value, "z"), "-");
  EXPECT_EQ(show(*value, "none"), "-");
  EXPECT_EQ(show(*value, "at", Show::time), "2026-01-05 10:12:03Z");
  EXPECT_EQ(show_time("2026-01-05T12:12:03+02:00"), "2026-01-05 10:12:03Z");
  EXPECT_EQ(show_time("yesterday"), "yesterday");
}

}  // namespace
}  // namespace cordon::cli::internal
