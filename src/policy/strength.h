// Whether one set of rulepacks does everything that another does.
#pragma once

#include "policy/rulepack.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cordon::policy {

using Packs = std::span<const std::shared_ptr<const Rulepack>>;

/// What a route would lose if `other` stood in the place of `own`: one sentence for each live rule
/// of `own` without a counterpart, in the order of `own`; empty if nothing is lost. A counterpart
/// has the rule's id, is live, reads at least its parts, acts at least as strictly in both modes
/// and on errors, and names at least its `tests.match` as texts that it finds. Packs with the same
/// digest are the same. What patterns find beyond their tests is not compared.
[[nodiscard]] std::vector<std::string> losses(Packs own, Packs other);

}  // namespace cordon::policy
