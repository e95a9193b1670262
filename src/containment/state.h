// What is switched off, tightened, diverted or taken back, and until when: switches, modes,
// fallbacks and rollbacks.
//
// State is a fold over entries of kind `containment`. `decide` answers a command with exactly
// one event or one refusal; `evolve` applies an event and cannot fail. Nothing lapses: at its
// expiry a measure becomes overdue and stays in force until somebody renews or releases it.
// What takes a second person comes with an approval, or is refused and may be asked for.
#pragma once

#include "base/clock.h"
#include "codec/json.h"
#include "containment/approvals.h"
#include "model/actor.h"
#include "model/generation.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cordon::containment {

using model::Measure;

enum class MeasureState : std::uint8_t { in_force, overdue, released };
[[nodiscard]] std::string_view to_string(MeasureState state) noexcept;

/// A generation that was in force before, by number and by the digest of its blob.
struct PastGeneration {
  std::uint64_t number = 0;
  std::string digest;
  friend bool operator==(const PastGeneration&, const PastGeneration&) = default;
};

/// One switch, mode, fallback or rollback. A fallback's scope is `route=NAME`, a rollback's is
/// `route=*`: it takes back every route and every flag.
struct Containment {
  std::string id;
  Measure measure = Measure::kill_switch;
  model::Scope scope;
  std::optional<model::Mode> mode;   ///< of a mode only
  std::optional<PastGeneration> to;  ///< of a rollback only
  std::string break_glass;           ///< why a fallback with weaker rules was taken; else empty
  std::string reason;
  model::Actor by;
  std::optional<Approval> approval;
  std::string incident;  ///< empty when set without one
  WallTime set_at{};
  WallTime expires_at{};
  MeasureState state = MeasureState::in_force;
  std::optional<WallTime> paged_at;  ///< when somebody was last told that it is overdue
  std::uint64_t order = 0;           ///< position among all ever set
  [[nodiscard]] bool is_in_force() const noexcept { return state != MeasureState::released; }
  friend bool operator==(const Containment&, const Containment&) = default;
};

/// As a caller wrote it; nothing is checked yet. `scope` is text so that its error is ours.
struct Set {
  std::string id;  ///< made by the caller; a second use is refused, so retries are safe
  Measure measure = Measure::kill_switch;
  std::string scope;  ///< may be empty for a rollback
  std::optional<model::Mode> mode;
  std::optional<std::uint64_t> generation;  ///< of a rollback: where to
  /// Of a fallback only: why it is taken although its rules are weaker. Empty: it is not.
  std::string break_glass;
  std::string reason;
  std::string incident;
  std::optional<WallTime> expires_at;
  model::Actor by;
  std::string by_token;  ///< public id of the token that `by` used; empty for a service
  std::optional<Approval> approval;
  friend bool operator==(const Set&, const Set&) = default;
};
/// Moves the expiry further out; an overdue measure is in force by its term again.
struct Renew {
  std::string id;
  std::optional<WallTime> expires_at;
  std::string reason;
  model::Actor by;
};
/// Ends a measure. Before its expiry this takes a second person.
struct Release {
  std::string id;
  std::string reason;
  model::Actor by;
  std::string by_token;  ///< public id of the token that `by` used; empty for a service
  std::optional<Approval> approval;
  friend bool operator==(const Release&, const Release&) = default;
};
/// Given by the clock, not by a person, once `expires_at` has passed.
struct MarkOverdue {
  std::string id;
};
/// Given by the clock every kPageEvery while a measure is overdue.
struct Page {
  std::string id;
};
/// What may take a second person.
using Wish = std::variant<Set, Release>;
/// Says that a generation must not come back: no rollback to it is taken from then on.
struct RevokeGeneration {
  std::uint64_t number = 0;
  std::string reason;
  model::Actor by;
};
using Command = std::variant<Set, Renew, Release, MarkOverdue, Page, RevokeGeneration>;

/// A measure came into force.
struct WasSet {
  Containment containment;            ///< its `order` is given by the state
  std::vector<std::string> replaces;  ///< modes of the same scope that this one ends
  friend bool operator==(const WasSet&, const WasSet&) = default;
};
/// A measure stays in force longer than it would have.
struct Renewed {
  std::string id;
  WallTime expires_at{};
  std::string reason;
  model::Actor by;
  WallTime at{};
  friend bool operator==(const Renewed&, const Renewed&) = default;
};
/// A measure is in force no more.
struct Released {
  std::string id;
  std::string reason;
  model::Actor by;
  std::optional<Approval> approval;
  WallTime at{};
  friend bool operator==(const Released&, const Released&) = default;
};
/// A measure passed its expiry and is still in force.
struct BecameOverdue {
  std::string id;
  WallTime at{};
  friend bool operator==(const BecameOverdue&, const BecameOverdue&) = default;
};
/// Somebody has to be told again that a measure is overdue.
struct Paged {
  std::string id;
  WallTime at{};
  friend bool operator==(const Paged&, const Paged&) = default;
};
/// A generation is not to be rolled back to.
struct GenerationRevoked {
  PastGeneration generation;
  std::string reason;
  model::Actor by;
  WallTime at{};
  friend bool operator==(const GenerationRevoked&, const GenerationRevoked&) = default;
};
using Event = std::variant<WasSet, Renewed, Released, BecameOverdue, Paged, GenerationRevoked>;

/// The measure that an event is about; empty if it is about none.
[[nodiscard]] std::string_view id_of(const Event& event) noexcept;

/// The body of an entry of kind `containment`.
[[nodiscard]] codec::Json to_body(const Event& event);
/// Refuses as `corrupt`.
[[nodiscard]] Result<Event> parse_event(const codec::Json& body);
/// A wish as the order of what waits for a second person; who asks is not in it.
[[nodiscard]] codec::Json to_order(const Wish& wish);
/// The wish of an Asked whose act is `set` or `release`. Refuses as `corrupt`.
[[nodiscard]] Result<Wish> wish_of(const Asked& asked);
/// What a wish would do, in a line for people.
[[nodiscard]] std::string say(const Wish& wish);

inline constexpr std::size_t kInForceMax = 1'000;
inline constexpr std::size_t kReasonBytesMax = 1'000;
inline constexpr std::chrono::minutes kPageEvery{10};

/// Every measure ever set. Belongs to the control thread; a fold, so it can be copied.
class State {
 public:
  void evolve(const Event& event);
  /// Null when there is none.
  [[nodiscard]] const Containment* find(std::string_view id) const noexcept;
  /// In force and overdue, in the order in which they were set.
  [[nodiscard]] std::vector<const Containment*> in_force() const;
  /// In force and past its expiry at `now`: each wants a MarkOverdue.
  [[nodiscard]] std::vector<std::string> due(WallTime now) const;
  /// Overdue, and nobody was told for kPageEvery: each wants a Page.
  [[nodiscard]] std::vector<std::string> unpaged(WallTime now) const;
  /// The rollback in force; null when there is none. There is never more than one.
  [[nodiscard]] const Containment* rollback() const noexcept;
  [[nodiscard]] bool is_revoked(std::uint64_t generation) const noexcept {
    return revoked_.contains(generation);
  }
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  [[nodiscard]] const std::map<std::string, Containment, std::less<>>& all() const noexcept {
    return all_;
  }
  friend bool operator==(const State&, const State&) = default;

 private:
  [[nodiscard]] Containment* update(std::string_view id) noexcept;
  void end(std::string_view id);
  void apply(const WasSet& event);
  void apply(const Renewed& event);
  void apply(const Released& event);
  void apply(const BecameOverdue& event);
  void apply(const Paged& event);
  void apply(const GenerationRevoked& event);

  std::map<std::string, Containment, std::less<>> all_;
  std::map<std::uint64_t, std::string> in_force_;  ///< order to id: few, however many there were
  std::set<std::uint64_t> revoked_;
};

/// The generations that were in force before. Outlives the decision that looks at it.
class Past {
 public:
  virtual ~Past() = default;
  /// Every number known, ascending.
  [[nodiscard]] virtual std::vector<std::uint64_t> numbers() const = 0;
  /// `not_found` if no generation had that number, or its blob is gone; `corrupt` if the blob
  /// is not what was sealed.
  [[nodiscard]] virtual Result<std::shared_ptr<const model::Generation>> read(
      std::uint64_t number) const = 0;
};

/// What a decision may look at besides the state.
struct Context {
  WallTime now{};
  const model::Generation& generation;  ///< names that exist, and routes' own modes
  const Tokens& tokens;                 ///< who may approve for whom
  std::chrono::milliseconds expiry_max{std::chrono::hours(24 * 30)};
  const Past* past = nullptr;  ///< null: no generation can be rolled back to
};

/// Refuses as `invalid` a missing scope, reason or expiry, an expiry in the past or further
/// than `expiry_max`, a name that does not exist (with candidates), a weaker mode and an early
/// release without a second person; as `conflict` a used id and what is released already; as
/// `not_found` an unknown id and an unknown generation (with candidates); as `exhausted` more
/// than kInForceMax in force.
[[nodiscard]] Result<Event> decide(const State& state, const Command& command,
                                   const Context& context);

/// Refuses as `invalid` a scope with a name that the generation does not know, with those that it
/// does and the nearest of them. Use cases are the callers' words and are never refused.
[[nodiscard]] Status check_names(const model::Scope& scope, const model::Generation& generation);

/// Why a wish without an approval takes a second person; empty when it does not. Refuses what
/// would be refused with one, too.
[[nodiscard]] Result<std::string> second_person(const State& state, const Wish& wish,
                                                const Context& context);

/// The text of a command for an entry of kind `refusal`: `set`, `renew`, `release`, `overdue`,
/// `page`, `revoke_generation`.
[[nodiscard]] std::string_view name_of(const Command& command) noexcept;

}  // namespace cordon::containment
