#include "policy/internal/lane.h"

#include "policy/internal/matcher.h"

#include <algorithm>

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

void Lane::on_end(std::uint32_t number, std::uint64_t end_in_scan) {
  const std::uint64_t end = scan_base_ + end_in_scan;
  // An end is reported again by a later scan. The last few are taken twice, because what follows
  // them was not here the first time.
  if (end + kContextBytes < scanned_) return;
  const Rule& rule = *core_.rules[number];
  if ((rule.views & in(view_)) == 0) return;
  if (tracks_.empty()) tracks_.resize(core_.rules.size());
  Track& track = tracks_[number];
  const std::uint64_t width = rule.price.width_max;
  const std::uint64_t first = width == Price::kUnbounded || width >= end ? 0 : end - width;
  const std::uint64_t begin = std::max({first, track.next, first_});
  if (begin >= end) return;
  if (track.begin == track.end) {
    open_.push_back(number);
    track.begin = begin;
    track.end = end;
  } else {
    track.begin = std::min(track.begin, begin);
    track.end = std::max(track.end, end);
  }
}

void Lane::settle(const Plan& plan, Ended ended, std::vector<Match>& into) {
  if (open_.empty()) return;
  for (const std::uint32_t number : open_) settle_rule(number, plan, ended, into);
  std::erase_if(open_,
                [&](std::uint32_t number) { return tracks_[number].begin == tracks_[number].end; });
}

void Lane::settle_rule(std::uint32_t number, const Plan& plan, Ended ended,
                       std::vector<Match>& into) {
  const Rule& rule = *core_.rules[number];
  Track& track = tracks_[number];
  std::uint64_t far = rule.hold_whole ? kAtTheEnd : plan.watching;
  if (acts(rule, mode_)) far = plan.acting;
  std::uint64_t until = size();
  if (ended == Ended::no) until = far == kAtTheEnd || until < far ? 0 : until - far + 1;
  const std::uint64_t last = std::min(track.end, until);
  std::uint64_t at = std::max(track.begin, track.next);
  while (at < last) {
    const Found found = rule.matcher->find(window_, at - base_, last - base_);
    if (found.kind == Found::Kind::nothing) break;
    const std::uint64_t begin = base_ + found.begin;
    at = track.next = base_ + std::max(found.end, found.begin + 1);
    into.push_back({number, begin, at, far, found.kind == Found::Kind::error});
  }
  track.begin = std::max(at, last);
  if (track.begin >= track.end) track.begin = track.end = 0;
}

void Lane::forget_whole() {
  std::erase_if(open_, [&](std::uint32_t number) {
    if (!core_.rules[number]->hold_whole) return false;
    tracks_[number].begin = tracks_[number].end = 0;
    return true;
  });
}

}  // namespace cordon::policy
