// The part of an exchange that the rules answer themselves: moderations. No provider is asked.
#include "gateway/internal/exchange.h"

#include <algorithm>

namespace cordon::gateway {
namespace {

using dialect::Problem;
using dialect::openai::Moderated;
using model::End;

/// What a rule would say of a text that goes in, and of one that comes out, is said; a rule that
/// reads both is heard once. Nothing is done, so the decision is one in observe mode.
policy::Decision judge(const policy::Engine& engine, policy::Part part, std::string_view text) {
  policy::Decision decision = engine.scan(part, model::Mode::observe, text);
  if (part == policy::Part::request) return decision;
  constexpr auto kRequest = static_cast<std::size_t>(policy::Part::request);
  std::erase_if(decision.findings, [&](const policy::Finding& finding) {
    return engine.rule(finding.rule).on[kRequest];
  });
  return decision;
}

void note(Moderated& result, const policy::Engine& engine, const policy::Decision& decision) {
  for (const policy::Finding& finding : decision.findings) {
    const policy::Rule& rule = engine.rule(finding.rule);
    if (rule.state != policy::RuleState::live) continue;
    result.classes[static_cast<std::size_t>(rule.incident_class)] = true;
    const bool known =
        std::find(result.rules.begin(), result.rules.end(), rule.id) != result.rules.end();
    if (!known) result.rules.push_back(rule.id);
  }
}

}  // namespace

/// Each input is one text, also where it came in parts.
void Exchange::inspect_moderated(Inspection& into, std::span<const dialect::RequestText> texts,
                                 const CommitContext& commit) {
  std::string joined;
  for (std::size_t at = 0; at < texts.size();) {
    std::size_t end = at + 1;
    while (end < texts.size() && texts[end].group == texts[at].group) ++end;
    std::string_view text = texts[at].text();
    if (end > at + 1) {
      joined.clear();
      for (std::size_t i = at; i < end; ++i) joined += texts[i].text();
      text = joined;
    }
    Moderated& result = decided_->moderated.emplace_back();
    for (const policy::Part part : {policy::Part::request, policy::Part::response}) {
      const policy::Decision decision = judge(*engine_, part, text);
      note(result, *engine_, decision);
      add_decision(into, {*engine_, decision, text, 0, texts[at].role}, kNothing, commit);
    }
    commit.keep(policy::Part::request, text);
    at = end;
  }
}

net::Task<void> Exchange::moderate() {
  // Nothing was forwarded, so nothing came of what was found.
  request_hits_.clear();
  if (!co_await begin_running()) co_return;
  if (!co_await record_end(End::complete, 200)) {
    co_return co_await answer_error(Problem::evidence_unavailable);
  }
  headers_.clear();
  add_common_headers();
  headers_.push_back({"content-type", "application/json"});
  std::string body;
  dialect::openai::append_moderation(body, "modr-" + end_.head.exchange, place.route,
                                     decided_->moderated);
  if (!co_await client_.respond(200, headers_, body)) amend_end();
}

}  // namespace cordon::gateway
