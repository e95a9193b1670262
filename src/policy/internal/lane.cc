#include "policy/internal/lane.h"

#include "policy/internal/matcher.h"

#include <algorithm>
#include <tuple>

namespace cordon::policy {

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
  const Rule& rule = *core_.rules[target.rule];
  if ((rule.views & in(view_)) == 0) return;
  const std::uint32_t branch = core_.first_branch[target.rule] + target.branch;
  ends_.push_back({branch, target.clause, end});
  if (clauses_.empty()) clauses_.resize(core_.rule_of.size());
  clauses_[branch] = static_cast<std::uint8_t>(clauses_[branch] | 1U << target.clause);
  full_ = full_ || is_full(branch);
}

const Branch& Lane::shape_of(std::uint32_t branch) const {
  const std::uint32_t rule = core_.rule_of[branch];
  return core_.rules[rule]->matcher->branches()[branch - core_.first_branch[rule]];
}

bool Lane::is_full(std::uint32_t branch) const {
  return clauses_[branch] == (1U << shape_of(branch).clauses) - 1U;
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
  if (ends_.empty()) return;
  if (full_) {
    std::sort(ends_.begin(), ends_.end(), [](const End& a, const End& b) {
      return std::tie(a.branch, a.clause, a.at) < std::tie(b.branch, b.clause, b.at);
    });
    thread_local std::vector<Starts> starts;
    starts.clear();
    std::uint32_t rule = 0;
    for (auto at = ends_.begin(); at != ends_.end();) {
      const auto next =
          std::find_if(at, ends_.end(), [&](const End& end) { return end.branch != at->branch; });
      if (is_full(at->branch)) {
        if (core_.rule_of[at->branch] != rule) settle_rule(rule, starts, into);
        rule = core_.rule_of[at->branch];
        add_starts({at, next}, starts);
      }
      at = next;
    }
    settle_rule(rule, starts, into);
  }
  forget_settled();
}

/// The starts from which a match of the branch of these ends, sorted, reaches one of each clause.
void Lane::add_starts(std::span<const End> ends, std::vector<Starts>& into) const {
  const std::uint64_t width = shape_of(ends.front().branch).width_max;
  thread_local std::vector<Starts> all;
  thread_local std::vector<Starts> some;
  thread_local std::vector<Starts> both;
  all.clear();
  for (auto at = ends.begin(); at != ends.end();) {
    const std::uint8_t clause = at->clause;
    some.clear();
    for (; at != ends.end() && at->clause == clause; ++at) {
      const std::uint64_t begin =
          width == Price::kUnbounded || width >= at->at ? 0 : at->at - width;
      if (!some.empty() && begin <= some.back().end) {
        some.back().end = at->at;
      } else {
        some.push_back({begin, at->at});
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

/// Drops the ends that only starts which are done with can reach.
void Lane::forget_settled() {
  const auto done = [&](const End& end) {
    return end.at <= settled(*core_.rules[core_.rule_of[end.branch]]).until;
  };
  if (std::erase_if(ends_, done) > 0) note_clauses();
}

void Lane::note_clauses() {
  full_ = false;
  std::fill(clauses_.begin(), clauses_.end(), std::uint8_t{0});
  for (const End& end : ends_) {
    clauses_[end.branch] = static_cast<std::uint8_t>(clauses_[end.branch] | 1U << end.clause);
    full_ = full_ || is_full(end.branch);
  }
}

void Lane::forget_whole() {
  const auto of_whole = [&](const End& end) {
    return core_.rules[core_.rule_of[end.branch]]->hold_whole;
  };
  if (std::erase_if(ends_, of_whole) > 0) note_clauses();
}

}  // namespace cordon::policy
