#include "net/internal/http1_fields.h"

#include <algorithm>
#include <cstring>

namespace cordon::net {
namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::uint64_t kChunkBytesMax = std::uint64_t{1} << 60;

}  // namespace

bool ChunkedDecoder::refuse(int status, std::string_view reason) {
  error_ = HttpError{status, reason};
  state_ = State::failed;
  return false;
}

ChunkedDecoder::Step ChunkedDecoder::decode(std::span<char> piece) {
  Step step;
  while (step.consumed < piece.size() && state_ != State::done && state_ != State::failed) {
    if (state_ == State::data) {
      const std::size_t here = piece.size() - step.consumed;
      const std::size_t take = left_ < here ? static_cast<std::size_t>(left_) : here;
      if (step.produced != step.consumed) {
        std::memmove(piece.data() + step.produced, piece.data() + step.consumed, take);
      }
      step.produced += take;
      step.consumed += take;
      left_ -= take;
      if (left_ == 0) state_ = State::data_cr;
    } else if (take(piece[step.consumed])) {
      ++step.consumed;
    }
  }
  return step;
}

bool ChunkedDecoder::take(char c) {
  switch (state_) {
    case State::size_first:
    case State::size:
      return take_size(c);
    case State::extension:
      return take_extension(c);
    case State::size_lf:
      if (c != '\n') return refuse(400, "a chunk size line that does not end in CRLF");
      line_bytes_ = 0;
      state_ = left_ == 0 ? State::trailer_start : State::data;
      return true;
    case State::data_cr:
      if (c != '\r') return refuse(400, "a chunk longer than its size");
      state_ = State::data_lf;
      return true;
    case State::data_lf:
      if (c != '\n') return refuse(400, "a chunk longer than its size");
      state_ = State::size_first;
      return true;
    case State::trailer_start:
    case State::trailer:
    case State::trailer_lf:
      return take_trailer(c);
    case State::end_lf:
      if (c != '\n') return refuse(400, "an end of chunks that is not CRLF");
      state_ = State::done;
      return true;
    case State::data:
    case State::done:
    case State::failed:
      break;
  }
  return false;
}

bool ChunkedDecoder::take_size(char c) {
  if (const int digit = hex_value(c); digit >= 0) {
    if (++line_bytes_ > 16) return refuse(400, "a chunk size of more than 16 digits");
    left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
    if (left_ > kChunkBytesMax) return refuse(400, "a chunk size over 2^60");
    state_ = State::size;
    return true;
  }
  if (state_ == State::size_first) return refuse(400, "a chunk without a size");
  if (c == '\r') {
    state_ = State::size_lf;
    return true;
  }
  if (c != ';') return refuse(400, "a chunk size with a character that is no hex digit");
  state_ = State::extension;
  return true;
}

bool ChunkedDecoder::take_extension(char c) {
  if (c == '\r') {
    state_ = State::size_lf;
    return true;
  }
  if (!internal::is_a(c, internal::kValue)) {
    return refuse(400, "a control character in a chunk extension");
  }
  if (++line_bytes_ > kLineBytesMax) return refuse(400, "a chunk size line over kLineBytesMax");
  if (++extension_bytes_ > kExtensionBytesMax) {
    return refuse(400, "chunk extensions over kExtensionBytesMax");
  }
  return true;
}

bool ChunkedDecoder::take_trailer(char c) {
  if (++trailer_bytes_ > kTrailerBytesMax) return refuse(431, "trailers over kTrailerBytesMax");
  if (state_ == State::trailer_lf) {
    if (c != '\n') return refuse(400, "a trailer line that does not end in CRLF");
    state_ = State::trailer_start;
    return true;
  }
  if (state_ == State::trailer_start) {
    if (c == '\r') {
      state_ = State::end_lf;
      return true;
    }
    if (!internal::is_a(c, internal::kToken)) return refuse(400, "a trailer without a name");
    trailer_named_ = false;
    state_ = State::trailer;
    return true;
  }
  if (!trailer_named_) {
    if (c == ':') trailer_named_ = true;
    if (c == ':' || internal::is_a(c, internal::kToken)) return true;
    return refuse(400, "a character that no trailer name may hold");
  }
  if (c == '\r') {
    state_ = State::trailer_lf;
    return true;
  }
  if (!internal::is_a(c, internal::kValue)) return refuse(400, "a control character in a trailer");
  return true;
}

}  // namespace cordon::net
