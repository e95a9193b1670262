// Handlers of what is in force, what was, what differs, and what a scope would touch.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "api/internal/blast.h"
#include "containment/moment.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace cordon::api {

using codec::Json;
using containment::Containment;

namespace {

Result<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return fail(Errc::invalid,
                fmt::format("'{}' is not the number of a generation", text.substr(0, 40)));
  }
  return number;
}

Result<std::string> asked_for(const Call& call, std::string_view key) {
  const auto found = call.query.find(key);
  if (found != call.query.end() && !found->second.empty()) return found->second;
  return fail(Errc::invalid, fmt::format("the query needs '{}'", key));
}

/// `text` is a time, or the number of a generation: the moment at which that came into force.
Result<Json> moment_of(const ControlPlane& control, const std::string& text) {
  const bool number = text.find_first_not_of("0123456789") == text.npos;
  Result<containment::Moment> moment = fail(Errc::invalid, "");
  if (number) {
    CORDON_TRY(const std::uint64_t generation, parse_number(text));
    moment = control.history().of_generation(generation);
  } else {
    CORDON_TRY(const WallTime at, parse_rfc3339(text));
    if (at > control.now()) {
      return fail(Errc::invalid, fmt::format("{} is not past", format_rfc3339(at)));
    }
    moment = control.history().at(at);
  }
  if (!moment) return tl::make_unexpected(moment.error());
  return containment::to_json(*moment, control.past().read(moment->generation.generation));
}

Json show_now(const ControlPlane& control, const Containment& measure) {
  Json json = containment::to_json(measure);
  const auto& approvals = control.approvals();
  if (const auto* asked = approvals.find(containment::Act::release, measure.id, control.now())) {
    json["release_requested_by"] = asked->by.text();
  }
  return json;
}

Json show_target(const TargetStanding& target) {
  Json latency;
  if (target.latency_us > 0) latency = target.latency_us;
  return {{"provider", target.provider},
          {"model", target.model},
          {"breaker", target.breaker},
          {"open_for_ms", target.open_for_ms},
          {"share_percent", target.share_percent},
          {"answered", target.answered},
          {"failed", target.failed},
          {"opened", target.opened},
          {"retries", target.retries},
          {"retries_refused", target.retries_refused},
          {"latency_us", std::move(latency)}};
}

}  // namespace

net::Task<Result<Reply>> handle_state(ControlPlane& control, const Call& call) {
  if (const auto at = call.query.find("at"); at != call.query.end()) {
    auto moment = moment_of(control, at->second);
    if (!moment) co_return tl::make_unexpected(moment.error());
    co_return Reply{200, *std::move(moment), {}};
  }
  std::array<Json, 4> lists = {Json::array(), Json::array(), Json::array(), Json::array()};
  for (const Containment* measure : control.measures().in_force()) {
    lists[static_cast<std::size_t>(measure->measure)].push_back(show_now(control, *measure));
  }
  const model::Generation& generation = control.generation();
  Json json = {{"generation", generation.number},
               {"digest", generation.digest},
               {"node", control.node()},
               {"modes", std::move(lists[1])},
               {"switches", std::move(lists[0])},
               {"fallbacks", std::move(lists[2])},
               {"rollbacks", std::move(lists[3])},
               {"journal", {{"durable", control.journal().durable()}}},
               {"log",
                {{"origin", control.log().verifier().name()},
                 {"size", control.log().size()},
                 {"root", crypto::hex(control.log().tree().root())}}}};
  Json targets = Json::array();
  for (const TargetStanding& target : control.targets()) targets.push_back(show_target(target));
  json["targets"] = std::move(targets);
  co_return Reply{200, std::move(json), {}};
}

net::Task<Result<Reply>> handle_diff(ControlPlane& control, const Call& call) {
  const auto from_text = asked_for(call, "from");
  if (!from_text) co_return tl::make_unexpected(from_text.error());
  const auto to_text = asked_for(call, "to");
  if (!to_text) co_return tl::make_unexpected(to_text.error());
  const auto from = moment_of(control, *from_text);
  if (!from) co_return tl::make_unexpected(from.error());
  const auto to = moment_of(control, *to_text);
  if (!to) co_return tl::make_unexpected(to.error());
  co_return Reply{200, containment::diff(*from, *to), {}};
}

net::Task<Result<Reply>> handle_generation(ControlPlane& control, const Call&) {
  Json json = control.generation().to_json();
  json["digest"] = control.generation().digest;
  co_return Reply{200, std::move(json), {}};
}

net::Task<Result<Reply>> handle_generations(ControlPlane& control, const Call&) {
  Json items = Json::array();
  for (const auto& [number, change] : control.history().generations()) {
    const auto& made = std::get<containment::GenerationChange>(change->what);
    items.push_back({{"number", number},
                     {"digest", made.generation.digest},
                     {"since", format_rfc3339(change->at)},
                     {"cause", made.cause},
                     {"actor", made.actor},
                     {"revoked", control.measures().is_revoked(number)}});
  }
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_past_generation(ControlPlane& control, const Call& call) {
  const auto number = parse_number(call.id);
  if (!number) co_return tl::make_unexpected(number.error());
  const auto past = control.past().read(*number);
  if (!past) co_return tl::make_unexpected(past.error());
  Json json = (*past)->to_json();
  json["digest"] = (*past)->digest;
  json["revoked"] = control.measures().is_revoked(*number);
  co_return Reply{200, std::move(json), {}};
}

net::Task<Result<Reply>> handle_revoke_generation(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "revoke");
  containment::RevokeGeneration command;
  command.reason = reader.text_or("reason", "");
  command.by = call.caller.actor();
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  const auto number = parse_number(call.id);
  if (!number) co_return tl::make_unexpected(number.error());
  command.number = *number;
  const auto revoked = co_await control.revoke_generation(std::move(command));
  if (!revoked) co_return tl::make_unexpected(revoked.error());
  co_return Reply{
      200, {{"number", revoked->number}, {"digest", revoked->digest}, {"revoked", true}}, {}};
}

net::Task<Result<Reply>> handle_preview(ControlPlane& control, const Call& call) {
  const auto text = asked_for(call, "scope");
  if (!text) co_return tl::make_unexpected(text.error());
  auto scope = model::Scope::parse(*text);
  if (!scope) co_return tl::make_unexpected(scope.error());
  const Status known = containment::check_names(*scope, control.generation());
  if (!known) co_return tl::make_unexpected(known.error());
  Json json = {{"scope", scope->text()}};
  json["recent"] = internal::blast_radius(control, *scope);
  model::Scope asked = *scope;
  const auto running = co_await control.running(std::move(asked));
  json["running"] =
      running ? internal::show_touched(*running) : Json{{"unknown", running.error().detail}};
  co_return Reply{200, std::move(json), {}};
}

}  // namespace cordon::api
