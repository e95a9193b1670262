// The review: drafted from facts, in Markdown, without blame. A sentence cites entries of the
// incident by their ids; one that cites none is marked as an assertion. Every cause names a
// control, a component or a change, never a person: the lint says where the text does otherwise.
#pragma once

#include "base/clock.h"
#include "codec/json.h"
#include "model/actor.h"

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::incident {

inline constexpr std::size_t kReviewBytesMax = 256 * 1024;
inline constexpr std::size_t kReviewDraftsMax = 100;

/// Why a control did not prevent it. `held` is for those that did their part.
enum class ControlFinding : std::uint8_t {
  absent,                   ///< no rule for this class was in force
  present_not_triggered,    ///< it was live and matched nothing
  triggered_not_effective,  ///< it matched, and harm was delivered
  bypassed,                 ///< text went out that it did not look at
  disabled,                 ///< it was in shadow, or the mode let it do nothing
  held,
};
[[nodiscard]] std::string_view to_string(ControlFinding finding) noexcept;
[[nodiscard]] Result<ControlFinding> parse_control_finding(std::string_view text);

/// One control and what it did in this incident.
struct Control {
  std::string name;
  ControlFinding finding = ControlFinding::absent;
  std::string detail;
};

enum class ReviewState : std::uint8_t { draft, in_review, reviewed, closed };
[[nodiscard]] std::string_view to_string(ReviewState state) noexcept;
/// Refuses any other word as `invalid` and lists these.
[[nodiscard]] Result<ReviewState> parse_review_state(std::string_view text);

/// A text of the review exists. It lies in the archive under its digest.
struct ReviewDrafted {
  std::string digest;
  std::vector<Control> controls;
  std::uint64_t assertions = 0;  ///< sentences that cite nothing
  std::uint64_t lint = 0;        ///< findings of the lint
  std::string kept_because;      ///< why they were kept; empty if there are none
};
/// The review went to another state.
struct ReviewMoved {
  ReviewState to = ReviewState::in_review;
  std::string reason;
};

/// The review as it stands. A new text makes it a draft again.
struct Review {
  ReviewDrafted draft;
  model::Actor by;
  WallTime at{};
  std::string entry;
  std::uint64_t drafts = 0;
  ReviewState state = ReviewState::draft;
  std::optional<model::Actor> submitted_by;
  std::optional<model::Actor> reviewed_by;
  std::optional<WallTime> reviewed_at;
};
/// Without the text.
[[nodiscard]] codec::Json to_json(const Review& review);

/// Advice: wording that makes a person the cause.
struct LintFinding {
  std::size_t line = 0;
  std::string found;
  std::string advice;
};
/// `people` are names that must not stand where a cause stands.
[[nodiscard]] std::vector<LintFinding> lint(std::string_view markdown,
                                            std::span<const std::string> people);

/// A text as it will be kept: every uncited sentence marked, controls read from their section.
struct CheckedReview {
  std::string text;
  std::vector<Control> controls;
  std::uint64_t assertions = 0;
};
/// Refuses as `invalid` a text that is empty or too long, or that cites an id that is none of
/// `entries`, and a control whose finding is no known word.
[[nodiscard]] Result<CheckedReview> check_review(std::string_view markdown,
                                                 const std::set<std::string, std::less<>>& entries);

}  // namespace cordon::incident
