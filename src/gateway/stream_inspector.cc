#include "gateway/internal/stream_inspector.h"

#include <algorithm>
#include <array>

namespace cordon::gateway {
namespace {

using dialect::Ending;
using dialect::EventKind;
using dialect::Slot;
using dialect::SlotText;
using model::Action;

/// The event's name, if it has one, `data: ...` and an empty line, nothing else: what nearly
/// every provider sends.
bool is_plain(const codec::SseEvent& event) {
  constexpr std::string_view kName = "event: ";
  std::string_view raw = event.raw;
  if (!event.name.empty()) {
    if (!raw.starts_with(kName) || raw.substr(kName.size(), event.name.size()) != event.name) {
      return false;
    }
    raw.remove_prefix(kName.size() + event.name.size());
    if (!raw.starts_with('\n')) return false;
    raw.remove_prefix(1);
  }
  return raw.size() == event.data.size() + 8 && raw.starts_with("data: ") && raw.ends_with("\n\n");
}

}  // namespace

bool StreamInspector::may_change_text() const noexcept {
  return context_.engine != nullptr &&
         context_.engine->hold_bytes(policy::Part::response, context_.mode) > 0;
}

bool StreamInspector::may_change_frames() const noexcept {
  using policy::Part;
  constexpr std::array kAnswered{Part::response, Part::tool_arguments, Part::reasoning};
  return context_.engine != nullptr && std::ranges::any_of(kAnswered, [this](Part part) {
           return context_.engine->hold_bytes(part, context_.mode) > 0;
         });
}

StreamInspector::Text* StreamInspector::text_of(const Slot& slot) {
  const auto found = std::find_if(texts_.rbegin(), texts_.rend(),
                                  [&](const Text& text) { return text.slot == slot; });
  return found != texts_.rend() ? &*found : add_text(slot);
}

StreamInspector::Text* StreamInspector::add_text(const Slot& slot) {
  if (texts_.size() == kSlotsMax) return nullptr;
  texts_.push_back({.slot = slot,
                    .scanner = context_.engine->open(part_of(slot.field), context_.mode),
                    .sealed = is_sealed(slot.field)});
  open_after_tail(texts_.back());
  return &texts_.back();
}

StreamState StreamInspector::feed(std::string_view bytes, std::string& out) {
  framer_.feed(bytes);
  while (state_ == StreamState::open) {
    const auto event = framer_.next();
    if (!event) {
      state_ = StreamState::unreadable;
    } else if (!*event) {
      break;
    } else {
      state_ = take(**event, out);
    }
  }
  for (Text& text : texts_) text.scanner.forget();
  context_.scratch->trim();
  return state_;
}

StreamState StreamInspector::take(const codec::SseEvent& event, std::string& out) {
  if (!event.has_data) {
    // A comment keeps a connection alive. Its text is nobody's, so where rules act it is dropped.
    out += may_change_frames() ? std::string_view(":\n\n") : event.raw;
    return StreamState::open;
  }
  auto& part = *context_.scratch->event;
  if (!part.parse(event.name, event.data)) return StreamState::unreadable;
  switch (part.kind()) {
    case EventKind::done:
    case EventKind::failed:
      return take_end(event, out);
    case EventKind::error:
      return StreamState::provider_error;
    case EventKind::other:
      splices_.clear();
      return append_part(event, sink(out));
    case EventKind::part:
      break;
  }
  writer_->learn(part);
  usage_.take(part.usage());
  return take_part(event, out);
}

StreamState StreamInspector::take_part(const codec::SseEvent& event, std::string& out) {
  splices_.clear();
  if (run_ && !follow_run(out)) return StreamState::blocked;
  const StreamState state = take_texts(out);
  if (state != StreamState::open) return state;
  take_echoes();
  if (!finish_ended(out)) return StreamState::blocked;
  const StreamState repeated = take_repeats();
  if (repeated != StreamState::open) return repeated;
  note_passed();
  return append_part(event, sink(out));
}

/// The event that ends the answer waits until the end is recorded.
StreamState StreamInspector::take_end(const codec::SseEvent& event, std::string& out) {
  const auto& part = *context_.scratch->event;
  usage_.take(part.usage());
  splices_.clear();
  if (!finish_rest(out)) return StreamState::blocked;
  take_echoes();
  const std::uint64_t before = released_;
  const StreamState repeated = take_repeats();
  released_at_end_ = released_ - before;
  if (repeated != StreamState::open) return repeated;
  terminal_number_ = writer_->next_number();
  (void)append_part(event, terminal_);
  return part.kind() == EventKind::done ? StreamState::done : StreamState::failed;
}

void StreamInspector::take_echoes() {
  if (!may_change_text()) return;
  for (const codec::JsonValue& echo : context_.scratch->event->echoes()) {
    splices_.push_back(dialect::emptied(echo));
  }
}

/// The event with its splices.
StreamState StreamInspector::append_part(const codec::SseEvent& event, std::string& out) {
  const std::size_t before = out.size();
  const codec::JsonValue& number = context_.scratch->event->number();
  const auto moved = writer_->number_for(*context_.scratch->event);
  if (moved && static_cast<std::int64_t>(*moved) != number.integer()) {
    splices_.push_back({number.begin_byte(), number.end_byte(), std::to_string(*moved)});
  }
  if (splices_.empty()) {
    append_event(event, out);
  } else {
    append_changed(event, out);
  }
  if (is_waiting()) waiting_bytes_ += out.size() - before;
  return waiting_bytes_ > kWaitingBytesMax ? StreamState::unreadable : StreamState::open;
}

void StreamInspector::append_changed(const codec::SseEvent& event, std::string& out) {
  codec::sort_splices(splices_);
  dialect::append_spliced_frame(out, event.name, event.data, splices_);
}

StreamState StreamInspector::take_texts(std::string& out) {
  for (const SlotText& piece : context_.scratch->event->texts()) {
    if (piece.repeats) continue;
    settled_.clear();
    if (context_.engine == nullptr) {
      count(piece.text());
      released_ += piece.text().size();
      continue;
    }
    if (piece.whole) {
      if (texts_.size() == kSlotsMax) return StreamState::unreadable;
      if (!scan_whole(piece, settled_)) return StreamState::blocked;
    } else {
      Text* const text = text_of(piece.slot);
      if (text == nullptr) return StreamState::unreadable;
      const std::uint64_t from = text->settled;
      if (!scan(*text, piece.text(), settled_)) return StreamState::blocked;
      if (is_waiting()) part_at_seams(*text, from, settled_, out);
      if (ends_here(piece) && !scan_end(*text, settled_)) return StreamState::blocked;
    }
    writer_->note_text(piece.slot, settled_);
    if (settled_ != piece.text()) splices_.push_back(piece.replaced_by(settled_));
  }
  return StreamState::open;
}

/// Texts that may have come before. What has gone on may go on again; what was redacted becomes the
/// same again; what is not known from before is a text like any other.
StreamState StreamInspector::take_repeats() {
  if (context_.engine == nullptr) return StreamState::open;
  for (const SlotText& piece : context_.scratch->event->texts()) {
    if (!piece.repeats || writer_->has_said(piece.slot, piece.text())) continue;
    settled_.clear();
    const policy::Decision decision =
        context_.engine->scan(part_of(piece.slot.field), context_.mode, piece.text(), &settled_);
    const bool known = decision.action == Action::redact && writer_->has_said(piece.slot, settled_);
    if (!known) {
      if (texts_.size() == kSlotsMax) fold_finished();
      if (texts_.size() == kSlotsMax) return StreamState::unreadable;
      settled_.clear();
      if (!scan_whole(piece, settled_)) return StreamState::blocked;
      writer_->note_whole(piece.slot, settled_);
    }
    if (settled_ != piece.text()) splices_.push_back(piece.replaced_by(settled_));
  }
  return StreamState::open;
}

/// The text ends with this event, and this is its last piece in it.
bool StreamInspector::ends_here(const SlotText& piece) const {
  const auto& part = *context_.scratch->event;
  const bool ends = std::any_of(part.endings().begin(), part.endings().end(),
                                [&](const Ending& ending) { return ending.ends(piece.slot); });
  if (!ends) return false;
  const auto last = std::find_if(part.texts().rbegin(), part.texts().rend(),
                                 [&](const SlotText& other) { return other.slot == piece.slot; });
  return &piece == &*last;
}

/// A text that comes in one piece. It is kept only if something was found in it.
bool StreamInspector::scan_whole(const SlotText& piece, std::string& settled) {
  Text& text = *add_text(piece.slot);
  if (tail_ && tail_->slot == piece.slot) text.across.reset();  // said again, not gone on with
  if (!scan(text, piece.text(), settled) || !scan_end(text, settled)) return false;
  const bool fits = settled == piece.text() || may_stand_for(piece, settled);
  text.sealed = text.sealed || !fits;
  return fits;
}

/// With rules, what is sent is what was read: no second line that another reader could take for
/// something else.
void StreamInspector::append_event(const codec::SseEvent& event, std::string& out) {
  if (is_plain(event) || !may_change_frames()) {
    out += event.raw;
  } else {
    dialect::append_frame(out, event.name, event.data);
  }
}

void StreamInspector::count(std::string_view piece) {
  received_ += piece.size();
  context_.answer->update(piece);
}

bool StreamInspector::scan(Text& text, std::string_view piece, std::string& settled) {
  count(piece);
  if (text.finished) {
    // A text that goes on after its end is scanned as a new one.
    add_text_decision(text, Passed{text.settled});
    text.scanner = context_.engine->open(part_of(text.slot.field), context_.mode);
    text.finished = false;
    context_.commit.keep(part_of(text.slot.field), text.whole);
    text.whole.clear();
    text.findings_seen = 0;
    text.fed = text.settled = text.delivered = 0;
    open_after_tail(text);
  }
  const std::size_t before = settled.size();
  text.scanner.feed(piece, settled);
  text.fed += piece.size();
  if (context_.commit.capture != nullptr && text.whole.size() <= Captured::kBytesMax) {
    text.whole += piece;
  }
  note_findings(text);
  if (is_blocked(text) || !scan_across(text, piece, settled, before)) return false;
  if (!text.across) text.settled = text.fed - text.scanner.held_bytes();
  released_ += settled.size() - before;
  return true;
}

bool StreamInspector::scan_end(Text& text, std::string& settled) {
  if (text.finished) return true;
  const std::size_t before = settled.size();
  keep_tail(text);
  text.scanner.finish(settled);
  text.finished = true;
  note_findings(text);
  if (is_blocked(text)) return false;
  if (text.across) {
    std::string unused;
    text.across->scanner.finish(unused);
    if (!take_crossing(text)) return false;
    settled.insert(before, text.across->waiting);
    text.across.reset();
  }
  text.settled = text.fed;
  released_ += settled.size() - before;
  return true;
}

void StreamInspector::open_after_tail(Text& text) {
  if (!tail_ || !goes_on(tail_->slot, text.slot)) return;
  std::string unused;
  text.across = std::make_unique<Across>(
      Across{tail_->bytes, context_.engine->open(part_of(text.slot.field), context_.mode)});
  text.across->scanner.feed(text.across->lead, unused);
}

/// Lets what was settled wait until no match can reach across. False if one does.
bool StreamInspector::scan_across(Text& text, std::string_view piece, std::string& settled,
                                  std::size_t before) {
  if (!text.across) return true;
  std::string unused;
  text.across->scanner.feed(piece, unused);
  if (!take_crossing(text)) return false;
  text.across->waiting.append(settled, before);
  settled.resize(before);
  if (text.across->scanner.held_bytes() > text.fed) return true;
  settled += text.across->waiting;
  text.across.reset();
  return true;
}

/// False if a match reaches across that may not pass; then the text is blocked by it.
bool StreamInspector::take_crossing(Text& text) {
  const auto& findings = text.across->scanner.decision().findings;
  const std::size_t seam = text.across->lead.size();
  const bool crosses =
      std::any_of(findings.begin(), findings.end(), [&](const policy::Finding& finding) {
        return finding.begin < seam && finding.end > seam && finding.action >= Action::redact;
      });
  if (!crosses) return true;
  text.scanner = std::move(text.across->scanner);
  text.fed += seam;
  text.findings_seen = 0;
  text.sealed = true;
  note_findings(text);
  return false;
}

void StreamInspector::keep_tail(const Text& text) {
  if (text.slot.field != dialect::Field::part_text) return;
  const Across* const across = text.across.get();
  const policy::Scanner& scanner = across != nullptr ? across->scanner : text.scanner;
  const std::string_view bytes = scanner.recent().bytes;
  const std::size_t held = std::min<std::size_t>(scanner.held_bytes(), bytes.size());
  tail_ = Tail{text.slot, std::string(bytes.substr(bytes.size() - held))};
}

void StreamInspector::note_findings(Text& text) {
  const policy::Decision& decision = text.scanner.decision();
  if (decision.findings_total == text.findings_seen) return;
  text.findings_seen = decision.findings_total;
  const auto [bytes, begin] = text.scanner.recent();
  note_matches(inspection_, {*context_.engine, decision, bytes, begin}, context_.commit);
}

bool StreamInspector::is_blocked(const Text& text) noexcept {
  const Action action = text.scanner.decision().action;
  return action == Action::block || (text.sealed && action == Action::redact);
}

/// What the texts that end with this event still held goes out before it.
bool StreamInspector::finish_ended(std::string& out) {
  const auto& part = *context_.scratch->event;
  for (const Ending& ending : part.endings()) {
    for (Text& text : texts_) {
      if (!ending.ends(text.slot) || text.finished || wait_at_end(text)) continue;
      settled_.clear();
      if (!scan_end(text, settled_)) return false;
      if (!settled_.empty()) writer_->append_text(sink(out), text.slot, settled_);
    }
  }
  if (!part.endings().empty() || texts_.size() > kSlotsMax / 2) fold_finished();
  return true;
}

/// Counts and forgets the texts that have ended and in which nothing was found.
void StreamInspector::fold_finished() {
  std::erase_if(texts_, [&](const Text& text) {
    if (!text.finished) return false;
    if (text.scanner.decision().findings_total > 0) return false;
    add_text_decision(text, kNothing);
    return true;
  });
}

void StreamInspector::add_text_decision(const Text& text, Passed passed) {
  const auto [bytes, begin] = text.scanner.recent();
  if (text.sealed) {
    const policy::Decision decision = without_redaction(text.scanner.decision());
    add_decision(inspection_, {*context_.engine, decision, bytes, begin}, passed, context_.commit);
  } else {
    add_decision(inspection_, {*context_.engine, text.scanner.decision(), bytes, begin}, passed,
                 context_.commit);
  }
}

/// A text block that ends may be gone on with by the next one: true if its text stays open.
bool StreamInspector::wait_at_end(Text& text) {
  if (text.slot.field != dialect::Field::block_text) return false;
  if (text.scanner.held_bytes() > 0) seams_.push_back({text.slot, text.fed});
  run_ = text.slot;
  return true;
}

/// Whether this event belongs to the run of blocks that is open, or to its next block; if not, the
/// run has ended. False if a rule blocks at its end.
bool StreamInspector::follow_run(std::string& out) {
  const auto& part = *context_.scratch->event;
  if (part.indexes_end() == run_->index + 1) return true;
  const auto next = std::find_if(part.texts().begin(), part.texts().end(),
                                 [&](const SlotText& piece) { return goes_on(*run_, piece.slot); });
  if (next == part.texts().end()) return end_run(out);
  text_of(*run_)->slot = next->slot;
  run_ = next->slot;
  return true;
}

bool StreamInspector::end_run(std::string& out) {
  Text& text = *text_of(*run_);
  const std::uint64_t from = text.settled;
  settled_.clear();
  if (!scan_end(text, settled_)) return false;
  part_at_seams(text, from, settled_, out);
  run_.reset();
  return true;
}

/// Gives what was settled of a run, from byte `from` on, to the blocks that it came from, and lets
/// the frames go that waited for it. What belongs to the block that is open stays in `settled`. A
/// redaction that reaches across a seam stands where it begins, with what was settled with it.
void StreamInspector::part_at_seams(const Text& text, std::uint64_t from, std::string& settled,
                                    std::string& out) {
  while (is_waiting() && seams_.front().end <= text.settled) {
    const Seam& seam = seams_.front();
    std::size_t cut = settled.size();
    if (seam.end < text.settled) {
      const auto bytes = static_cast<std::size_t>(seam.end - from);
      const auto [recent, recent_begin] = text.scanner.recent();
      const std::string_view source =
          from < recent_begin ? std::string_view()
                              : recent.substr(static_cast<std::size_t>(from - recent_begin), bytes);
      cut = bytes_before_seam(settled, source, bytes, text.scanner.decision());
    }
    if (cut > 0) writer_->append_text(out, seam.slot, std::string_view(settled).substr(0, cut));
    settled.erase(0, cut);
    from = seam.end;
    pass_seam(out);
  }
  if (!is_waiting() || settled.empty()) return;
  // The first block whose end is still open takes what is settled of it at once.
  writer_->append_text(out, seams_.front().slot, settled);
  settled.clear();
}

void StreamInspector::pass_seam(std::string& out) {
  const Seam& seam = seams_.front();
  out += seam.frames;
  for (const std::uint32_t index : seam.opened) writer_->note_opened(index);
  for (const Ending& ending : seam.ended) writer_->note_ended(ending);
  waiting_bytes_ -= seam.frames.size();
  seams_.erase(seams_.begin());
}

/// The event goes on, or waits with the others.
void StreamInspector::note_passed() {
  const auto& part = *context_.scratch->event;
  if (!is_waiting()) return writer_->note_passed(part);
  Seam& seam = seams_.back();
  if (part.opening()) seam.opened.push_back(*part.opening());
  seam.ended.insert(seam.ended.end(), part.endings().begin(), part.endings().end());
}

bool StreamInspector::finish_rest(std::string& out) {
  if (run_ && !end_run(out)) return false;
  for (Text& text : texts_) {
    settled_.clear();
    if (!scan_end(text, settled_)) return false;
    if (!settled_.empty()) writer_->append_text(out, text.slot, settled_);
  }
  return true;
}

std::optional<std::uint64_t> StreamInspector::next_number() const {
  return terminal_number_ ? terminal_number_ : writer_->next_number();
}

void StreamInspector::append_terminal(std::string& out) {
  if (state_ == StreamState::done || state_ == StreamState::failed) {
    out += terminal_;
    terminal_number_.reset();
  } else {
    writer_->append_terminal(out);
  }
}

void StreamInspector::mark_delivered() {
  for (Text& text : texts_) text.delivered = text.settled;
  delivered_ = released_;
}

BlockedBy StreamInspector::blocked_by() const {
  for (const Text& text : texts_) {
    for (const policy::Finding& finding : text.scanner.decision().findings) {
      const bool blocks =
          finding.action == Action::block || (text.sealed && finding.action == Action::redact);
      if (!blocks) continue;
      return {context_.engine->rule(finding.rule).id,
              context_.engine->rulepack_of(finding.rule).digest};
    }
  }
  return {};
}

Inspection StreamInspector::finish() {
  for (const Text& text : texts_) {
    context_.commit.keep(part_of(text.slot.field), text.whole);
    add_text_decision(text, Passed{text.delivered});
  }
  return std::move(inspection_);
}

}  // namespace cordon::gateway
