#include "gateway/internal/joined_text.h"

#include "gateway/internal/inspection.h"

#include <algorithm>

namespace cordon::gateway::internal {

using model::Action;

JoinedText::JoinedText(const policy::Engine& engine, model::Mode mode,
                       std::span<const dialect::RequestText> parts)
    : engine_(engine), mode_(mode), parts_(parts) {
  for (const dialect::RequestText& part : parts_) add_part(part.text());
  if (decision_.action != Action::block) add_crossing();
  std::sort(decision_.findings.begin(), decision_.findings.end(),
            [](const policy::Finding& a, const policy::Finding& b) {
              return a.begin != b.begin ? a.begin < b.begin : a.rule < b.rule;
            });
  decision_.bytes_scanned = text_.size();
  if (decision_.findings_total > decision_.findings.size()) {
    decision_ = without_redaction(std::move(decision_));
  }
}

/// Findings are its own concern; what was decided over all is the strictest.
void JoinedText::take(const policy::Decision& decision) {
  decision_.verdict = std::max(decision_.verdict, decision.verdict);
  decision_.action = std::max(decision_.action, decision.action);
  decision_.errors_total += decision.errors_total;
}

void JoinedText::add_part(std::string_view part) {
  const policy::Decision decision = engine_.scan(policy::Part::request, mode_, part);
  take(decision);
  decision_.findings_total += decision.findings_total;
  for (policy::Finding finding : decision.findings) {
    finding.begin += text_.size();
    finding.end += text_.size();
    decision_.findings.push_back(finding);
  }
  text_ += part;
  ends_.push_back(text_.size());
}

bool JoinedText::is_within_a_part(const policy::Finding& finding) const noexcept {
  const auto end = std::lower_bound(ends_.begin(), ends_.end(), finding.end);
  const std::uint64_t begin = end == ends_.begin() ? 0 : *std::prev(end);
  return finding.begin >= begin;
}

void JoinedText::add_crossing() {
  const policy::Decision joined = engine_.scan(policy::Part::request, mode_, text_);
  take(joined);
  // Past what is kept, a crossing match may be among what is not.
  decision_.findings_total += joined.findings_total - joined.findings.size();
  for (const policy::Finding& finding : joined.findings) {
    if (is_within_a_part(finding) && finding.action != Action::block) continue;
    decision_.findings.push_back(finding);
    ++decision_.findings_total;
  }
}

void JoinedText::append_splices(std::vector<codec::Splice>& splices) const {
  std::size_t next = 0;
  std::uint64_t begin = 0;
  std::uint64_t gone = 0;  // everything before here that had to go is gone
  std::string left;
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    const std::uint64_t end = ends_[part];
    std::uint64_t at = std::max(begin, std::min(gone, end));
    left.clear();
    for (; next < decision_.findings.size() && decision_.findings[next].begin < end; ++next) {
      const policy::Finding& finding = decision_.findings[next];
      if (finding.action != Action::redact) continue;
      if (finding.begin >= gone) {
        left.append(text_, at, finding.begin - at);
        left += policy::redaction_token(engine_.rule(finding.rule));
      }
      gone = std::max(gone, finding.end);
      at = std::max(at, std::min(gone, end));
    }
    left.append(text_, at, end - at);
    const std::string_view whole = std::string_view(text_).substr(begin, end - begin);
    if (left != whole) splices.push_back(parts_[part].replaced_by(left));
    begin = end;
  }
}

}  // namespace cordon::gateway::internal
