// Answers of any protocol: whole, or as the events of a stream.
//
// Only text is understood; all else passes byte for byte. A text where none is expected to be
// anything else (a content that is a number) makes the answer unreadable, because a rule that
// cannot run on a path refuses that path.
#pragma once

#include "base/result.h"
#include "codec/json_index.h"
#include "dialect/text.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::dialect {

/// A whole answer. Reusable; views last until the next parse.
class Answer {
 public:
  Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  virtual ~Answer() = default;

  /// Refuses as `invalid` what is not strict JSON of the protocol's shape with texts of known
  /// types, and as `exhausted` what passes a limit.
  [[nodiscard]] Status parse(std::string_view body, const codec::JsonIndexLimits& limits = {});

  [[nodiscard]] std::span<const SlotText> texts() const noexcept { return texts_; }
  [[nodiscard]] const Usage& usage() const noexcept { return usage_; }
  /// What spells a text once more (token probabilities); to be emptied where a text changes.
  [[nodiscard]] std::span<const codec::JsonValue> echoes() const noexcept { return echoes_; }
  [[nodiscard]] std::string_view body() const noexcept { return index_.source(); }
  void shrink_to(std::size_t bytes) { index_.shrink_to(bytes); }

 protected:
  virtual Status read(const codec::JsonValue& root) = 0;

  std::vector<SlotText> texts_;
  std::vector<codec::JsonValue> echoes_;
  Usage usage_;

 private:
  /// Whether an answer that passes a limit may pass unread, because nobody reads text in it.
  [[nodiscard]] virtual bool has_no_text() const noexcept { return false; }

  codec::JsonIndex index_;
};

/// What an event of a stream is.
enum class EventKind : std::uint8_t {
  part,    ///< a part of the answer
  done,    ///< the answer is complete
  failed,  ///< the provider ends the answer, which is not complete, and says why in this event
  error,   ///< an error object: the provider gave up
  other,   ///< JSON that is none of these; passes as it is
};

/// Texts that end with an event: those of one choice, content block or output item.
struct Ending {
  std::uint32_t index = 0;
  bool closes = true;             ///< false: the texts are complete, what holds them is still open
  std::optional<Slot> only = {};  ///< of these texts only this one ends

  [[nodiscard]] bool ends(const Slot& slot) const noexcept {
    return only ? slot == *only : slot.index == index;
  }
};

/// One event of a stream. Reusable; views last until the next parse.
class StreamEvent {
 public:
  StreamEvent() = default;
  StreamEvent(const StreamEvent&) = delete;
  StreamEvent& operator=(const StreamEvent&) = delete;
  virtual ~StreamEvent() = default;

  /// Refuses like Answer::parse, and a name that does not agree with the data. `name` and `data`
  /// are those of a server-sent event.
  [[nodiscard]] Status parse(std::string_view name, std::string_view data,
                             const codec::JsonIndexLimits& limits = {});

  [[nodiscard]] EventKind kind() const noexcept { return kind_; }
  [[nodiscard]] std::span<const SlotText> texts() const noexcept { return texts_; }
  [[nodiscard]] std::span<const Ending> endings() const noexcept { return endings_; }
  /// The content block or output item that begins with this event.
  [[nodiscard]] std::optional<std::uint32_t> opening() const noexcept { return opening_; }
  [[nodiscard]] std::span<const codec::JsonValue> echoes() const noexcept { return echoes_; }
  [[nodiscard]] const Usage& usage() const noexcept { return usage_; }
  /// The number of the event, where the protocol numbers them; else absent.
  [[nodiscard]] const codec::JsonValue& number() const noexcept { return number_; }
  /// The highest choice or block in this event plus one; 0 without any.
  [[nodiscard]] std::uint32_t indexes_end() const noexcept { return indexes_end_; }
  [[nodiscard]] codec::JsonValue root() const noexcept { return index_.root(); }
  [[nodiscard]] std::string_view data() const noexcept { return index_.source(); }

 protected:
  virtual Status read(std::string_view name, std::string_view data,
                      const codec::JsonIndexLimits& limits) = 0;

  codec::JsonIndex index_;
  std::vector<SlotText> texts_;
  std::vector<Ending> endings_;
  std::optional<std::uint32_t> opening_;
  std::vector<codec::JsonValue> echoes_;
  codec::JsonValue number_;
  Usage usage_;
  std::uint32_t indexes_end_ = 0;
  EventKind kind_ = EventKind::other;
};

/// Writes frames of one stream that the provider did not send. They look like their neighbours.
class StreamWriter {
 public:
  StreamWriter() = default;
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;
  virtual ~StreamWriter() = default;

  /// Every part of the answer as it comes, before it is inspected.
  virtual void learn(const StreamEvent& event) = 0;
  /// What an event that was learned opened or ended went on to the client.
  virtual void note_opened(std::uint32_t /*index*/) {}
  virtual void note_ended(const Ending& ending) = 0;
  /// The whole event did.
  void note_passed(const StreamEvent& event);

  /// A text of a slot, or a piece of one, went on. Kept where the protocol says texts again.
  virtual void note_text(const Slot& /*slot*/, std::string_view /*text*/) {}
  virtual void note_whole(const Slot& /*slot*/, std::string_view /*text*/) {}
  /// Whether this very text has gone on in that slot, so that it may be said again.
  [[nodiscard]] virtual bool has_said(const Slot& /*slot*/, std::string_view /*text*/) const {
    return false;
  }

  /// The number with which an event goes on, where the protocol numbers events: the provider's,
  /// moved by the frames that were written here before it. Call once for each, in order.
  [[nodiscard]] virtual std::optional<std::uint64_t> number_for(const StreamEvent& /*event*/) {
    return std::nullopt;
  }
  /// The number of the next frame, whoever writes it.
  [[nodiscard]] virtual std::optional<std::uint64_t> next_number() const { return std::nullopt; }

  /// A frame that adds `text` to a slot.
  virtual void append_text(std::string& out, const Slot& slot, std::string_view text) = 0;
  /// What a client expects when a rule ends the answer, but for the terminal frame: whatever
  /// went on and is open is closed, and the reason is told.
  virtual void append_block_end(std::string& out) = 0;
  /// The frame after which nothing comes.
  virtual void append_terminal(std::string& out) = 0;
};

/// The edit that empties what spells a text again: a list of probabilities, or an object.
[[nodiscard]] codec::Splice emptied(const codec::JsonValue& echo);

/// Appends a frame with this data and the event's name, if it has one.
void append_frame(std::string& out, std::string_view name, std::string_view data);
/// The same of JSON with its splices, sorted, whose texts are JSON and so hold no line ends.
void append_spliced_frame(std::string& out, std::string_view name, std::string_view data,
                          const std::vector<codec::Splice>& splices);

}  // namespace cordon::dialect
