#include "net/internal/http1_fields.h"

#include <charconv>
#include <cstring>

namespace cordon::net {

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    char x = a[i];
    char y = b[i];
    if (x >= 'A' && x <= 'Z') x = static_cast<char>(x | 0x20);
    if (y >= 'A' && y <= 'Z') y = static_cast<char>(y | 0x20);
    if (x != y) return false;
  }
  return true;
}

const Header* find(std::span<const Header> headers, std::string_view name) noexcept {
  for (const Header& header : headers) {
    if (equal_ignoring_case(header.name, name)) return &header;
  }
  return nullptr;
}

bool is_hop_by_hop(std::string_view name) noexcept {
  switch (name.size()) {
    case 2:
      return equal_ignoring_case(name, "te");
    case 4:
      return equal_ignoring_case(name, "host");
    case 6:
      return equal_ignoring_case(name, "expect");
    case 7:
      return equal_ignoring_case(name, "trailer") || equal_ignoring_case(name, "upgrade");
    case 10:
      return equal_ignoring_case(name, "connection") || equal_ignoring_case(name, "keep-alive");
    case 14:
      return equal_ignoring_case(name, "content-length") ||
             equal_ignoring_case(name, "http2-settings");
    case 16:
      return equal_ignoring_case(name, "proxy-connection");
    case 17:
      return equal_ignoring_case(name, "transfer-encoding");
    case 18:
      return equal_ignoring_case(name, "proxy-authenticate");
    case 19:
      return equal_ignoring_case(name, "proxy-authorization");
    default:
      return false;
  }
}

bool may_forward(std::span<const Header> headers, const Header& header) noexcept {
  if (is_hop_by_hop(header.name)) return false;
  for (const Header& other : headers) {
    if (!equal_ignoring_case(other.name, "connection")) continue;
    const bool unnamed = internal::for_each_element(other.value, [&](std::string_view token) {
      return !equal_ignoring_case(token, header.name);
    });
    if (!unnamed) return false;
  }
  return true;
}

bool is_valid_name(std::string_view name) noexcept {
  return !name.empty() && internal::all_are(name, internal::kToken);
}

bool is_valid_value(std::string_view value) noexcept {
  return internal::all_are(value, internal::kValue);
}

namespace internal {
namespace {

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_framing_name(std::string_view name) noexcept {
  return equal_ignoring_case(name, "host") || equal_ignoring_case(name, "content-length") ||
         equal_ignoring_case(name, "transfer-encoding");
}

bool read_connection(std::string_view value, FramingFields& framing) {
  return for_each_element(value, [&](std::string_view token) {
    if (!is_valid_name(token)) return false;
    if (equal_ignoring_case(token, "close")) framing.close = true;
    if (equal_ignoring_case(token, "keep-alive")) framing.keep_alive = true;
    if (is_framing_name(token)) framing.names_framing = true;
    return true;
  });
}

/// Notes a field that frames the message; false if its value makes no sense by itself.
bool note(const Header& header, FramingFields& framing) {
  switch (header.name.size()) {
    case 4:
      if (equal_ignoring_case(header.name, "host")) {
        ++framing.hosts;
        framing.host = header.value;
      }
      return true;
    case 6:
      if (equal_ignoring_case(header.name, "expect")) framing.expect = header.value;
      return true;
    case 7:
      if (equal_ignoring_case(header.name, "upgrade")) framing.upgrade = header.value;
      return true;
    case 10:
      return !equal_ignoring_case(header.name, "connection") ||
             read_connection(header.value, framing);
    case 14:
      if (equal_ignoring_case(header.name, "content-length")) {
        ++framing.lengths;
        framing.length = header.value;
      } else if (equal_ignoring_case(header.name, "content_length")) {
        framing.look_alike = true;
      }
      return true;
    case 17:
      if (equal_ignoring_case(header.name, "transfer-encoding")) {
        ++framing.codings;
        framing.coding = header.value;
      } else if (equal_ignoring_case(header.name, "transfer_encoding")) {
        framing.look_alike = true;
      }
      return true;
    default:
      return true;
  }
}

tl::expected<Header, HttpError> parse_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') {
    return refuse(400, "a folded field line");
  }
  std::size_t colon = 0;
  while (colon < line.size() && is_a(line[colon], kToken)) ++colon;
  if (colon == line.size()) return refuse(400, "a field line without a colon");
  if (line[colon] != ':') {
    const bool blank = line[colon] == ' ' || line[colon] == '\t';
    return refuse(400, blank ? "a blank in or after a field name"
                             : "a character that no field name may hold");
  }
  if (colon == 0) return refuse(400, "an empty field name");
  const std::string_view value = trim(line.substr(colon + 1));
  if (!all_are(value, kValue)) return refuse(400, "a control character in a field value");
  return Header{line.substr(0, colon), value};
}

}  // namespace

std::size_t find_head_end(std::string_view buffer) noexcept {
  std::size_t at = 0;
  while (at < buffer.size()) {
    const void* found = std::memchr(buffer.data() + at, '\n', buffer.size() - at);
    if (found == nullptr) return 0;
    at = static_cast<std::size_t>(static_cast<const char*>(found) - buffer.data()) + 1;
    if (at < buffer.size() && buffer[at] == '\n') return at + 1;
    if (at + 1 < buffer.size() && buffer[at] == '\r' && buffer[at + 1] == '\n') return at + 2;
  }
  return 0;
}

bool take_line(std::string_view& rest, std::string_view& line) noexcept {
  const std::size_t lf = rest.find('\n');
  if (lf == std::string_view::npos || lf == 0 || rest[lf - 1] != '\r') return false;
  line = rest.substr(0, lf - 1);
  rest.remove_prefix(lf + 1);
  return true;
}

tl::expected<void, HttpError> parse_fields(std::string_view rest, std::size_t headers_max,
                                           Headers& out, FramingFields& framing) {
  std::string_view line;
  for (;;) {
    if (!take_line(rest, line)) return refuse(400, "a line that does not end in CRLF");
    if (line.empty()) return {};
    if (out.size() == headers_max) return refuse(431, "more fields than headers_max");
    const auto header = parse_field(line);
    if (!header) return tl::make_unexpected(header.error());
    if (!note(*header, framing)) return refuse(400, "a Connection field that is no list of tokens");
    out.push_back(*header);
  }
}

std::optional<std::uint64_t> parse_length(std::string_view text) noexcept {
  // 18 digits are below 2^63 whatever they are, so nothing downstream can overflow.
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

tl::expected<Framed, HttpError> frame_by(const FramingFields& fields, Version version) {
  if (fields.look_alike) return refuse(400, "a framing field spelled with an underscore");
  if (fields.names_framing) return refuse(400, "Connection names a framing field");
  if (fields.codings > 1) return refuse(400, "more than one Transfer-Encoding");
  if (fields.lengths > 1) return refuse(400, "more than one Content-Length");
  if (fields.codings == 1) {
    if (fields.lengths > 0) return refuse(400, "both Content-Length and Transfer-Encoding");
    if (version == Version::http10) return refuse(400, "Transfer-Encoding in HTTP/1.0");
    if (equal_ignoring_case(fields.coding, "chunked")) return Framed{Framing::chunked, 0};
    const bool list = for_each_element(
        fields.coding, [](std::string_view coding) { return is_valid_name(coding); });
    if (!list) return refuse(400, "a Transfer-Encoding that is no list of codings");
    return refuse(501, "a transfer coding other than chunked");
  }
  if (fields.lengths == 0) return Framed{};
  const auto length = parse_length(fields.length);
  if (!length) return refuse(400, "a Content-Length that is not 1 to 18 digits");
  return Framed{Framing::length, *length};
}

}  // namespace internal
}  // namespace cordon::net
