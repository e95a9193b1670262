#include "policy/internal/database.h"

#include "policy/rulepack.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <set>
#include <string>
#include <utility>

namespace cordon::policy {
namespace {

std::string five_rules() {
  struct Made {
    std::string_view pattern, match, pass;
  };
  constexpr std::array<Made, 5> kMade = {{{"b[a-z ]{1,3}d", "bad", "bd"},
                                          {"secre?t", "secret", "sect"},
                                          {"(?i)\\bstop n", "Stop now", "stopn"},
                                          {"a{2,5}", "aa", "a"},
                                          {"key=[0-9]{2,6}", "key=12", "key=1"}}};
  std::string pack = "rulepack: five\nversion: '1'\nrules:\n";
  for (const Made& made : kMade) {
    pack += fmt::format(
        "  - {{id: r{}, class: data_leakage, on: [request], match: {{pattern: '{}'}}, action: "
        "warn, "
        "rationale: r, tests: {{match: ['{}'], pass: ['{}']}}}}\n",
        &made - kMade.data(), made.pattern, made.match, made.pass);
  }
  return pack;
}
/// Rule and end.
using Ends = std::set<std::pair<std::uint32_t, std::uint64_t>>;

struct Ender final : EndSink {
  explicit Ender(const Database& of) : database(of) {}
  void on_end(std::uint32_t pattern, std::uint64_t end) override {
    for (const Target& target : database.patterns()[pattern].targets) {
      ends.emplace(target.rule, end);
    }
  }
  const Database& database;
  Ends ends;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool fills(char c) {
  return c == ' ' || (c >= 'a' && c <= 'z');
}

/// The shortest end of each match of each pattern: what a search by hand finds.
Ends ends_by_hand(std::string_view text) {
  Ends ends;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view rest = text.substr(at);
    for (std::size_t i = 1; rest[0] == 'b' && i <= 3 && i + 1 < rest.size() && fills(rest[i]);
         ++i) {
      if (rest[i + 1] == 'd') ends.emplace(0, at + i + 2);
    }
    if (rest.starts_with("secrt")) ends.emplace(1, at + 5);
    if (rest.starts_with("secret")) ends.emplace(1, at + 6);
    const bool begins = at == 0 || !is_word(text[at - 1]);
    if (begins && (rest.starts_with("stop n") || rest.starts_with("Stop n")))
      ends.emplace(2, at + 6);
    if (rest.starts_with("aa")) ends.emplace(3, at + 2);
    if (rest.starts_with("key=") && rest.size() > 5 && is_digit(rest[4]) && is_digit(rest[5])) {
      ends.emplace(4, at + 6);
    }
  }
  return ends;
}

std::string random_text(std::mt19937& random) {
  constexpr std::array<std::string_view, 25> kPieces = {
      "bad",    "secret", "stop n", "aa",    "key=12", "b",   "a",    "d",     " ",
      "s",      "x",      ".",      "secre", "Stop n", "bd",  "ba-d", "key=1", "\xE2\x80\x8B",
      "5ecr3t", ", ",     "%",      "6372",  "b ad",   "day", "now"};
  std::string text;
  for (std::size_t pieces = 1 + random() % 20; pieces > 0; --pieces) {
    text += kPieces[random() % kPieces.size()];
    if (random() % 3 == 0) text.append(random() % 40, "-.x3 "[random() % 5]);
  }
  return text;
}

// Another library of the same interface loses matches, depending on the processor (ADR 5).
TEST(PolicyDatabase, FindsEveryEndThatASearchByHandFinds) {
  const auto pack = Rulepack::parse(five_rules(), "five.yaml");
  ASSERT_TRUE(pack.has_value()) << pack.error().detail;
  std::mt19937 random(20'261'130);
  for (std::uint32_t chosen = 1; chosen < 32; ++chosen) {
    std::vector<NumberedRule> rules;
    for (std::uint32_t number = 0; number < 5; ++number) {
      if ((chosen >> number & 1U) != 0) rules.push_back({number, &(*pack)->rules[number]});
    }
    const auto database = Database::compile(rules);
    ASSERT_TRUE(database.has_value()) << database.error().reason;
    for (int round = 0; round < 1'000; ++round) {
      // At any alignment.
      const std::string text = std::string(random() % 16, '?') + random_text(random);
      const std::string_view scanned = std::string_view(text).substr(random() % 16 % text.size());
      Ender found(*database);
      ASSERT_TRUE(database->scan(scanned, found));
      Ends expected = ends_by_hand(scanned);
      std::erase_if(expected, [&](const auto& end) { return (chosen >> end.first & 1U) == 0; });
      ASSERT_EQ(found.ends, expected) << "rules " << chosen << ": " << scanned;
    }
  }
}

}  // namespace
}  // namespace cordon::policy
