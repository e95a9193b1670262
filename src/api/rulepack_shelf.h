// Which version of each rulepack is in force, which were before, and who put them there: the fold
// over entries of kind `rulepack_change`. Their bodies are in docs/formats/rulepack.md.
#pragma once

#include "containment/approvals.h"
#include "containment/receipt.h"
#include "model/incident_class.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::api {

/// How a version came into force. `loaded` follows the file; `published` and `rolled_back` hold
/// until changed.
enum class RulepackEvent : std::uint8_t { loaded, published, rolled_back };
[[nodiscard]] std::string_view to_string(RulepackEvent event) noexcept;

/// One version came into force.
struct RulepackChange {
  std::string name;
  std::string version;
  std::string digest;
  RulepackEvent event = RulepackEvent::loaded;
  model::Actor actor;
  std::string token;  ///< public id of the one that `actor` used
  // The rest is empty for `loaded`.
  std::string before;  ///< digest that was in force
  std::string reason;
  std::string incident;
  std::optional<containment::Approval> approval;
  std::vector<std::string> weaker;   ///< rules that protect less than before, or may
  std::vector<std::string> classes;  ///< incident classes of the rules that changed
  std::string override_reason;       ///< why it came into force although replay tests fail
  std::vector<std::string> failing;  ///< those replay tests
  std::optional<WallTime> asked_at;  ///< when it was first asked for: the clock of TTPU
  bool follows_file = true;          ///< the file's version: a newer file takes effect at a start
  // Known only once it stands in the journal.
  std::string entry;
  WallTime at{};
};
[[nodiscard]] codec::Json to_body(const RulepackChange& change);
/// Refuses as `corrupt` a missing, unknown or mistyped key.
[[nodiscard]] Result<RulepackChange> parse_rulepack_change(const codec::Json& body);

/// Lists in an entry are cut at this, so that no pack makes an entry too large.
inline constexpr std::size_t kRulesNamedMax = 100;

/// Time to policy update: from the order to the last node's acknowledgement. Empty when a node
/// did not acknowledge, or for a version that was loaded with the program.
[[nodiscard]] std::optional<std::chrono::nanoseconds> time_to_update(
    const RulepackChange& change, const containment::Receipt* receipt) noexcept;

/// Belongs to the control thread; a fold, so it can be copied.
class RulepackShelf {
 public:
  void evolve(RulepackChange change);

  /// What is in force by name. Null when the name is not known.
  [[nodiscard]] const RulepackChange* in_force(std::string_view name) const noexcept;
  /// What was in force at `time`; null when nothing was.
  [[nodiscard]] const RulepackChange* in_force_at(std::string_view name,
                                                  WallTime time) const noexcept;
  /// Grows with every change of what is in force.
  [[nodiscard]] std::uint64_t revision() const noexcept { return revision_; }
  /// Every change of a pack, oldest first; empty when there is none.
  [[nodiscard]] const std::vector<RulepackChange>& history(std::string_view name) const noexcept;
  [[nodiscard]] const std::map<std::string, std::vector<RulepackChange>, std::less<>>& all()
      const noexcept {
    return packs_;
  }

 private:
  std::map<std::string, std::vector<RulepackChange>, std::less<>> packs_;
  std::uint64_t revision_ = 0;
};

}  // namespace cordon::api
