// A text that came in parts, as the parts and as the one text that a model reads.
//
// A match may lie across a cut, and joining may hide one: a word that a part begins with no longer
// begins a word when it is joined. So each part is inspected by itself, and of the joined text
// whatever reaches across a cut is added.
#pragma once

#include "dialect/request.h"
#include "model/mode.h"
#include "policy/engine.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::gateway::internal {

/// Inspected when it is made. Views; short-lived.
class JoinedText {
 public:
  JoinedText(const policy::Engine& engine, model::Mode mode,
             std::span<const dialect::RequestText> parts);

  /// In bytes of text(). Where more was found than is kept, what would be redacted is blocked,
  /// because not every place is known.
  [[nodiscard]] const policy::Decision& decision() const noexcept { return decision_; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  /// The edits that a decision to redact asks for, in the order of the parts. What stands for a
  /// match across a cut stands in the part where it begins.
  void append_splices(std::vector<codec::Splice>& splices) const;

 private:
  void add_part(std::string_view part);
  void add_crossing();
  [[nodiscard]] bool is_within_a_part(const policy::Finding& finding) const noexcept;
  void take(const policy::Decision& decision);

  const policy::Engine& engine_;
  model::Mode mode_;
  std::span<const dialect::RequestText> parts_;
  std::string text_;
  std::vector<std::uint64_t> ends_;  ///< of the parts, in bytes of text_
  policy::Decision decision_;
};

}  // namespace cordon::gateway::internal
