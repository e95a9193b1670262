// Who does what in an incident, and who is called when nobody does: roles that are accepted, not
// assigned; escalation along a rota; pages. All of it is events of the incident (event.h).
//
// A page is an event too. Whoever delivers pages reads the `paged` events; that one was due and
// to whom does not depend on any connector.
#pragma once

#include "base/clock.h"
#include "codec/json.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace cordon::incident {

/// What a person can be in an incident. The commander owns it.
enum class Role : std::uint8_t { commander, deputy, scribe, customer_liaison, internal_liaison };
inline constexpr std::size_t kRoleCount = 5;
[[nodiscard]] std::string_view to_string(Role role) noexcept;
/// Refuses any other word as `invalid` and lists them.
[[nodiscard]] Result<Role> parse_role(std::string_view text);

// Events. The commander's are commander_proposed and commander_accepted.

/// Somebody should take a role; they have not said yes. `reason` of a hand-over.
struct RoleProposed {
  Role role = Role::deputy;
  std::string person;
  std::string reason;
};
/// The actor has the role from now on; `from` had it before.
struct RoleAccepted {
  Role role = Role::deputy;
  std::string from;
  std::string reason;
};
/// Nobody did in time what was due: `commander` or `containment`. `to` is asked next; empty when
/// nobody is left to ask.
struct Escalated {
  std::string about;
  std::string from;
  std::string to;
  std::string reason;
};
/// Somebody is to be called: a person, or everybody of an audience if there is none.
struct Paged {
  std::string person;
  std::string audience;  ///< `on_call` or `executives`
  std::string reason;
};
/// It happened before: closed incidents of the same class and overlapping scope.
struct Recurred {
  std::vector<std::string> of;
};
/// What a person knows about who is affected; kept beside what was computed.
struct AffectedStated {
  std::vector<std::string> tenants;
  std::vector<std::string> use_cases;
  std::vector<std::string> routes;
  std::string reason;
};

// Their keys in an entry (docs/formats/incident.md).

void put(codec::Json& body, const RoleProposed& event);
void put(codec::Json& body, const RoleAccepted& event);
void put(codec::Json& body, const Escalated& event);
void put(codec::Json& body, const Paged& event);
void put(codec::Json& body, const Recurred& event);
void put(codec::Json& body, const AffectedStated& event);
[[nodiscard]] Result<RoleProposed> get(std::type_identity<RoleProposed>,
                                       codec::ObjectReader& reader);
[[nodiscard]] Result<RoleAccepted> get(std::type_identity<RoleAccepted>,
                                       codec::ObjectReader& reader);
[[nodiscard]] Result<Escalated> get(std::type_identity<Escalated>, codec::ObjectReader& reader);
[[nodiscard]] Result<Paged> get(std::type_identity<Paged>, codec::ObjectReader& reader);
[[nodiscard]] Result<Recurred> get(std::type_identity<Recurred>, codec::ObjectReader& reader);
[[nodiscard]] Result<AffectedStated> get(std::type_identity<AffectedStated>,
                                         codec::ObjectReader& reader);

// Commands.

/// Names somebody for a role; one's own name is accepting. Needs a reason while another has it.
struct ProposeRole {
  Role role = Role::commander;
  std::string person;
  std::string reason;
};
/// The actor takes a role: proposed, or free, or with a reason.
struct AcceptRole {
  Role role = Role::commander;
  std::string reason;
};
/// Says who is affected; may say more or less than was computed.
struct StateAffected {
  AffectedStated affected;
};

// State.

/// One role but the commander's.
struct Holding {
  std::optional<std::string> person;
  std::optional<WallTime> since;
  std::optional<std::string> proposed;
};
/// An event with when it was recorded.
template <class T>
struct At {
  T what;
  WallTime at{};
};
/// What an incident knows about people besides its commander.
struct People {
  std::map<Role, Holding> roles;
  std::optional<WallTime> commander_asked_at;  ///< the last time that somebody was proposed
  std::vector<Paged> owed;                     ///< due and not yet an event, oldest first
  std::vector<At<Paged>> pages;
  std::vector<At<Escalated>> escalations;
  std::vector<std::string> recurrence_of;
  std::optional<At<AffectedStated>> affected;
  std::string affected_by;
};

/// Who is called, in order, and how long each step may take.
struct PeopleOptions {
  std::vector<std::string> rota;
  std::chrono::milliseconds accept{std::chrono::minutes(5)};
  std::chrono::milliseconds contain{std::chrono::minutes(20)};
};
/// How often the whole rota is asked before it is said that nobody came.
inline constexpr std::size_t kRotaRounds = 3;
/// An incident that closed less than this before the same happened again, happened again.
inline constexpr std::chrono::hours kRecursWithin{24 * 90};

}  // namespace cordon::incident
