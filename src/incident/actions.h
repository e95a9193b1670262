// What follows from an incident: actions with one owner and a due date, verified by a proof that
// has a name. Done is what the owner says; verified is what a second person or a replay test says.
#pragma once

#include "base/clock.h"
#include "codec/json.h"
#include "containment/tokens.h"
#include "model/actor.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::incident {

inline constexpr std::size_t kActionsMax = 200;

/// What an action changes. A `hardening` one makes a control stronger.
enum class ActionKind : std::uint8_t { hardening, detection, process, documentation };
[[nodiscard]] std::string_view to_string(ActionKind kind) noexcept;
/// Refuses any other word as `invalid` and lists these.
[[nodiscard]] Result<ActionKind> parse_action_kind(std::string_view text);

/// Somebody will do something until then.
struct ActionAdded {
  std::string action;  ///< `INC-2026-00017-A01`
  std::string title;
  std::string owner;  ///< a person
  WallTime due{};
  ActionKind kind = ActionKind::hardening;
  std::string verify_by;  ///< `person`, or `replay:` and the id of a replay test
};
/// Its owner, or somebody for them, says that it is done.
struct ActionDone {
  std::string action;
  std::string note;
};
/// It is proved. `proof` is what `verify_by` asked for.
struct ActionVerified {
  std::string action;
  std::string proof;
  std::string detail;  ///< of a replay test: what it passed on
};
/// It was due and is not verified.
struct ActionOverdue {
  std::string action;
  WallTime due{};
};
/// Two people answer for closing without a hardening change: the actor and the approval's.
struct ExceptionSigned {
  std::string reason;
  containment::Approval approval;
};

/// One action with all that happened to it.
struct Action {
  ActionAdded added;
  model::Actor by;
  WallTime at{};
  std::string entry;
  std::optional<model::Actor> done_by;
  std::optional<WallTime> done_at;
  std::optional<model::Actor> verified_by;
  std::optional<WallTime> verified_at;
  std::string proof;
  bool overdue = false;  ///< it was told once
};

/// `open`, `done` or `verified`; overdue is said apart.
[[nodiscard]] std::string_view state_of(const Action& action) noexcept;
[[nodiscard]] codec::Json to_json(const Action& action);

/// `person`, or `replay:ID`; refuses anything else as `invalid`.
[[nodiscard]] Status check_verify_by(std::string_view text);
/// The id of the replay test that a proof names; empty if it names none.
[[nodiscard]] std::string_view replay_of(std::string_view proof) noexcept;
/// A hardening change that a replay test has proved.
[[nodiscard]] bool hardens(const Action& action) noexcept;

}  // namespace cordon::incident
