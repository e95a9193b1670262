// What an Engine holds, for the code that scans with it.
#pragma once

#include "policy/engine.h"
#include "policy/internal/database.h"

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace cordon::policy {

inline constexpr std::size_t kModeCount = 4;
/// A settle distance that only the end of the text reaches.
inline constexpr std::uint64_t kAtTheEnd = UINT64_MAX;
/// Bytes before a start that are kept: what a look-behind may read, and a character's beginning.
inline constexpr std::uint64_t kBehindBytes = 8;
/// A view reads the text otherwise from at most so many bytes before the place that calls for it.
inline constexpr std::uint64_t kViewBehindBytes = 104;

/// How far behind the last byte a start is decided, in one part and mode. A start is settled
/// when that many bytes after it have come, or the text has ended.
struct Plan {
  std::uint64_t acting = 0;          ///< for rules that may redact or block; 0 when there is none
  std::uint64_t acting_bounded = 0;  ///< the same without those that hold the whole text
  std::uint64_t watching = 0;        ///< for all others
};

/// The rules of one part.
struct PartRules {
  std::vector<NumberedRule> rules;
  std::shared_ptr<const Database> database;  ///< the bounded rules; null when there is none
  std::shared_ptr<const Database> at_end;    ///< those that hold the whole text
  std::array<Plan, kModeCount> plans;
  std::uint64_t reach = 0;      ///< widest rule of bounded width, and its context
  ViewSet views = 0;            ///< in which some rule here looks
  bool may_hold_whole = false;  ///< some rule here is settled only at the end
};

/// One way in which a rule can match; see Branch.
struct BranchOf {
  std::uint32_t rule;
  std::uint32_t width_max;
  std::uint8_t clauses;
  ViewSet views;
};

class EngineCore {
 public:
  std::vector<std::shared_ptr<const Rulepack>> packs;
  std::vector<const Rule*> rules;           ///< by number, over all packs
  std::vector<const Rulepack*> pack_of;     ///< by number
  std::vector<std::string> tokens;          ///< by number: what stands for a redacted span
  std::vector<std::uint32_t> first_branch;  ///< by number: of its branches among those of all
  std::vector<BranchOf> branches;           ///< of all rules
  std::vector<PackDigest> digests;
  std::array<PartRules, kPartCount> parts;
  Limits limits;

  [[nodiscard]] const PartRules& part(Part part) const {
    return parts[static_cast<std::size_t>(part)];
  }
};

/// What a rule asks for in a mode. In observe that is what it would ask for in standard.
[[nodiscard]] model::Action verdict_of(const Rule& rule, model::Mode mode) noexcept;
/// What is done about it: allow for a shadow rule and in observe.
[[nodiscard]] model::Action action_of(const Rule& rule, model::Mode mode) noexcept;
/// Whether a rule may change what is released.
[[nodiscard]] inline bool acts(const Rule& rule, model::Mode mode) noexcept {
  return action_of(rule, mode) >= model::Action::redact;
}

}  // namespace cordon::policy
