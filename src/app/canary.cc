#include "app/canary.h"

#include "api/rulepack_order.h"
#include "codec/json.h"
#include "detect/detector.h"

#include <fmt/format.h>

namespace cordon::app {

std::string canary_pack(const model::Config& config) {
  std::string rules;
  for (const model::DetectorConfig& detector : config.detectors) {
    if (detector.kind != model::DetectorKind::canary) continue;
    codec::Json tokens = codec::Json::array();
    for (const std::string& token : detector.tokens) tokens.push_back(token);
    rules += fmt::format(
        "  - id: {}\n"
        "    class: {}\n"
        "    data_kind: canary\n"
        "    on: [response, tool_arguments, reasoning]\n"
        "    match:\n"
        "      canary: {}\n"
        "    action: block\n"
        "    rationale: A token of the configuration that must never be in an answer.\n"
        "    tests: {{match: [{}], pass: [an answer without a token]}}\n",
        detect::DetectorsOptions::canary_rule(detector.name), model::to_string(detector.of_class),
        codec::write_json(tokens), codec::write_json(tokens.front()));
  }
  if (rules.empty()) return {};
  return fmt::format("rulepack: {}\nversion: configured\nrules:\n{}", api::kCanaryPack, rules);
}

void put_on_routes(model::Config& config) {
  for (model::RouteConfig& route : config.routes) {
    route.rulepacks.emplace_back(api::kCanaryPack);
    if (route.fallback_rulepacks) route.fallback_rulepacks->emplace_back(api::kCanaryPack);
  }
}

}  // namespace cordon::app
