#include "policy/internal/literals.h"

#include "policy/internal/characters.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <optional>

namespace cordon::policy {
namespace {

using Bytes = std::bitset<256>;

// Products of alternatives grow fast; a longer list tells less and costs more.
constexpr std::size_t kProductMax = 48;
constexpr std::size_t kTextBytesMax = 24;
constexpr std::size_t kClassBytesMax = 4;
constexpr int kRangeMax = 2 * kClassBytesMax;
constexpr std::size_t kClausesMax = 8;
constexpr std::uint32_t kRepeatsMax = 4;
// A clause that so much of ordinary text holds spares nothing.
constexpr double kCommonness = 1e-3;

char lower(unsigned char c) noexcept {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

// Letters of English text by frequency (Norvig, "English Letter Frequency Counts", 2012), a blank
// after every fifth; all else is rare.
double share_of(char c) noexcept {
  constexpr std::array<double, 26> kLetters = {.067, .012, .028, .032, .104, .020, .016, .042, .063,
                                               .001, .005, .034, .021, .060, .064, .018, .001, .052,
                                               .054, .077, .023, .009, .014, .002, .014, .001};
  if (c >= 'a' && c <= 'z') return kLetters[static_cast<std::size_t>(c - 'a')];
  return c == ' ' ? .17 : .005;
}

// Words that every text of some length holds.
constexpr std::array<std::string_view, 40> kFrequent = {
    "a",   "all", "an",   "and",  "any",  "are",  "as",   "at",   "be",   "but",
    "by",  "can", "do",   "for",  "from", "has",  "have", "if",   "in",   "is",
    "it",  "no",  "not",  "of",   "on",   "or",   "that", "the",  "this", "to",
    "was", "we",  "what", "when", "will", "with", "you",  "your", "one",  "so"};

bool all_frequent(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const bool known =
        word.empty() || std::find(kFrequent.begin(), kFrequent.end(), word) != kFrequent.end();
    if (!known) return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

/// What of a pattern is known: all its texts, or what each of its matches holds.
struct Known {
  bool exact = true;
  std::vector<std::string> texts;  // when exact
  std::vector<Clause> clauses;     // when not
};

Known nothing_known() {
  return {false, {}, {}};
}
Known only(std::string text) {
  return {true, {std::move(text)}, {}};
}

/// Without those that hold another one of the list; empty if one is too short to tell anything.
Clause clause_from(std::vector<std::string> texts) {
  const bool short_one = std::any_of(texts.begin(), texts.end(), [](const std::string& text) {
    return text.size() < kClauseTextBytesMin;
  });
  if (short_one || texts.empty()) return {};
  std::sort(texts.begin(), texts.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  Clause clause;
  for (std::string& text : texts) {
    const bool held = std::any_of(clause.begin(), clause.end(), [&](const std::string& kept) {
      return text.find(kept) != std::string::npos;
    });
    if (!held) clause.push_back(std::move(text));
  }
  return clause.size() > kClauseTextsMax ? Clause() : clause;
}

void add_clause(std::vector<Clause>& clauses, std::vector<std::string> texts) {
  Clause clause = clause_from(std::move(texts));
  if (!clause.empty() && commonness(clause) < kCommonness) clauses.push_back(std::move(clause));
}

void order(std::vector<Clause>& clauses) {
  std::sort(clauses.begin(), clauses.end(), [](const Clause& a, const Clause& b) {
    const double common_a = commonness(a);
    const double common_b = commonness(b);
    return common_a != common_b ? common_a < common_b : a < b;
  });
  if (clauses.size() > kClausesMax) clauses.resize(kClausesMax);
}

/// Parts in a row. Neighbours all of whose texts are known are one longer text.
class Row {
 public:
  void add(Known part) {
    if (!part.exact) {
      end_run();
      std::move(part.clauses.begin(), part.clauses.end(), std::back_inserter(clauses_));
      return;
    }
    std::vector<std::string> product;
    const bool fits = run_.size() * part.texts.size() <= kProductMax;
    for (std::size_t i = 0; fits && i < run_.size(); ++i) {
      for (const std::string& text : part.texts) product.push_back(run_[i] + text);
    }
    const bool shorter = std::all_of(product.begin(), product.end(), [](const std::string& text) {
      return text.size() <= kTextBytesMax;
    });
    if (fits && shorter) {
      run_ = std::move(product);
      return;
    }
    end_run();
    run_ = std::move(part.texts);
  }

  Known finish() {
    if (exact_) return {true, std::move(run_), {}};
    end_run();
    order(clauses_);
    return {false, {}, std::move(clauses_)};
  }

 private:
  void end_run() {
    exact_ = false;
    add_clause(clauses_, std::move(run_));
    run_ = {""};
  }

  bool exact_ = true;
  std::vector<std::string> run_ = {""};
  std::vector<Clause> clauses_;
};

/// One of several. Each has to tell something, or nothing can be told.
Known one_of(std::vector<Known> branches) {
  if (branches.size() == 1) return std::move(branches.front());
  const bool exact =
      std::all_of(branches.begin(), branches.end(), [](const Known& each) { return each.exact; });
  Known all;
  if (exact) {
    for (Known& each : branches) {
      std::move(each.texts.begin(), each.texts.end(), std::back_inserter(all.texts));
    }
    if (all.texts.size() <= kClauseTextsMax) return all;
    return nothing_known();
  }
  for (Known& each : branches) {
    if (each.exact) add_clause(each.clauses, std::move(each.texts));
  }
  all.exact = false;
  for (std::size_t rank = 0; rank < kClausesMax; ++rank) {
    std::vector<std::string> texts;
    for (const Known& each : branches) {
      if (each.clauses.size() <= rank) return all;
      texts.insert(texts.end(), each.clauses[rank].begin(), each.clauses[rank].end());
    }
    add_clause(all.clauses, std::move(texts));
  }
  return all;
}

// Reads a pattern by descent: alternatives, rows, repeats. Gives up at what it does not know.
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view pattern) : pattern_(pattern) {}

  std::vector<Clause> read() {
    Known all = alternatives(0);
    if (failed_ || at_ != pattern_.size()) return {};
    if (all.exact) add_clause(all.clauses, std::move(all.texts));
    order(all.clauses);
    return std::move(all.clauses);
  }

 private:
  static constexpr int kDepthMax = 32;

  struct Repeat {
    std::uint32_t min = 1;
    std::uint32_t max = 1;
  };

  [[nodiscard]] bool next_is(char c) const noexcept {
    return at_ < pattern_.size() && pattern_[at_] == c;
  }
  Known give_up() {
    failed_ = true;
    return nothing_known();
  }

  Known alternatives(int depth) {
    std::vector<Known> branches;
    do {
      branches.push_back(row(depth));
    } while (!failed_ && next_is('|') && ++at_ > 0);
    return one_of(std::move(branches));
  }

  Known row(int depth) {
    Row row;
    while (!failed_ && at_ < pattern_.size() && !next_is('|') && !next_is(')')) {
      Known part = atom(depth);
      row.add(repeated(std::move(part), read_repeat()));
    }
    return row.finish();
  }

  static Known repeated(Known part, Repeat repeat) {
    if (repeat.min == 1 && repeat.max == 1) return part;
    if (repeat.min == 0) {
      if (!part.exact || repeat.max != 1) return nothing_known();
      part.texts.emplace_back();
      return part;
    }
    if (part.exact && part.texts.size() == 1 && repeat.min == repeat.max) {
      std::string text;
      for (std::uint32_t i = 0; i < repeat.min; ++i) text += part.texts.front();
      return only(std::move(text));
    }
    if (part.exact) add_clause(part.clauses, std::move(part.texts));
    return {false, {}, std::move(part.clauses)};
  }

  Known atom(int depth) {
    const char c = pattern_[at_];
    if (c == '(') return group(depth);
    if (c == '[') return char_class();
    if (c == '\\') return escape();
    ++at_;
    if (c == '^') return only("");
    if (c == '.') return nothing_known();
    return only(std::string(1, lower(static_cast<unsigned char>(c))));
  }

  Known group(int depth) {
    ++at_;
    if (depth >= kDepthMax) return give_up();
    if (next_is('?')) {
      const std::size_t end = pattern_.find_first_of(":>)", at_);
      if (end == std::string_view::npos) return give_up();
      at_ = end + 1;
      if (pattern_[end] == ')') return only("");
    }
    Known inside = alternatives(depth + 1);
    if (!next_is(')')) return give_up();
    ++at_;
    return inside;
  }

  Repeat read_repeat() {
    Repeat repeat;
    if (next_is('{')) {
      const std::size_t end = pattern_.find('}', at_);
      if (end == std::string_view::npos) {
        failed_ = true;
        return repeat;
      }
      const std::string_view counts = pattern_.substr(at_ + 1, end - at_ - 1);
      const std::size_t comma = std::min(counts.find(','), counts.size());
      if (comma == 0 || counts.find_first_not_of("0123456789,") != std::string_view::npos) {
        failed_ = true;
        return repeat;
      }
      repeat.min = count_of(counts.substr(0, comma));
      repeat.max = comma == counts.size() ? repeat.min : kRepeatsMax + 1;
      // Many of them are as good as one that is not counted.
      if (repeat.min > kRepeatsMax) repeat.max = repeat.min + 1;
      at_ = end + 1;
    } else if (next_is('?') || next_is('*') || next_is('+')) {
      repeat.min = pattern_[at_] == '+' ? 1 : 0;
      repeat.max = pattern_[at_] == '?' ? 1 : kRepeatsMax + 1;
      ++at_;
    } else {
      return repeat;
    }
    if (next_is('?') || next_is('+')) ++at_;
    failed_ = failed_ || next_is('?') || next_is('*') || next_is('+') || next_is('{');
    return repeat;
  }

  static std::uint32_t count_of(std::string_view digits) noexcept {
    std::uint32_t count = 0;
    for (const char c : digits) {
      count = std::min(kRepeatsMax + 1, count * 10 + static_cast<std::uint32_t>(c - '0'));
    }
    return count;
  }

  // The byte that an escape stands for; nothing for a class or a place.
  std::optional<unsigned char> escaped_byte(char c) {
    constexpr std::string_view kNames = "nrtfe";
    constexpr std::string_view kBytes = "\n\r\t\f\x1B";
    constexpr std::string_view kClasses = "dDwWsShHvV";
    if (c == 'x') {
      const std::string_view digits = pattern_.substr(at_, 2);
      const int high = digits.size() < 2 ? -1 : hex_value(static_cast<unsigned char>(digits[0]));
      const int low = digits.size() < 2 ? -1 : hex_value(static_cast<unsigned char>(digits[1]));
      if (high < 0 || low < 0) {
        failed_ = true;
        return std::nullopt;
      }
      at_ += 2;
      return static_cast<unsigned char>(high * 16 + low);
    }
    const std::size_t named = kNames.find(c);
    if (named != std::string_view::npos) return static_cast<unsigned char>(kBytes[named]);
    const auto byte = static_cast<unsigned char>(c);
    if (!is_letter(byte) && !is_digit(byte)) return byte;
    // Others take bytes of the pattern with them.
    failed_ = failed_ || kClasses.find(c) == std::string_view::npos;
    return std::nullopt;
  }

  Known escape() {
    if (at_ + 1 >= pattern_.size()) return give_up();
    const char c = pattern_[at_ + 1];
    at_ += 2;
    if (c == 'b' || c == 'B') return only("");
    const auto byte = escaped_byte(c);
    return byte ? only(std::string(1, lower(*byte))) : nothing_known();
  }

  Known char_class() {
    ++at_;
    const bool negated = next_is('^');
    if (negated) ++at_;
    Bytes bytes;
    bool wide = negated;
    for (bool first = true; at_ < pattern_.size() && (first || pattern_[at_] != ']');
         first = false) {
      if (pattern_.substr(at_, 2) == "[:") return give_up();
      const auto low = member();
      wide = wide || !low;
      const bool range = at_ + 1 < pattern_.size() && pattern_[at_] == '-' &&
                         pattern_[at_ + 1] != ']' && low.has_value();
      if (low) bytes.set(static_cast<unsigned char>(lower(*low)));
      if (!range) continue;
      ++at_;
      const auto high = member();
      wide = wide || !high || *high < *low || *high > *low + kRangeMax;
      for (std::size_t c = *low; !wide && c <= *high; ++c) {
        bytes.set(static_cast<unsigned char>(lower(static_cast<unsigned char>(c))));
      }
    }
    if (!next_is(']')) return give_up();
    ++at_;
    if (wide || bytes.count() > kClassBytesMax) return nothing_known();
    Known known;
    for (std::size_t c = 0; c < bytes.size(); ++c) {
      if (bytes.test(c)) known.texts.emplace_back(1, static_cast<char>(c));
    }
    return known;
  }

  std::optional<unsigned char> member() {
    if (at_ >= pattern_.size()) return std::nullopt;
    const char c = pattern_[at_++];
    if (c != '\\') return static_cast<unsigned char>(c);
    if (at_ >= pattern_.size()) return std::nullopt;
    const char named = pattern_[at_++];
    if (named == 'b') return std::nullopt;
    return escaped_byte(named);
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace

std::vector<Clause> clauses_of(std::string_view pattern) {
  return LiteralReader(pattern).read();
}

double commonness(const Clause& clause) {
  double all = 0;
  for (const std::string& text : clause) {
    double one = 1;
    for (const char c : text) one *= share_of(c);
    if (all_frequent(text)) one = kCommonness;
    all += one;
  }
  return all;
}

}  // namespace cordon::policy
