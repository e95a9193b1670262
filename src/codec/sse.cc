#include "codec/sse.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::codec {
namespace {
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
/// What an idle stream may go on holding in each buffer.
constexpr std::size_t kKeptBytes = 64;

void drop(std::string& buffer) {
  if (buffer.capacity() > kKeptBytes) std::string().swap(buffer);
  buffer.clear();
}
}  // namespace

/// Copies what is left of the caller's bytes, or drops what was handed out of our own.
void SseFramer::own_rest() {
  const std::string_view left = rest();
  if (text_.data() == buffer_.data()) {
    buffer_.erase(0, event_begin_);
  } else {
    buffer_.assign(left);
  }
  line_begin_ -= event_begin_;
  searched_ -= event_begin_;
  event_begin_ = 0;
  text_ = buffer_;
}

void SseFramer::feed(std::string_view bytes) {
  if (event_begin_ == text_.size()) {
    // Usually: all that came before was handed out.
    event_begin_ = line_begin_ = searched_ = 0;
    text_ = bytes;
    return;
  }
  own_rest();
  buffer_.append(bytes);
  text_ = buffer_;
}

std::optional<SseFramer::Line> SseFramer::next_line() {
  if (skip_lf_ && line_begin_ < text_.size()) {
    skip_lf_ = false;
    if (text_[line_begin_] == '\n') {
      if (line_begin_ == event_begin_) lead_ = 1;
      ++line_begin_;
      searched_ = line_begin_;
    }
  }
  const std::string_view rest = text_.substr(searched_);
  const std::string_view until_lf = rest.substr(0, rest.find('\n'));
  const std::size_t found = std::min(until_lf.find('\r'), until_lf.size());
  if (found == rest.size()) {
    searched_ = text_.size();
    return std::nullopt;
  }
  const std::size_t end = searched_ + found;
  std::size_t after = end + 1;
  if (text_[end] == '\r') {
    if (after == text_.size()) {
      skip_lf_ = true;
    } else if (text_[after] == '\n') {
      ++after;
    }
  }
  const Line line{line_begin_, end, after};
  line_begin_ = after;
  searched_ = after;
  return line;
}

SseFramer::Span SseFramer::span_of(std::string_view part) const noexcept {
  return {static_cast<std::size_t>(part.data() - text_.data()) - event_begin_, part.size()};
}

void SseFramer::take_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = line.substr(std::min(colon, line.size() - 1) + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (!has_data_) {
      line_ = span_of(value);
    } else {
      if (!joined_) data_.assign(in_event(line_));
      joined_ = true;
      data_ += '\n';
      data_.append(value);
    }
    has_data_ = true;
  } else if (field == "event") {
    name_ = span_of(value);
  }
}

Result<std::optional<SseEvent>> SseFramer::next() {
  if (fresh_) {
    data_.clear();
    line_ = name_ = Span();
    has_data_ = joined_ = fresh_ = false;
  }
  if (at_start_ && text_.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(text_)) {
    own_rest();
    return std::nullopt;
  }
  while (const auto line = next_line()) {
    if (line->end - event_begin_ - lead_ > event_bytes_max_) break;
    std::string_view text = text_.substr(line->begin, line->end - line->begin);
    if (at_start_ && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    at_start_ = false;
    if (!text.empty()) {
      take_field(text);
      continue;
    }
    const SseEvent event{text_.substr(event_begin_, line->after - event_begin_),
                         joined_ ? std::string_view(data_) : in_event(line_), in_event(name_),
                         has_data_};
    event_begin_ = line->after;
    lead_ = 0;
    fresh_ = true;
    return event;
  }
  if (text_.size() - event_begin_ - lead_ > event_bytes_max_) {
    own_rest();  // the caller's bytes are gone when it asks again
    return fail(Errc::exhausted,
                fmt::format("an event of more than {} bytes (event_bytes_max)", event_bytes_max_));
  }
  if (event_begin_ < text_.size()) {
    own_rest();
  } else {
    // All was handed out, and the next bytes may be minutes away.
    event_begin_ = line_begin_ = searched_ = 0;
    text_ = {};
    drop(buffer_);
    drop(data_);
  }
  return std::nullopt;
}

std::string_view SseFramer::rest() const noexcept {
  return text_.substr(event_begin_);
}

void SseFramer::reset() {
  text_ = {};
  buffer_.clear();
  data_.clear();
  line_ = name_ = Span();
  event_begin_ = line_begin_ = searched_ = lead_ = 0;
  skip_lf_ = has_data_ = joined_ = false;
  at_start_ = fresh_ = true;
}

}  // namespace cordon::codec
