#include "incident/internal/people.h"

#include "incident/internal/checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

namespace cordon::incident {
namespace {

using codec::Json;
using codec::ObjectReader;

constexpr std::array<std::string_view, kRoleCount> kRoles = {
    "commander", "deputy", "scribe", "customer_liaison", "internal_liaison"};
constexpr std::string_view kCommander = "commander";
constexpr std::string_view kContainment = "containment";
constexpr std::size_t kOwedMax = 100;
constexpr std::size_t kAffectedMax = 1'000;

Result<std::vector<std::string>> names_in(ObjectReader& reader, std::string_view key) {
  std::vector<std::string> names;
  for (const Json& one : reader.any(key)) {
    if (!one.is_string()) return fail(Errc::corrupt, fmt::format("'{}' holds no names", key));
    names.push_back(one.get<std::string>());
  }
  return names;
}

}  // namespace

std::string_view to_string(Role role) noexcept {
  return kRoles[static_cast<std::size_t>(role)];
}
Result<Role> parse_role(std::string_view text) {
  const auto found = std::find(kRoles.begin(), kRoles.end(), text);
  if (found != kRoles.end()) return static_cast<Role>(found - kRoles.begin());
  return fail(Errc::invalid, fmt::format("unknown role '{}', expected one of {}",
                                         text.substr(0, 40), fmt::join(kRoles, ", ")));
}

void put(Json& body, const RoleProposed& event) {
  body.update({{"role", to_string(event.role)}, {"person", event.person}});
  if (!event.reason.empty()) body["reason"] = event.reason;
}
void put(Json& body, const RoleAccepted& event) {
  body["role"] = to_string(event.role);
  if (!event.from.empty()) body["from"] = event.from;
  if (!event.reason.empty()) body["reason"] = event.reason;
}
void put(Json& body, const Escalated& event) {
  body["about"] = event.about;
  if (!event.from.empty()) body["from"] = event.from;
  if (!event.to.empty()) body["to"] = event.to;
  body["reason"] = event.reason;
}
void put(Json& body, const Paged& event) {
  if (!event.person.empty()) body["person"] = event.person;
  body.update({{"audience", event.audience}, {"reason", event.reason}});
}
void put(Json& body, const Recurred& event) {
  body["of"] = event.of;
}
void put(Json& body, const AffectedStated& event) {
  body.update({{"tenants", event.tenants},
               {"use_cases", event.use_cases},
               {"routes", event.routes},
               {"reason", event.reason}});
}

Result<RoleProposed> get(std::type_identity<RoleProposed>, ObjectReader& reader) {
  RoleProposed event;
  event.person = reader.text("person");
  event.reason = reader.text_or("reason", "");
  CORDON_TRY(event.role, parse_role(reader.text("role")));
  return event;
}
Result<RoleAccepted> get(std::type_identity<RoleAccepted>, ObjectReader& reader) {
  RoleAccepted event;
  event.from = reader.text_or("from", "");
  event.reason = reader.text_or("reason", "");
  CORDON_TRY(event.role, parse_role(reader.text("role")));
  return event;
}
Result<Escalated> get(std::type_identity<Escalated>, ObjectReader& reader) {
  Escalated event;
  event.about = reader.text("about");
  event.from = reader.text_or("from", "");
  event.to = reader.text_or("to", "");
  event.reason = reader.text("reason");
  return event;
}
Result<Paged> get(std::type_identity<Paged>, ObjectReader& reader) {
  Paged event;
  event.person = reader.text_or("person", "");
  event.audience = reader.text("audience");
  event.reason = reader.text("reason");
  return event;
}
Result<Recurred> get(std::type_identity<Recurred>, ObjectReader& reader) {
  Recurred event;
  CORDON_TRY(event.of, names_in(reader, "of"));
  return event;
}
Result<AffectedStated> get(std::type_identity<AffectedStated>, ObjectReader& reader) {
  AffectedStated event;
  event.reason = reader.text("reason");
  CORDON_TRY(event.tenants, names_in(reader, "tenants"));
  CORDON_TRY(event.use_cases, names_in(reader, "use_cases"));
  CORDON_TRY(event.routes, names_in(reader, "routes"));
  return event;
}

namespace internal {
namespace {

/// Who has a role, and who was asked to.
struct Post {
  std::optional<std::string> person;
  std::optional<std::string> proposed;
};

Post post_of(const Incident& incident, Role role) {
  if (role == Role::commander) return {incident.commander, incident.proposed_commander};
  const auto found = incident.people.roles.find(role);
  if (found == incident.people.roles.end()) return {};
  return {found->second.person, found->second.proposed};
}

void owe(Incident& incident, Paged page) {
  if (incident.people.owed.size() < kOwedMax) incident.people.owed.push_back(std::move(page));
}

/// Asked since the clock started, as often as that.
std::vector<const At<Escalated>*> escalations(const Incident& incident, std::string_view about) {
  std::vector<const At<Escalated>*> all;
  for (const At<Escalated>& one : incident.people.escalations) {
    if (one.what.about == about && one.at >= incident.clock_start) all.push_back(&one);
  }
  return all;
}

/// The one after `person`; the first if they are not on it.
std::string next_on(const std::vector<std::string>& rota, const std::string& person) {
  if (rota.empty()) return {};
  const auto found = std::find(rota.begin(), rota.end(), person);
  if (found == rota.end() || std::next(found) == rota.end()) return rota.front();
  return *std::next(found);
}

std::string span(std::chrono::milliseconds length) {
  return format_duration(length);
}

std::optional<Event> follow_commander(const Incident& incident, const PeopleOptions& options,
                                      WallTime now) {
  if (incident.commander) return std::nullopt;
  const auto& asked_at = incident.people.commander_asked_at;
  const bool asked = asked_at && *asked_at >= incident.clock_start;
  if (!asked && !options.rota.empty()) {
    return CommanderProposed{options.rota.front(), "first on the rota"};
  }
  const WallTime since = asked ? *asked_at : incident.clock_start;
  if (now - since < options.accept) return std::nullopt;
  const auto before = escalations(incident, kCommander);
  if (!before.empty() && before.back()->what.to.empty()) return std::nullopt;
  Escalated event;
  event.about = kCommander;
  event.from = incident.proposed_commander.value_or("");
  if (before.size() + 1 < kRotaRounds * std::max<std::size_t>(1, options.rota.size())) {
    event.to = next_on(options.rota, event.from);
  }
  event.reason =
      options.rota.empty()
          ? fmt::format("nobody took command within {}, and no rota is configured",
                        span(options.accept))
          : fmt::format("{} did not accept within {}", event.from.empty() ? "nobody" : event.from,
                        span(options.accept));
  if (event.to.empty() && !options.rota.empty()) event.reason += "; nobody is left to ask";
  return event;
}

std::optional<Event> follow_containment(const Incident& incident, const Standing& standing,
                                        const PeopleOptions& options, WallTime now) {
  const bool uncontained = incident.state == State::triage || incident.state == State::active;
  if (!uncontained || now - incident.clock_start < options.contain) return std::nullopt;
  if (standing.contained_at(incident.clock_start)) return std::nullopt;
  if (!escalations(incident, kContainment).empty()) return std::nullopt;
  Escalated event;
  event.about = kContainment;
  event.from = incident.commander.value_or("");
  event.to = next_on(options.rota, event.from);
  if (event.to == event.from) event.to.clear();
  event.reason = fmt::format("no containment was acknowledged within {}", span(options.contain));
  return event;
}

}  // namespace

Result<Event> decide_proposal(const Incident& incident, const model::Actor& actor,
                              const ProposeRole& propose) {
  if (is_person(actor) && propose.person == actor.name) {
    return decide_acceptance(incident, actor, {propose.role, propose.reason});
  }
  CORDON_CHECK(check_open(incident));
  if (!model::Actor::parse("person:" + propose.person)) {
    return fail(Errc::invalid, fmt::format("a {} is a person, by the name on their token",
                                           to_string(propose.role)));
  }
  const Post post = post_of(incident, propose.role);
  if (post.person == propose.person) {
    return fail(Errc::conflict,
                fmt::format("{} is {} already", propose.person, to_string(propose.role)));
  }
  if (post.person) {
    CORDON_CHECK(
        check_text(propose.reason, fmt::format("the reason why {} hands over", *post.person)));
  }
  if (propose.reason.size() > kTextBytesMax) CORDON_CHECK(check_text(propose.reason, "the reason"));
  if (propose.role == Role::commander) return CommanderProposed{propose.person, propose.reason};
  return RoleProposed{propose.role, propose.person, propose.reason};
}

Result<Event> decide_acceptance(const Incident& incident, const model::Actor& actor,
                                const AcceptRole& accept) {
  CORDON_CHECK(check_person(actor, fmt::format("be {}", to_string(accept.role))));
  CORDON_CHECK(check_open(incident));
  const Post post = post_of(incident, accept.role);
  if (post.person == actor.name) {
    return fail(Errc::conflict,
                fmt::format("{} is {} already", actor.name, to_string(accept.role)));
  }
  if (post.person && post.proposed != actor.name && accept.reason.empty()) {
    return fail(Errc::conflict,
                fmt::format("{} is {} and has not handed over; taking over needs a reason",
                            *post.person, to_string(accept.role)));
  }
  if (!accept.reason.empty()) CORDON_CHECK(check_text(accept.reason, "the reason"));
  const std::string from = post.person.value_or("");
  if (accept.role == Role::commander) return CommanderAccepted{from, accept.reason};
  return RoleAccepted{accept.role, from, accept.reason};
}

Result<Event> decide_affected(const Incident& incident, const model::Actor& actor,
                              const StateAffected& state) {
  CORDON_CHECK(check_person(actor, "say who is affected"));
  CORDON_CHECK(check_open(incident));
  const AffectedStated& affected = state.affected;
  CORDON_CHECK(check_text(affected.reason, "the reason"));
  for (const auto* list : {&affected.tenants, &affected.use_cases, &affected.routes}) {
    if (list->size() > kAffectedMax) {
      return fail(Errc::exhausted, fmt::format("more than {} names in one list", kAffectedMax));
    }
    for (const std::string& name : *list) {
      if (name.empty() || name.size() > model::kScopeValueBytesMax) {
        return fail(Errc::invalid,
                    fmt::format("a name has 1 to {} bytes", model::kScopeValueBytesMax));
      }
    }
  }
  return affected;
}

void apply(Incident& incident, const Happening& happening, const CommanderProposed& event) {
  incident.proposed_commander = event.person;
  incident.people.commander_asked_at = happening.recorded;
  owe(incident, {event.person, "on_call", "asked to command"});
}

void apply(Incident& incident, const Happening& happening, const CommanderAccepted&) {
  incident.commander = happening.actor.name;
  incident.proposed_commander.reset();
  if (!incident.commander_at) incident.commander_at = happening.recorded;
}

void apply(Incident& incident, const Happening&, const RoleProposed& event) {
  incident.people.roles[event.role].proposed = event.person;
  owe(incident, {event.person, "on_call", fmt::format("asked to be {}", to_string(event.role))});
}

void apply(Incident& incident, const Happening& happening, const RoleAccepted& event) {
  incident.people.roles[event.role] = {happening.actor.name, happening.recorded, std::nullopt};
}

void apply(Incident& incident, const Happening& happening, const Escalated& event) {
  incident.people.escalations.push_back({event, happening.recorded});
  if (event.about == kCommander && !event.to.empty()) {
    incident.proposed_commander = event.to;
    incident.people.commander_asked_at = happening.recorded;
  }
  owe(incident, {event.to, "on_call", event.reason});
}

void apply(Incident& incident, const Happening& happening, const Paged& event) {
  incident.people.pages.push_back({event, happening.recorded});
  if (!incident.people.owed.empty()) {
    incident.people.owed.erase(incident.people.owed.begin());
  }
}

void apply(Incident& incident, const Happening&, const Recurred& event) {
  incident.people.recurrence_of = event.of;
  owe(incident,
      {"", "executives", fmt::format("it happened before: {}", fmt::join(event.of, ", "))});
}

void apply(Incident& incident, const Happening& happening, const AffectedStated& event) {
  incident.people.affected = {event, happening.recorded};
  incident.people.affected_by = happening.actor.text();
}

void owe_candidate_page(Incident& incident, const SeverityChanged& event) {
  if (!event.candidate) return;
  const std::string to =
      incident.commander.value_or(incident.proposed_commander.value_or(std::string()));
  owe(incident, {to, "on_call",
                 fmt::format("{} candidate: {} was not established in time", to_string(event.to),
                             event.rule)});
}

std::optional<Event> follow_people(const Incident& incident, const Standing& standing,
                                   const PeopleOptions& options, WallTime now) {
  if (!incident.people.owed.empty()) return incident.people.owed.front();
  if (!incident.severity || !incident.is_major()) return std::nullopt;
  if (auto event = follow_commander(incident, options, now)) return event;
  return follow_containment(incident, standing, options, now);
}

}  // namespace internal
}  // namespace cordon::incident
