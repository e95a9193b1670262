#include "api/baseline.h"

#include "crypto/sha256.h"
#include "policy/rulepack.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace cordon::api {
namespace {

using codec::Json;

constexpr std::size_t kFindingsShownMax = 50;
constexpr std::size_t kFindingsSaidMax = 3;

Json findings_json(const std::vector<detect::DriftFinding>& findings) {
  Json list = Json::array();
  for (const detect::DriftFinding& one : findings) list.push_back(detect::to_json(one));
  return list;
}

/// The lines of `text` from `first` (counted from 1) to before `end`.
std::string_view lines(std::string_view text, std::uint32_t first, std::uint32_t end) {
  std::size_t begin = 0;
  for (std::uint32_t line = 1; line < first && begin < text.size(); ++line) {
    begin = std::min(text.find('\n', begin), text.size() - 1) + 1;
  }
  std::size_t stop = begin;
  for (std::uint32_t line = first; line < end && stop < text.size(); ++line) {
    stop = std::min(text.find('\n', stop), text.size() - 1) + 1;
  }
  return text.substr(begin, stop - begin);
}

detect::RuleInForce rule_in_force(const policy::Rule& rule, std::string_view source) {
  detect::RuleInForce one;
  one.of_class = rule.incident_class;
  one.live = rule.state == policy::RuleState::live;
  for (std::size_t i = 0; i < policy::kPartCount; ++i) {
    if (rule.on[i]) one.on.insert(std::string(to_string(static_cast<policy::Part>(i))));
  }
  one.action = rule.action;
  one.emergency = rule.emergency;
  one.fails_closed = rule.on_error == policy::OnError::fail_closed;
  one.match = crypto::hex(crypto::sha256(source));
  return one;
}

std::string say(const detect::DriftFinding& one) {
  std::string text = one.rule.empty() ? one.what : fmt::format("{} {}", one.rule, one.what);
  if (!one.before.empty()) text += fmt::format(" ({} to {})", one.before, one.after);
  return text;
}

}  // namespace

Json to_json(const Baseline& baseline) {
  return {{"generation", baseline.generation}, {"digest", baseline.digest},
          {"policy", baseline.policy_digest},  {"reason", baseline.reason},
          {"actor", baseline.actor},           {"at", format_rfc3339(baseline.at)}};
}

Json to_json(const BaselineDiff& diff) {
  return {{"baseline", to_json(diff.baseline)},
          {"generation", diff.generation},
          {"drift", !diff.drift.weaker.empty()},
          {"weaker", findings_json(diff.drift.weaker)},
          {"not_assessed", findings_json(diff.drift.not_assessed)}};
}

Result<detect::RulesInForce> rules_of(std::string_view text) {
  const auto pack = policy::Rulepack::parse(text, "archive");
  if (!pack) return fail(Errc::corrupt, pack.error().detail);
  std::vector<std::uint32_t> begins;
  for (const policy::Rule& rule : (*pack)->rules) begins.push_back(rule.line);
  std::sort(begins.begin(), begins.end());
  detect::RulesInForce rules;
  for (const policy::Rule& rule : (*pack)->rules) {
    const auto next = std::upper_bound(begins.begin(), begins.end(), rule.line);
    const std::uint32_t end = next == begins.end() ? UINT32_MAX : *next;
    rules.emplace(rule.id, rule_in_force(rule, lines(text, rule.line, end)));
  }
  return rules;
}

Result<detect::PolicyInForce> policy_of(const model::Generation& generation,
                                        const RulesByPack& packs) {
  detect::PolicyInForce policy;
  for (const model::Route& route : generation.routes) {
    detect::RouteInForce& one = policy.routes[route.name];
    one.mode = route.mode;
    for (const model::RulepackRef& pack : route.rulepacks) {
      const auto found = packs.find(pack.digest);
      if (found == packs.end()) {
        return fail(Errc::not_found, fmt::format("the rulepack {} is not kept", pack.name));
      }
      one.rules.insert(found->second.begin(), found->second.end());
    }
  }
  return policy;
}

detect::Signal signal_of(const BaselineDiff& diff, const model::Generation& generation,
                         const std::string& route, WallTime now) {
  std::vector<detect::DriftFinding> findings = diff.drift.weaker_on(route);
  detect::Signal signal;
  signal.source = detect::SignalSource::detector;
  signal.detector = "drift";
  signal.reporter = {model::ActorKind::service, "detect"};
  signal.of_class = model::IncidentClass::policy_drift;
  if (auto scope = model::Scope::parse("route=" + route)) signal.scope = *std::move(scope);
  signal.time = now;
  signal.summary = fmt::format("route {} is weaker than the baseline of generation {} in {} ways",
                               route, diff.baseline.generation, findings.size());
  for (std::size_t i = 0; i < std::min(findings.size(), kFindingsSaidMax); ++i) {
    signal.summary += (i == 0 ? ": " : "; ") + say(findings[i]);
  }
  signal.summary.resize(std::min(signal.summary.size(), detect::kSummaryBytesMax));
  const std::string all = codec::write_json(findings_json(findings));
  const std::size_t count = findings.size();
  findings.resize(std::min(count, kFindingsShownMax));
  signal.evidence = "sha256:" + diff.baseline.policy_digest;
  signal.numbers = {{"findings", crypto::hex(crypto::sha256(all))},
                    {"count", count},
                    {"weaker", findings_json(findings)},
                    {"baseline", diff.baseline.policy_digest},
                    {"generation", generation.number},
                    {"generation_digest", generation.digest}};
  return signal;
}

}  // namespace cordon::api
