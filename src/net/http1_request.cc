#include "net/internal/http1_fields.h"

#include <algorithm>
#include <array>

namespace cordon::net {
namespace {

using internal::refuse;
using Checked = tl::expected<void, HttpError>;

constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                      "PATCH", "DELETE", "OPTIONS"};

Checked read_version(std::string_view text, Version& out) {
  const bool form = text.size() == 8 && text.starts_with("HTTP/") && internal::is_digit(text[5]) &&
                    text[6] == '.' && internal::is_digit(text[7]);
  if (!form) return refuse(400, "a request line that is not method, target, version");
  if (text[5] != '1') return refuse(505, "a version other than HTTP/1.0 and HTTP/1.1");
  if (text[7] > '1') return refuse(505, "a version other than HTTP/1.0 and HTTP/1.1");
  out = text[7] == '0' ? Version::http10 : Version::http11;
  return {};
}

/// Takes scheme and authority off an absolute form, so that the target begins with its path.
Checked read_absolute(std::string_view target, RequestHead& out) {
  const std::size_t scheme = target.find("://");
  const std::string_view name = target.substr(0, scheme);
  if (scheme == std::string_view::npos ||
      !(equal_ignoring_case(name, "http") || equal_ignoring_case(name, "https"))) {
    return refuse(400, "a target that is neither a path nor an http URL");
  }
  const std::string_view rest = target.substr(scheme + 3);
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  out.host = rest.substr(0, slash);
  if (out.host.empty() || !internal::all_are(out.host, internal::kHost)) {
    return refuse(400, "a target whose authority is not a host");
  }
  out.target = slash == rest.size() ? std::string_view("/") : rest.substr(slash);
  if (out.target.front() != '/') return refuse(400, "an absolute target without a path");
  return {};
}

Checked read_target(std::string_view target, const HeadLimits& limits, RequestHead& out) {
  if (target.size() > limits.target_bytes_max) {
    return refuse(414, "a target longer than target_bytes_max");
  }
  if (target.empty() || !internal::all_are(target, internal::kTarget)) {
    return refuse(400, "a target with a blank, a control, a '#' or a byte beyond ASCII");
  }
  out.target = target;
  if (target == "*") {
    if (out.method != "OPTIONS") return refuse(400, "the target * outside OPTIONS");
  } else if (target.front() != '/') {
    if (auto read = read_absolute(target, out); !read) return read;
  }
  const std::size_t mark = std::min(out.target.find('?'), out.target.size());
  out.path = out.target.substr(0, mark);
  out.query = out.target.substr(std::min(mark + 1, out.target.size()));
  return {};
}

Checked read_line(std::string_view line, const HeadLimits& limits, RequestHead& out) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return refuse(400, "a request line that is not method, target, version");
  }
  out.method = line.substr(0, first);
  if (!is_valid_name(out.method)) return refuse(400, "a method that is not a token");
  if (auto read = read_version(line.substr(last + 1), out.version); !read) return read;
  if (std::find(kMethods.begin(), kMethods.end(), out.method) == kMethods.end()) {
    return refuse(501, "a method that is not served");
  }
  return read_target(line.substr(first + 1, last - first - 1), limits, out);
}

Checked read_host(const internal::FramingFields& fields, RequestHead& out) {
  if (fields.hosts > 1) return refuse(400, "more than one Host");
  if (fields.hosts == 0) {
    if (out.version == Version::http11) return refuse(400, "no Host");
    return {};
  }
  if (fields.host.empty() || !internal::all_are(fields.host, internal::kHost)) {
    return refuse(400, "a Host that is not a host and port");
  }
  if (!out.host.empty() && !equal_ignoring_case(out.host, fields.host)) {
    return refuse(400, "a Host that differs from the target's");
  }
  out.host = fields.host;
  return {};
}

Checked read_semantics(const internal::FramingFields& fields, RequestHead& out) {
  if (auto read = read_host(fields, out); !read) return read;
  const auto framed = internal::frame_by(fields, out.version);
  if (!framed) return tl::make_unexpected(framed.error());
  out.framing = framed->framing;
  out.content_length = framed->length;
  out.keep_alive = !fields.close && out.version == Version::http11;
  if (!fields.expect.empty()) {
    if (!equal_ignoring_case(fields.expect, "100-continue")) {
      return refuse(417, "an Expect other than 100-continue");
    }
    out.expects_continue = out.version == Version::http11 && out.framing != Framing::none;
  }
  if (!fields.upgrade.empty() && !equal_ignoring_case(fields.upgrade, "h2c")) {
    return refuse(501, "an Upgrade that is not served");
  }
  return {};
}

}  // namespace

std::string_view RequestHead::header(std::string_view name) const noexcept {
  const Header* found = find(headers, name);
  return found == nullptr ? std::string_view() : found->value;
}

Parsed parse_request(std::string_view buffer, RequestHead& out, const HeadLimits& limits) {
  if (buffer.empty()) return 0;
  if (!internal::is_a(buffer.front(), internal::kToken)) {
    return refuse(400, "a first byte that begins no method");
  }
  const std::string_view window = buffer.substr(0, limits.head_bytes_max);
  const std::size_t size = internal::find_head_end(window);
  if (size == 0) {
    if (buffer.size() < limits.head_bytes_max) return 0;
    if (window.find('\n') == std::string_view::npos) {
      return refuse(414, "a request line longer than head_bytes_max");
    }
    return refuse(431, "a head longer than head_bytes_max");
  }

  Headers reused = std::move(out.headers);
  reused.clear();
  out = RequestHead();
  out.headers = std::move(reused);
  std::string_view rest = buffer.substr(0, size);
  std::string_view line;
  if (!internal::take_line(rest, line)) return refuse(400, "a line that does not end in CRLF");
  if (const auto read = read_line(line, limits, out); !read) {
    return tl::make_unexpected(read.error());
  }
  internal::FramingFields fields;
  if (const auto read = internal::parse_fields(rest, limits.headers_max, out.headers, fields);
      !read) {
    return tl::make_unexpected(read.error());
  }
  if (const auto read = read_semantics(fields, out); !read) {
    return tl::make_unexpected(read.error());
  }
  return size;
}

}  // namespace cordon::net
