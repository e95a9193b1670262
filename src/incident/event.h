// What happened to an incident: the events, and the body of an entry of kind `incident_event`,
// whose format is docs/formats/incident.md. An event carries when it was so (`time`) and its
// entry when that was recorded; a correction is a further event.
#pragma once

#include "containment/approvals.h"
#include "incident/follow_up.h"
#include "incident/mitigation.h"
#include "incident/people.h"
#include "incident/severity.h"
#include "incident/state.h"
#include "model/actor.h"
#include "model/entry.h"
#include "model/incident_class.h"
#include "model/scope.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cordon::incident {

/// What was in force when an incident was declared, frozen in the very entry that declares it.
/// That entry's place in the log is the place of the snapshot.
struct Snapshot {
  std::uint64_t generation = 0;
  std::string digest;                  ///< of the generation
  std::vector<std::string> rulepacks;  ///< `NAME VERSION SHA256`
  std::string records;                 ///< `12 records between A and B`, or why nobody knows
};

/// The first event of every incident, caused by a signal.
struct Opened {
  std::string uuid;
  model::IncidentClass of_class = model::IncidentClass::data_leakage;
  model::Scope scope;
  std::string signal;       ///< its entry's id
  WallTime t0{};            ///< when the signal was recorded: all clocks start here
  WallTime impact_start{};  ///< when the impact began, as the signal says
  std::string title;
  Snapshot snapshot = {};
};
/// A further signal belongs to it. `widens` if its scope was not covered before.
struct SignalJoined {
  std::string signal;
  model::Scope scope;
  WallTime impact_start{};
};
/// The state changed. Out of triage, this also confirms the signal's source.
struct Moved {
  State to = State::triage;
  std::string reason;
  std::optional<containment::Approval> approval;  ///< if it took two people, the second
  std::string into;                               ///< of merged: the other incident
};
/// Somebody should command; they have not said yes. `reason` of a hand-over.
struct CommanderProposed {
  std::string person;
  std::string reason = {};
};
/// The actor commands from now on; `from` did before.
struct CommanderAccepted {
  std::string from = {};
  std::string reason = {};
};
/// The severity changed, or was set for the first time. `rule` is a predicate or `person`.
struct SeverityChanged {
  Severity to = Severity::sev3;
  std::string rule;
  std::optional<double> number;
  std::optional<double> threshold;
  std::string reason;
  std::optional<containment::Approval> approval;  ///< of a downgrade: the second person's
  Waived waived;                                  ///< of a downgrade: what it looked away from
  bool candidate = false;                         ///< it rests on a fact that nobody established
};
/// A person stands by the severity: it is no longer provisional.
struct SeverityConfirmed {};
/// A person answered whether there is legal exposure.
struct ExposureStated {
  bool exposed = true;
  std::string reason;
};
/// How success will be judged.
struct MitigationDeclared {
  MitigationTest test;
};
/// The verdict of a declared test changed.
struct MitigationJudged {
  std::string id;
  Judgement judgement;
};
/// When the impact began was known wrongly.
struct ImpactCorrected {
  WallTime impact_start{};
  std::string reason;
};
/// Something a person wants in the timeline.
struct Noted {
  std::string text;
};
/// Another incident was merged into this one.
struct Absorbed {
  std::string from;
};

using Event = std::variant<Opened, SignalJoined, Moved, CommanderProposed, CommanderAccepted,
                           SeverityChanged, SeverityConfirmed, ExposureStated, MitigationDeclared,
                           MitigationJudged, ImpactCorrected, Noted, Absorbed, FollowedUp,
                           // People.
                           RoleProposed, RoleAccepted, Escalated, Paged, Recurred, AffectedStated>;

/// The word for an event in its entry: `opened`, `signal_joined`, and so on.
[[nodiscard]] std::string_view name_of(const Event& event) noexcept;

/// An event with its envelope. `entry` and `recorded` come from the entry it is read from.
struct Happening {
  std::string incident;
  std::uint64_t revision = 0;  ///< dense from 1 within an incident
  model::Actor actor;
  WallTime time{};
  WallTime recorded{};
  std::string entry;
  std::uint64_t sequence = 0;  ///< of the entry in the journal; set by whoever read it there
  Event event;
};

/// The body of its entry.
[[nodiscard]] codec::Json to_body(const Happening& happening);
/// Refuses as `corrupt` another kind, and a key that is missing or mistyped.
[[nodiscard]] Result<Happening> parse_happening(const model::Entry& entry);

}  // namespace cordon::incident
