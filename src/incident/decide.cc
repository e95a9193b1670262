#include "incident/incident.h"
#include "incident/internal/checks.h"
#include "incident/internal/people.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace cordon::incident {
namespace {

using namespace internal;

template <class... Fs>
struct Overload : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overload(Fs...) -> Overload<Fs...>;

/// Whether a service may make this move: only where numbers force it.
bool numbers_may(State from, State to) {
  return to == State::active && (from == State::contained || from == State::stable);
}

Result<Event> decide_reopen(const Incident& incident, const Move& move, WallTime now) {
  if (now - incident.states.back().at > kReopenWithin) {
    return fail(Errc::conflict,
                "closed for more than 30 days: report a new signal, which opens a new incident");
  }
  return Moved{.to = move.to, .reason = move.reason, .approval = {}, .into = {}};
}

Result<Event> decide_move(const Incident& incident, const model::Actor& actor, const Move& move,
                          const DecideContext& context) {
  if (move.to == incident.state) {
    return fail(Errc::conflict, fmt::format("it is already {}", to_string(move.to)));
  }
  if (move.to == State::merged) return fail(Errc::invalid, "merge it into another incident");
  if (!may_move(incident.state, move.to)) {
    return fail(Errc::invalid, fmt::format("{} does not follow {}", to_string(move.to),
                                           to_string(incident.state)));
  }
  CORDON_CHECK(check_text(move.reason, "the reason of a move"));
  if (!numbers_may(incident.state, move.to)) CORDON_CHECK(check_person(actor, "move an incident"));
  if (incident.state == State::closed) return decide_reopen(incident, move, context.now);

  const auto missing = missing_for(move.to, incident, context.standing);
  if (!missing.empty()) {
    return fail(Errc::conflict, fmt::format("it cannot be {} yet; missing: {}", to_string(move.to),
                                            fmt::join(missing, "; ")));
  }
  Moved moved{.to = move.to, .reason = move.reason, .approval = {}, .into = {}};
  const bool closing = move.to == State::closed && incident.is_major();
  const bool declining = move.to == State::declined && incident.state == State::active;
  if (!closing && !declining) return moved;
  const Pair pair{actor, move.approval, closing ? Commander::one_of_them : Commander::need_not};
  CORDON_CHECK(check_pair(incident, pair, context,
                          closing ? "closing a SEV-1 or SEV-2" : "declining an active incident"));
  moved.approval = move.approval;
  return moved;
}

Result<Event> decide_severity(const Incident& incident, const model::Actor& actor,
                              const SetSeverity& set, const DecideContext& context) {
  CORDON_CHECK(check_person(actor, "set the severity"));
  CORDON_CHECK(check_open(incident));
  CORDON_CHECK(check_text(set.reason, "the reason of a severity"));
  if (incident.severity == set.to) {
    return fail(Errc::conflict, fmt::format("it is {} already", to_string(set.to)));
  }
  SeverityChanged change;
  change.to = set.to;
  change.rule = "person";
  change.reason = set.reason;
  if (!incident.severity || set.to < *incident.severity) return change;

  if (!incident.commander) {
    return fail(Errc::conflict, "a downgrade takes the commander, and nobody commands yet");
  }
  const Pair pair{actor, set.approval, Commander::one_of_them};
  CORDON_CHECK(check_pair(incident, pair, context, "a downgrade"));
  change.approval = set.approval;
  change.waived = context.firing;
  return change;
}

Result<Event> decide_mitigation(const Incident& incident, const DeclareMitigation& declare,
                                const DecideContext& context) {
  CORDON_CHECK(check_open(incident));
  CORDON_CHECK(check(declare.test));
  if (incident.mitigation(declare.test.id) != nullptr) {
    return fail(Errc::conflict, fmt::format("mitigation {} exists", declare.test.id));
  }
  if (incident.mitigations.size() >= kMitigationsMax) {
    return fail(Errc::exhausted,
                fmt::format("an incident has at most {} mitigations", kMitigationsMax));
  }
  for (const ContainmentStanding& applied : context.standing.containments) {
    if (applied.containment.id != declare.test.containment) continue;
    return fail(Errc::conflict,
                fmt::format("containment {} was set at {}, before this test was declared; a test "
                            "declared afterwards proves nothing",
                            applied.containment.id, format_rfc3339(applied.containment.set_at)));
  }
  return MitigationDeclared{declare.test};
}

Result<Event> decide_merge(const Incident& incident, const model::Actor& actor,
                           const Merge& merge) {
  CORDON_CHECK(check_person(actor, "merge incidents"));
  CORDON_CHECK(check_text(merge.reason, "the reason of a merge"));
  if (merge.into.empty() || merge.into == incident.id) {
    return fail(Errc::invalid, "name another incident to merge into");
  }
  if (!may_move(incident.state, State::merged)) {
    return fail(Errc::invalid, fmt::format("merged does not follow {}", to_string(incident.state)));
  }
  return Moved{.to = State::merged, .reason = merge.reason, .approval = {}, .into = merge.into};
}

}  // namespace

std::string_view name_of(const Command& command) noexcept {
  constexpr std::string_view kNames[] = {"move",
                                         "propose_commander",
                                         "accept_commander",
                                         "confirm_severity",
                                         "set_severity",
                                         "state_exposure",
                                         "declare_mitigation",
                                         "correct_impact",
                                         "note",
                                         "merge",
                                         "follow_up",

                                         "propose_role",
                                         "accept_role",
                                         "state_affected"};
  static_assert(std::size(kNames) == std::variant_size_v<Command>);
  if (const auto* family = std::get_if<FollowingUp>(&command)) return name_of(family->command);
  return kNames[command.index()];
}

std::vector<std::string> missing_for(State to, const Incident& incident, const Standing& standing) {
  std::vector<std::string> missing;
  if (!incident.is_major()) return missing;
  if (to == State::contained && !standing.contained_at(incident.clock_start)) {
    missing.emplace_back("a containment that every node acknowledged");
  }
  if (to != State::stable && to != State::closed) return missing;
  if (std::none_of(
          incident.mitigations.begin(), incident.mitigations.end(),
          [](const Mitigation& one) { return one.judged.verdict == Verdict::effective; })) {
    missing.emplace_back("a mitigation test with the verdict effective");
  }
  for (const ContainmentStanding& one : standing.containments) {
    if (one.released_at || !one.validated_by.empty()) continue;
    missing.push_back(
        fmt::format("containment {} is neither validated nor released", one.containment.id));
  }
  if (to != State::closed) return missing;
  if (!incident.commander) missing.emplace_back("a commander who accepted");
  if (!standing.verified_at(incident.clock_start)) {
    missing.emplace_back("evidence that was frozen and verified");
  }
  for (const std::string& item : standing.evidence_missing) {
    missing.push_back(fmt::format("evidence {}", item));
  }
  for (std::string& one : missing_to_close(incident.follow_up)) {
    missing.push_back(std::move(one));
  }
  return missing;
}

Result<Event> decide(const Incident& incident, const model::Actor& actor, const Command& command,
                     const DecideContext& context) {
  return std::visit(
      Overload{
          [&](const Move& move) { return decide_move(incident, actor, move, context); },
          [&](const ProposeCommander& propose) {
            return decide_proposal(incident, actor,
                                   {Role::commander, propose.person, propose.reason});
          },
          [&](const AcceptCommander& accept) {
            return decide_acceptance(incident, actor, {Role::commander, accept.reason});
          },
          [&](const ProposeRole& propose) { return decide_proposal(incident, actor, propose); },
          [&](const AcceptRole& accept) { return decide_acceptance(incident, actor, accept); },
          [&](const StateAffected& state) { return decide_affected(incident, actor, state); },
          [&](const ConfirmSeverity&) -> Result<Event> {
            CORDON_CHECK(check_person(actor, "confirm a severity"));
            CORDON_CHECK(check_open(incident));
            if (!incident.severity) return fail(Errc::conflict, "there is no severity yet");
            if (!incident.provisional) return fail(Errc::conflict, "it is confirmed already");
            return SeverityConfirmed{};
          },
          [&](const SetSeverity& set) { return decide_severity(incident, actor, set, context); },
          [&](const StateExposure& state) -> Result<Event> {
            CORDON_CHECK(check_person(actor, "answer for legal exposure"));
            CORDON_CHECK(check_open(incident));
            CORDON_CHECK(check_text(state.reason, "the reason"));
            return ExposureStated{state.exposed, state.reason};
          },
          [&](const DeclareMitigation& declare) {
            return decide_mitigation(incident, declare, context);
          },
          [&](const CorrectImpact& correct) -> Result<Event> {
            CORDON_CHECK(check_person(actor, "correct a time"));
            CORDON_CHECK(check_text(correct.reason, "the reason of a correction"));
            if (correct.impact_start > context.now) {
              return fail(Errc::invalid, "the impact cannot begin in the future");
            }
            return ImpactCorrected{correct.impact_start, correct.reason};
          },
          [&](const Note& note) -> Result<Event> {
            CORDON_CHECK(check_text(note.text, "the text of a note"));
            return Noted{note.text};
          },
          [&](const Merge& merge) { return decide_merge(incident, actor, merge); },
          [&](const FollowingUp& family) -> Result<Event> {
            CORDON_TRY(FollowUpChange change,
                       decide_follow_up(incident, actor, family.command, context));
            return FollowedUp{std::move(change)};
          },
      },
      command);
}

}  // namespace cordon::incident
