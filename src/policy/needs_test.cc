#include "policy/internal/needs.h"

#include "policy/internal/matcher.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace cordon::policy {
namespace {

Occurrence of(Need need, std::string_view text) {
  return occurrences_in(text)[static_cast<std::size_t>(need)];
}
bool holds(Need need, std::string_view text) {
  return of(need, text).begin != of(need, text).end;
}

TEST(PolicyNeeds, ADigitIsNeededOnlyWhereEveryMatchHoldsOne) {
  for (const std::string_view pattern :
       {R"(\d)", R"([0-9])", R"(a\d{2}b)", R"(a(?:b\d|2c))", R"((?<value>\d+)x)", R"(\x35)", "a1?2",
        R"((?i)key-\d{1,4})", R"([1-46]{3})", R"((?:a\d)+)", R"(a|b(?:)|\d)", R"(\d\b|5)"}) {
    const bool empty_branch = pattern.starts_with("a|b");
    EXPECT_EQ(need_of(pattern), empty_branch ? Need::nothing : Need::digit) << pattern;
  }
  for (const std::string_view pattern : {"abc",
                                         R"(\d?a)",
                                         R"(\d*a)",
                                         R"(\d{0,4}a)",
                                         R"(a\d|b)",
                                         R"((?:\d)?a)",
                                         R"((?:a\d){0,2}b)",
                                         R"([0-9a])",
                                         R"([^a-z])",
                                         R"(\D)",
                                         R"(\w)",
                                         R"(\s)",
                                         ".",
                                         "a{2,5}b?",
                                         R"(\d{,3}a)",
                                         R"([\d.])",
                                         R"(\x3a)",
                                         R"(a(?:b|(?:c|\d)))",
                                         R"([[:digit:]])",
                                         R"(\d+?*a)"}) {
    EXPECT_EQ(need_of(pattern), Need::nothing) << pattern;
  }
}

TEST(PolicyNeeds, AByteBeyondAsciiIsNeededOnlyWhereEveryMatchHoldsOne) {
  for (const std::string_view pattern :
       {R"([A-Za-z](?:\xe2\x80[\x8b-\x8d]|\xcd\x8f){1,4})", R"([\x80-\xff])", "stra\xC3\x9F",
        R"((?:\xd0[\x80-\xbf]|\xd1.){2}\d)", "(?:\xE5\xBF\xBD|\xE6\x97\xA0)[^\n]{0,36}x"}) {
    EXPECT_EQ(need_of(pattern), Need::beyond_ascii) << pattern;
  }
  // A repeat of a letter beyond ASCII is one of its last byte.
  EXPECT_EQ(need_of("\xC3\xA9?"), Need::beyond_ascii);
  EXPECT_EQ(need_of(R"([\x7f-\xff])"), Need::nothing);
  EXPECT_EQ(need_of("a(?:\xC3\xA9)?"), Need::nothing);
}

TEST(PolicyNeeds, APatternThatCannotBeReadNeedsNothing) {
  for (const std::string_view pattern :
       {R"(\d\)", R"(\d[0-)", R"(\d(a)", R"(\d\x3)", R"(\d\e)", R"(\d)x)", R"(\d(?<a)"}) {
    EXPECT_EQ(need_of(pattern), Need::nothing) << pattern;
  }
  const std::string deep(100, '(');
  EXPECT_EQ(need_of(R"(\d)" + deep + "a" + std::string(100, ')')), Need::nothing);
}

TEST(PolicyNeeds, AMatchMayBeginOnlyWithBytesOfItsPattern) {
  const auto fits = [](std::string_view pattern, std::string_view text) {
    const Beginning beginning = shape_of(pattern).beginning;
    const bool first = beginning.next(text, 0, 1) == 0;
    // The same behind other text, whose end is no boundary.
    const std::string more = "__ " + std::string(text);
    EXPECT_EQ(beginning.next(more, 3, 4) == 3, first) << pattern << " in " << more;
    return first;
  };
  EXPECT_TRUE(fits("abc", "abcd"));
  EXPECT_TRUE(fits("abc", "abc"));
  EXPECT_TRUE(fits("abc", "ab")) << "the rest has not come";
  EXPECT_FALSE(fits("abc", "abd"));
  EXPECT_FALSE(fits("abc", "Abc"));
  EXPECT_TRUE(fits("(?i)abc", "aBC"));
  EXPECT_TRUE(fits("x(?i:abc)", "xaBC"));
  EXPECT_TRUE(fits("(?<i>abc)", "abc"));
  EXPECT_FALSE(fits("(?<i>abc)", "aBC")) << "a name is no flag";
  EXPECT_TRUE(fits("ab?c", "acxx"));
  EXPECT_TRUE(fits("ab?c", "abcx"));
  EXPECT_FALSE(fits("ab?cd", "axcd"));
  EXPECT_TRUE(fits("a{2,3}b", "aabx"));
  EXPECT_TRUE(fits("a{2,3}b", "aaab"));
  EXPECT_FALSE(fits("a{2,3}b", "abab"));
  EXPECT_TRUE(fits("(?:ab|c)*d", "d"));
  EXPECT_TRUE(fits("(?:ab|c)*d", "ccab"));
  EXPECT_FALSE(fits("(?:ab|c)*d", "bd"));
  EXPECT_TRUE(fits("(?:ab){0}cd", "cd"));
  EXPECT_TRUE(fits("a+?b", "aab"));
  EXPECT_TRUE(fits("[^a]b", "xb"));
  EXPECT_FALSE(fits("[^a]b", "ab"));
  EXPECT_TRUE(fits(R"(\bfoo\b)", "foo"));
  EXPECT_TRUE(fits(R"(\s\S\w\W)", " xy "));
  EXPECT_FALSE(fits(R"(\s\S\w\W)", " xyz"));
  EXPECT_TRUE(fits("a", "azzz")) << "anything may follow a short one";
  EXPECT_TRUE(fits(R"(\Gabc)", "zzz")) << "not known";
  EXPECT_EQ(Beginning().next("a", 0, 1), 1U);
  EXPECT_EQ(Beginning::anywhere().next("aaa", 1, 2), 1U);
  EXPECT_EQ(Beginning::anywhere().next("aaa", 2, 2), 2U);
}

TEST(PolicyNeeds, AMatchThatBeginsAtABoundaryBeginsNoWordInItsMiddle) {
  const auto place = [](std::string_view pattern, std::string_view text) {
    return shape_of(pattern).beginning.next(text, 1, text.size());
  };
  EXPECT_EQ(place(R"(\bfoo)", "xfoo foo"), 5U);
  EXPECT_EQ(place(R"((?i)\b(?:foo|bar))", "xFOO BAR"), 5U);
  EXPECT_EQ(place(R"(\b(?:foo|-bar))", "xfoo"), 1U) << "a sign may follow a letter";
  EXPECT_EQ(place(R"(\bfoo|bar)", "xbar"), 1U);
  EXPECT_EQ(place(R"((?:\bfoo|bar))", "xfoo"), 1U);
  EXPECT_EQ(place(R"(f\b?oo)", "xfoo"), 1U);
  EXPECT_EQ(place(R"(\bfoo)",
                  "\xC3\xA4"
                  "foo"),
            2U)
      << "a byte beyond ASCII is no word";
}

// Whatever the first bytes say, no place where the pattern is found may be passed over.
TEST(PolicyNeeds, NoPlaceWhereAPatternIsFoundIsPassedOver) {
  std::uint64_t dice = 5;
  const auto below = [&](std::uint64_t bound) {
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::size_t>((dice >> 33) % bound);
  };
  constexpr std::string_view kLetters = "aabc1 _-";
  std::size_t found = 0;
  for (const std::string pattern :
       {R"(a{2,5}b?)", R"(\b(?:ab|c){1,3}\d?)", R"(a?b?c?1)", R"((?:a|bc)*1)",
        R"([^a]b[a-c]{0,4}_)", R"((?i)\bAB?[\w-]{0,3}c)", R"(\w\W\w)", R"(a|\bc)", R"((?:a_?){3,})",
        R"(b(?:c(?:1|a)?)+?-)"}) {
    Expression all;
    all.stream = {{pattern, 0}};
    all.price.width_max = 64;
    Expression some = all;
    some.beginning = shape_of(pattern).beginning;
    const auto slow = pattern_matcher(pattern, all, {}).value();
    const auto fast = pattern_matcher(pattern, some, {}).value();
    for (int round = 0; round < 2000; ++round) {
      std::string text;
      for (std::size_t size = below(40); size > 0; --size) text += kLetters[below(kLetters.size())];
      const std::size_t from = below(text.size() + 1);
      const std::size_t until = from + below(text.size() + 1 - from);
      const Found expected = slow->find(text, from, until);
      const Found got = fast->find(text, from, until);
      ASSERT_EQ(got.kind, expected.kind) << pattern << " in " << text;
      ASSERT_EQ(got.begin, expected.begin) << pattern << " in " << text;
      ASSERT_EQ(got.end, expected.end) << pattern << " in " << text;
      found += got.kind == Found::Kind::match ? 1 : 0;
    }
  }
  EXPECT_GT(found, 3000U);
}

// Every sample of every rule must hold what some pattern of the rule asks for.
TEST(PolicyNeeds, EverySampleOfTheBuiltinPacksHoldsWhatItsRuleNeeds) {
  std::size_t needy = 0;
  for (const auto& file : builtin_packs()) {
    const auto pack = Rulepack::parse(file.text, file.file);
    ASSERT_TRUE(pack.has_value());
    for (const Rule& rule : (*pack)->rules) {
      bool any = false;
      for (const StreamPattern& pattern : rule.matcher->stream()) {
        any = any || need_of(pattern.text) == Need::nothing;
      }
      if (any || rule.views != in(View::raw)) continue;
      ++needy;
      for (const std::string& text : rule.tests_match) {
        EXPECT_TRUE(holds(Need::digit, text) || holds(Need::beyond_ascii, text)) << rule.id;
      }
    }
  }
  EXPECT_GE(needy, 5U);
}

TEST(PolicyNeeds, SeesTheFirstAndTheLastByteOfAKindAtEveryPlace) {
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::size_t first = 0; first < size; ++first) {
      const std::size_t last = first + (size - first) / 2;
      std::string text(size, 'x');
      text[first] = '0';
      text[last] = '9';
      EXPECT_EQ(of(Need::digit, text).begin, first);
      EXPECT_EQ(of(Need::digit, text).end, last + 1);
      EXPECT_FALSE(holds(Need::beyond_ascii, text));
      text[first] = '\x80';
      text[last] = '\xFF';
      EXPECT_EQ(of(Need::beyond_ascii, text).begin, first);
      EXPECT_EQ(of(Need::beyond_ascii, text).end, last + 1);
      EXPECT_FALSE(holds(Need::digit, text));
    }
    const std::string signs(size, '/');
    EXPECT_FALSE(holds(Need::digit, signs) || holds(Need::digit, std::string(size, ':')));
    EXPECT_EQ(of(Need::nothing, signs).end, size);
  }
}

}  // namespace
}  // namespace cordon::policy
