// What the control plane knows by its folds over the journal, to read.
#pragma once

#include "api/baseline.h"
#include "api/control_parts.h"
#include "api/pages.h"
#include "api/replay_record.h"
#include "api/rulepack_shelf.h"
#include "containment/approvals.h"
#include "containment/history.h"
#include "containment/keys.h"
#include "containment/recent.h"
#include "containment/state.h"
#include "containment/tokens.h"
#include "detect/usage.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::api {

/// Control thread only. Whoever applies entries derives from it.
class ControlState {
 public:
  ControlState(const ControlState&) = delete;
  ControlState& operator=(const ControlState&) = delete;

  [[nodiscard]] const containment::State& measures() const noexcept { return measures_; }
  [[nodiscard]] const containment::Approvals& approvals() const noexcept { return approvals_; }
  [[nodiscard]] const containment::Tokens& tokens() const noexcept { return tokens_; }
  [[nodiscard]] const containment::Keys& keys() const noexcept { return keys_; }
  [[nodiscard]] const containment::History& history() const noexcept { return history_; }
  [[nodiscard]] const containment::Recent& recent() const noexcept { return recent_; }
  [[nodiscard]] const detect::Usage& usage() const noexcept { return usage_; }
  [[nodiscard]] const Pages& pages() const noexcept { return pages_; }
  [[nodiscard]] const RulepackShelf& shelf() const noexcept { return shelf_; }
  [[nodiscard]] const std::vector<ReplayRecord>& replays() const noexcept { return replays_; }
  [[nodiscard]] const std::vector<EvidenceRecord>& evidence() const noexcept { return evidence_; }
  /// Of a measure by its id, of what else was acknowledged by the id of its entry; null if there
  /// is none.
  [[nodiscard]] const containment::Receipt* receipt(std::string_view id) const noexcept {
    const auto found = receipts_.find(id);
    return found == receipts_.end() ? nullptr : &found->second;
  }
  /// Null when none is pinned.
  [[nodiscard]] const Baseline* baseline() const noexcept {
    return baseline_ ? &*baseline_ : nullptr;
  }

 protected:
  ControlState() = default;
  ~ControlState() = default;

  containment::State measures_;
  containment::Approvals approvals_;
  containment::Tokens tokens_;
  containment::Keys keys_;
  containment::History history_;
  containment::Recent recent_;
  detect::Usage usage_;
  Pages pages_;
  RulepackShelf shelf_;
  std::vector<ReplayRecord> replays_;
  std::vector<EvidenceRecord> evidence_;
  std::map<std::string, containment::Receipt, std::less<>> receipts_;
  std::optional<Baseline> baseline_;
};

}  // namespace cordon::api
