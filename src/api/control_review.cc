// How a review comes by its facts, beside the control thread.
#include "api/control_plane.h"
#include "api/review_facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

namespace cordon::api {

namespace {

constexpr std::chrono::seconds kGatherWait{120};

std::string say_impact(const ControlPlane& control, const incident::Incident& incident) {
  const detect::Harm& impact = control.watch().desk().impact(incident);
  std::vector<std::string> tenants;
  for (const auto& [tenant, count] : impact.tenants) tenants.push_back(tenant);
  return fmt::format("Harm was delivered in {} exchanges, {} records, to {} tenants{}{}",
                     impact.exchanges, impact.records, tenants.size(), tenants.empty() ? "" : ": ",
                     fmt::join(tenants, ", "));
}

}  // namespace

net::Task<Result<ReviewMaterial>> ControlPlane::gather_review(std::string id) {
  const incident::Incident* const found = watch_.desk().find(id);
  if (found == nullptr) {
    co_return fail(Errc::not_found, fmt::format("no incident '{}'", id.substr(0, 64)));
  }
  const incident::Incident& incident = *found;
  const incident::Standing& standing = watch_.desk().standing(incident);
  const auto plan = std::make_shared<ReviewPlan>(
      ReviewPlan{.records = parts_.journal.reader(0),
                 .end = ledger_.next(),
                 .archive = &parts_.archive,
                 .scopes = incident.scopes,
                 .of_class = incident.of_class,
                 .impact_start = incident.impact_start,
                 .t0 = incident.t0,
                 .contained_at = standing.contained_at(incident.clock_start),
                 .contained_by = std::nullopt,
                 .stable_at = std::nullopt,
                 .citable = {}});
  if (!standing.containments.empty()) plan->contained_by = standing.containments.front().sequence;
  for (const incident::StateChange& change : incident.states) {
    if (change.to == incident::State::stable) plan->stable_at = change.at;
  }
  for (const incident::TimelineItem& item : watch_.desk().timeline(incident)) {
    plan->citable.insert(item.id);
  }
  std::function<Result<ReviewMaterial>()> job = [plan] { return api::gather_review(*plan); };
  auto gathered = co_await parts_.worker.run<ReviewMaterial>(std::move(job), kGatherWait);
  co_return gathered;
}

Result<incident::CheckedReview> ControlPlane::draft_review(const incident::Incident& incident,
                                                           const ReviewMaterial& material) const {
  const auto& desk = watch_.desk();
  const auto timeline = desk.timeline(incident);
  const incident::ReviewFacts facts{
      incident,          timeline,         desk.outcomes(incident, now()), material.controls,
      material.recovery, material.service, say_impact(*this, incident),    now()};
  // The timeline may have grown while the journal was read.
  auto citable = material.citable;
  for (const incident::TimelineItem& item : timeline) citable.insert(item.id);
  return incident::check_review(incident::draft_review(facts), citable);
}

Result<std::string> ControlPlane::blob(const std::string& digest) const {
  return load_blob(parts_.archive, digest);
}

Result<std::string> ControlPlane::keep(std::string_view bytes) {
  CORDON_TRY(const crypto::Digest digest, parts_.archive.put(bytes));
  return crypto::hex(digest);
}

}  // namespace cordon::api
