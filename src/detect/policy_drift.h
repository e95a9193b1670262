// Policy drift: what each route does about each rule, compared with what somebody pinned as right.
// Values and one pure function; docs/formats/baseline.md says what counts as weaker.
#pragma once

#include "codec/json.h"
#include "model/action.h"
#include "model/incident_class.h"
#include "model/mode.h"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::detect {

/// What a route does about one rule.
struct RuleInForce {
  model::IncidentClass of_class = model::IncidentClass::data_leakage;
  bool live = true;  ///< false: a shadow
  std::set<std::string> on;
  model::Action action = model::Action::warn;
  model::Action emergency = model::Action::block;
  bool fails_closed = true;
  std::string match;  ///< digest of the rule's text
};
/// Rules of one route by id.
using RulesInForce = std::map<std::string, RuleInForce, std::less<>>;

/// One route.
struct RouteInForce {
  model::Mode mode = model::Mode::standard;
  RulesInForce rules;
};
/// All routes by name. A value.
struct PolicyInForce {
  std::map<std::string, RouteInForce, std::less<>> routes;

  [[nodiscard]] codec::Json to_json() const;
  /// Refuses as `corrupt` a missing, unknown or mistyped key.
  [[nodiscard]] static Result<PolicyInForce> from_json(const codec::Json& value);
};

/// One thing that differs. `before` and `after` are words, empty where there is none.
struct DriftFinding {
  std::string route;
  std::string rule;  ///< empty for the route itself
  std::string what;
  std::string before;
  std::string after;
};
[[nodiscard]] codec::Json to_json(const DriftFinding& finding);

/// What became of a policy.
struct Drift {
  std::vector<DriftFinding> weaker;
  std::vector<DriftFinding> not_assessed;  ///< different, and neither weaker nor the same

  /// The findings about one route.
  [[nodiscard]] std::vector<DriftFinding> weaker_on(std::string_view route) const;
  /// Names of routes with a weakening, sorted.
  [[nodiscard]] std::vector<std::string> routes() const;
};

[[nodiscard]] Drift compare(const PolicyInForce& baseline, const PolicyInForce& now);

}  // namespace cordon::detect
