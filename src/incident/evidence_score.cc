#include "incident/evidence_score.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::incident {
namespace {

/// An item that is a fact of the log, and so verifiable as soon as it is there.
EvidenceItem logged(const char* name, bool present, std::string missing) {
  EvidenceItem one{name, present, present, {}};
  if (!present) one.reason = std::move(missing);
  return one;
}

/// An item whose bytes lie outside the log: verifiable once a bundle that holds them verifies.
EvidenceItem kept(const char* name, bool present, std::string missing, const Standing& standing,
                  WallTime from) {
  EvidenceItem one{name, present, present && standing.verified_at(from).has_value(), {}};
  if (!present) {
    one.reason = std::move(missing);
  } else if (!one.verifiable) {
    one.reason = standing.evidence.empty()         ? "recorded, but in no bundle yet"
                 : standing.evidence.back().failed ? "recorded, but its bundle does not verify"
                                                   : "recorded, but its bundle is not verified";
  }
  return one;
}

}  // namespace

std::vector<EvidenceItem> evidence_items(const Incident& incident, const Standing& standing,
                                         const ScoreFacts& facts) {
  const auto& containments = standing.containments;
  const bool acked = std::any_of(containments.begin(), containments.end(),
                                 [](const auto& one) { return one.acked_at.has_value(); });
  // One that was released is over; what stands must have held a test.
  const bool validated = !containments.empty() &&
                         std::all_of(containments.begin(), containments.end(), [](const auto& one) {
                           return one.released_at.has_value() || !one.validated_by.empty();
                         });
  const bool frozen = std::any_of(standing.evidence.begin(), standing.evidence.end(),
                                  [](const auto& one) { return one.frozen_at.has_value(); });
  const bool counted = std::any_of(standing.evidence.begin(), standing.evidence.end(),
                                   [](const auto& one) { return one.records.has_value(); });
  const WallTime from = incident.clock_start;
  return {
      logged("id_and_times", !incident.id.empty(), "no id"),
      logged("severity", incident.severity.has_value(), "no severity yet"),
      logged("owner", incident.commander.has_value(),
             "no person has taken command; a team is not an owner"),
      logged("signal_source", incident.confirmed_by.has_value(),
             "nobody has confirmed the signal's source"),
      logged("impact", !facts.impact_unknown, facts.impact_unknown.value_or("")),
      kept("rulepack_versions", !facts.rulepacks.empty(), "no rulepack was in force when it opened",
           standing, from),
      kept("generation", facts.generation.has_value(), "no generation was recorded", standing,
           from),
      kept("decisions", counted, "no bundle says how many decisions it holds", standing, from),
      logged("containment_acknowledged", acked, "no containment was acknowledged by every node"),
      logged("containment_validated", validated,
             containments.empty() ? "there is no containment"
                                  : "a containment has no test with the verdict effective"),
      kept("bundle", frozen, "no evidence was frozen", standing, from),
  };
}

int evidence_score(const std::vector<EvidenceItem>& items) noexcept {
  if (items.empty()) return 0;
  const auto complete = std::count_if(items.begin(), items.end(),
                                      [](const EvidenceItem& one) { return one.verifiable; });
  return static_cast<int>(100 * complete / static_cast<std::ptrdiff_t>(items.size()));
}

codec::Json to_json(const std::vector<EvidenceItem>& items) {
  codec::Json list = codec::Json::array();
  codec::Json missing = codec::Json::array();
  for (const EvidenceItem& one : items) {
    codec::Json json = {
        {"name", one.name}, {"present", one.present}, {"verifiable", one.verifiable}};
    if (!one.reason.empty()) json["missing"] = one.reason;
    list.push_back(std::move(json));
    if (!one.verifiable) missing.push_back(fmt::format("{}: {}", one.name, one.reason));
  }
  return {{"score", evidence_score(items)},
          {"missing", std::move(missing)},
          {"items", std::move(list)}};
}

}  // namespace cordon::incident
