// Writes the first text of a review from facts alone. Whoever edits it finds every number in
// place, and an entry's id behind every sentence.
#pragma once

#include "incident/outcomes.h"
#include "incident/review.h"
#include "incident/timeline.h"

#include <span>
#include <string>
#include <vector>

namespace cordon::incident {

/// One control as it behaved, with the entries that show it.
struct ControlFact {
  Control control;
  std::vector<std::string> entries;
};

/// What changed between containment and stable, or why nobody can say.
struct Recovery {
  std::vector<std::string> lines;
  std::vector<std::string> entries;  ///< of the two generations
  std::string unknown;               ///< names the generation that is missing; empty: none is
};

/// What a review is drafted from.
struct ReviewFacts {
  const Incident& incident;
  std::span<const TimelineItem> timeline;
  std::vector<Outcome> outcomes;
  std::vector<ControlFact> controls;
  Recovery recovery;
  std::vector<std::string> service;  ///< before, during and after, one sentence each
  std::string impact;                ///< one sentence
  WallTime now{};
};

/// Markdown. Same facts, same bytes.
[[nodiscard]] std::string draft_review(const ReviewFacts& facts);

}  // namespace cordon::incident
