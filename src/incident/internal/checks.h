// What decisions about an incident check alike.
#pragma once

#include "incident/incident.h"

#include <fmt/format.h>

namespace cordon::incident::internal {

inline bool is_person(const model::Actor& actor) {
  return actor.kind == model::ActorKind::person;
}

inline Status check_person(const model::Actor& actor, std::string_view what) {
  if (is_person(actor)) return {};
  return fail(Errc::invalid, fmt::format("only a person may {}; {} is none", what, actor.text()));
}

inline Status check_text(std::string_view text, std::string_view what) {
  if (text.empty()) return fail(Errc::invalid, fmt::format("{} is missing", what));
  if (text.size() > kTextBytesMax) {
    return fail(Errc::invalid, fmt::format("{} is longer than {} bytes", what, kTextBytesMax));
  }
  return {};
}

/// Whether the commander must be one of the two.
enum class Commander : std::uint8_t { one_of_them, need_not };

/// Two people: who asks, and the approval of the other if it is there.
struct Pair {
  const model::Actor& asks;
  const std::optional<containment::Approval>& approval;
  Commander commander;
};

/// Refuses as `conflict` a missing approval, said to `context.needs` too, and a pair without the
/// commander.
inline Status check_pair(const Incident& incident, const Pair& pair, const DecideContext& context,
                         std::string_view what) {
  const bool commanded = pair.commander == Commander::need_not ||
                         pair.asks.name == incident.commander ||
                         (pair.approval && pair.approval->by.name == incident.commander);
  if (!pair.approval) {
    std::string why = fmt::format("{} takes a second person with the approver role", what);
    if (!commanded) {
      why += fmt::format(": the commander, {}", incident.commander.value_or("nobody yet"));
    }
    if (context.needs != nullptr) *context.needs = why;
    return fail(Errc::conflict, std::move(why));
  }
  if (commanded) return {};
  return fail(Errc::conflict, fmt::format("{} takes the commander, {}, and a second person", what,
                                          incident.commander.value_or("nobody yet")));
}

inline Status check_open(const Incident& incident) {
  if (is_open(incident.state)) return {};
  return fail(Errc::conflict, fmt::format("{} is {}", incident.id, to_string(incident.state)));
}

}  // namespace cordon::incident::internal
