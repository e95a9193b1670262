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

void SseFramer::feed(std::string_view bytes) {
  if (event_begin_ > 0) {
    // What was handed out is no longer needed; what is left is usually nothing.
    buffer_.erase(0, event_begin_);
    line_begin_ -= event_begin_;
    searched_ -= event_begin_;
    event_begin_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<SseFramer::Line> SseFramer::next_line() {
  if (skip_lf_ && line_begin_ < buffer_.size()) {
    skip_lf_ = false;
    if (buffer_[line_begin_] == '\n') {
      if (line_begin_ == event_begin_) lead_ = 1;
      ++line_begin_;
      searched_ = line_begin_;
    }
  }
  const std::string_view rest = std::string_view(buffer_).substr(searched_);
  const std::string_view until_lf = rest.substr(0, rest.find('\n'));
  const std::size_t found = std::min(until_lf.find('\r'), until_lf.size());
  if (found == rest.size()) {
    searched_ = buffer_.size();
    return std::nullopt;
  }
  const std::size_t end = searched_ + found;
  std::size_t after = end + 1;
  if (buffer_[end] == '\r') {
    if (after == buffer_.size()) {
      skip_lf_ = true;
    } else if (buffer_[after] == '\n') {
      ++after;
    }
  }
  const Line line{line_begin_, end, after};
  line_begin_ = after;
  searched_ = after;
  return line;
}

void SseFramer::take_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) data_ += '\n';
    data_.append(value);
    has_data_ = true;
  } else if (field == "event") {
    name_.assign(value);
  }
}

Result<std::optional<SseEvent>> SseFramer::next() {
  if (fresh_) {
    data_.clear();
    name_.clear();
    has_data_ = false;
    fresh_ = false;
  }
  if (at_start_ && buffer_.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(buffer_)) {
    return std::nullopt;
  }
  while (const auto line = next_line()) {
    if (line->end - event_begin_ - lead_ > event_bytes_max_) break;
    std::string_view text = std::string_view(buffer_).substr(line->begin, line->end - line->begin);
    if (at_start_ && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    at_start_ = false;
    if (!text.empty()) {
      take_field(text);
      continue;
    }
    const SseEvent event{std::string_view(buffer_).substr(event_begin_, line->after - event_begin_),
                         data_, name_, has_data_};
    event_begin_ = line->after;
    lead_ = 0;
    fresh_ = true;
    return event;
  }
  if (buffer_.size() - event_begin_ - lead_ > event_bytes_max_) {
    return fail(Errc::exhausted,
                fmt::format("an event of more than {} bytes (event_bytes_max)", event_bytes_max_));
  }
  if (event_begin_ == buffer_.size()) {
    // All was handed out, and the next bytes may be minutes away.
    event_begin_ = line_begin_ = searched_ = 0;
    drop(buffer_);
    drop(data_);
  }
  return std::nullopt;
}

std::string_view SseFramer::rest() const noexcept {
  return std::string_view(buffer_).substr(event_begin_);
}

void SseFramer::reset() {
  buffer_.clear();
  data_.clear();
  name_.clear();
  event_begin_ = line_begin_ = searched_ = lead_ = 0;
  skip_lf_ = has_data_ = false;
  at_start_ = fresh_ = true;
}

}  // namespace cordon::codec
