// What follows from time and numbers alone: customers become due, a draft for them is written, a
// date passes.
#include "crypto/sha256.h"
#include "incident/internal/file.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::incident::internal {
namespace {

/// The draft that is written without being asked for. It waits for approval like any other.
std::optional<Following> customer_draft(const File& file, const model::UpdatesConfig& config,
                                        WallTime now) {
  const auto composed = compose(model::Audience::customer, update_facts(file, now), std::nullopt);
  if (!composed) return std::nullopt;
  const Incident& incident = file.incident;
  UpdateDrafted draft;
  draft.update = fmt::format("{}-U{:02}", incident.id, incident.follow_up.updates.size() + 1);
  draft.audience = model::Audience::customer;
  draft.digest = crypto::hex(crypto::sha256(composed->text));
  draft.title = composed->title;
  draft.state = incident.state;
  draft.severity = incident.severity;
  draft.unresolved = composed->unresolved;
  draft.approver = config.approver;
  return Following{std::move(draft), composed->text};
}

std::optional<Following> customers(const File& file, const model::UpdatesConfig& config,
                                   WallTime now) {
  const FollowUp& state = file.incident.follow_up;
  if (!state.customer) {
    if (auto due = customer_rule(update_facts(file, now), config)) {
      return Following{*std::move(due), {}};
    }
    return std::nullopt;
  }
  if (state.latest(model::Audience::customer) != nullptr) return std::nullopt;
  if (config.customer_draft == model::CustomerDraft::automatic) {
    return customer_draft(file, config, now);
  }
  if (!state.customer->late && now > state.customer->due.due) {
    return Following{CustomerLate{state.customer->due.due}, {}};
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> count_at(const codec::Json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

UpdateFacts update_facts(const File& file, WallTime now) {
  return {file.incident, file.standing, file.impact, file.impact_unknown, now};
}

ScoreFacts score_facts(const File& file, WallTime now) {
  ScoreFacts facts;
  if (file.impact.exchanges > 0) facts.first_harm = file.impact.first;
  facts.harmed_exchanges = file.impact.exchanges;
  facts.harmed_tenants = file.impact.tenants.size();
  facts.records = file.impact.records;
  if (!file.impact_unknown.empty()) facts.impact_unknown = file.impact_unknown;
  facts.rulepacks = file.rulepacks;
  facts.generation = file.generation;
  facts.now = now;
  return facts;
}

void score_evidence(File& file) {
  file.standing.evidence_missing.clear();
  for (const EvidenceItem& one :
       evidence_items(file.incident, file.standing, score_facts(file, {}))) {
    if (one.verifiable) continue;
    file.standing.evidence_missing.push_back(fmt::format("{}: {}", one.name, one.reason));
  }
}

std::optional<Following> follow_up_of(const File& file, const model::UpdatesConfig& config,
                                      WallTime now) {
  if (is_open(file.incident.state)) {
    if (auto one = customers(file, config, now)) return one;
  }
  // Actions outlive their incident.
  for (const Action& action : file.incident.follow_up.actions) {
    if (action.verified_at || action.overdue || action.added.due >= now) continue;
    return Following{ActionOverdue{action.added.action, action.added.due}, {}};
  }
  return std::nullopt;
}

}  // namespace cordon::incident::internal
