// Reads a rule's pattern: what of it can be streamed, how wide a match is, what it costs.
//
// Hyperscan streams the pattern without its look-arounds and its trailing word boundary, which
// finds at least every end of a match; PCRE2 then confirms the pattern as written. So every form
// that would make the two disagree, or make a match depend on the end of the text, is refused.
#pragma once

#include "policy/internal/needs.h"
#include "policy/rulepack.h"

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::policy {

/// Bytes around a match that its confirmation may look at.
inline constexpr std::uint32_t kContextBytes = 4;

/// What Hyperscan is given for one rule.
struct StreamPattern {
  std::string text;
  unsigned flags = 0;
  std::uint32_t width_max = Price::kUnbounded;  ///< no match of this pattern is wider
  std::uint16_t branch = 0;                     ///< of its rule: see Branch
  std::uint8_t clause = 0;                      ///< of the branch
};

/// One way in which a rule can match. A match may begin where, for each clause, a stream pattern
/// ends behind it and no further away than the width.
struct Branch {
  std::uint32_t width_max = Price::kUnbounded;
  std::uint8_t clauses = 1;
};
/// More clauses would cost more to look for than they spare.
inline constexpr std::size_t kBranchClausesMax = 2;

/// A pattern, analysed. Branches are streamed apart: Hyperscan compiles them many times faster.
struct Expression {
  std::vector<StreamPattern> stream;
  std::vector<std::string> branches;  ///< the alternatives, whole
  Price price;
  Beginning beginning = Beginning::anywhere();
};

/// Refuses as `invalid` a form that cannot be streamed and confirmed alike, and what Hyperscan
/// refuses. The detail names the form, without a place.
[[nodiscard]] Result<Expression> analyse_pattern(std::string_view pattern);

/// The widest match of a pattern that was analysed; kUnbounded when there is none.
[[nodiscard]] std::uint32_t width_max_of(const std::string& pattern);

/// Reads a class of ASCII letters, digits and punctuation, such as `[A-Za-z0-9_-]`. Refuses as
/// `invalid` escapes, negation, spaces and a range that runs backwards.
[[nodiscard]] Result<std::bitset<128>> parse_byte_class(std::string_view text);

/// A pattern that matches exactly these bytes.
[[nodiscard]] StreamPattern literal_pattern(std::string_view bytes, bool caseless);

}  // namespace cordon::policy
