#include "detect/policy_drift.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace cordon::detect {
namespace {

using codec::Json;
using codec::ObjectReader;

Json rule_json(const RuleInForce& rule) {
  return {{"class", model::to_string(rule.of_class)},
          {"state", rule.live ? "live" : "shadow"},
          {"on", rule.on},
          {"action", model::to_string(rule.action)},
          {"emergency", model::to_string(rule.emergency)},
          {"on_error", rule.fails_closed ? "fail_closed" : "fail_open"},
          {"match", rule.match}};
}

Result<RuleInForce> read_rule(const Json& value) {
  ObjectReader reader(value, "rule of a baseline");
  RuleInForce rule;
  const std::string of_class = reader.text("class");
  const std::string state = reader.text("state");
  const std::string action = reader.text("action");
  const std::string emergency = reader.text("emergency");
  const std::string on_error = reader.text("on_error");
  rule.match = reader.text("match");
  const Json& on = reader.any("on");
  CORDON_CHECK(reader.finish());
  for (const Json& part : on) {
    if (!part.is_string()) return fail(Errc::invalid, "rule of a baseline: 'on' holds no words");
    rule.on.insert(part.get<std::string>());
  }
  if ((state != "live" && state != "shadow") ||
      (on_error != "fail_closed" && on_error != "fail_open")) {
    return fail(Errc::invalid, "rule of a baseline: an unknown word");
  }
  rule.live = state == "live";
  rule.fails_closed = on_error == "fail_closed";
  CORDON_TRY(rule.of_class, model::parse_incident_class(of_class));
  CORDON_TRY(rule.action, model::parse_action(action));
  CORDON_TRY(rule.emergency, model::parse_action(emergency));
  return rule;
}

Result<RouteInForce> read_route(const Json& value) {
  ObjectReader reader(value, "route of a baseline");
  RouteInForce route;
  const std::string mode = reader.text("mode");
  const Json& rules = reader.any("rules");
  CORDON_CHECK(reader.finish());
  if (!rules.is_object()) return fail(Errc::invalid, "route of a baseline: 'rules' is no object");
  CORDON_TRY(route.mode, model::parse_mode(mode));
  for (const auto& [id, rule] : rules.items()) {
    CORDON_TRY(RuleInForce read, read_rule(rule));
    route.rules.emplace(id, std::move(read));
  }
  return route;
}

Result<PolicyInForce> read_policy(const Json& value) {
  ObjectReader reader(value, "baseline");
  PolicyInForce policy;
  const Json& routes = reader.any("routes");
  CORDON_CHECK(reader.finish());
  if (!routes.is_object()) return fail(Errc::invalid, "baseline: 'routes' is no object");
  for (const auto& [name, route] : routes.items()) {
    CORDON_TRY(RouteInForce read, read_route(route));
    policy.routes.emplace(name, std::move(read));
  }
  return policy;
}

/// Compares one rule on one route.
class RuleComparison {
 public:
  RuleComparison(Drift& drift, const std::string& route, const std::string& rule)
      : drift_(drift), route_(route), rule_(rule) {}

  void compare(const RuleInForce& before, const RuleInForce& after) {
    if (before.live && !after.live) weaker("rule_shadowed", "live", "shadow");
    if (after.action < before.action) {
      weaker("action_weaker", model::to_string(before.action), model::to_string(after.action));
    }
    if (after.emergency < before.emergency) {
      weaker("emergency_weaker", model::to_string(before.emergency),
             model::to_string(after.emergency));
    }
    if (!std::includes(after.on.begin(), after.on.end(), before.on.begin(), before.on.end())) {
      weaker("reads_less", fmt::format("{}", fmt::join(before.on, " ")),
             fmt::format("{}", fmt::join(after.on, " ")));
    }
    if (before.fails_closed && !after.fails_closed) {
      weaker("fails_open", "fail_closed", "fail_open");
    }
    if (before.match != after.match) {
      drift_.not_assessed.push_back({route_, rule_, "text_differs", {}, {}});
    }
  }

 private:
  void weaker(std::string_view what, std::string_view before, std::string_view after) {
    drift_.weaker.push_back(
        {route_, rule_, std::string(what), std::string(before), std::string(after)});
  }

  Drift& drift_;
  const std::string& route_;
  const std::string& rule_;
};

void compare_route(Drift& drift, const std::string& name, const RouteInForce& before,
                   const RouteInForce& after) {
  if (after.mode < before.mode) {
    drift.weaker.push_back({name,
                            {},
                            "mode_weaker",
                            std::string(model::to_string(before.mode)),
                            std::string(model::to_string(after.mode))});
  }
  for (const auto& [id, rule] : before.rules) {
    const auto found = after.rules.find(id);
    if (found == after.rules.end()) {
      drift.weaker.push_back({name, id, "rule_missing", {}, {}});
    } else {
      RuleComparison(drift, name, id).compare(rule, found->second);
    }
  }
}

}  // namespace

Json PolicyInForce::to_json() const {
  Json all = Json::object();
  for (const auto& [name, route] : routes) {
    Json rules = Json::object();
    for (const auto& [id, rule] : route.rules) rules[id] = rule_json(rule);
    all[name] = {{"mode", model::to_string(route.mode)}, {"rules", std::move(rules)}};
  }
  return {{"routes", std::move(all)}};
}

Result<PolicyInForce> PolicyInForce::from_json(const Json& value) {
  return read_policy(value).map_error([](const Error& error) {
    return Error{Errc::corrupt, error.detail};
  });
}

Json to_json(const DriftFinding& finding) {
  Json json = {{"route", finding.route}, {"what", finding.what}};
  if (!finding.rule.empty()) json["rule"] = finding.rule;
  if (!finding.before.empty()) json["before"] = finding.before;
  if (!finding.after.empty()) json["after"] = finding.after;
  return json;
}

std::vector<DriftFinding> Drift::weaker_on(std::string_view route) const {
  std::vector<DriftFinding> found;
  std::copy_if(weaker.begin(), weaker.end(), std::back_inserter(found),
               [route](const DriftFinding& one) { return one.route == route; });
  return found;
}

std::vector<std::string> Drift::routes() const {
  std::set<std::string> names;
  for (const DriftFinding& one : weaker) names.insert(one.route);
  return {names.begin(), names.end()};
}

Drift compare(const PolicyInForce& baseline, const PolicyInForce& now) {
  Drift drift;
  for (const auto& [name, route] : baseline.routes) {
    const auto found = now.routes.find(name);
    if (found == now.routes.end()) {
      drift.weaker.push_back({name, {}, "route_missing", {}, {}});
    } else {
      compare_route(drift, name, route, found->second);
    }
  }
  for (const auto& [name, route] : now.routes) {
    if (!baseline.routes.contains(name)) {
      drift.not_assessed.push_back({name, {}, "route_unknown", {}, {}});
    }
  }
  return drift;
}

}  // namespace cordon::detect
