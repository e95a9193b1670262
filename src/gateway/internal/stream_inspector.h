// A streamed answer, event by event: bytes of the provider in, frames for the client out.
//
// Each text of each choice has its own scanner, and so has each run of text blocks. What a match
// could still reach is held back; a frame whose text is not changed goes on byte for byte. Of the
// parts of messages in output items a match that reaches from one into the next blocks, because the
// first has gone out by then. No sockets, so every cut can be tested.
#pragma once

#include "codec/sse.h"
#include "dialect/protocol.h"
#include "gateway/internal/inspection.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::gateway {

/// Where a stream stands.
enum class StreamState : std::uint8_t {
  open,
  done,            ///< the answer is complete; everything is out, but for the terminal frame
  blocked,         ///< a rule stopped it
  failed,          ///< the provider ended it without completing it; its last frame says so
  provider_error,  ///< the provider sent an error object
  unreadable,      ///< what came cannot be inspected
};

/// What only one event needs.
struct StreamScratch {
  explicit StreamScratch(const dialect::Protocol& protocol) : event(protocol.make_event()) {}
  std::unique_ptr<dialect::StreamEvent> event;
  std::vector<codec::Splice> splices;
  std::string settled;

  /// Gives back what an unusually large event took.
  void trim() {
    constexpr std::size_t kKeptBytes = 64 * 1024;
    splices.clear();
    if (settled.capacity() > kKeptBytes) std::string().swap(settled);
  }
};

/// What a stream is inspected with. Views; must outlive the inspector.
struct StreamContext {
  const dialect::Protocol* protocol = nullptr;
  dialect::StreamWishes wishes;
  const policy::Engine* engine = nullptr;  ///< null: no rules on this route
  model::Mode mode = model::Mode::standard;
  CommitContext commit;              ///< for matches
  Commitment* answer = nullptr;      ///< begun; takes all text that comes
  StreamScratch* scratch = nullptr;  ///< shared by the thread's streams of this protocol
};

/// Belongs to one exchange.
class StreamInspector {
 public:
  /// Texts that are open at one time, or in which something was found.
  static constexpr std::size_t kSlotsMax = 256;
  /// Frames that wait for the text before them.
  static constexpr std::size_t kWaitingBytesMax = 1024 * 1024;
  explicit StreamInspector(const StreamContext& context)
      : context_(context),
        framer_(context.protocol->event_bytes_max()),
        writer_(context.protocol->make_writer(context.wishes)) {}

  /// Takes the next bytes and appends the frames that may go on. Once the state is not `open`
  /// nothing more is read.
  StreamState feed(std::string_view bytes, std::string& out);
  [[nodiscard]] StreamState state() const noexcept { return state_; }

  /// Appends the end a client expects after a block, but for the terminal frame.
  void append_block_end(std::string& out) { writer_->append_block_end(out); }
  /// Appends the terminal frame: the provider's, or after a block our own.
  void append_terminal(std::string& out);
  /// Of the frame after those appended so far, where the protocol numbers them.
  [[nodiscard]] std::optional<std::uint64_t> next_number() const;
  /// Everything appended so far has reached the client.
  void mark_delivered();

  /// The result. Call once, at the end.
  [[nodiscard]] Inspection finish();
  [[nodiscard]] const dialect::Usage& usage() const noexcept { return usage_; }
  /// Some text was let go before the event that ended the answer, whether or not it has been sent.
  [[nodiscard]] bool has_released() const noexcept { return released_ > released_at_end_; }
  /// Bytes of text that came, and that went on and were delivered.
  [[nodiscard]] std::uint64_t received_bytes() const noexcept { return received_; }
  [[nodiscard]] std::uint64_t released_bytes() const noexcept { return delivered_; }
  /// The rule that blocked, while the state is `blocked`.
  [[nodiscard]] BlockedBy blocked_by() const;

 private:
  /// Where a text is shown right after one that has gone out.
  struct Across {
    std::string lead;          ///< what a match could still reach of that one
    policy::Scanner scanner;   ///< of both together
    std::string waiting = {};  ///< of the text: until no match can reach across
  };

  /// Only where there are rules.
  struct Text {
    dialect::Slot slot;
    policy::Scanner scanner;
    std::string whole = {};  ///< all of it, where the exchange is captured
    std::uint64_t fed = 0;
    std::uint64_t settled = 0;    ///< of `fed`: passed on
    std::uint64_t delivered = 0;  ///< of `settled`: reached the client
    std::uint64_t findings_seen = 0;
    bool finished = false;
    bool sealed = false;  ///< must not be rewritten: a rule that would redact blocks
    std::unique_ptr<Across> across = {};  ///< while a match could still reach across
  };

  /// Of the last part of a message that ended: what a match could still have reached.
  struct Tail {
    dialect::Slot slot;
    std::string bytes;
  };

  /// Where a block ended whose last bytes a match may still reach from the next block. Its end and
  /// what follows it wait here, so that those bytes can go out where they belong.
  struct Seam {
    dialect::Slot slot;     ///< of the text that ends here
    std::uint64_t end = 0;  ///< in bytes of the run
    std::string frames = {};
    std::vector<std::uint32_t> opened = {};
    std::vector<dialect::Ending> ended = {};
  };

  [[nodiscard]] Text* text_of(const dialect::Slot& slot);
  [[nodiscard]] Text* add_text(const dialect::Slot& slot);
  bool follow_run(std::string& out);
  bool end_run(std::string& out);
  bool wait_at_end(Text& text);
  void part_at_seams(const Text& text, std::uint64_t from, std::string& settled, std::string& out);
  void pass_seam(std::string& out);
  void note_passed();
  [[nodiscard]] bool is_waiting() const noexcept { return !seams_.empty(); }
  /// Where the next frame goes: on, or behind the text that it waits for.
  [[nodiscard]] std::string& sink(std::string& out) noexcept {
    return is_waiting() ? seams_.back().frames : out;
  }
  StreamState append_part(const codec::SseEvent& event, std::string& out);
  StreamState take(const codec::SseEvent& event, std::string& out);
  StreamState take_part(const codec::SseEvent& event, std::string& out);
  StreamState take_end(const codec::SseEvent& event, std::string& out);
  StreamState take_texts(std::string& out);
  StreamState take_repeats();
  void take_echoes();
  [[nodiscard]] bool ends_here(const dialect::SlotText& piece) const;
  bool scan_whole(const dialect::SlotText& piece, std::string& settled);
  void count(std::string_view piece);
  bool scan(Text& text, std::string_view piece, std::string& settled);
  bool scan_end(Text& text, std::string& settled);
  void open_after_tail(Text& text);
  bool scan_across(Text& text, std::string_view piece, std::string& settled, std::size_t before);
  bool take_crossing(Text& text);
  void keep_tail(const Text& text);
  bool finish_ended(std::string& out);
  void fold_finished();
  void add_text_decision(const Text& text, Passed passed);
  [[nodiscard]] static bool is_blocked(const Text& text) noexcept;
  bool finish_rest(std::string& out);
  void note_findings(Text& text);
  void append_event(const codec::SseEvent& event, std::string& out);
  void append_changed(const codec::SseEvent& event, std::string& out);
  [[nodiscard]] bool may_change_text() const noexcept;
  /// Whether any rule of the answer may redact or block.
  [[nodiscard]] bool may_change_frames() const noexcept;

  StreamContext context_;
  codec::SseFramer framer_;
  std::unique_ptr<dialect::StreamWriter> writer_;
  std::vector<Text> texts_;
  /// The text of the run of blocks that may go on: the slot of its last block so far.
  std::optional<dialect::Slot> run_;
  std::vector<Seam> seams_;  ///< of that run
  std::size_t waiting_bytes_ = 0;
  std::optional<Tail> tail_;
  std::vector<codec::Splice>& splices_ = context_.scratch->splices;
  std::string& settled_ = context_.scratch->settled;
  std::string terminal_;  ///< as the provider sent it
  std::optional<std::uint64_t> terminal_number_;
  dialect::Usage usage_;
  Inspection inspection_;
  std::uint64_t received_ = 0;
  std::uint64_t released_ = 0;
  std::uint64_t released_at_end_ = 0;  ///< of these, by the event that ended the answer
  std::uint64_t delivered_ = 0;
  StreamState state_ = StreamState::open;
};

}  // namespace cordon::gateway
