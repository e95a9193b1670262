// What a reload of the configuration comes to: what changes, what would protect less, and what of
// it cannot be while a measure is in force.
#pragma once

#include "containment/state.h"
#include "model/generation.h"

#include <string>
#include <vector>

namespace cordon::containment {

/// One sentence for each thing, in the order of the generation.
struct ReloadDiff {
  std::vector<std::string> changed;  ///< `route support is new`, `limits are others`
  /// Why it takes a second person: a route in a weaker mode, without a rulepack that it has, with
  /// later evidence, or letting pass what no rule can read.
  std::vector<std::string> weaker;
};

/// Compares two generations that are made by the configuration alone; measures are ignored.
[[nodiscard]] ReloadDiff diff_reload(const model::Generation& before,
                                     const model::Generation& after);

/// Refuses as `conflict` what would undo a measure that is in force: taking away the fallback
/// targets of a route that a fallback sends there, or a provider that a route of `next` needs,
/// which a rollback may have put in force. `next` is what would be obeyed.
[[nodiscard]] Status check_reload(const model::Generation& before, const model::Generation& after,
                                  const model::Generation& next);

}  // namespace cordon::containment
