// The events of a containment as bodies of journal entries; docs/formats/containment.md.
#include "containment/state.h"

#include <fmt/format.h>

namespace cordon::containment {
namespace {

using codec::Json;
using codec::ObjectReader;

Json body_of(const WasSet& event) {
  const Containment& set = event.containment;
  Json json{{"event", "set"},
            {"containment", set.id},
            {"measure", to_string(set.measure)},
            {"scope", set.scope.text()}};
  if (set.mode) json["mode"] = to_string(*set.mode);
  if (set.to) {
    json["generation"] = set.to->number;
    json["digest"] = set.to->digest;
  }
  if (!set.break_glass.empty()) json["break_glass"] = set.break_glass;
  json["reason"] = set.reason;
  if (!set.incident.empty()) json["incident"] = set.incident;
  json["expires_at"] = format_rfc3339(set.expires_at);
  if (!event.replaces.empty()) json["replaces"] = event.replaces;
  json["at"] = format_rfc3339(set.set_at);
  json["actor"] = set.by.text();
  put_approval(json, set.approval);
  return json;
}

Json body_of(const Renewed& event) {
  return Json{{"event", "renewed"},
              {"containment", event.id},
              {"reason", event.reason},
              {"expires_at", format_rfc3339(event.expires_at)},
              {"at", format_rfc3339(event.at)},
              {"actor", event.by.text()}};
}

Json body_of(const Released& event) {
  Json json{{"event", "released"},
            {"containment", event.id},
            {"reason", event.reason},
            {"at", format_rfc3339(event.at)},
            {"actor", event.by.text()}};
  put_approval(json, event.approval);
  return json;
}

Json body_of(const BecameOverdue& event) {
  return Json{{"event", "became_overdue"},
              {"containment", event.id},
              {"at", format_rfc3339(event.at)},
              {"actor", "service:containment"}};
}

Json body_of(const Paged& event) {
  return Json{{"event", "paged"},
              {"containment", event.id},
              {"at", format_rfc3339(event.at)},
              {"actor", "service:containment"}};
}

Json body_of(const GenerationRevoked& event) {
  return Json{{"event", "generation_revoked"},     {"generation", event.generation.number},
              {"digest", event.generation.digest}, {"reason", event.reason},
              {"at", format_rfc3339(event.at)},    {"actor", event.by.text()}};
}

Result<std::optional<std::uint64_t>> read_number(const Json& value) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_number_unsigned()) {
    return fail(Errc::invalid, "containment: generation is not a number");
  }
  return value.get<std::uint64_t>();
}

Result<std::vector<std::string>> read_replaces(const Json& value) {
  std::vector<std::string> ids;
  if (value.is_null()) return ids;
  if (!value.is_array()) return fail(Errc::invalid, "containment: replaces is not a list");
  for (const Json& id : value) {
    if (!id.is_string()) return fail(Errc::invalid, "containment: replaces holds no texts");
    ids.push_back(id.get<std::string>());
  }
  return ids;
}

Result<Event> read_set(ObjectReader& reader) {
  WasSet event;
  Containment& set = event.containment;
  set.id = reader.text("containment");
  const std::string measure = reader.text("measure");
  const std::string scope = reader.text("scope");
  const auto mode = reader.optional_text("mode");
  const Json& generation = reader.any("generation");
  const auto digest = reader.optional_text("digest");
  set.break_glass = reader.text_or("break_glass", "");
  set.reason = reader.text("reason");
  set.incident = reader.text_or("incident", "");
  const std::string expires = reader.text("expires_at");
  const Json& replaces = reader.any("replaces");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_TRY(set.approval, read_approval(reader));
  CORDON_CHECK(reader.finish());
  CORDON_TRY(set.measure, model::parse_measure(measure));
  CORDON_TRY(set.scope, model::Scope::parse(scope));
  if (mode.has_value() != (set.measure == Measure::mode)) {
    return fail(Errc::invalid, "containment: only a mode has a mode, and it always has one");
  }
  if (mode) {
    CORDON_TRY(set.mode, model::parse_mode(*mode));
  }
  CORDON_TRY(const auto number, read_number(generation));
  const bool rollback = set.measure == Measure::rollback;
  if (number.has_value() != rollback || digest.has_value() != rollback) {
    return fail(Errc::invalid, "containment: only a rollback has a generation, and always one");
  }
  if (number) set.to = PastGeneration{*number, *digest};
  CORDON_TRY(set.expires_at, parse_rfc3339(expires));
  CORDON_TRY(event.replaces, read_replaces(replaces));
  CORDON_TRY(set.set_at, parse_rfc3339(at));
  CORDON_TRY(set.by, model::Actor::parse(actor));
  return event;
}

Result<Event> read_renewed(ObjectReader& reader) {
  Renewed event;
  event.id = reader.text("containment");
  event.reason = reader.text("reason");
  const std::string expires = reader.text("expires_at");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(event.expires_at, parse_rfc3339(expires));
  CORDON_TRY(event.at, parse_rfc3339(at));
  CORDON_TRY(event.by, model::Actor::parse(actor));
  return event;
}

Result<Event> read_released(ObjectReader& reader) {
  Released event;
  event.id = reader.text("containment");
  event.reason = reader.text("reason");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_TRY(event.approval, read_approval(reader));
  CORDON_CHECK(reader.finish());
  CORDON_TRY(event.at, parse_rfc3339(at));
  CORDON_TRY(event.by, model::Actor::parse(actor));
  return event;
}

/// Events of the clock: a measure and a time.
template <class E>
Result<Event> read_clock(ObjectReader& reader) {
  E event;
  event.id = reader.text("containment");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_CHECK(reader.finish());
  CORDON_CHECK(model::Actor::parse(actor));
  CORDON_TRY(event.at, parse_rfc3339(at));
  return event;
}

Result<Event> read_revoked(ObjectReader& reader) {
  GenerationRevoked event;
  const Json& generation = reader.any("generation");
  event.generation.digest = reader.text("digest");
  event.reason = reader.text("reason");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(const auto number, read_number(generation));
  if (!number) return fail(Errc::invalid, "containment: generation is missing");
  event.generation.number = *number;
  CORDON_TRY(event.at, parse_rfc3339(at));
  CORDON_TRY(event.by, model::Actor::parse(actor));
  return event;
}

Result<Event> read_event(const Json& body) {
  ObjectReader reader(body, "containment");
  const std::string event = reader.text("event");
  if (event == "set") return read_set(reader);
  if (event == "renewed") return read_renewed(reader);
  if (event == "released") return read_released(reader);
  if (event == "became_overdue") return read_clock<BecameOverdue>(reader);
  if (event == "paged") return read_clock<Paged>(reader);
  if (event == "generation_revoked") return read_revoked(reader);
  return fail(Errc::invalid, fmt::format("containment: unknown event '{}'", event.substr(0, 40)));
}

Result<Wish> read_set_order(const Asked& asked) {
  ObjectReader reader(asked.order, "the order of a set");
  Set set;
  const std::string measure = reader.text("measure");
  set.scope = reader.text("scope");
  const auto mode = reader.optional_text("mode");
  const Json& generation = reader.any("generation");
  set.break_glass = reader.text_or("break_glass", "");
  const std::string expires = reader.text("expires_at");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(set.measure, model::parse_measure(measure));
  if (mode) {
    CORDON_TRY(set.mode, model::parse_mode(*mode));
  }
  CORDON_TRY(set.generation, read_number(generation));
  CORDON_TRY(set.expires_at, parse_rfc3339(expires));
  set.id = asked.about;
  set.reason = asked.reason;
  set.incident = asked.incident;
  set.by = asked.by;
  set.by_token = asked.by_token;
  return set;
}

}  // namespace

Json to_order(const Wish& wish) {
  if (std::holds_alternative<Release>(wish)) return Json::object();
  const Set& set = std::get<Set>(wish);
  Json json{{"measure", to_string(set.measure)}, {"scope", set.scope}};
  if (set.mode) json["mode"] = to_string(*set.mode);
  if (set.generation) json["generation"] = *set.generation;
  if (!set.break_glass.empty()) json["break_glass"] = set.break_glass;
  if (set.expires_at) json["expires_at"] = format_rfc3339(*set.expires_at);
  return json;
}

Result<Wish> wish_of(const Asked& asked) {
  if (asked.act == Act::release) {
    return Release{asked.about, asked.reason, asked.by, asked.by_token, std::nullopt};
  }
  auto wish = read_set_order(asked);
  if (!wish) return fail(Errc::corrupt, std::move(wish).error().detail);
  return wish;
}

std::string say(const Wish& wish) {
  if (const auto* release = std::get_if<Release>(&wish)) {
    return fmt::format("release {} before its expiry", release->id);
  }
  const Set& set = std::get<Set>(wish);
  if (set.mode) return fmt::format("set mode {} for {}", to_string(*set.mode), set.scope);
  if (set.generation) return fmt::format("roll back to generation {}", *set.generation);
  return fmt::format("set a {} for {}", to_string(set.measure), set.scope);
}

Json to_body(const Event& event) {
  return std::visit([](const auto& each) { return body_of(each); }, event);
}

Result<Event> parse_event(const Json& body) {
  auto event = read_event(body);
  if (!event) return fail(Errc::corrupt, std::move(event).error().detail);
  return event;
}

}  // namespace cordon::containment
