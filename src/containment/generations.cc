#include "containment/generations.h"

#include "crypto/sha256.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace cordon::containment {
namespace {

constexpr std::size_t kGenerationBytesMax = 64 * 1024 * 1024;

model::MeasureInForce as_obeyed(const Containment& measure) {
  return {measure.id, measure.measure, measure.scope, measure.mode.value_or(model::Mode::standard)};
}

std::vector<model::MeasureInForce> measures_of(const State& state) {
  std::vector<model::MeasureInForce> measures;
  for (const Containment* each : state.in_force()) measures.push_back(as_obeyed(*each));
  return measures;
}

Result<std::vector<model::RulepackRef>> refs_of(const std::string& route,
                                                const std::vector<std::string>& names,
                                                const RulepackDigests& rulepacks) {
  std::vector<model::RulepackRef> refs;
  for (const std::string& name : names) {
    const auto found = rulepacks.find(name);
    if (found == rulepacks.end()) {
      std::vector<std::string_view> known;
      for (const auto& [pack, digest] : rulepacks) known.push_back(pack);
      return fail(Errc::invalid,
                  fmt::format("route {} asks for the rulepack '{}', which is not loaded; "
                              "loaded: {}",
                              route, name, fmt::join(known, ", ")));
    }
    refs.push_back({name, found->second});
  }
  return refs;
}

bool ends(const Event& event, const std::string& id) {
  if (const auto* released = std::get_if<Released>(&event)) return released->id == id;
  const auto* set = std::get_if<WasSet>(&event);
  return set != nullptr &&
         std::find(set->replaces.begin(), set->replaces.end(), id) != set->replaces.end();
}

Result<std::vector<model::Route>> routes_of(const model::Config& config,
                                            const RulepackDigests& rulepacks) {
  std::vector<model::Route> routes;
  for (const model::RouteConfig& from : config.routes) {
    model::Route route{from.name, from.targets,    from.fallback, {},
                       from.mode, from.durability, from.capture};
    CORDON_TRY(route.rulepacks, refs_of(from.name, from.rulepacks, rulepacks));
    if (from.fallback_rulepacks) {
      CORDON_TRY(route.fallback_rulepacks, refs_of(from.name, *from.fallback_rulepacks, rulepacks));
    }
    route.uninspected = from.uninspected;
    route.retry = from.retry;
    route.choice = from.choice;
    route.on_cut = from.on_cut;
    route.translate = from.translate;
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace

Result<std::shared_ptr<const model::Generation>> make_generation(std::uint64_t number,
                                                                 const model::Config& config,
                                                                 const State& state,
                                                                 const RulepackDigests& rulepacks) {
  model::Generation generation;
  generation.number = number;
  for (const model::ProviderConfig& each : config.providers) {
    generation.providers.push_back(each.provider);
  }
  CORDON_TRY(generation.routes, routes_of(config, rulepacks));
  generation.prices = config.prices;
  generation.tenants = config.tenants;
  generation.flags = config.flags;
  generation.measures = measures_of(state);
  generation.limits = config.limits;
  return seal(std::move(generation));
}

model::Generation with_keys(const model::Generation& before, const Keys& keys, WallTime now) {
  model::Generation next = before;
  next.keys = keys.to_obey(now);
  return next;
}

std::shared_ptr<const model::Generation> with_measures(const model::Generation& before,
                                                       std::uint64_t number, const State& state) {
  model::Generation next = before;
  next.number = number;
  next.measures = measures_of(state);
  return seal(std::move(next));
}

std::shared_ptr<const model::Generation> with_measures(const model::Generation& before,
                                                       std::uint64_t number, const State& state,
                                                       const Event& event) {
  model::Generation next = before;
  next.number = number;
  next.measures.clear();
  for (const Containment* each : state.in_force()) {
    if (!ends(event, each->id)) next.measures.push_back(as_obeyed(*each));
  }
  if (const auto* set = std::get_if<WasSet>(&event)) {
    next.measures.push_back(as_obeyed(set->containment));
  }
  return seal(std::move(next));
}

std::optional<PastGeneration> rollback_after(const State& state, const Event& event) {
  const auto* set = std::get_if<WasSet>(&event);
  if (set != nullptr && set->containment.to) return set->containment.to;
  const Containment* rollback = state.rollback();
  if (rollback == nullptr || ends(event, rollback->id)) return std::nullopt;
  return rollback->to;
}

model::Generation rolled_back(const model::Generation& configured, const model::Generation& past) {
  model::Generation next = configured;
  next.routes = past.routes;
  next.flags = past.flags;
  return next;
}

std::shared_ptr<const model::Generation> seal(model::Generation generation) {
  generation.digest = crypto::hex(crypto::sha256(codec::write_json(generation.to_json())));
  return std::make_shared<const model::Generation>(std::move(generation));
}

Result<std::shared_ptr<const model::Generation>> read_generation(std::string_view bytes,
                                                                 std::string_view digest) {
  const std::string found = crypto::hex(crypto::sha256(bytes));
  if (found != digest) {
    return fail(Errc::corrupt, fmt::format("a generation's bytes have the digest {}, not {}", found,
                                           digest.substr(0, 64)));
  }
  auto json = codec::parse_json(bytes, {.bytes_max = kGenerationBytesMax});
  if (!json) return fail(Errc::corrupt, std::move(json).error().detail);
  CORDON_TRY(model::Generation generation, model::Generation::from_json(*json));
  generation.digest = found;
  return std::make_shared<const model::Generation>(std::move(generation));
}

codec::Json generation_change_body(const model::Generation& generation, const std::string& cause,
                                   const model::Actor& actor) {
  return codec::Json{{"number", generation.number},
                     {"digest", generation.digest},
                     {"cause", cause},
                     {"actor", actor.text()}};
}

}  // namespace cordon::containment
