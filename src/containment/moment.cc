#include "containment/moment.h"

#include <fmt/format.h>

#include <array>
#include <map>

namespace cordon::containment {
namespace {

using codec::Json;

constexpr std::array<std::string_view, 6> kOfTheGeneration = {"routes",  "flags",  "providers",
                                                              "tenants", "limits", "keys"};
constexpr std::array<std::string_view, 4> kMeasureKeys = {"switches", "modes", "fallbacks",
                                                          "rollbacks"};

std::string_view key_of(Measure measure) noexcept {
  return kMeasureKeys[static_cast<std::size_t>(measure)];
}

Json rulepacks_of(const model::Generation& generation, const Moment& moment) {
  std::map<std::string, Json> packs;
  for (const model::Route& route : generation.routes) {
    std::vector<model::RulepackRef> refs = route.rulepacks;
    if (route.fallback_rulepacks) {
      refs.insert(refs.end(), route.fallback_rulepacks->begin(), route.fallback_rulepacks->end());
    }
    for (const model::RulepackRef& ref : refs) {
      const auto known = moment.rulepacks.find(ref.digest);
      Json pack = {{"name", ref.name}, {"digest", ref.digest}};
      pack["version"] = known == moment.rulepacks.end() ? Json() : Json(known->second.version);
      packs.emplace(ref.name + ref.digest, std::move(pack));
    }
  }
  Json list = Json::array();
  for (auto& [name, pack] : packs) list.push_back(std::move(pack));
  return list;
}

/// The name by which an item of a list is known; empty if it has none.
std::string name_of_item(const Json& item) {
  if (!item.is_object()) return {};
  for (const char* key : {"id", "name"}) {
    const auto found = item.find(key);
    if (found != item.end() && found->is_string()) return found->get<std::string>();
  }
  return {};
}

bool is_named_list(const Json& value) {
  if (!value.is_array()) return false;
  for (const Json& item : value) {
    if (name_of_item(item).empty()) return false;
  }
  return true;
}

std::map<std::string, const Json*> by_name(const Json& value) {
  std::map<std::string, const Json*> items;
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) items.emplace(key, &item);
  } else {
    for (const Json& item : value) items.emplace(name_of_item(item), &item);
  }
  return items;
}

const Json& null_json() {
  static const Json kNull;
  return kNull;
}

// As deep as the documents are, which are ours: a generation is four levels.
void compare(const std::string& path, const Json& from, const Json& to, Json& changes) {
  if (from == to) return;
  const bool objects = from.is_object() && to.is_object();
  const bool lists = is_named_list(from) && is_named_list(to);
  if (!objects && !lists) {
    changes.push_back({{"what", path}, {"from", from}, {"to", to}});
    return;
  }
  const auto before = by_name(from);
  const auto after = by_name(to);
  for (const auto& [name, item] : before) {
    const auto now = after.find(name);
    compare(fmt::format("{}.{}", path, name), *item,
            now == after.end() ? null_json() : *now->second, changes);
  }
  for (const auto& [name, item] : after) {
    if (!before.contains(name))
      compare(fmt::format("{}.{}", path, name), null_json(), *item, changes);
  }
}

const Json& part(const Json& of, std::string_view key) {
  const auto found = of.find(std::string(key));
  return found == of.end() ? null_json() : *found;
}

Json head_of(const Json& moment) {
  return {{"at", part(moment, "at")},
          {"generation", part(moment, "generation")},
          {"digest", part(moment, "digest")}};
}

}  // namespace

Json to_json(const Containment& measure) {
  Json json = {{"id", measure.id},
               {"kind", model::to_string(measure.measure)},
               {"scope", measure.scope.text()},
               {"reason", measure.reason},
               {"by", measure.by.text()},
               {"set_at", format_rfc3339(measure.set_at)},
               {"expires_at", format_rfc3339(measure.expires_at)},
               {"state", to_string(measure.state)}};
  if (measure.mode) json["mode"] = model::to_string(*measure.mode);
  if (measure.to) {
    json["generation"] = measure.to->number;
    json["digest"] = measure.to->digest;
  }
  if (!measure.break_glass.empty()) json["break_glass"] = measure.break_glass;
  if (!measure.incident.empty()) json["incident"] = measure.incident;
  if (measure.approval) json["approved_by"] = measure.approval->by.text();
  return json;
}

Json to_json(const Moment& moment,
             const Result<std::shared_ptr<const model::Generation>>& generation) {
  Json json = {{"at", format_rfc3339(moment.at)},
               {"generation", moment.generation.generation.number},
               {"digest", moment.generation.generation.digest},
               {"generation_since", format_rfc3339(moment.generation_since)},
               {"cause", moment.generation.cause},
               {"last_change", moment.sequence},
               {"unknown", Json::array()}};
  if (generation) {
    const Json whole = (*generation)->to_json();
    for (const std::string_view key : kOfTheGeneration) {
      json[std::string(key)] = part(whole, key);
    }
    if (json["keys"].is_null()) json["keys"] = Json::array();
    json["rulepacks"] = rulepacks_of(**generation, moment);
  } else {
    json["unknown"].push_back(
        {{"what", fmt::format("generation {}: routes, flags, providers, tenants, limits, keys, "
                              "rulepacks",
                              moment.generation.generation.number)},
         {"why", generation.error().detail}});
  }
  for (const std::string_view key : kMeasureKeys) json[std::string(key)] = Json::array();
  for (const Containment* measure : moment.measures.in_force()) {
    json[std::string(key_of(measure->measure))].push_back(to_json(*measure));
  }
  return json;
}

Json diff(const Json& from, const Json& to) {
  Json json = {{"from", head_of(from)},
               {"to", head_of(to)},
               {"changes", Json::array()},
               {"unknown", Json::array()}};
  for (const Json* each : {&from, &to}) {
    for (const Json& unknown : part(*each, "unknown")) json["unknown"].push_back(unknown);
  }
  const bool known = json["unknown"].empty();
  if (known) {
    for (const std::string_view key : kOfTheGeneration) {
      compare(std::string(key), part(from, key), part(to, key), json["changes"]);
    }
    compare("rulepacks", part(from, "rulepacks"), part(to, "rulepacks"), json["changes"]);
  }
  for (const std::string_view key : kMeasureKeys) {
    compare(std::string(key), part(from, key), part(to, key), json["changes"]);
  }
  return json;
}

}  // namespace cordon::containment
