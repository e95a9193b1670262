#include "policy/internal/literals.h"

#include "policy/internal/matcher.h"
#include "policy/rulepack.h"

#include <gtest/gtest.h>

#include <algorithm>
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
  for (const std::string_view pattern : {"a{", "(abc", "[[:alpha:]]abc", "a**", "[abc", "abc\\"}) {
    EXPECT_EQ(clauses_of(pattern), Clauses()) << pattern;
  }
}

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
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
