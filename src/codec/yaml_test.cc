#include "codec/yaml.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace cordon::codec {
namespace {

using std::chrono::milliseconds;

YamlNode parsed(std::string_view text) {
  auto node = parse_yaml(text, "t.yaml");
  EXPECT_TRUE(node.has_value()) << (node ? "" : node.error().detail);
  return node ? *std::move(node) : YamlNode();
}

std::string refusal(std::string_view text, const YamlLimits& limits = {}) {
  const auto node = parse_yaml(text, "t.yaml", limits);
  return node ? "accepted" : node.error().detail;
}

TEST(Yaml, KeepsTheValuesAndTheirPlaces) {
  const auto root = parsed("name: a b\nlist:\n  - 1\n  - {deep: 'x: y'}\nnone:\n");
  ASSERT_TRUE(root.is_mapping());
  EXPECT_EQ(root.find("name")->text(), "a b");
  EXPECT_EQ(root.find("name")->line(), 1U);
  EXPECT_EQ(root.find("name")->column(), 7U);
  const auto items = root.find("list")->items();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].as_int(0, 9).value(), 1);
  EXPECT_EQ(items[1].find("deep")->text(), "x: y");
  EXPECT_EQ(items[1].find("deep")->line(), 4U);
  EXPECT_EQ(items[1].find("deep")->column(), 12U);
  EXPECT_TRUE(root.find("none")->is_null());
  EXPECT_EQ(root.find("absent"), nullptr);
}

TEST(Yaml, TakesAnEmptyTextAsNothing) {
  EXPECT_TRUE(parsed("").is_null());
  EXPECT_TRUE(parsed("# only a comment\n").is_null());
}

TEST(Yaml, OutlivesItsText) {
  YamlNode copy;
  {
    const std::string text = "a: [one, two]\n";
    copy = *parsed(text).find("a");
  }
  EXPECT_EQ(copy.strings().value(), (std::vector<std::string>{"one", "two"}));
}

TEST(Yaml, RefusesWhatHasTwoMeanings) {
  const std::array<std::pair<std::string_view, std::string_view>, 13> cases = {{
      {"a: 1\nb: 2\na: 3\n",
       "t.yaml:3:1: found the key 'a' a second time, expected it once (the first value is on "
       "line 1)"},
      {"a: {x: 1, 'x': 2}\n",
       "t.yaml:1:11: found the key 'x' a second time, expected it once (the first value is on "
       "line 1)"},
      {"a: &b 1\n", "t.yaml:1:7: found an anchor, expected the value itself"},
      {"a: &b 1\nc: *b\n", "t.yaml:1:7: found an anchor, expected the value itself"},
      {"a: !!int 1\n", "t.yaml:1:10: found a tag, expected the value itself"},
      {"<<: {a: 1}\n", "t.yaml:1:1: found '<<', expected a key, not a merge"},
      {"a: 1\n---\nb: 2\n", "t.yaml:2:1: found a second document, expected one"},
      {"%YAML 1.1\n---\na: 1\n", "t.yaml:2:1: found a directive, expected none"},
      {"a:\tb\n", "t.yaml:1:3: found a tab, expected spaces (write \\t inside double quotes)"},
      {"a: \x01\n", "t.yaml:1:4: found a control character, expected printable text"},
      {"a: \xff\n", "t.yaml:1:4: found bytes that are not UTF-8, expected UTF-8 text"},
      {"? [a]\n: b\n", "t.yaml:1:3: found a list, expected a key"},
      {"? {a: 1}\n: b\n", "t.yaml:1:3: found a map, expected a key"},
  }};
  for (const auto& [text, error] : cases) EXPECT_EQ(refusal(text), error) << text;
}

// libfyaml 0.7.12 read 'x''''y' as x'' and leaked behind eight doubled quotes.
TEST(Yaml, ReadsSingleQuotedTextsHoweverManyQuotesTheyHold) {
  for (std::size_t quotes = 0; quotes <= 40; ++quotes) {
    const std::string inside = "x" + std::string(quotes, '\'') + "y" + std::string(quotes, '\'');
    std::string doubled;
    for (const char c : inside) doubled += c == '\'' ? "''" : std::string(1, c);
    const auto root = parsed("a: '" + doubled + "'\nb: ['" + doubled + "', '']\n");
    EXPECT_EQ(root.find("a")->text(), inside);
    EXPECT_EQ(root.find("b")->strings().value(), (std::vector<std::string>{inside, ""}));
  }
}

TEST(Yaml, RefusesASingleQuotedTextOverSeveralLines) {
  EXPECT_EQ(refusal("a: 'one\n  two'\n"),
            "t.yaml:1:4: found a single-quoted text over several lines, expected it on one line "
            "(or as a block after |)");
}

TEST(Yaml, SaysWhereTheSyntaxBreaks) {
  EXPECT_EQ(refusal("a: 1\n b: 2\n"), "t.yaml:1:4: invalid multiline plain key");
  EXPECT_EQ(refusal("a: [1, 2\nb: 3\n"), "t.yaml:3:1: flow sequence without a closing bracket");
  EXPECT_EQ(refusal("a: 1\nb: ]\n"),
            "t.yaml:2:4: flow sequence with invalid extra closing bracket");
  EXPECT_NE(refusal("a: 'open\n"), "accepted");
  EXPECT_NE(refusal("*b\n"), "accepted");
}

TEST(Yaml, NamesTheLimitThatWasPassed) {
  std::string deep;
  for (int i = 0; i < 64; ++i) deep += "[";
  EXPECT_EQ(refusal(deep + std::string(64, ']')), "accepted");
  EXPECT_EQ(refusal("[" + deep + std::string(65, ']')),
            "t.yaml:1:65: nested deeper than 64 levels");
  YamlLimits limits;
  limits.nodes_max = 3;
  EXPECT_EQ(refusal("[1, 2, 3]", limits), "t.yaml:1:1: more than 3 values");
  limits.text_bytes_max = 4;
  EXPECT_EQ(refusal("[1, 2, 3]", limits), "t.yaml: longer than 4 bytes");
  EXPECT_EQ(parse_yaml("[1, 2, 3]", "t.yaml", limits).error().code, Errc::exhausted);
}

TEST(Yaml, ReadsTypesStrictly) {
  const auto root = parsed(
      "n: 12\nq: '12'\nf: 2.5\nyes: yes\nt: true\nd: 250ms\ndays: 30d\nb: 64KiB\nplain: 4096\n"
      "l: [a]\n");
  EXPECT_EQ(root.find("n")->as_int(0, 12).value(), 12);
  EXPECT_EQ(root.find("n")->as_int(0, 11).error().detail,
            "t.yaml:1:4: found '12', expected a whole number from 0 to 11");
  EXPECT_FALSE(root.find("q")->as_int(0, 12).has_value());
  EXPECT_EQ(root.find("n")->as_string().value(), "12");
  EXPECT_DOUBLE_EQ(root.find("f")->as_double(0, 3).value(), 2.5);
  EXPECT_EQ(root.find("f")->as_double(3, 4).error().detail,
            "t.yaml:3:4: found '2.5', expected a number from 3 to 4");
  EXPECT_EQ(root.find("yes")->as_bool().error().detail,
            "t.yaml:4:6: found 'yes', expected true or false");
  EXPECT_TRUE(root.find("t")->as_bool().value());
  EXPECT_EQ(root.find("d")->as_duration(milliseconds(0), milliseconds(1000)).value(),
            milliseconds(250));
  EXPECT_EQ(root.find("days")->as_duration(milliseconds(0), milliseconds(1000)).error().detail,
            "t.yaml:7:7: found '30d', expected a duration from 0ms to 1000ms, such as 250ms, 10s, "
            "5m, 1h or 30d");
  EXPECT_EQ(root.find("b")->as_bytes(0, 100'000).value(), 65'536U);
  EXPECT_EQ(root.find("plain")->as_bytes(0, 100'000).value(), 4096U);
  EXPECT_FALSE(root.find("l")->as_string().has_value());
  EXPECT_EQ(root.find("n")->strings().error().detail, "t.yaml:1:4: found '12', expected a list");
}

TEST(Yaml, NamesAnUnknownKeyAndTheNearestKnownOne) {
  constexpr std::array<std::string_view, 3> kKnown = {"action", "id", "match"};
  const auto root = parsed("id: 1\nactoin: block\n");
  EXPECT_EQ(root.check_keys(kKnown).error().detail,
            "t.yaml:2:1: unknown key 'actoin', expected one of action, id, match (nearest: "
            "action)");
  EXPECT_TRUE(parsed("id: 1\n").check_keys(kKnown).has_value());
  EXPECT_EQ(parsed("zzzzzzzz: 1\n").check_keys(kKnown).error().detail,
            "t.yaml:1:1: unknown key 'zzzzzzzz', expected one of action, id, match");
  EXPECT_EQ(parsed("[1]\n").check_keys(kKnown).error().detail,
            "t.yaml:1:1: found a list, expected a map");
  EXPECT_EQ(root.require("match").error().detail, "t.yaml:1:1: missing key 'match'");
}

TEST(Yaml, ChoosesAmongWords) {
  constexpr std::array<std::string_view, 3> kWords = {"warn", "redact", "block"};
  const auto root = parsed("a: redact\nb: blok\nc:\n");
  EXPECT_EQ(root.find("a")->as_one_of(kWords).value(), 1U);
  EXPECT_EQ(root.find("b")->as_one_of(kWords).error().detail,
            "t.yaml:2:4: found 'blok', expected one of warn, redact, block (nearest: block)");
  EXPECT_EQ(root.find("c")->as_one_of(kWords).error().detail,
            "t.yaml:3:1: found nothing, expected one of warn, redact, block");
}

TEST(Yaml, CutsLongTextInMessagesBetweenCharacters) {
  std::string text = "a: ";
  for (int i = 0; i < 40; ++i) text += "\xC3\xA9";
  const auto root = parsed(text + "\n");
  const auto error = root.find("a")->as_bool().error().detail;
  EXPECT_NE(error.find("...'"), std::string::npos);
  EXPECT_EQ(error.find("\xC3.."), std::string::npos);
}

}  // namespace
}  // namespace cordon::codec
