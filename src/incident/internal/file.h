// What the desk keeps of one incident, and the rules that read it.
#pragma once

#include "incident/desk.h"

#include <map>
#include <string>
#include <vector>

namespace cordon::incident::internal {

/// One incident with everything that other entries say about it.
struct File {
  Incident incident;
  Standing standing;
  std::vector<TimelineItem> items;
  std::uint64_t items_dropped = 0;
  detect::Harm impact;         ///< since `impact_from`, of any of its scopes
  std::string impact_unknown;  ///< why `impact` is not all of it; empty if it is
  WallTime impact_from{};
  std::vector<std::string> rulepacks;  ///< in force when it opened
  std::optional<std::uint64_t> generation;
  std::uint8_t stated = 0;  ///< gravest severity that a signal states; 0 for none
};

/// Every file, by the incident's id.
using Files = std::map<std::string, File, std::less<>>;

/// Adds one end to the impact, if it is harm of this incident.
void count_impact(File& file, const model::EndRecord& end, WallTime recorded);
/// Adds one end to each mitigation test that it is a sample of.
void count_samples(File& file, const model::EndRecord& end, WallTime recorded);
/// Reads the impact anew from the live numbers.
void measure_impact(File& file, const detect::Windows& windows, WallTime now);
/// Says of each containment which test validated it.
void link_validation(File& file);

/// The whole number at `key`, if there is one.
[[nodiscard]] std::optional<std::uint64_t> count_at(const codec::Json& body, const char* key);
/// What a text is made from.
[[nodiscard]] UpdateFacts update_facts(const File& file, WallTime now);
/// What the evidence score and the scorecard are made from.
[[nodiscard]] ScoreFacts score_facts(const File& file, WallTime now);
/// Says in the standing which items of the evidence score nothing.
void score_evidence(File& file);

/// What follows by itself, besides severity and state: a message for customers is due, drafted or
/// late, an action is overdue.
struct Following {
  FollowUpChange change;
  std::string blob;  ///< the text of a draft
};
[[nodiscard]] std::optional<Following> follow_up_of(const File& file,
                                                    const model::UpdatesConfig& config,
                                                    WallTime now);
/// The form of an incident in the API.
[[nodiscard]] codec::Json detail(const File& file,
                                 const std::vector<const detect::Signal*>& signals,
                                 const DeskOptions& options, WallTime now);

/// What severity looks at.
[[nodiscard]] Facts facts_of(const File& file, const DeskOptions& options,
                             const detect::Windows& windows, WallTime now);

}  // namespace cordon::incident::internal
