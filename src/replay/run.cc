#include "replay/run.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::replay {
namespace {

using model::Action;

constexpr model::Mode kMode = model::Mode::standard;

Action stricter(Action action) {
  return action >= Action::redact ? Action::block : Action::redact;
}

std::vector<std::string> rules_of(const policy::Engine& engine, const policy::Decision& decision) {
  std::vector<std::string> rules;
  for (const policy::Finding& finding : decision.findings) {
    const std::string& id = engine.rule(finding.rule).id;
    if (std::find(rules.begin(), rules.end(), id) == rules.end()) rules.push_back(id);
  }
  return rules;
}

CaseResult run_case(const Case& one, const policy::Engine& engine) {
  std::string released;
  const policy::Decision decision = engine.scan(one.part, kMode, one.text, &released);
  CaseResult result{one.name, one.expect,   decision.action, rules_of(engine, decision),
                    0,        Outcome::fail};
  // A blocked request reaches nobody; of a blocked answer a stream has shown what came before.
  if (one.part == policy::Part::request && decision.action == Action::block) released.clear();
  for (const std::string& text : one.hide) {
    if (released.find(text) != std::string::npos) ++result.shown;
  }
  if (decision.action >= one.expect && result.shown == 0) result.outcome = Outcome::pass;
  return result;
}

/// What matched and went through all the same. Findings of other classes are not what went wrong.
void add_hidden(Case& one, const policy::Decision& decision, const policy::Engine& engine,
                model::IncidentClass of_class) {
  constexpr std::size_t kTextBytesMin = 4;
  for (const policy::Finding& finding : decision.findings) {
    if (engine.rule(finding.rule).incident_class != of_class) continue;
    if (finding.action >= Action::redact || finding.verdict == Action::allow) continue;
    std::string text = one.text.substr(finding.begin, finding.end - finding.begin);
    const bool known = std::find(one.hide.begin(), one.hide.end(), text) != one.hide.end();
    if (text.size() < kTextBytesMin || known || one.hide.size() >= kHideMax) continue;
    one.hide.push_back(std::move(text));
  }
}

}  // namespace

std::string_view to_string(Outcome outcome) noexcept {
  return outcome == Outcome::pass ? "pass" : "fail";
}

Outcome Report::outcome() const noexcept {
  const bool all = std::all_of(cases.begin(), cases.end(),
                               [](const CaseResult& one) { return one.outcome == Outcome::pass; });
  return all && !cases.empty() ? Outcome::pass : Outcome::fail;
}

codec::Json to_json(const Report& report) {
  codec::Json packs = codec::Json::array();
  for (const policy::PackDigest& pack : report.packs) {
    packs.push_back({{"name", pack.name}, {"version", pack.version}, {"digest", pack.digest}});
  }
  codec::Json cases = codec::Json::array();
  for (const CaseResult& one : report.cases) {
    cases.push_back({{"case", one.name},
                     {"expected", model::to_string(one.expected)},
                     {"got", model::to_string(one.got)},
                     {"rules", one.rules},
                     {"shown", one.shown},
                     {"outcome", to_string(one.outcome)}});
  }
  codec::Json json = {{"replay", report.id},
                      {"incident", report.incident},
                      {"outcome", to_string(report.outcome())},
                      {"rulepacks", std::move(packs)},
                      {"cases", std::move(cases)}};
  if (!report.missing.empty()) json["missing"] = report.missing;
  return json;
}

Result<std::shared_ptr<const policy::Engine>> compile(const ReplayTest& test,
                                                      const Candidates& candidates) {
  std::vector<std::shared_ptr<const policy::Rulepack>> packs;
  std::vector<bool> used(candidates.size(), false);
  for (const PackThen& then : test.packs) {
    const auto found = std::find_if(candidates.begin(), candidates.end(),
                                    [&](const auto& pack) { return pack->name == then.name; });
    if (found != candidates.end()) {
      used[static_cast<std::size_t>(found - candidates.begin())] = true;
      packs.push_back(*found);
      continue;
    }
    CORDON_TRY(auto pack, policy::Rulepack::parse(then.text, then.name));
    if (pack->digest != then.digest || pack->name != then.name) {
      return fail(Errc::corrupt, fmt::format("{}: the rulepack {} inside has the digest {}, not {}",
                                             test.id, then.name, pack->digest, then.digest));
    }
    packs.push_back(std::move(pack));
  }
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!used[i]) packs.push_back(candidates[i]);
  }
  auto engine = policy::Engine::compile(packs);
  if (!engine) {
    return fail(Errc::invalid, fmt::format("rulepack {}, rule {}: {}", engine.error().rulepack,
                                           engine.error().rule_id, engine.error().reason));
  }
  return *std::move(engine);
}

Report run(const ReplayTest& test, const policy::Engine& engine) {
  Report report;
  report.id = test.id;
  report.incident = test.incident;
  report.packs.assign(engine.digests().begin(), engine.digests().end());
  for (const Case& one : test.cases) report.cases.push_back(run_case(one, engine));
  return report;
}

Status settle(ReplayTest& test, const policy::Engine& then) {
  for (Case& one : test.cases) {
    const policy::Decision decision = then.scan(one.part, kMode, one.text);
    one.then = decision.action;
    if (one.expect == Action::allow) one.expect = stricter(decision.action);
    add_hidden(one, decision, then, test.incident_class);
  }
  const Report report = run(test, then);
  for (const CaseResult& one : report.cases) {
    if (one.outcome == Outcome::fail) continue;
    return fail(Errc::conflict,
                fmt::format("case {}: the rulepacks in force then already decide {}, which is what "
                            "is expected; it would show nothing. Leave it out, or expect more",
                            one.name, model::to_string(one.got)));
  }
  return {};
}

}  // namespace cordon::replay
