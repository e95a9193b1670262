// What each command comes to: one event or one refusal. Pure: the clock and the disk stay outside.
#include "codec/yaml.h"
#include "containment/internal/reason.h"
#include "containment/internal/weaker.h"
#include "containment/state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

namespace cordon::containment {

Status internal::check_reason(std::string_view reason) {
  if (reason.find_first_not_of(" \t\r\n") == reason.npos) {
    return fail(Errc::invalid, "the reason is missing; say why, for whoever reads this later");
  }
  if (reason.size() > kReasonBytesMax) {
    return fail(Errc::invalid, fmt::format("the reason is {} bytes, at most {} are taken",
                                           reason.size(), kReasonBytesMax));
  }
  // An entry holds text only: what its writer would have to replace cannot be read back.
  const auto back = codec::parse_json(codec::write_json(codec::Json(std::string(reason))));
  if (!back || back->get<std::string>() != reason) {
    return fail(Errc::invalid, "the reason is not UTF-8 text");
  }
  return {};
}

namespace {

using internal::check_reason;
using model::Dimension;
using model::Mode;
using model::Scope;

constexpr std::size_t kIdBytesMax = 64;
constexpr std::size_t kCandidatesShown = 20;

/// Why a second person is needed, filled in where it shows.
struct Need {
  std::string reason;
};

Status check_id(std::string_view id, std::string_view what) {
  const bool fits =
      !id.empty() && id.size() <= kIdBytesMax && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
      });
  if (fits) return {};
  return fail(Errc::invalid, fmt::format("{} must be 1 to {} letters, digits, '-', '_' or '.'",
                                         what, kIdBytesMax));
}

Status check_actor(const model::Actor& actor) {
  const auto back = model::Actor::parse(actor.text());
  if (back && *back == actor) return {};
  return fail(Errc::invalid, "the actor is missing; a change names who makes it");
}

Status check_expiry(const std::optional<WallTime>& expires_at, const Context& context) {
  const std::string most = format_duration(context.expiry_max);
  if (!expires_at) {
    return fail(Errc::invalid,
                fmt::format("the expiry is missing; say until when, at most {} from now", most));
  }
  if (*expires_at <= context.now) {
    return fail(Errc::invalid,
                fmt::format("the expiry {} is not in the future", format_rfc3339(*expires_at)));
  }
  if (*expires_at - context.now > context.expiry_max) {
    return fail(Errc::invalid, fmt::format("the expiry {} is more than {} from now",
                                           format_rfc3339(*expires_at), most));
  }
  return {};
}

/// Every name that the generation knows in a dimension; use cases are whatever callers send.
std::vector<std::string_view> known_names(const model::Generation& generation, Dimension of) {
  std::set<std::string_view> names;
  if (of == Dimension::provider) {
    for (const auto& provider : generation.providers) names.insert(provider.name);
  } else if (of == Dimension::tenant) {
    for (const auto& tenant : generation.tenants) names.insert(tenant.name);
  } else if (of == Dimension::flag) {
    for (const auto& flag : generation.flags) names.insert(flag.name);
  } else {
    for (const auto& route : generation.routes) {
      if (of == Dimension::route) names.insert(route.name);
      if (of != Dimension::model) continue;
      for (const auto& target : route.targets) names.insert(target.model);
      for (const auto& target : route.fallback) names.insert(target.model);
    }
  }
  return {names.begin(), names.end()};
}

bool names_exactly(const Scope& scope, Dimension only) {
  for (std::size_t i = 0; i < model::kDimensionCount; ++i) {
    const auto of = static_cast<Dimension>(i);
    const auto& name = scope.named(of);
    if (of == only ? (!name || *name == "*") : name.has_value()) return false;
  }
  return true;
}

/// Whether `wide` covers everything that `narrow` covers.
bool holds(const Scope& wide, const Scope& narrow) {
  for (std::size_t i = 0; i < model::kDimensionCount; ++i) {
    const auto of = static_cast<Dimension>(i);
    const auto& name = wide.named(of);
    if (name && *name != "*" && narrow.named(of) != name) return false;
  }
  return true;
}

const model::Route* route_named(const model::Generation& generation, std::string_view name) {
  const auto found = std::find_if(generation.routes.begin(), generation.routes.end(),
                                  [name](const model::Route& route) { return route.name == name; });
  return found == generation.routes.end() ? nullptr : &*found;
}

Status check_fallback(const State& state, const Scope& scope, const Context& context) {
  if (!names_exactly(scope, Dimension::route)) {
    return fail(Errc::invalid, "a fallback's scope is one route, for example route=support");
  }
  const std::string& name = *scope.named(Dimension::route);
  const model::Route* route = route_named(context.generation, name);
  if (route == nullptr || route->fallback.empty()) {
    return fail(Errc::invalid,
                fmt::format("route {} has no fallback targets in the configuration", name));
  }
  for (const Containment* other : state.in_force()) {
    if (other->measure == Measure::fallback && other->scope == scope) {
      return fail(Errc::conflict, fmt::format("route {} has a fallback in force already: {}; "
                                              "renew that one",
                                              name, other->id));
    }
  }
  return {};
}

Status check_approval(const std::optional<Approval>& approval, const model::Actor& by,
                      std::string_view by_token, const Context& context) {
  if (!approval) return {};
  return context.tokens.may_approve(*approval, by, by_token, context.now);
}

/// What a new mode ends and whether that takes a second person.
Result<std::vector<std::string>> check_mode(const State& state, const Set& command,
                                            const Scope& scope, const Context& context,
                                            Need& need) {
  std::vector<std::string> replaces;
  if (names_exactly(scope, Dimension::route)) {
    const model::Route* route = route_named(context.generation, *scope.named(Dimension::route));
    if (route != nullptr && route->mode > *command.mode) {
      return fail(Errc::invalid,
                  fmt::format("route {} is in mode {} by configuration, and the strictest mode "
                              "wins: {} would change nothing",
                              route->name, to_string(route->mode), to_string(*command.mode)));
    }
  }
  for (const Containment* other : state.in_force()) {
    if (other->measure != Measure::mode || !holds(other->scope, scope)) continue;
    if (*other->mode > *command.mode && need.reason.empty()) {
      need.reason = fmt::format(
          "mode {} is weaker than {}, in force by {} for {}; that takes a "
          "second person with the approver role",
          to_string(*command.mode), to_string(*other->mode), other->id, other->scope.text());
    }
    const bool outlived = *other->mode == *command.mode && other->expires_at <= *command.expires_at;
    if (other->scope == scope && (*other->mode > *command.mode || outlived)) {
      replaces.push_back(other->id);
    }
  }
  return replaces;
}

/// What belongs to one kind of measure only.
Status check_kind(const Set& command) {
  if (command.mode.has_value() != (command.measure == Measure::mode)) {
    return fail(Errc::invalid, command.mode
                                   ? fmt::format("a {} has no mode", to_string(command.measure))
                                   : "the mode is missing; expected one of observe, standard, "
                                     "emergency, lockdown");
  }
  if (command.generation.has_value() != (command.measure == Measure::rollback)) {
    return fail(Errc::invalid,
                command.generation
                    ? fmt::format("a {} has no generation", to_string(command.measure))
                    : "the generation is missing; say which one to go back to");
  }
  if (command.break_glass.empty()) return {};
  if (command.measure != Measure::fallback) {
    return fail(Errc::invalid, fmt::format("only a fallback has a glass to break, not a {}",
                                           to_string(command.measure)));
  }
  return check_reason(command.break_glass);
}

std::string known_generations(const State& state, const Past& past) {
  std::vector<std::string> shown;
  std::vector<std::uint64_t> numbers = past.numbers();
  for (auto each = numbers.rbegin(); each != numbers.rend(); ++each) {
    if (state.is_revoked(*each)) continue;
    if (shown.size() == kCandidatesShown) {
      shown.emplace_back("...");
      break;
    }
    shown.push_back(std::to_string(*each));
  }
  return shown.empty() ? "none is known" : fmt::format("known: {}", fmt::join(shown, ", "));
}

/// The generation that a rollback goes to, with what may be said against it.
Result<std::shared_ptr<const model::Generation>> check_past(const State& state,
                                                            std::uint64_t number,
                                                            const Context& context) {
  if (context.past == nullptr) return fail(Errc::unavailable, "no past generation is kept here");
  if (state.is_revoked(number)) {
    return fail(Errc::conflict, fmt::format("generation {} was revoked; {}", number,
                                            known_generations(state, *context.past)));
  }
  auto found = context.past->read(number);
  if (!found && found.error().code == Errc::not_found) {
    return fail(Errc::not_found, fmt::format("{}; {}", found.error().detail,
                                             known_generations(state, *context.past)));
  }
  return found;
}

Result<PastGeneration> check_rollback(const State& state, const Set& command,
                                      const Context& context, std::vector<std::string>& replaces,
                                      Need& need) {
  CORDON_TRY(const auto past, check_past(state, *command.generation, context));
  const model::Generation& now = context.generation;
  if (past->routes == now.routes && past->flags == now.flags) {
    return fail(Errc::conflict,
                fmt::format("the routes and flags of generation {} are in force", past->number));
  }
  for (const model::Route& route : past->routes) {
    for (const auto* targets : {&route.targets, &route.fallback}) {
      for (const model::Target& target : *targets) {
        const auto known = known_names(now, Dimension::provider);
        if (std::find(known.begin(), known.end(), target.provider) != known.end()) continue;
        return fail(Errc::conflict,
                    fmt::format("route {} of generation {} needs the provider {}, which the "
                                "configuration no longer has",
                                route.name, past->number, target.provider));
      }
    }
  }
  std::vector<std::string> weaker = internal::weaker(now, *past);
  if (const Containment* other = state.rollback()) {
    replaces.push_back(other->id);
    if (other->expires_at > *command.expires_at) {
      weaker.push_back(fmt::format("rollback {} would end before its expiry", other->id));
    }
  }
  if (!weaker.empty()) {
    need.reason = fmt::format(
        "generation {} is weaker than the one in force: {}; that takes a "
        "second person with the approver role",
        past->number, fmt::join(weaker, ", "));
  }
  return PastGeneration{past->number, past->digest};
}

Result<Event> decide_one(const State& state, const Set& command, const Context& context,
                         Need& need) {
  CORDON_CHECK(check_id(command.id, "the id"));
  if (const Containment* other = state.find(command.id)) {
    return fail(Errc::conflict,
                fmt::format("the id '{}' is used already: set by {} at {}", command.id,
                            other->by.text(), format_rfc3339(other->set_at)));
  }
  const bool everything = command.measure == Measure::rollback && command.scope.empty();
  CORDON_TRY(const Scope scope, Scope::parse(everything ? "route=*" : command.scope));
  CORDON_CHECK(check_reason(command.reason));
  CORDON_CHECK(check_expiry(command.expires_at, context));
  CORDON_CHECK(check_actor(command.by));
  if (!command.incident.empty()) {
    CORDON_CHECK(check_id(command.incident, "the incident"));
  }
  CORDON_CHECK(check_kind(command));
  CORDON_CHECK(check_names(scope, context.generation));
  if (command.measure == Measure::fallback) {
    CORDON_CHECK(check_fallback(state, scope, context));
  }
  CORDON_CHECK(check_approval(command.approval, command.by, command.by_token, context));
  WasSet event;
  Containment& set = event.containment;
  if (command.measure == Measure::mode) {
    CORDON_TRY(event.replaces, check_mode(state, command, scope, context, need));
  }
  if (command.measure == Measure::rollback) {
    if (scope.text() != "route=*") {
      return fail(Errc::invalid, "a rollback's scope is route=*: it takes back every route");
    }
    CORDON_TRY(set.to, check_rollback(state, command, context, event.replaces, need));
  }
  if (state.in_force().size() - event.replaces.size() >= kInForceMax) {
    return fail(Errc::exhausted,
                fmt::format("{} measures are in force, the most there may be; release one first",
                            kInForceMax));
  }
  set.id = command.id;
  set.measure = command.measure;
  set.scope = scope;
  set.mode = command.mode;
  set.break_glass = command.break_glass;
  set.reason = command.reason;
  set.by = command.by;
  set.approval = command.approval;
  set.incident = command.incident;
  set.set_at = context.now;
  set.expires_at = *command.expires_at;
  return event;
}

Result<const Containment*> find_in_force(const State& state, std::string_view id) {
  const Containment* found = state.find(id);
  if (found == nullptr) {
    return fail(Errc::not_found, fmt::format("there is no containment '{}'", id.substr(0, 64)));
  }
  if (!found->is_in_force()) {
    return fail(Errc::conflict, fmt::format("containment {} was released already", id));
  }
  return found;
}

Result<Event> decide_one(const State& state, const Renew& command, const Context& context,
                         Need& /*need*/) {
  CORDON_TRY(const Containment* found, find_in_force(state, command.id));
  CORDON_CHECK(check_reason(command.reason));
  CORDON_CHECK(check_expiry(command.expires_at, context));
  CORDON_CHECK(check_actor(command.by));
  if (*command.expires_at <= found->expires_at) {
    return fail(
        Errc::invalid,
        fmt::format("the expiry {} is not after {}, which is in force; to end it sooner, "
                    "release it",
                    format_rfc3339(*command.expires_at), format_rfc3339(found->expires_at)));
  }
  return Renewed{command.id, *command.expires_at, command.reason, command.by, context.now};
}

Result<Event> decide_one(const State& state, const Release& command, const Context& context,
                         Need& need) {
  CORDON_TRY(const Containment* found, find_in_force(state, command.id));
  CORDON_CHECK(check_reason(command.reason));
  CORDON_CHECK(check_actor(command.by));
  if (command.by.kind != model::ActorKind::person) {
    return fail(Errc::invalid,
                fmt::format("a containment is released by a person, not {}", command.by.text()));
  }
  if (context.now < found->expires_at) {
    need.reason = fmt::format(
        "containment {} expires at {}; releasing it before takes a second "
        "person with the approver role",
        found->id, format_rfc3339(found->expires_at));
  }
  CORDON_CHECK(check_approval(command.approval, command.by, command.by_token, context));
  return Released{command.id, command.reason, command.by, command.approval, context.now};
}

Result<Event> decide_one(const State& state, const MarkOverdue& command, const Context& context,
                         Need& /*need*/) {
  CORDON_TRY(const Containment* found, find_in_force(state, command.id));
  if (found->state == MeasureState::overdue) {
    return fail(Errc::conflict, fmt::format("containment {} is overdue already", command.id));
  }
  if (context.now < found->expires_at) {
    return fail(Errc::conflict, fmt::format("containment {} expires at {}, not yet", command.id,
                                            format_rfc3339(found->expires_at)));
  }
  return BecameOverdue{command.id, context.now};
}

Result<Event> decide_one(const State& state, const Page& command, const Context& context,
                         Need& /*need*/) {
  const std::vector<std::string> wanted = state.unpaged(context.now);
  if (std::find(wanted.begin(), wanted.end(), command.id) == wanted.end()) {
    return fail(Errc::conflict,
                fmt::format("containment {} is not overdue, or somebody was told within {}",
                            command.id.substr(0, 64), format_duration(kPageEvery)));
  }
  return Paged{command.id, context.now};
}

Result<Event> decide_one(const State& state, const RevokeGeneration& command,
                         const Context& context, Need& /*need*/) {
  CORDON_CHECK(check_reason(command.reason));
  CORDON_CHECK(check_actor(command.by));
  CORDON_TRY(const auto past, check_past(state, command.number, context));
  const Containment* rollback = state.rollback();
  if (rollback != nullptr && rollback->to->number == command.number) {
    return fail(Errc::conflict,
                fmt::format("generation {} is what rollback {} goes to; release that one first",
                            command.number, rollback->id));
  }
  return GenerationRevoked{{past->number, past->digest}, command.reason, command.by, context.now};
}

bool is_approved(const Command& command) noexcept {
  if (const auto* set = std::get_if<Set>(&command)) return set->approval.has_value();
  if (const auto* release = std::get_if<Release>(&command)) return release->approval.has_value();
  return false;
}

}  // namespace

Status check_names(const Scope& scope, const model::Generation& generation) {
  for (std::size_t i = 0; i < model::kDimensionCount; ++i) {
    const auto of = static_cast<Dimension>(i);
    const auto& name = scope.named(of);
    if (!name || *name == "*" || of == Dimension::use_case) continue;
    std::vector<std::string_view> known = known_names(generation, of);
    if (std::find(known.begin(), known.end(), *name) != known.end()) continue;
    const std::string_view nearest = codec::nearest_word(*name, known);
    const std::size_t more = known.size() - std::min(known.size(), kCandidatesShown);
    known.resize(known.size() - more);
    std::string text = fmt::format("there is no {} named '{}'", to_string(of), *name);
    text += known.empty() ? fmt::format("; the configuration names no {}", to_string(of))
                          : fmt::format("; known: {}", fmt::join(known, ", "));
    if (more > 0) text += fmt::format(" and {} more", more);
    if (!nearest.empty()) text += fmt::format(" (nearest: {})", nearest);
    return fail(Errc::invalid, std::move(text));
  }
  return {};
}

std::string_view name_of(const Command& command) noexcept {
  constexpr std::array<std::string_view, 6> kNames = {"set",     "renew", "release",
                                                      "overdue", "page",  "revoke_generation"};
  return kNames[command.index()];
}

Result<Event> decide(const State& state, const Command& command, const Context& context) {
  Need need;
  auto event =
      std::visit([&](const auto& each) { return decide_one(state, each, context, need); }, command);
  if (!event || need.reason.empty() || is_approved(command)) return event;
  return fail(Errc::invalid, std::move(need.reason));
}

Result<std::string> second_person(const State& state, const Wish& wish, const Context& context) {
  Need need;
  CORDON_CHECK(
      std::visit([&](const auto& each) { return decide_one(state, each, context, need); }, wish));
  return std::move(need.reason);
}

}  // namespace cordon::containment
