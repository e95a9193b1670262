// Gathers what a review is drafted from: what each control did to the exchanges in scope, and
// what changed between containment and stable. Reads the whole journal, so it runs on the worker
// and touches nothing of the control thread's.
#pragma once

#include "incident/review_draft.h"
#include "journal/journal.h"
#include "store/archive.h"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cordon::api {

/// The facts of one incident that only the whole journal holds.
struct ReviewMaterial {
  std::vector<incident::ControlFact> controls;
  incident::Recovery recovery;
  std::vector<std::string> service;            ///< how it was before, during and after
  std::set<std::string, std::less<>> citable;  ///< ids of entries that a review may cite
};

/// What the gathering needs to know, taken from the control thread's state.
struct ReviewPlan {
  journal::Reader records;
  std::uint64_t end = 0;                    ///< entries to read
  const store::Archive* archive = nullptr;  ///< outlives the gathering
  std::vector<model::Scope> scopes;
  model::IncidentClass of_class = model::IncidentClass::data_leakage;
  WallTime impact_start{};
  WallTime t0{};
  std::optional<WallTime> contained_at;
  std::optional<std::uint64_t> contained_by;  ///< sequence of the first containment
  std::optional<WallTime> stable_at;
  std::set<std::string, std::less<>> citable;  ///< the timeline's
};

/// `corrupt` or `unavailable` if journal or archive cannot be read.
[[nodiscard]] Result<ReviewMaterial> gather_review(ReviewPlan& plan);
/// The bytes that an entry names by their digest in hex.
[[nodiscard]] Result<std::string> load_blob(const store::Archive& archive,
                                            const std::string& digest);

}  // namespace cordon::api
