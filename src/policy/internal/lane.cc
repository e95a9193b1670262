#include "policy/internal/lane.h"

#include "policy/internal/matcher.h"

#include <algorithm>
#include <tuple>

namespace cordon::policy {
namespace {

/// What one scan notes, and what its ends are sorted into. Of the thread: a stream that waits for
/// its next token holds none of it.
struct Noted {
  /// Where a pattern ended: places no further apart than its targets are wide.
  struct Range {
    std::uint32_t pattern;
    std::uint64_t first;
    std::uint64_t last;
  };
  /// The youngest of a branch's ends, by clause: its place among them and one; 0 for none.
  using Youngest = std::array<std::uint32_t, kBranchClausesMax>;

  std::vector<Range> ranges;
  std::vector<std::uint32_t> latest;  // by pattern: its last range's place and one; 0 for none
  std::vector<Youngest> youngest;     // by branch; all 0 between two uses
};

Noted& noted() {
  thread_local Noted of_this_thread;
  return of_this_thread;
}

/// Whether ends from `first` to `last` are one range with others, if `width` is how far that goes.
template <class Range>
bool joins(const Range& range, std::uint64_t first, std::uint64_t last, std::uint32_t width) {
  return width == Price::kUnbounded || (first <= range.last + width && range.first <= last + width);
}

template <class Range>
void join(Range& range, std::uint64_t first, std::uint64_t last) {
  range.first = std::min(range.first, first);
  range.last = std::max(range.last, last);
}

}  // namespace

bool Lane::scan(std::string_view window, std::uint64_t base) {
  window_ = window;
  base_ = base;
  bool scanned = true;
  if (part_.database) {
    const std::uint64_t reach = part_.database->reach();
    scan_base_ = std::max(base_, scanned_ > reach ? scanned_ - reach : 0);
    scans_ = part_.database.get();
    scanned = scans_->scan(window_.substr(scan_base_ - base_), *this);
    take_noted(*scans_);
  }
  scanned_ = size();
  return scanned;
}

bool Lane::scan_at_end(std::string_view window) {
  window_ = window;
  scan_base_ = scanned_ = 0;
  scans_ = part_.at_end.get();
  const bool scanned = scans_->scan(window_, *this);
  take_noted(*scans_);
  return scanned;
}

void Lane::on_end(std::uint32_t pattern, std::uint64_t end_in_scan) {
  const std::uint64_t end = scan_base_ + end_in_scan;
  // An end is reported again by a later scan. The last few are taken twice, because what follows
  // them was not here the first time.
  if (end + kContextBytes < scanned_) return;
  Noted& into = noted();
  const std::span<const SharedPattern> patterns = scans_->patterns();
  if (into.latest.size() < patterns.size()) into.latest.resize(patterns.size());
  std::uint32_t& latest = into.latest[pattern];
  if (latest != 0) {
    Noted::Range& range = into.ranges[latest - 1];
    if (joins(range, end, end, patterns[pattern].joins)) return join(range, end, end);
  }
  into.ranges.push_back({pattern, end, end});
  latest = static_cast<std::uint32_t>(into.ranges.size());
}

/// Gives what a scan has noted to the branches whose patterns they are.
void Lane::take_noted(const Database& database) {
  Noted& from = noted();
  if (from.ranges.empty()) return;
  from.youngest.resize(std::max(from.youngest.size(), core_.branches.size()));
  for (std::size_t place = 0; place < ends_.size(); ++place) {
    from.youngest[ends_[place].branch][ends_[place].clause] = static_cast<std::uint32_t>(place + 1);
  }
  for (const auto& [pattern, first, last] : from.ranges) {
    from.latest[pattern] = 0;
    for (const Target& target : database.patterns()[pattern].targets) {
      const std::uint32_t number = core_.first_branch[target.rule] + target.branch;
      const BranchOf& branch = core_.branches[number];
      if ((branch.views & in(view_)) == 0) continue;
      std::uint32_t& youngest = from.youngest[number][target.clause];
      if (youngest != 0 && joins(ends_[youngest - 1], first, last, branch.width_max)) {
        join(ends_[youngest - 1], first, last);
        continue;
      }
      ends_.push_back({number, target.clause, first, last});
      youngest = static_cast<std::uint32_t>(ends_.size());
    }
  }
  from.ranges.clear();
  find_full();
}

/// Whether some branch has an end of each of its clauses.
void Lane::find_full() {
  Noted& by = noted();
  by.youngest.resize(std::max(by.youngest.size(), core_.branches.size()));
  for (const Ends& ends : ends_) by.youngest[ends.branch][ends.clause] = 1;
  full_ = std::any_of(ends_.begin(), ends_.end(), [&](const Ends& ends) {
    const Noted::Youngest& of = by.youngest[ends.branch];
    return std::all_of(of.begin(), of.begin() + core_.branches[ends.branch].clauses,
                       [](std::uint32_t place) { return place != 0; });
  });
  for (const Ends& ends : ends_) by.youngest[ends.branch] = {};
}

/// Whether the ends of a branch, sorted, hold one of each of its clauses.
bool Lane::is_full(std::span<const Ends> of_branch) const {
  std::size_t clauses = 1;
  for (std::size_t i = 1; i < of_branch.size(); ++i) {
    if (of_branch[i].clause != of_branch[i - 1].clause) ++clauses;
  }
  return clauses == core_.branches[of_branch.front().branch].clauses;
}

void Lane::note_settled(const Plan& plan, Ended ended) {
  const auto note = [&](Settled& one, std::uint64_t far) {
    one.far = far;
    one.from = one.until;
    std::uint64_t until = size();
    if (ended == Ended::no) until = far == kAtTheEnd || until < far ? 0 : until - far + 1;
    one.until = std::max(one.until, until);
  };
  note(acting_, plan.acting);
  note(watching_, plan.watching);
  note(whole_, kAtTheEnd);
}

const Lane::Settled& Lane::settled(const Rule& rule) const {
  if (acts(rule, mode_)) return acting_;
  return rule.hold_whole ? whole_ : watching_;
}

void Lane::settle(const Plan& plan, Ended ended, std::vector<Match>& into) {
  note_settled(plan, ended);
  const bool none = acting_.from == acting_.until && watching_.from == watching_.until &&
                    whole_.from == whole_.until;
  if (ends_.empty() || none) return;
  const bool sorts = full_;
  if (sorts) {
    std::sort(ends_.begin(), ends_.end(), [](const Ends& a, const Ends& b) {
      return std::tie(a.branch, a.clause, a.first) < std::tie(b.branch, b.clause, b.first);
    });
    thread_local std::vector<Starts> starts;
    starts.clear();
    std::uint32_t rule = 0;
    for (auto at = ends_.begin(); at != ends_.end();) {
      const auto next = std::find_if(at, ends_.end(),
                                     [&](const Ends& ends) { return ends.branch != at->branch; });
      if (is_full({at, next})) {
        if (core_.branches[at->branch].rule != rule) settle_rule(rule, starts, into);
        rule = core_.branches[at->branch].rule;
        add_starts({at, next}, starts);
      }
      at = next;
    }
    settle_rule(rule, starts, into);
  }
  if (forget_settled()) find_full();
}

/// The starts from which a match of the branch of these ends, sorted, reaches one of each clause.
void Lane::add_starts(std::span<const Ends> ends, std::vector<Starts>& into) const {
  const std::uint64_t width = core_.branches[ends.front().branch].width_max;
  thread_local std::vector<Starts> all;
  thread_local std::vector<Starts> some;
  thread_local std::vector<Starts> both;
  all.clear();
  for (auto at = ends.begin(); at != ends.end();) {
    const std::uint8_t clause = at->clause;
    some.clear();
    for (; at != ends.end() && at->clause == clause; ++at) {
      const bool all_before = width == Price::kUnbounded || width >= at->first;
      const std::uint64_t begin = all_before ? 0 : at->first - width;
      if (!some.empty() && begin <= some.back().end) {
        some.back().end = std::max(some.back().end, at->last);
      } else {
        some.push_back({begin, at->last});
      }
    }
    if (clause == 0) {
      all.swap(some);
      continue;
    }
    both.clear();
    for (std::size_t i = 0, k = 0; i < all.size() && k < some.size();) {
      const Starts shared{std::max(all[i].begin, some[k].begin), std::min(all[i].end, some[k].end)};
      if (shared.begin < shared.end) both.push_back(shared);
      all[i].end < some[k].end ? ++i : ++k;
    }
    all.swap(both);
  }
  into.insert(into.end(), all.begin(), all.end());
}

/// Tries the starts that are settled now, which leaves `starts` empty.
void Lane::settle_rule(std::uint32_t number, std::vector<Starts>& starts,
                       std::vector<Match>& into) {
  if (starts.empty()) return;
  const Rule& rule = *core_.rules[number];
  const Settled& now = settled(rule);
  const auto last_match = std::find_if(last_matches_.begin(), last_matches_.end(),
                                       [&](const LastMatch& each) { return each.rule == number; });
  std::uint64_t next = std::max(now.from, first_);
  if (last_match != last_matches_.end()) next = std::max(next, last_match->end);
  const std::uint64_t before = next;
  std::uint64_t last_end = 0;
  std::sort(starts.begin(), starts.end(),
            [](const Starts& a, const Starts& b) { return a.begin < b.begin; });
  for (const auto& [begin, end] : starts) {
    std::uint64_t at = std::max(begin, next);
    const std::uint64_t until = std::min(end, now.until);
    while (at < until) {
      const Found match = rule.matcher->find(window_, at - base_, until - base_);
      if (match.kind == Found::Kind::nothing) break;
      const std::uint64_t at_begin = base_ + match.begin;
      at = last_end = base_ + std::max(match.end, match.begin + 1);
      into.push_back({number, at_begin, at, now.far, match.kind == Found::Kind::error});
    }
    next = std::max({next, at, until});
  }
  starts.clear();
  if (last_end <= before) return;
  if (last_match != last_matches_.end()) {
    last_match->end = last_end;
  } else {
    last_matches_.push_back({number, last_end});
  }
}

/// Drops the ends that only starts which are done with can reach; true if there were some.
bool Lane::forget_settled() {
  const auto done = [&](const Ends& ends) {
    return ends.last <= settled(*core_.rules[core_.branches[ends.branch].rule]).until;
  };
  return std::erase_if(ends_, done) > 0;
}

void Lane::forget_whole() {
  std::erase_if(ends_, [&](const Ends& ends) {
    return core_.rules[core_.branches[ends.branch].rule]->hold_whole;
  });
  find_full();
}

}  // namespace cordon::policy
