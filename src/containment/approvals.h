// What waits for a second person, whatever it is: a weaker mode, an early release, a rulepack that
// protects less, a lower severity, closing, an exception. One list, one id each, one rule.
//
// State is a fold over entries of kind `approval` (docs/formats/approval.md) and over the entries
// of what was asked for: once that happened, nothing is left to say yes to. The second person's
// yes is no entry of its own: it stands in the entry of what it made happen.
#pragma once

#include "base/clock.h"
#include "codec/json.h"
#include "containment/tokens.h"
#include "model/actor.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cordon::containment {

/// What may take a second person: setting or releasing a measure, putting a rulepack in force,
/// moving an incident, lowering its severity, signing an exception, reloading the configuration.
enum class Act : std::uint8_t { set, release, rulepack, move, severity, exception, reload };
[[nodiscard]] std::string_view to_string(Act act) noexcept;

/// One person asked for what takes two.
struct Asked {
  std::string id;
  Act act = Act::set;
  std::string about;     ///< the measure, rulepack or incident that it would change
  std::string incident;  ///< that it belongs to; may be empty
  std::string what;      ///< what would be done, for people
  std::string why;       ///< it takes a second person
  std::string reason;
  codec::Json order;  ///< exactly what is done upon the yes; whoever carries it out reads it
  model::Actor by;
  std::string by_token;  ///< public id of the token that `by` used
  WallTime at{};
  WallTime until{};  ///< when it is forgotten
  friend bool operator==(const Asked&, const Asked&) = default;
};
/// It was turned down, or taken back.
struct Declined {
  std::string id;
  std::string reason;
  model::Actor by;
  WallTime at{};
  friend bool operator==(const Declined&, const Declined&) = default;
};
using ApprovalEvent = std::variant<Asked, Declined>;

/// The body of an entry of kind `approval`.
[[nodiscard]] codec::Json to_body(const ApprovalEvent& event);
/// Refuses as `corrupt`.
[[nodiscard]] Result<ApprovalEvent> parse_approval_event(const codec::Json& body);

/// `approved_by`, `approval_token` and `approval` in the entry of what was approved.
void put_approval(codec::Json& body, const std::optional<Approval>& approval);
/// Refuses as `invalid` some of the three without the others; earlier entries have no `approval`.
[[nodiscard]] Result<std::optional<Approval>> read_approval(codec::ObjectReader& reader);

/// How long an order waits that changes what is enforced, and one that closes or judges.
inline constexpr std::chrono::minutes kEnforcedWait{15};
inline constexpr std::chrono::hours kRecordedWait{24};
/// Orders that wait for a second person at one time.
inline constexpr std::size_t kAskedMax = 100;

/// Everything that waits. Belongs to the control thread; a fold, so it can be copied.
class Approvals {
 public:
  /// `until` is filled in. Refuses as `invalid` an asker who is no person, as `conflict` what
  /// somebody asked for already, naming the approval, and as `exhausted` more than kAskedMax.
  [[nodiscard]] Result<Asked> ask(Asked asked) const;
  /// What `by` would say yes to. Refuses as `not_found` what nobody asked for or too long ago, and
  /// like Tokens::may_approve whoever may not.
  [[nodiscard]] Result<Asked> give(std::string_view id, const Approval& by, const Tokens& tokens,
                                   WallTime now) const;
  /// Anybody's no, the asker's included. Refuses as `not_found`, and as `invalid` without a reason.
  [[nodiscard]] Result<Declined> decline(std::string_view id, std::string reason, model::Actor by,
                                         WallTime now) const;

  void evolve(const ApprovalEvent& event);
  /// That happened, or cannot any more.
  void settle(Act act, std::string_view about);

  /// Null when nobody asked for it, or too long ago.
  [[nodiscard]] const Asked* find(Act act, std::string_view about, WallTime now) const noexcept;
  /// What waits at `now`, oldest first.
  [[nodiscard]] std::vector<const Asked*> waiting(WallTime now) const;
  friend bool operator==(const Approvals&, const Approvals&) = default;

 private:
  [[nodiscard]] Result<const Asked*> find(std::string_view id, WallTime now) const;
  std::map<std::string, Asked, std::less<>> asked_;  ///< by id
};

}  // namespace cordon::containment
