// A pinned policy, and what the policy in force became compared with it.
#pragma once

#include "detect/policy_drift.h"
#include "detect/signal.h"
#include "model/generation.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::api {

/// The latest `baseline` entry. `policy` is missing if its blob cannot be read, which is a reason
/// to say "cannot assess", never "no drift".
struct Baseline {
  std::uint64_t generation = 0;
  std::string digest;         ///< of that generation
  std::string policy_digest;  ///< of the blob
  std::string reason;
  std::string actor;
  WallTime at{};
  std::optional<detect::PolicyInForce> policy;
};

/// Rules by the digest of the rulepack that holds them: a rulepack never changes.
using RulesByPack = std::map<std::string, detect::RulesInForce, std::less<>>;

/// The baseline and what differs from it.
struct BaselineDiff {
  Baseline baseline;
  std::uint64_t generation = 0;
  detect::Drift drift;
};

[[nodiscard]] codec::Json to_json(const Baseline& baseline);
[[nodiscard]] codec::Json to_json(const BaselineDiff& diff);

/// What the rules of a rulepack do. Any thread; tens of milliseconds, because the rulepack's own
/// tests run. Refuses as `corrupt` a text that is no rulepack any more.
[[nodiscard]] Result<detect::RulesInForce> rules_of(std::string_view text);
/// Refuses as `not_found` a rulepack that is not among `packs`.
[[nodiscard]] Result<detect::PolicyInForce> policy_of(const model::Generation& generation,
                                                      const RulesByPack& packs);
/// The signal that a route's rules are weaker than they were pinned.
[[nodiscard]] detect::Signal signal_of(const BaselineDiff& diff,
                                       const model::Generation& generation,
                                       const std::string& route, WallTime now);

}  // namespace cordon::api
