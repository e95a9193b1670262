// What was in force at any time: the changes of generations, measures and rulepacks, in the order
// of the journal, and the moment that they add up to.
//
// A fold over the journal, live and offline alike. It holds what changed, not what passed.
#pragma once

#include "containment/state.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cordon::containment {

/// The body of an entry of kind `generation_change`.
struct GenerationChange {
  PastGeneration generation;
  std::string cause;  ///< the entry that caused it, or `start`
  std::string actor;
};

/// The body of an entry of kind `rulepack_change`, as far as it matters here.
struct RulepackChange {
  std::string name;
  std::string version;
  std::string digest;
};

/// One change, where it stands in the journal, and when it was recorded.
struct Change {
  std::uint64_t sequence = 0;
  WallTime at{};
  std::variant<Event, GenerationChange, RulepackChange> what;
};

/// What was in force at a time. A value.
struct Moment {
  WallTime at{};
  std::uint64_t sequence = 0;  ///< of the last change that counts
  GenerationChange generation;
  WallTime generation_since{};
  State measures;
  std::map<std::string, RulepackChange, std::less<>> rulepacks;  ///< by digest
};

/// Belongs to one thread. Feed every entry in journal order; all but a few kinds are skipped.
class History {
 public:
  /// Refuses as `corrupt` a body that cannot be read.
  [[nodiscard]] Status observe(std::uint64_t sequence, std::string_view bytes);

  /// Everything up to the first change recorded after `at`. `not_found` if no generation was in
  /// force yet: the detail says since when one is.
  [[nodiscard]] Result<Moment> at(WallTime at) const;
  /// The moment at which a generation came into force; `not_found` names the nearest.
  [[nodiscard]] Result<Moment> of_generation(std::uint64_t number) const;

  /// Every generation that was ever in force, by number. The pointers hold until the next entry.
  [[nodiscard]] std::map<std::uint64_t, const Change*> generations() const;
  [[nodiscard]] const std::vector<Change>& changes() const noexcept { return changes_; }

 private:
  [[nodiscard]] Moment fold(std::size_t count, WallTime at) const;
  std::vector<Change> changes_;
  std::map<std::uint64_t, std::size_t> generations_;  ///< number to its place in changes_
};

}  // namespace cordon::containment
