// One text on its way: what was fed, what may still match, what was released.
//
// Every decision has a position in the text at which it falls: a start is settled when a fixed
// distance of bytes behind it has come. Decisions are taken in the order of those positions, so
// the cuts between chunks cannot change them.
#pragma once

#include "policy/internal/engine_core.h"
#include "policy/internal/lane.h"
#include "policy/internal/view_text.h"

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::policy {

class ScanState {
 public:
  ScanState(std::shared_ptr<const Engine> keep_alive, const EngineCore& core, Part part,
            model::Mode mode);

  /// Takes the next chunk of a text whose earlier bytes are kept here.
  void feed(std::string_view chunk, std::string& out);
  void finish(std::string& out);
  /// Decides a whole text in place, without a copy. `out` may be null.
  void run_whole(std::string_view text, std::string* out);

  [[nodiscard]] const Decision& decision() const noexcept { return decision_; }
  [[nodiscard]] std::uint64_t held_bytes() const noexcept { return fed_ - released_; }
  [[nodiscard]] Scanner::Recent recent() const noexcept { return {window(), base_}; }
  /// Drops text that no open decision can look at.
  void forget();
  [[nodiscard]] Decision take_decision() { return std::move(decision_); }

 private:
  using Ended = Lane::Ended;
  /// A view of the text from where it first differs, and a little before.
  struct ViewLane {
    void take(std::string_view bytes);

    Lane lane;
    std::unique_ptr<ViewReader> reader;
    ViewText text;
    std::uint64_t read = 0;  // bytes of the text that the reader has taken
    std::uint64_t begin = 0;
    std::uint64_t started = 0;  // bytes of the text that had come when it was called for
    std::uint64_t same = 0;     // bytes of the view below this show in another lane as well
  };
  /// A finding and the position of the text at which it falls.
  struct Settled {
    std::uint64_t at;
    Finding finding;
  };
  /// A span that is replaced in what is released.
  struct Span {
    std::uint64_t begin;
    std::uint64_t end;
    std::uint32_t rule;
  };

  /// What follows a redacted span and goes with it, as far as it has come.
  struct Tail {
    const std::bitset<128>* bytes;
    std::uint64_t at;
  };

  void take(std::size_t bytes);
  void watch(std::uint64_t from);
  void start_view(const ViewWatch::Start& start);
  void read_views(Ended ended);
  void scan_at_end();
  void settle(Ended ended);
  void gather(const Lane& lane, const ViewLane* view, const Lane::Match& match,
              std::vector<Settled>& into) const;
  void apply(const Settled& settled);
  void record(const Finding& finding);
  void redact(const Finding& finding);
  void block_at(std::uint64_t begin, std::uint64_t at);
  void release(Ended ended, std::string& out);
  void follow_tails(std::uint64_t until);
  void exceed_hold();
  void fail_scan();

  [[nodiscard]] bool keeps_whole() const noexcept;
  [[nodiscard]] std::uint64_t settled_to() const noexcept;
  [[nodiscard]] std::string_view window() const noexcept;
  [[nodiscard]] char byte(std::uint64_t at) const noexcept { return window()[at - base_]; }
  [[nodiscard]] std::uint64_t char_begin(std::uint64_t at) const noexcept;
  [[nodiscard]] std::uint64_t char_end(std::uint64_t at) const noexcept;

  std::shared_ptr<const Engine> keep_alive_;
  const EngineCore& core_;
  const PartRules& part_;
  model::Mode mode_;
  Plan plan_;
  std::string buffer_;      // the text from base_ on, when it is fed in pieces
  std::string_view whole_;  // the text, when it is here as a whole
  std::uint64_t base_ = 0;  // position of the first byte of the window
  std::uint64_t fed_ = 0;
  std::uint64_t released_ = 0;
  std::uint64_t redacted_to_ = 0;  // bytes below this stand behind a token already released
  Lane raw_;
  ViewWatch watch_;
  std::vector<std::unique_ptr<ViewLane>> views_;
  std::vector<Span> spans_;
  std::vector<Tail> tails_;
  bool whole_given_up_ = false;  // the text outgrew held_bytes_max
  bool blocked_ = false;
  bool finished_ = false;
  std::uint64_t block_begin_ = 0;
  Decision decision_;
};

}  // namespace cordon::policy
