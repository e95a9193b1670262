// What changed between two versions of a rulepack, rule by rule, and which side protects less.
//
// A change is `weaker` where it lets something pass that did not pass, `unknown` where nobody can
// tell without running it (another pattern), and only then `stronger` or `same`. Whoever decides
// over a change takes `unknown` for weaker.
#pragma once

#include "base/result.h"
#include "policy/rulepack.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::policy {

/// What a change does to protection. Ordered: over several changes the greatest counts.
enum class Strength : std::uint8_t { same, stronger, unknown, weaker };
[[nodiscard]] std::string_view to_string(Strength strength) noexcept;

/// What became of a rule.
enum class RuleFate : std::uint8_t { added, removed, changed };
[[nodiscard]] std::string_view to_string(RuleFate fate) noexcept;

/// One key of a rule that reads differently. Texts are as written, keys of maps in order, cut
/// at kDiffTextBytesMax; empty where the key is absent.
struct FieldChange {
  std::string key;  ///< `match`, `action`, ...
  std::string before;
  std::string after;
  Strength strength = Strength::same;
};
inline constexpr std::size_t kDiffTextBytesMax = 2'000;

/// One rule that is not the same on both sides.
struct RuleChange {
  std::string rule;
  RuleFate fate = RuleFate::changed;
  model::IncidentClass incident_class = model::IncidentClass::data_leakage;
  std::vector<FieldChange> fields;  ///< of a changed rule
  Strength strength = Strength::same;
};

/// All of them, in the order of the rules' ids.
struct PackDiff {
  std::vector<RuleChange> changes;
  [[nodiscard]] Strength strength() const noexcept;
  /// Ids of the rules whose change has this strength.
  [[nodiscard]] std::vector<std::string> rules_of(Strength strength) const;
};

/// A rulepack with the text it was read from.
struct PackText {
  const Rulepack& pack;
  std::string_view text;
};

/// Refuses as `corrupt` a text that is not the pack's.
[[nodiscard]] Result<PackDiff> diff(const PackText& before, const PackText& after);

}  // namespace cordon::policy
