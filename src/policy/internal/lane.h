// One reading of one text: where its rules may still match, and what they have found.
//
// The text as it was written is a lane, and so is each view of it that differs. Positions are of
// the lane's own text; whoever owns it maps them back.
#pragma once

#include "policy/internal/engine_core.h"
#include "policy/internal/expression.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace cordon::policy {

class Lane final : private EndSink {
 public:
  /// A match in this lane, and how far behind it the lane must be before it is decided.
  struct Match {
    std::uint32_t rule;
    std::uint64_t begin;
    std::uint64_t end;
    std::uint64_t far;  ///< kAtTheEnd: only when the text has ended
    bool by_error;
  };
  enum class Ended : std::uint8_t { no, yes };

  /// No match may begin below `first`: what stood before it cannot be seen.
  Lane(const EngineCore& core, const PartRules& part, model::Mode mode, View view,
       std::uint64_t first)
      : core_(core), part_(part), mode_(mode), view_(view), first_(first) {}

  /// The text from `base` on, all that is kept of it. Scans what is new, and before it as much as
  /// a match that ends there can reach. False when Hyperscan fails.
  [[nodiscard]] bool scan(std::string_view window, std::uint64_t base);
  /// Scans all of it once for the rules without a widest match.
  [[nodiscard]] bool scan_at_end(std::string_view window);
  /// The same text, kept elsewhere or from a later byte on. Before every settle.
  void show(std::string_view window, std::uint64_t base) noexcept {
    window_ = window;
    base_ = base;
  }
  /// Appends the matches that are decided now.
  void settle(const Plan& plan, Ended ended, std::vector<Match>& into);
  /// Whether some start may still become a match.
  [[nodiscard]] bool open() const noexcept { return !ends_.empty(); }
  /// Gives up the rules that hold the whole text.
  void forget_whole();

  [[nodiscard]] View view() const noexcept { return view_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return base_ + window_.size(); }

 private:
  /// Where stream patterns of a clause ended: the first place and the last of some that are no
  /// further apart than the branch is wide, so that the starts they may have are one range.
  struct Ends {
    std::uint32_t branch;  // among those of all rules
    std::uint8_t clause;
    std::uint64_t first;
    std::uint64_t last;
  };
  /// Starts that may begin a match.
  struct Starts {
    std::uint64_t begin;
    std::uint64_t end;
  };
  /// What is settled in one way: at the same distance behind the last byte.
  struct Settled {
    std::uint64_t far = 0;
    std::uint64_t until = 0;  // starts below this are done with
    std::uint64_t from = 0;   // those below this were before
  };
  struct LastMatch {
    std::uint32_t rule;
    std::uint64_t end;  // the next begins no earlier
  };

  void on_end(std::uint32_t pattern, std::uint64_t end) override;
  void take_noted(const Database& database);
  void note_settled(const Plan& plan, Ended ended);
  [[nodiscard]] const Settled& settled(const Rule& rule) const;
  [[nodiscard]] bool is_full(std::span<const Ends> of_branch) const;
  void add_starts(std::span<const Ends> ends, std::vector<Starts>& into) const;
  void settle_rule(std::uint32_t rule, std::vector<Starts>& starts, std::vector<Match>& into);
  [[nodiscard]] bool forget_settled();
  void find_full();

  const EngineCore& core_;
  const PartRules& part_;
  model::Mode mode_;
  View view_;
  std::uint64_t first_;
  std::string_view window_;  // valid within one call from outside
  std::uint64_t base_ = 0;
  std::uint64_t scanned_ = 0;            // bytes below this have been scanned
  std::uint64_t scan_base_ = 0;          // position of the first byte of the scan that runs
  const Database* scans_ = nullptr;      // within a scan: by what
  std::vector<Ends> ends_;               // that some start not yet settled may reach
  bool full_ = false;                    // some branch has one of each clause
  std::vector<LastMatch> last_matches_;  // one for each rule that had a match
  Settled acting_, watching_, whole_;
};

}  // namespace cordon::policy
