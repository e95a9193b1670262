#include "policy/internal/literals.h"

#include "policy/internal/matcher.h"
#include "policy/rulepack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

namespace cordon::policy {
namespace {

using Clauses = std::vector<Clause>;

Clauses sorted(Clauses clauses) {
  for (Clause& clause : clauses) std::sort(clause.begin(), clause.end());
  std::sort(clauses.begin(), clauses.end());
  return clauses;
}

TEST(PolicyLiterals, AreTheTextsInARow) {
  EXPECT_EQ(clauses_of("secret"), (Clauses{{"secret"}}));
  EXPECT_EQ(clauses_of("(?i)\\bSe[ck]ret\\b"), (Clauses{{"secret", "sekret"}}));
  EXPECT_EQ(clauses_of("gr(?:e|a)y (?:cat|dog)s?"),
            (Clauses{{"gray cat", "gray dog", "grey cat", "grey dog"}}));
  EXPECT_EQ(clauses_of("\\x41\\.b\\-c"), (Clauses{{"a.b-c"}}));
  EXPECT_EQ(clauses_of("(?:ab){2}c"), (Clauses{{"ababc"}}));
}

TEST(PolicyLiterals, AreOneClauseForEachStretch) {
  EXPECT_EQ(sorted(clauses_of("ignore[a-z ]{0,40}instructions?")),
            (Clauses{{"ignore"}, {"instruction"}}));
  EXPECT_EQ(sorted(clauses_of("(?:skip|drop)\\s+(?:prior|earlier) .{1,9}(?:rules?|orders)")),
            (Clauses{{"drop", "skip"}, {"earlier ", "prior "}, {"orders", "rule"}}));
  EXPECT_EQ(sorted(clauses_of("(?:pass\\d|key\\s)(?:word|code)+x")),
            (Clauses{{"code", "word"}, {"key", "pass"}}));
}

TEST(PolicyLiterals, OfAlternativesAreOnlyWhatEachHas) {
  EXPECT_EQ(sorted(clauses_of("first[0-9]second|third[0-9]x")), (Clauses{{"second", "third"}}));
  EXPECT_EQ(clauses_of("first|[a-z]{3}"), Clauses());
  EXPECT_EQ(clauses_of("first|xy"), Clauses()) << "two bytes tell nothing";
}

TEST(PolicyLiterals, LeaveOutWhatMayBeMissingAndWhatIsEverywhere) {
  EXPECT_EQ(clauses_of("(?:please)?[a-z]+secret"), (Clauses{{"secret"}}));
  EXPECT_EQ(clauses_of("(?:please)*[a-z]{0,3}secret"), (Clauses{{"secret"}}));
  EXPECT_EQ(clauses_of("[a-z]the [a-z]secret"), (Clauses{{"secret"}}));
  EXPECT_EQ(clauses_of("[^s]cret|.{3}"), Clauses());
}

TEST(PolicyLiterals, AreNoneForWhatIsNotKnown) {
  for (const std::string_view pattern :
       {"a{", "(abc", "[[:alpha:]]abc", "a**", "[abc", "abc\\", "abc\\012", "abc\\cAdef",
        "abc\\x{41}", "abc\\o{101}", "[\\Qa]bcdef[\\Ec]xyz", "[\\012]abc"}) {
    EXPECT_EQ(clauses_of(pattern), Clauses()) << pattern;
  }
}

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

/// Writes patterns, and texts that they match.
class PatternMaker {
 public:
  explicit PatternMaker(std::uint32_t seed) : dice_(seed) {}

  struct Made {
    std::string pattern;
    std::vector<std::string> texts;
  };
  Made make(int depth) {
    Made all = row(depth);
    for (std::size_t more = depth > 0 ? dice_() % 3 : 0; more > 0; --more) {
      const Made other = row(depth);
      all.pattern += '|' + other.pattern;
      for (std::size_t i = 0; i < kTexts; ++i) {
        if (dice_() % 2 == 0) all.texts[i] = other.texts[i];
      }
    }
    return all;
  }

 private:
  static constexpr std::size_t kTexts = 6;

  Made row(int depth) {
    Made made{"", std::vector<std::string>(kTexts)};
    for (std::size_t parts = dice_() % 6; parts > 0; --parts) {
      Made part = atom(depth);
      const std::uint32_t kind = dice_() % 8;
      constexpr std::array<std::string_view, 8> kRepeats = {"",  "",  "",    "",
                                                            "?", "*", "{2}", "{1,7}"};
      constexpr std::array<std::array<std::uint32_t, 2>, 8> kCounts = {
          {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 1}, {0, 3}, {2, 2}, {1, 7}}};
      made.pattern += part.pattern + std::string(kRepeats[kind]);
      for (std::size_t i = 0; i < kTexts; ++i) {
        const auto [least, most] = kCounts[kind];
        // One of the part's texts each time: what a repeat takes may differ.
        for (std::size_t n = least + dice_() % (most - least + 1); n > 0; --n) {
          made.texts[i] += part.texts[dice_() % kTexts];
        }
      }
    }
    return made;
  }

  Made atom(int depth) {
    if (depth > 0 && dice_() % 3 == 0) {
      Made inside = make(depth - 1);
      constexpr std::array<std::string_view, 3> kOpen = {"(?:", "(", "(?i:"};
      inside.pattern = std::string(kOpen[dice_() % kOpen.size()]) + inside.pattern + ')';
      return inside;
    }
    Made made;
    switch (dice_() % 8) {
      case 0:
        made.pattern = "[bB]";
        break;
      case 1:
        made.pattern = "[a-c]";
        break;
      case 2:
        made.pattern = "\\w";
        break;
      case 3:
        made.pattern = "\\x41";
        break;
      case 4:
        made.pattern = "[^x]";
        break;
      default: {
        constexpr std::array<std::string_view, 8> kWords = {"ignore", "a",    "Rule", " all ",
                                                            "xy",     "drop", "t",    "\\.-"};
        made.pattern = kWords[dice_() % kWords.size()];
        break;
      }
    }
    for (std::size_t i = 0; i < kTexts; ++i) made.texts.push_back(text_of_atom(made.pattern));
    if (made.pattern.size() > 1 && made.pattern[0] != '[' && made.pattern[0] != '\\') {
      made.pattern = "(?:" + made.pattern + ")";
    } else if (made.pattern == "\\.-") {
      made.pattern = "(?:\\.-)";
    }
    return made;
  }

  std::string text_of_atom(std::string_view pattern) {
    constexpr std::string_view kAny = "abcZ0_ -";
    if (pattern == "[bB]") return dice_() % 2 == 0 ? "b" : "B";
    if (pattern == "[a-c]") return std::string(1, "abc"[dice_() % 3]);
    if (pattern == "\\w") return std::string(1, kAny[dice_() % 6]);
    if (pattern == "\\x41") return "A";
    if (pattern == "[^x]") return std::string(1, kAny[dice_() % kAny.size()]);
    if (pattern == "\\.-") return ".-";
    return std::string(pattern);
  }

  std::mt19937 dice_;
};

TEST(PolicyLiterals, StandInEveryTextThatAPatternMatches) {
  std::size_t clauses_seen = 0;
  for (std::uint32_t seed = 0; seed < 8'000; ++seed) {
    const auto made = PatternMaker(seed).make(3);
    const Clauses clauses = clauses_of(made.pattern);
    clauses_seen += clauses.size();
    for (const std::string& text : made.texts) {
      for (const Clause& clause : clauses) {
        const std::string low = lowered(text);
        EXPECT_TRUE(
            std::any_of(clause.begin(), clause.end(),
                        [&](const std::string& one) { return low.find(one) != std::string::npos; }))
            << made.pattern << "\n"
            << text;
      }
    }
    if (HasFailure()) break;
  }
  EXPECT_GT(clauses_seen, 800U);
}

/// The bytes of literal_pattern().
std::string text_of(const StreamPattern& pattern) {
  std::string text;
  for (std::size_t at = 0; at + 4 <= pattern.text.size(); at += 4) {
    text += static_cast<char>(std::stoi(pattern.text.substr(at + 2, 2), nullptr, 16));
  }
  return text;
}

// A rule's own samples are matches, so one of its branches has one text of each of its clauses in
// each.
TEST(PolicyLiterals, StandInEverySampleOfTheBuiltinRules) {
  std::size_t rules_with_clauses = 0;
  for (const BuiltinPack& builtin : builtin_packs()) {
    const auto pack = Rulepack::parse(builtin.text, builtin.file);
    ASSERT_TRUE(pack.has_value());
    for (const Rule& rule : (*pack)->rules) {
      const auto& branches = rule.matcher->branches();
      const bool clauses = std::any_of(branches.begin(), branches.end(),
                                       [](const Branch& branch) { return branch.clauses > 1; });
      if (!clauses || (rule.views & in(View::raw)) == 0) continue;
      ++rules_with_clauses;
      for (const std::string& sample : rule.tests_match) {
        const std::string text = lowered(sample);
        std::vector<unsigned> found(branches.size());
        for (const StreamPattern& pattern : rule.matcher->stream()) {
          if (text.find(text_of(pattern)) != std::string::npos) {
            found[pattern.branch] |= 1U << pattern.clause;
          }
        }
        bool stands = false;
        for (std::size_t branch = 0; branch < branches.size(); ++branch) {
          stands = stands || found[branch] == (1U << branches[branch].clauses) - 1;
        }
        EXPECT_TRUE(stands) << rule.id << ": " << sample;
      }
    }
  }
  EXPECT_GT(rules_with_clauses, 20U);
}

}  // namespace
}  // namespace cordon::policy
