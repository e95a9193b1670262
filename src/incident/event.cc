#include "incident/event.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <type_traits>
#include <utility>

namespace cordon::incident {
namespace {

using codec::Json;
using codec::ObjectReader;

constexpr std::array<std::string_view, std::variant_size_v<Event>> kNames = {
    "opened", "signal_joined", "moved", "commander_proposed", "commander_accepted",
    "severity_changed", "severity_confirmed", "exposure_stated", "mitigation_declared",
    "mitigation_judged", "impact_corrected", "noted", "absorbed", "followed_up",
    // People.
    "role_proposed", "role_accepted", "escalated", "paged", "recurred", "affected_stated"};

// Writing: one overload for each event adds its keys.

void put(Json& body, const Opened& event) {
  body.update({{"uuid", event.uuid},
               {"class", model::to_string(event.of_class)},
               {"scope", event.scope.text()},
               {"signal", event.signal},
               {"t0", format_rfc3339(event.t0)},
               {"impact_start", format_rfc3339(event.impact_start)},
               {"title", event.title},
               {"snapshot",
                {{"generation", event.snapshot.generation},
                 {"digest", event.snapshot.digest},
                 {"rulepacks", event.snapshot.rulepacks},
                 {"records", event.snapshot.records}}}});
}
void put(Json& body, const SignalJoined& event) {
  body.update({{"signal", event.signal},
               {"scope", event.scope.text()},
               {"impact_start", format_rfc3339(event.impact_start)}});
}
void put(Json& body, const Moved& event) {
  body.update({{"to", to_string(event.to)}, {"reason", event.reason}});
  containment::put_approval(body, event.approval);
  if (!event.into.empty()) body["into"] = event.into;
}
void put(Json& body, const CommanderProposed& event) {
  body["person"] = event.person;
  if (!event.reason.empty()) body["reason"] = event.reason;
}
void put(Json& body, const CommanderAccepted& event) {
  if (!event.from.empty()) body["from"] = event.from;
  if (!event.reason.empty()) body["reason"] = event.reason;
}
void put(Json& body, const SeverityChanged& event) {
  body.update({{"to", to_string(event.to)}, {"rule", event.rule}});
  if (event.number) body["number"] = *event.number;
  if (event.threshold) body["threshold"] = *event.threshold;
  body["reason"] = event.reason;
  containment::put_approval(body, event.approval);
  if (event.candidate) body["candidate"] = true;
  if (event.waived.empty()) return;
  Json waived = Json::object();
  for (const auto& [name, number] : event.waived) waived[name] = number;
  body["waived"] = std::move(waived);
}
void put(Json&, const SeverityConfirmed&) {}
void put(Json& body, const ExposureStated& event) {
  body.update({{"exposed", event.exposed}, {"reason", event.reason}});
}
void put(Json& body, const MitigationDeclared& event) {
  body.update({{"mitigation", event.test.id},
               {"metric", to_string(event.test.metric)},
               {"scope", event.test.scope.text()},
               {"limit", event.test.limit},
               {"window_ms", event.test.window.count()},
               {"min_samples", event.test.min_samples}});
  if (!event.test.containment.empty()) body["containment"] = event.test.containment;
}
void put(Json& body, const MitigationJudged& event) {
  const Judgement& judgement = event.judgement;
  body.update({{"mitigation", event.id},
               {"verdict", to_string(judgement.verdict)},
               {"samples", judgement.samples},
               {"bad", judgement.bad},
               {"refused", judgement.refused},
               {"evidence", judgement.evidence},
               {"watched_ms", judgement.watched.count()},
               {"reason", judgement.reason}});
}
void put(Json& body, const ImpactCorrected& event) {
  body.update({{"impact_start", format_rfc3339(event.impact_start)}, {"reason", event.reason}});
}
void put(Json& body, const Noted& event) {
  body["text"] = event.text;
}
void put(Json& body, const Absorbed& event) {
  body["from"] = event.from;
}
void put(Json& body, const FollowedUp& event) {
  incident::put(body, event.change);
}

// Reading: the same keys back.

Result<WallTime> time_in(ObjectReader& reader, std::string_view key) {
  return parse_rfc3339(reader.text(key));
}

Result<std::uint64_t> count_in(ObjectReader& reader, std::string_view key) {
  const std::int64_t value = reader.integer(key);
  if (value < 0) return fail(Errc::corrupt, fmt::format("'{}' is negative", key));
  return static_cast<std::uint64_t>(value);
}

std::optional<double> number_in(ObjectReader& reader, std::string_view key) {
  const Json& value = reader.any(key);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

/// Absent in what earlier versions wrote.
Result<Snapshot> snapshot_in(ObjectReader& reader) {
  Snapshot snapshot;
  const Json& body = reader.any("snapshot");
  if (body.is_null()) return snapshot;
  ObjectReader inner(body, "snapshot");
  const std::int64_t generation = inner.integer("generation");
  snapshot.digest = inner.text("digest");
  snapshot.records = inner.text("records");
  for (const Json& pack : inner.any("rulepacks")) {
    if (!pack.is_string()) return fail(Errc::corrupt, "a snapshot's rulepack is no text");
    snapshot.rulepacks.push_back(pack.get<std::string>());
  }
  CORDON_CHECK(inner.finish());
  if (generation < 0) return fail(Errc::corrupt, "a snapshot's generation is negative");
  snapshot.generation = static_cast<std::uint64_t>(generation);
  return snapshot;
}

Result<Event> get(std::type_identity<Opened>, ObjectReader& reader) {
  Opened event;
  CORDON_TRY(event.snapshot, snapshot_in(reader));
  event.uuid = reader.text("uuid");
  event.signal = reader.text("signal");
  event.title = reader.text("title");
  CORDON_TRY(event.of_class, model::parse_incident_class(reader.text("class")));
  CORDON_TRY(event.scope, model::Scope::parse(reader.text("scope")));
  CORDON_TRY(event.t0, time_in(reader, "t0"));
  CORDON_TRY(event.impact_start, time_in(reader, "impact_start"));
  return event;
}
Result<Event> get(std::type_identity<SignalJoined>, ObjectReader& reader) {
  SignalJoined event;
  event.signal = reader.text("signal");
  CORDON_TRY(event.scope, model::Scope::parse(reader.text("scope")));
  CORDON_TRY(event.impact_start, time_in(reader, "impact_start"));
  return event;
}
Result<Event> get(std::type_identity<Moved>, ObjectReader& reader) {
  Moved event;
  event.reason = reader.text("reason");
  event.into = reader.text_or("into", "");
  CORDON_TRY(event.to, parse_state(reader.text("to")));
  CORDON_TRY(event.approval, containment::read_approval(reader));
  return event;
}
Result<Event> get(std::type_identity<CommanderProposed>, ObjectReader& reader) {
  return CommanderProposed{reader.text("person"), reader.text_or("reason", "")};
}
Result<Event> get(std::type_identity<CommanderAccepted>, ObjectReader& reader) {
  return CommanderAccepted{reader.text_or("from", ""), reader.text_or("reason", "")};
}
Result<Event> get(std::type_identity<SeverityChanged>, ObjectReader& reader) {
  SeverityChanged event;
  event.rule = reader.text("rule");
  event.reason = reader.text("reason");
  event.candidate = reader.boolean_or("candidate", false);
  event.number = number_in(reader, "number");
  event.threshold = number_in(reader, "threshold");
  CORDON_TRY(event.to, parse_severity(reader.text("to")));
  CORDON_TRY(event.approval, containment::read_approval(reader));
  for (const auto& [name, number] : reader.any("waived").items()) {
    if (!number.is_number()) return fail(Errc::corrupt, "'waived' holds what is no number");
    event.waived[name] = number.get<double>();
  }
  return event;
}
Result<Event> get(std::type_identity<SeverityConfirmed>, ObjectReader&) {
  return SeverityConfirmed{};
}
Result<Event> get(std::type_identity<ExposureStated>, ObjectReader& reader) {
  const Json& exposed = reader.any("exposed");
  if (!exposed.is_boolean()) return fail(Errc::corrupt, "'exposed' is not true or false");
  return ExposureStated{exposed.get<bool>(), reader.text("reason")};
}
Result<Event> get(std::type_identity<MitigationDeclared>, ObjectReader& reader) {
  MitigationTest test;
  test.id = reader.text("mitigation");
  test.limit = reader.number_or("limit", 0);
  test.window = std::chrono::milliseconds(reader.integer("window_ms"));
  test.containment = reader.text_or("containment", "");
  CORDON_TRY(test.min_samples, count_in(reader, "min_samples"));
  CORDON_TRY(test.metric, parse_mitigation_metric(reader.text("metric")));
  CORDON_TRY(test.scope, model::Scope::parse(reader.text("scope")));
  CORDON_CHECK(check(test));
  return MitigationDeclared{std::move(test)};
}
Result<Event> get(std::type_identity<MitigationJudged>, ObjectReader& reader) {
  MitigationJudged event;
  event.id = reader.text("mitigation");
  Judgement& judgement = event.judgement;
  judgement.reason = reader.text("reason");
  judgement.evidence = reader.number_or("evidence", 0);
  judgement.watched = std::chrono::milliseconds(reader.integer("watched_ms"));
  CORDON_TRY(judgement.samples, count_in(reader, "samples"));
  CORDON_TRY(judgement.bad, count_in(reader, "bad"));
  CORDON_TRY(judgement.refused, count_in(reader, "refused"));
  CORDON_TRY(judgement.verdict, parse_verdict(reader.text("verdict")));
  return event;
}
Result<Event> get(std::type_identity<ImpactCorrected>, ObjectReader& reader) {
  ImpactCorrected event;
  event.reason = reader.text("reason");
  CORDON_TRY(event.impact_start, time_in(reader, "impact_start"));
  return event;
}
Result<Event> get(std::type_identity<Noted>, ObjectReader& reader) {
  return Noted{reader.text("text")};
}
Result<Event> get(std::type_identity<Absorbed>, ObjectReader& reader) {
  return Absorbed{reader.text("from")};
}
Result<Event> get(std::type_identity<FollowedUp>, ObjectReader& reader) {
  const std::string name = reader.text("event");
  CORDON_TRY(auto change, get_follow_up(name, reader));
  if (change) return FollowedUp{*std::move(change)};
  return fail(Errc::corrupt, fmt::format("unknown incident event '{}'", name.substr(0, 40)));
}

template <std::size_t I = 0>
Result<Event> get_named(std::string_view name, ObjectReader& reader) {
  if constexpr (I == std::variant_size_v<Event>) {
    // The family goes by the names of its members.
    return get(std::type_identity<FollowedUp>{}, reader);
  } else {
    if (name != kNames[I]) return get_named<I + 1>(name, reader);
    return get(std::type_identity<std::variant_alternative_t<I, Event>>{}, reader);
  }
}

Result<Happening> parse_body(const model::Entry& entry) {
  ObjectReader reader(entry.body, "incident_event");
  Happening happening;
  happening.incident = reader.text("incident");
  CORDON_TRY(happening.revision, count_in(reader, "revision"));
  const std::string name = reader.text("event");
  CORDON_TRY(happening.actor, model::Actor::parse(reader.text("actor")));
  CORDON_TRY(happening.time, time_in(reader, "time"));
  CORDON_TRY(happening.event, get_named(name, reader));
  CORDON_CHECK(reader.finish());
  happening.recorded = entry.recorded;
  happening.entry = entry.id;
  return happening;
}

}  // namespace

std::string_view name_of(const Event& event) noexcept {
  if (const auto* family = std::get_if<FollowedUp>(&event)) return name_of(family->change);
  return kNames[event.index()];
}

codec::Json to_body(const Happening& happening) {
  Json body = {{"incident", happening.incident},
               {"revision", happening.revision},
               {"event", name_of(happening.event)},
               {"actor", happening.actor.text()},
               {"time", format_rfc3339(happening.time)}};
  std::visit([&body](const auto& event) { put(body, event); }, happening.event);
  return body;
}

Result<Happening> parse_happening(const model::Entry& entry) {
  if (entry.kind != model::EntryKind::incident_event) {
    return fail(Errc::corrupt, "an entry of another kind than incident_event");
  }
  return parse_body(entry).map_error([](const Error& error) {
    return Error{Errc::corrupt, error.detail};
  });
}

}  // namespace cordon::incident
