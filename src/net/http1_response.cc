#include "net/internal/http1_fields.h"

namespace cordon::net {
namespace {

using Checked = tl::expected<void, HttpError>;

/// Whatever is wrong with an answer, our own client is told 502.
tl::unexpected<HttpError> bad(std::string_view reason) {
  return internal::refuse(502, reason);
}

Checked read_status_line(std::string_view line, ResponseHead& out) {
  const bool version = line.size() >= 12 && line.starts_with("HTTP/1.") &&
                       (line[7] == '0' || line[7] == '1') && line[8] == ' ';
  if (!version) return bad("a status line that does not begin with HTTP/1.0 or HTTP/1.1");
  out.version = line[7] == '0' ? Version::http10 : Version::http11;
  out.status = 0;
  for (const char c : line.substr(9, 3)) {
    if (!internal::is_digit(c)) return bad("a status that is not three digits");
    out.status = out.status * 10 + (c - '0');
  }
  if (out.status < 100 || out.status > 599) return bad("a status outside 100 to 599");
  if (out.status == 101) return bad("a switch of protocols that nobody asked for");
  if (line.size() > 12 && (line[12] != ' ' || !is_valid_value(line.substr(13)))) {
    return bad("a malformed reason phrase");
  }
  return {};
}

Checked read_framing(const internal::FramingFields& fields, InReplyTo method, ResponseHead& out) {
  const auto framed = internal::frame_by(fields, out.version);
  if (!framed) return bad(framed.error().reason);
  const bool interim = out.status < 200;
  if (interim || out.status == 204) {
    if (framed->framing == Framing::chunked || framed->length > 0) {
      return bad("a body where the status allows none");
    }
  }
  out.keep_alive = !fields.close && (out.version == Version::http11 || fields.keep_alive);
  out.framing = framed->framing;
  out.content_length = framed->length;
  if (interim || out.status == 204 || out.status == 304 || method == InReplyTo::head) {
    out.framing = Framing::none;
  } else if (framed->framing == Framing::none) {
    out.framing = Framing::until_close;
    out.keep_alive = false;
  }
  return {};
}

}  // namespace

std::string_view ResponseHead::header(std::string_view name) const noexcept {
  const Header* found = find(headers, name);
  return found == nullptr ? std::string_view() : found->value;
}

Parsed parse_response(std::string_view buffer, InReplyTo method, ResponseHead& out,
                      const HeadLimits& limits) {
  if (buffer.empty()) return 0;
  if (buffer.front() != 'H') return bad("a first byte that begins no status line");
  const std::size_t size = internal::find_head_end(buffer.substr(0, limits.head_bytes_max));
  if (size == 0) {
    if (buffer.size() < limits.head_bytes_max) return 0;
    return bad("a head longer than head_bytes_max");
  }

  Headers reused = std::move(out.headers);
  reused.clear();
  out = ResponseHead();
  out.headers = std::move(reused);
  std::string_view rest = buffer.substr(0, size);
  std::string_view line;
  if (!internal::take_line(rest, line)) return bad("a line that does not end in CRLF");
  if (const auto read = read_status_line(line, out); !read) {
    return tl::make_unexpected(read.error());
  }
  internal::FramingFields fields;
  if (const auto read = internal::parse_fields(rest, limits.headers_max, out.headers, fields);
      !read) {
    return bad(read.error().reason);
  }
  if (const auto read = read_framing(fields, method, out); !read) {
    return tl::make_unexpected(read.error());
  }
  return size;
}

}  // namespace cordon::net
