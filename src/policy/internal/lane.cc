#include "policy/internal/lane.h"

#include "policy/internal/matcher.h"

#include <algorithm>
#include <tuple>

namespace cordon::policy {
namespace {
constexpr std::size_t kEndsUsual = 64;
}  // namespace

bool Lane::scan(std::string_view window, std::uint64_t base) {
  window_ = window;
  base_ = base;
  const std::uint64_t reach = part_.database ? part_.database->reach() : 0;
  scan_base_ = std::max(base_, scanned_ > reach ? scanned_ - reach : 0);
  const bool scanned =
      !part_.database || part_.database->scan(window_.substr(scan_base_ - base_), *this);
  scanned_ = size();
  return scanned;
}

bool Lane::scan_at_end(std::string_view window) {
  window_ = window;
  scan_base_ = scanned_ = 0;
  return part_.at_end->scan(window_, *this);
}

void Lane::on_end(const Target& target, std::uint64_t end_in_scan) {
  const std::uint64_t end = scan_base_ + end_in_scan;
  // An end is reported again by a later scan. The last few are taken twice, because what follows
  // them was not here the first time.
  if (end + kContextBytes < scanned_) return;
  const std::uint32_t branch = core_.first_branch[target.rule] + target.branch;
  if ((core_.branches[branch].views & in(view_)) == 0) return;
  if (youngest_.empty()) {
    youngest_.resize(core_.branches.size());
    ends_.reserve(kEndsUsual);
  }
  if (const std::uint32_t youngest = youngest_[branch][target.clause]; youngest != 0) {
    Ends& ends = ends_[youngest - 1];
    const std::uint64_t width = core_.branches[branch].width_max;
    const bool joins =
        width == Price::kUnbounded || (end <= ends.last + width && ends.first <= end + width);
    if (joins) {
      ends.first = std::min(ends.first, end);
      ends.last = std::max(ends.last, end);
      return;
    }
  }
  ends_.push_back({branch, target.clause, end, end});
  note_clause(static_cast<std::uint32_t>(ends_.size() - 1));
}

void Lane::note_clause(std::uint32_t place) {
  const Ends& ends = ends_[place];
  youngest_[ends.branch][ends.clause] = place + 1;
  full_ = full_ || is_full(ends.branch);
}

bool Lane::is_full(std::uint32_t branch) const {
  const Youngest& youngest = youngest_[branch];
  const auto has = [](std::uint32_t place) { return place != 0; };
  return std::all_of(youngest.begin(), youngest.begin() + core_.branches[branch].clauses, has);
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
      if (is_full(at->branch)) {
        if (core_.branches[at->branch].rule != rule) settle_rule(rule, starts, into);
        rule = core_.branches[at->branch].rule;
        add_starts({at, next}, starts);
      }
      at = next;
    }
    settle_rule(rule, starts, into);
  }
  if (forget_settled() || sorts) note_clauses();
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

void Lane::note_clauses() {
  full_ = false;
  std::fill(youngest_.begin(), youngest_.end(), Youngest{});
  for (std::size_t place = 0; place < ends_.size(); ++place) {
    note_clause(static_cast<std::uint32_t>(place));
  }
}

void Lane::forget_whole() {
  std::erase_if(ends_, [&](const Ends& ends) {
    return core_.rules[core_.branches[ends.branch].rule]->hold_whole;
  });
  note_clauses();
}

}  // namespace cordon::policy
