// Decides and applies what people.h names.
#pragma once

#include "incident/incident.h"

#include <optional>

namespace cordon::incident::internal {

[[nodiscard]] Result<Event> decide_proposal(const Incident& incident, const model::Actor& actor,
                                            const ProposeRole& propose);
[[nodiscard]] Result<Event> decide_acceptance(const Incident& incident, const model::Actor& actor,
                                              const AcceptRole& accept);
[[nodiscard]] Result<Event> decide_affected(const Incident& incident, const model::Actor& actor,
                                            const StateAffected& state);

void apply(Incident& incident, const Happening& happening, const CommanderProposed& event);
void apply(Incident& incident, const Happening& happening, const CommanderAccepted& event);
void apply(Incident& incident, const Happening& happening, const RoleProposed& event);
void apply(Incident& incident, const Happening& happening, const RoleAccepted& event);
void apply(Incident& incident, const Happening& happening, const Escalated& event);
void apply(Incident& incident, const Happening& happening, const Paged& event);
void apply(Incident& incident, const Happening& happening, const Recurred& event);
void apply(Incident& incident, const Happening& happening, const AffectedStated& event);
/// A severity that rests on what nobody established is not for a machine to settle.
void owe_candidate_page(Incident& incident, const SeverityChanged& event);

/// What is due at `now`: a page that is owed, somebody to command, the next on the rota.
[[nodiscard]] std::optional<Event> follow_people(const Incident& incident, const Standing& standing,
                                                 const PeopleOptions& options, WallTime now);

}  // namespace cordon::incident::internal
