// What every match of a pattern must hold: texts, one of each of several lists.
//
// A place where one text of each list stands close enough together may lie in a match; elsewhere
// the pattern need not be tried. What cannot be told is answered with no list: that only costs
// time. Lists are as in Cox, "Regular Expression Matching with a Trigram Index" (2012), but of
// whole texts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::policy {

/// A match holds at least one of these, in any ASCII case. Lower case, each kClauseTextBytesMin
/// bytes or longer, none part of another.
using Clause = std::vector<std::string>;
inline constexpr std::size_t kClauseTextBytesMin = 3;
inline constexpr std::size_t kClauseTextsMax = 128;

/// The clauses of a pattern that Hyperscan takes, without look-arounds; the one that ordinary text
/// holds least often first. Empty where nothing can be told.
[[nodiscard]] std::vector<Clause> clauses_of(std::string_view pattern);

/// How often ordinary text holds one of these, as a figure to compare clauses by.
[[nodiscard]] double commonness(const Clause& clause);

}  // namespace cordon::policy
