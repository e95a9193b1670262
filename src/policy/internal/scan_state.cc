#include "policy/internal/scan_state.h"

#include "policy/internal/matcher.h"

#include <algorithm>
#include <tuple>

namespace cordon::policy {
namespace {

// Less is not worth a move.
constexpr std::uint64_t kForgetBytesMin = 128;
// A buffer that grew for a large piece and is mostly empty is given back.
constexpr std::size_t kRoomyBytes = 4096;
// A whole text is taken in pieces, so that what is noted of it is bounded.
constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;

bool continues_char(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}
std::uint64_t char_bytes(char lead) noexcept {
  const auto c = static_cast<unsigned char>(lead);
  return c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 1;
}

}  // namespace

ScanState::ScanState(std::shared_ptr<const Engine> keep_alive, const EngineCore& core, Part part,
                     model::Mode mode)
    : keep_alive_(std::move(keep_alive)),
      core_(core),
      part_(core.part(part)),
      mode_(mode),
      plan_(part_.plans[static_cast<std::size_t>(mode)]),
      raw_(core, part_, mode, View::raw, 0),
      watch_(part_.views) {}

bool ScanState::keeps_whole() const noexcept {
  return part_.may_hold_whole && !whole_given_up_;
}

std::string_view ScanState::window() const noexcept {
  return whole_.data() != nullptr ? whole_.substr(0, fed_) : std::string_view(buffer_);
}

// Where the character that holds `at` begins. Looks at most three bytes back, so that text which
// is not UTF-8 is still handled, and never falls as `at` grows.
std::uint64_t ScanState::char_begin(std::uint64_t at) const noexcept {
  if (at >= fed_ || !continues_char(byte(at))) return at;
  for (std::uint64_t back = 1; back <= 3 && back <= at - base_; ++back) {
    const char c = byte(at - back);
    if (!continues_char(c)) return back < char_bytes(c) ? at - back : at;
  }
  return at;
}

std::uint64_t ScanState::char_end(std::uint64_t at) const noexcept {
  const std::uint64_t begin = char_begin(at);
  if (begin == at) return at;
  const std::uint64_t last = std::min(fed_, begin + char_bytes(byte(begin)));
  std::uint64_t end = at;
  while (end < last && continues_char(byte(end))) ++end;
  return end;
}

void ScanState::feed(std::string_view chunk, std::string& out) {
  if (blocked_ || finished_) return;
  forget();
  const std::uint64_t limit = core_.limits.held_bytes_max;
  if (keeps_whole() && fed_ + chunk.size() > limit) {
    // The limit falls at one byte of the text, whatever the chunks are.
    const std::string_view head = chunk.substr(0, limit + 1 - fed_);
    buffer_.append(head);
    take(head.size());
    if (!blocked_) exceed_hold();
    release(Ended::no, out);
    chunk.remove_prefix(head.size());
    if (blocked_) return;
  }
  buffer_.append(chunk);
  take(chunk.size());
  release(Ended::no, out);
}

void ScanState::finish(std::string& out) {
  if (blocked_ || finished_) return;
  finished_ = true;
  scan_at_end();
  if (!blocked_) settle(Ended::yes);
  release(Ended::yes, out);
}

void ScanState::run_whole(std::string_view text, std::string* out) {
  whole_ = text.data() == nullptr ? std::string_view("") : text;
  const std::uint64_t limit = core_.limits.held_bytes_max;
  std::string unwanted;
  std::string& released = out == nullptr ? unwanted : *out;
  if (keeps_whole() && whole_.size() > limit) {
    take(limit + 1);
    if (!blocked_) exceed_hold();
  }
  do {
    if (!blocked_) take(std::min<std::size_t>(kPieceBytes, whole_.size() - fed_));
  } while (!blocked_ && fed_ < whole_.size());
  if (blocked_) {
    release(Ended::no, released);
    return;
  }
  finished_ = true;
  scan_at_end();
  if (!blocked_) settle(Ended::yes);
  if (out != nullptr) release(Ended::yes, released);
}

void ScanState::take(std::size_t bytes) {
  const std::uint64_t before = fed_;
  fed_ += bytes;
  decision_.bytes_scanned = fed_;
  if (!raw_.scan(window(), base_)) fail_scan();
  if (blocked_) return;
  watch(before);
  read_views(Ended::no);
  if (!blocked_) settle(Ended::no);
}

// Starts the views for which the new bytes call.
void ScanState::watch(std::uint64_t from) {
  watch_.look(window().substr(from - base_),
              [&](const ViewWatch::Start& start) { start_view(start); });
}

// A view is the text itself up to where it is read otherwise, as far back as a match that reaches
// there. So a match in it either shows in the text too, and is none of the view, or begins no
// further before `from` than what was kept back.
void ScanState::start_view(const ViewWatch::Start& start) {
  const auto [view, at, from] = start;
  const std::uint64_t behind = part_.reach + kBehindBytes;
  const auto first_at = [&](std::uint64_t size) {
    return size > part_.reach ? size - part_.reach : 0;
  };
  ViewText text;
  std::uint64_t begin = from > behind ? from - behind : 0;
  const auto folded = std::find_if(views_.begin(), views_.end(), [](const auto& each) {
    return each->lane.view() == View::folded;
  });
  if (view == View::skeleton && folded != views_.end()) {
    // Up to here the two are one. Nothing is put of a character that has not come whole.
    ViewLane& same = **folded;
    if (same.read < from) same.take(window().substr(same.read - base_, from - same.read));
    text = same.text;
    begin = same.begin;
  } else {
    // What hides begins with what is hidden.
    if (view == View::hidden) begin = from;
    text.begin_at(begin);
    text.put_same(window().substr(begin - base_, from - begin), begin);
  }
  const unsigned char before = from > 0 ? static_cast<unsigned char>(byte(from - 1)) : ' ';
  const std::uint64_t size = text.size();
  views_.push_back(std::make_unique<ViewLane>(ViewLane{{core_, part_, mode_, view, first_at(size)},
                                                       reader_of(view, before),
                                                       std::move(text),
                                                       from,
                                                       begin,
                                                       at,
                                                       size}));
}

void ScanState::ViewLane::take(std::string_view bytes) {
  reader->take_all(bytes, read, text);
  read += bytes.size();
}

void ScanState::read_views(Ended ended) {
  for (const auto& view : views_) {
    ViewText& text = view->text;
    view->take(window().substr(view->read - base_));
    if (ended == Ended::yes) view->reader->finish(fed_, text);
    if (!view->lane.scan(text.window(), text.base())) fail_scan();
  }
}

// Rules without a widest match are looked for once, when the text is all here.
void ScanState::scan_at_end() {
  read_views(Ended::yes);
  if (blocked_ || !part_.at_end || whole_given_up_) return;
  if (!raw_.scan_at_end(window())) fail_scan();
}

void ScanState::settle(Ended ended) {
  // Of the thread: a stream that waits for its next token holds none of it.
  thread_local std::vector<Lane::Match> matches;
  thread_local std::vector<Settled> all;
  all.clear();
  const auto gather_all = [&](Lane& lane, const ViewLane* view) {
    matches.clear();
    if (view == nullptr) {
      lane.show(window(), base_);
    } else {
      lane.show(view->text.window(), view->text.base());
    }
    lane.settle(plan_, ended, matches);
    for (const Lane::Match& match : matches) gather(lane, view, match, all);
  };
  if (raw_.open()) gather_all(raw_, nullptr);
  for (const auto& view : views_) gather_all(view->lane, view.get());
  if (all.empty()) return;
  std::sort(all.begin(), all.end(), [](const Settled& a, const Settled& b) {
    return std::tie(a.at, a.finding.begin, a.finding.rule, a.finding.view) <
           std::tie(b.at, b.finding.begin, b.finding.rule, b.finding.view);
  });
  for (const Settled& settled : all) {
    apply(settled);
    if (blocked_) return;
  }
}

// Maps a match back to the bytes of the text for which it stands.
void ScanState::gather(const Lane& lane, const ViewLane* view, const Lane::Match& match,
                       std::vector<Settled>& into) const {
  const Rule& rule = *core_.rules[match.rule];
  std::uint64_t at = match.far == kAtTheEnd ? kAtTheEnd : match.begin + match.far;
  std::uint64_t begin = match.begin;
  std::uint64_t end = match.end;
  if (view != nullptr) {
    if (match.end + kContextBytes <= view->same) return;
    const ViewText& text = view->text;
    // Before it was called for nobody could know.
    at = at > text.size() ? kAtTheEnd : std::max(view->started, text.origin(at - 1).at);
    begin = text.origin(match.begin).begin;
    end = text.origin(match.end - 1).end;
  }
  into.push_back({at,
                  {.rule = match.rule,
                   .begin = begin,
                   .end = end,
                   .verdict = verdict_of(rule, mode_),
                   .action = action_of(rule, mode_),
                   .view = lane.view(),
                   .by_error = match.by_error}});
}

void ScanState::apply(const Settled& settled) {
  const Finding& finding = settled.finding;
  if (finding.by_error) {
    ++decision_.errors_total;
    if (core_.rules[finding.rule]->on_error == OnError::fail_open) return;
  }
  record(finding);
  if (finding.action == model::Action::redact) redact(finding);
  if (finding.action == model::Action::block) block_at(char_begin(finding.begin), settled.at);
}

// Spans lie in the order in which they begin; views find theirs a little later than the text.
void ScanState::redact(const Finding& finding) {
  const Span span{char_begin(finding.begin), char_end(finding.end), finding.rule};
  const auto after =
      std::upper_bound(spans_.begin(), spans_.end(), span,
                       [](const Span& a, const Span& b) { return a.begin < b.begin; });
  spans_.insert(after, span);
}

void ScanState::record(const Finding& finding) {
  decision_.verdict = std::max(decision_.verdict, finding.verdict);
  decision_.action = std::max(decision_.action, finding.action);
  auto& kept = decision_.findings;
  // What shows in two views is one thing, and counts in the first.
  const bool known =
      !views_.empty() && std::any_of(kept.begin(), kept.end(), [&](const Finding& had) {
        return had.rule == finding.rule && had.view != finding.view && had.begin < finding.end &&
               finding.begin < had.end;
      });
  if (known) return;
  ++decision_.findings_total;
  if (kept.size() >= core_.limits.findings_kept_max) return;
  const auto after =
      std::upper_bound(kept.begin(), kept.end(), finding, [](const Finding& a, const Finding& b) {
        return std::tie(a.begin, a.rule) < std::tie(b.begin, b.rule);
      });
  kept.insert(after, finding);
}

void ScanState::block_at(std::uint64_t begin, std::uint64_t at) {
  blocked_ = true;
  block_begin_ = begin;
  decision_.bytes_scanned = std::min(at, fed_);
}

// A text under `hold: whole` has outgrown its limit. What it may become is each rule's on_error.
void ScanState::exceed_hold() {
  whole_given_up_ = true;
  raw_.forget_whole();
  for (const auto& [number, rule] : part_.rules) {
    if (!rule->hold_whole) continue;
    ++decision_.errors_total;
    if (rule->on_error == OnError::fail_open) continue;
    const Finding finding{
        .rule = number,
        .begin = 0,
        .end = fed_,
        .verdict = verdict_of(*rule, mode_),
        .action = acts(*rule, mode_) ? model::Action::block : action_of(*rule, mode_),
        .by_error = true};
    record(finding);
    if (finding.action != model::Action::block) continue;
    block_at(0, fed_);
    return;
  }
  plan_.acting = plan_.acting_bounded;
  settle(Ended::no);
}

// Hyperscan failed in a way that no text can cause. Where a rule may act, nothing more passes.
void ScanState::fail_scan() {
  ++decision_.errors_total;
  if (plan_.acting == 0) return;
  decision_.verdict = decision_.action = model::Action::block;
  block_at(released_, fed_);
}

void ScanState::release(Ended ended, std::string& out) {
  std::uint64_t until = fed_;
  if (blocked_) {
    until = block_begin_;
  } else if (ended == Ended::no && plan_.acting > 0) {
    if (plan_.acting == kAtTheEnd || fed_ <= plan_.acting) return;
    until = settled_to();
  }
  if (until <= released_) return;
  const auto text_from = [&](std::uint64_t end) {
    const std::uint64_t begin = std::max(released_, redacted_to_);
    if (begin < end) out.append(window().substr(begin - base_, end - begin));
  };
  follow_tails(until);
  std::size_t used = 0;
  for (; used < spans_.size() && spans_[used].begin < until; ++used) {
    const Span& span = spans_[used];
    if (span.begin >= redacted_to_) {
      text_from(span.begin);
      out.append(core_.tokens[span.rule]);
    }
    redacted_to_ = std::max(redacted_to_, span.end);
    const auto& tail = core_.rules[span.rule]->tail;
    if (tail.any()) tails_.push_back({&tail, span.end});
    follow_tails(until);
  }
  text_from(until);
  spans_.erase(spans_.begin(), spans_.begin() + static_cast<std::ptrdiff_t>(used));
  released_ = until;
}

// Bytes below this are no part of a match that is still to be decided, in any view.
std::uint64_t ScanState::settled_to() const noexcept {
  const std::uint64_t sure = std::min(fed_, watch_.unsure());
  std::uint64_t until = sure > plan_.acting ? sure - plan_.acting : 0;
  for (const auto& view : views_) {
    const ViewText& text = view->text;
    const std::uint64_t size = text.size();
    until =
        std::min(until, size > plan_.acting ? text.origin(size - plan_.acting).begin : view->begin);
    until = std::min(until, view->reader->undecided());
  }
  return until > released_ ? char_begin(until) : released_;
}

// A tail goes on while its bytes do. Nothing of it is released, so it needs no bound.
void ScanState::follow_tails(std::uint64_t until) {
  if (tails_.empty()) return;
  const std::string_view text = window();
  std::erase_if(tails_, [&](Tail& tail) {
    const auto follows = [&] {
      const auto c = static_cast<unsigned char>(text[tail.at - base_]);
      return c < tail.bytes->size() && tail.bytes->test(c);
    };
    while (tail.at < until && follows()) ++tail.at;
    redacted_to_ = std::max(redacted_to_, tail.at);
    return tail.at < until;
  });
}

// Moves bytes rarely, so that a byte is moved less than once on average.
void ScanState::forget() {
  if (finished_) {
    std::string().swap(buffer_);
    views_.clear();
    base_ = fed_;
    return;
  }
  if (keeps_whole() || blocked_) return;
  const std::uint64_t behind = part_.reach + kBehindBytes;
  for (const auto& view : views_) {
    const std::uint64_t size = view->text.size();
    const std::uint64_t from = size > behind ? size - behind : 0;
    if (from >= view->text.base() + std::max(kForgetBytesMin, view->text.window().size() / 2)) {
      view->text.forget(from);
    }
  }
  const std::uint64_t reach = behind + kViewBehindBytes + 3;
  const std::uint64_t needed = fed_ > reach ? fed_ - reach : 0;
  // A character that begins in what was released is still read from its beginning.
  const std::uint64_t keep_from = std::min(released_ > 3 ? released_ - 3 : 0, needed);
  if (keep_from <= base_) return;
  const std::uint64_t old = keep_from - base_;
  if (old < kForgetBytesMin || old < buffer_.size() / 2) return;
  buffer_.erase(0, old);
  base_ = keep_from;
  const bool roomy = buffer_.capacity() > kRoomyBytes && buffer_.size() < buffer_.capacity() / 4;
  if (roomy) buffer_.shrink_to_fit();
}

}  // namespace cordon::policy
