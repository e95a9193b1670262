// Server-sent events as they arrive: frames a byte stream into events (WHATWG HTML, 9.2.6).
//
// Lines end in CR, LF or CRLF. However the stream is cut, the events are the same and the raw
// pieces, joined, are the stream.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::codec {

/// One event. Views last until the framer's next call.
struct SseEvent {
  std::string_view raw;   ///< all its bytes, comments before it and the empty line included
  std::string_view data;  ///< its data lines, joined by LF; empty if it has none
  std::string_view name;  ///< its event field; empty means `message`
  bool has_data = false;  ///< a browser dispatches it; false for comments and lone fields
};

/// Frames one stream. Belongs to one thread; reusable through reset().
class SseFramer {
 public:
  static constexpr std::size_t kEventBytesMax = 1024 * 1024;
  explicit SseFramer(std::size_t event_bytes_max = kEventBytesMax)
      : event_bytes_max_(event_bytes_max) {}

  /// Takes the next bytes of the stream. They are read where they are, and must stay there until
  /// next() has found no further event; what is left of them then is copied.
  void feed(std::string_view bytes);
  /// The next whole event, or nothing until more bytes come. Refuses as `exhausted` an event
  /// larger than the limit; the stream is then unusable.
  [[nodiscard]] Result<std::optional<SseEvent>> next();
  /// Bytes fed that belong to no whole event yet. At the end of a stream they are not an event.
  [[nodiscard]] std::string_view rest() const noexcept;
  void reset();

 private:
  struct Line {
    std::size_t begin;
    std::size_t end;    ///< without its ending
    std::size_t after;  ///< past its ending
  };
  /// Bytes of the event being read, counted from its first.
  struct Span {
    std::size_t begin = 0;
    std::size_t size = 0;
  };
  [[nodiscard]] std::optional<Line> next_line();
  void take_field(std::string_view line);
  [[nodiscard]] Span span_of(std::string_view part) const noexcept;
  [[nodiscard]] std::string_view in_event(Span span) const noexcept {
    return text_.substr(event_begin_ + span.begin, span.size);
  }
  void own_rest();

  std::size_t event_bytes_max_;
  std::string_view text_;  ///< what is read: the caller's bytes, or buffer_
  std::string buffer_;     ///< what a call of next() has left
  std::string data_;       ///< data lines, joined, where an event has more than one
  Span line_;              ///< its one data line, where it has one
  Span name_;
  std::size_t event_begin_ = 0;  ///< of the event being read
  std::size_t line_begin_ = 0;   ///< of the line being read
  std::size_t searched_ = 0;     ///< no line ending before here
  std::size_t lead_ = 0;         ///< 1 when the event's first byte is the LF of the CR before it
  bool skip_lf_ = false;         ///< the last line ended in CR, so an LF still belongs to it
  bool at_start_ = true;         ///< a byte order mark may still come
  bool has_data_ = false;
  bool joined_ = false;  ///< its data is in data_
  bool fresh_ = true;    ///< the last event was handed out
};

}  // namespace cordon::codec
