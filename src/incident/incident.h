// An incident is the fold of its events. `decide` judges a command against the state and answers
// with an event; `evolve` applies one. Both are pure: no clock, no I/O.
#pragma once

#include "containment/receipt.h"
#include "containment/state.h"
#include "incident/event.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cordon::incident {

// What a person or the desk asks for. Imperative, and may be refused.

/// Another state. Closing a SEV-1 or SEV-2 and declining what is active take two people.
struct Move {
  State to = State::active;
  std::string reason;
  std::optional<containment::Approval> approval = {};
};
/// ProposeRole and AcceptRole of the commander.
struct ProposeCommander {
  std::string person;
  std::string reason = {};
};
/// Taking over from a commander who did not hand over needs a reason.
struct AcceptCommander {
  std::string reason = {};
};
/// Stands by the severity as it is.
struct ConfirmSeverity {};
/// Raises it at once; lowering it takes two people.
struct SetSeverity {
  Severity to = Severity::sev3;
  std::string reason;
  std::optional<containment::Approval> approval = {};
};
/// Answers the question whether there is legal exposure. A `no` never outweighs a number.
struct StateExposure {
  bool exposed = true;
  std::string reason;
};
/// Declares how success will be judged; `test.id` is made by the caller.
struct DeclareMitigation {
  MitigationTest test;
};
/// Says that the impact began at another time than was thought.
struct CorrectImpact {
  WallTime impact_start{};
  std::string reason;
};
/// Adds to the timeline.
struct Note {
  std::string text;
};
/// Goes on inside another incident that is open.
struct Merge {
  std::string into;
  std::string reason;
};
using Command =
    std::variant<Move, ProposeCommander, AcceptCommander, ConfirmSeverity, SetSeverity,
                 StateExposure, DeclareMitigation, CorrectImpact, Note, Merge, FollowingUp,
                 // People.
                 ProposeRole, AcceptRole, StateAffected>;
/// `move`, `propose_commander`, and so on, for an entry of kind `refusal`.
[[nodiscard]] std::string_view name_of(const Command& command) noexcept;

/// One value the severity had.
struct SeverityChange {
  SeverityChanged change;
  model::Actor by;
  WallTime at{};
  std::string entry;
};
/// One state it was in, from when on.
struct StateChange {
  State to = State::triage;
  model::Actor by;
  WallTime at{};
  std::string entry;
};
/// The state that all events so far add up to. Times are recorded times.
struct Incident {
  std::string id;
  std::string uuid;
  std::string title;
  model::IncidentClass of_class = model::IncidentClass::data_leakage;
  std::vector<model::Scope> scopes;  ///< of its signals, without repetition
  std::vector<std::string> signals;  ///< entry ids, in the order in which they joined
  State state = State::triage;
  std::vector<StateChange> states;
  Snapshot snapshot;              ///< of what was in force when it was declared
  std::uint64_t declared_at = 0;  ///< sequence of the entry that declared it
  WallTime t0{};                  ///< never changes
  WallTime clock_start{};         ///< t0, or when it was last reopened
  WallTime last_signal{};
  WallTime impact_start{};  ///< as told; the live numbers know better if they saw harm
  std::optional<model::Actor> confirmed_by;  ///< who confirmed the signal's source
  std::optional<WallTime> confirmed_at;
  std::optional<std::string> proposed_commander;
  std::optional<std::string> commander;
  std::optional<WallTime> commander_at;  ///< when the first commander accepted
  std::optional<Severity> severity;      ///< unset until the first assessment
  bool provisional = true;
  std::vector<SeverityChange> severities;
  Waived waived;
  std::optional<bool> exposed;  ///< what a person said
  std::string exposed_reason;
  std::vector<Mitigation> mitigations;
  std::string merged_into;
  std::vector<std::string> absorbed;
  FollowUp follow_up;  ///< updates, review, actions
  People people;
  std::uint64_t revision = 0;  ///< events applied

  [[nodiscard]] bool is_major() const noexcept { return !severity || *severity <= Severity::sev2; }
  [[nodiscard]] const Mitigation* mitigation(std::string_view id) const noexcept;
};

/// A containment of this incident, and what became of it.
struct ContainmentStanding {
  containment::Containment containment;
  std::uint64_t sequence = 0;  ///< of the entry that set it
  std::optional<WallTime> released_at;
  std::optional<containment::Receipt> receipt;
  std::optional<WallTime> acked_at;  ///< every node obeyed it, says a receipt that is not partial
  std::string validated_by;          ///< mitigation; empty: unvalidated
};
/// A bundle of this incident.
struct EvidenceStanding {
  std::string id;
  std::optional<WallTime> frozen_at;
  std::optional<WallTime> verified_at;
  bool failed = false;                   ///< the last verification did not pass
  std::optional<std::uint64_t> records;  ///< decisions in it; 0 is an answer, absence is none
};
/// What other modules' entries say about one incident.
struct Standing {
  std::vector<ContainmentStanding> containments;
  std::vector<EvidenceStanding> evidence;
  std::vector<std::string> evidence_missing;  ///< items of the evidence score that score nothing

  /// When the impact was first stopped everywhere: the first containment acked by every node.
  /// Only what happened at `from` or after it counts, because a reopened clock starts again.
  [[nodiscard]] std::optional<WallTime> contained_at(WallTime from) const noexcept;
  [[nodiscard]] std::optional<WallTime> verified_at(WallTime from) const noexcept;
};

/// True if the test is about that containment: it names it, or was declared before it was set
/// and their scopes overlap.
[[nodiscard]] bool judges(const Mitigation& mitigation, const ContainmentStanding& containment);
/// True if some exchange could lie in both.
[[nodiscard]] bool overlap(const model::Scope& a, const model::Scope& b);

/// What a decision may look at besides the incident itself.
struct DecideContext {
  WallTime now{};
  const Standing& standing;
  Waived firing;                 ///< predicates that fire now, with their numbers
  std::string* needs = nullptr;  ///< where to say why only a second person is missing; or null
};

/// What still stands between an incident and `stable`, or `closed`; empty if nothing does.
[[nodiscard]] std::vector<std::string> missing_for(State to, const Incident& incident,
                                                   const Standing& standing);

inline constexpr std::chrono::hours kReopenWithin{24 * 30};
inline constexpr std::size_t kTextBytesMax = 2'000;
inline constexpr std::size_t kMitigationsMax = 100;

/// Refuses as `invalid` a move that the states forbid, one that gives no reason, and whatever
/// only a person may do; as `conflict` a move whose conditions are not met, with the list of
/// what is missing, what takes a second person and comes without an approval, an approval where
/// neither of the two commands, and a mitigation test that is declared after its containment was
/// applied. That an approval is a good one is for its caller to know (containment::Approvals).
[[nodiscard]] Result<Event> decide(const Incident& incident, const model::Actor& actor,
                                   const Command& command, const DecideContext& context);

/// Total: a journalled event was legal when it was written, so it always applies.
[[nodiscard]] Incident evolve(Incident incident, const Happening& happening);

}  // namespace cordon::incident
