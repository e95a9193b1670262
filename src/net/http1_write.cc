#include "net/internal/http1_fields.h"

#include <array>
#include <charconv>

namespace cordon::net {
namespace {

struct Named {
  int status;
  std::string_view phrase;
};
constexpr std::array kPhrases = {
    Named{100, "Continue"},
    Named{200, "OK"},
    Named{201, "Created"},
    Named{202, "Accepted"},
    Named{203, "Non-Authoritative Information"},
    Named{204, "No Content"},
    Named{206, "Partial Content"},
    Named{301, "Moved Permanently"},
    Named{302, "Found"},
    Named{303, "See Other"},
    Named{304, "Not Modified"},
    Named{307, "Temporary Redirect"},
    Named{308, "Permanent Redirect"},
    Named{400, "Bad Request"},
    Named{401, "Unauthorized"},
    Named{402, "Payment Required"},
    Named{403, "Forbidden"},
    Named{404, "Not Found"},
    Named{405, "Method Not Allowed"},
    Named{406, "Not Acceptable"},
    Named{408, "Request Timeout"},
    Named{409, "Conflict"},
    Named{410, "Gone"},
    Named{411, "Length Required"},
    Named{412, "Precondition Failed"},
    Named{413, "Content Too Large"},
    Named{414, "URI Too Long"},
    Named{415, "Unsupported Media Type"},
    Named{416, "Range Not Satisfiable"},
    Named{417, "Expectation Failed"},
    Named{421, "Misdirected Request"},
    Named{422, "Unprocessable Content"},
    Named{423, "Locked"},
    Named{424, "Failed Dependency"},
    Named{425, "Too Early"},
    Named{426, "Upgrade Required"},
    Named{428, "Precondition Required"},
    Named{429, "Too Many Requests"},
    Named{431, "Request Header Fields Too Large"},
    Named{451, "Unavailable For Legal Reasons"},
    Named{500, "Internal Server Error"},
    Named{501, "Not Implemented"},
    Named{502, "Bad Gateway"},
    Named{503, "Service Unavailable"},
    Named{504, "Gateway Timeout"},
    Named{505, "HTTP Version Not Supported"},
    Named{507, "Insufficient Storage"},
    Named{529, "Overloaded"},
};

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

/// Names beyond close and keep-alive in a Connection field, which are rare.
bool names_fields(std::span<const Header> headers) {
  const Header* connection = find(headers, "connection");
  return connection != nullptr && !equal_ignoring_case(connection->value, "keep-alive") &&
         !equal_ignoring_case(connection->value, "close");
}

bool append_headers(std::string& out, std::span<const Header> headers) {
  const bool careful = names_fields(headers);
  for (const Header& header : headers) {
    if (careful ? !may_forward(headers, header) : is_hop_by_hop(header.name)) continue;
    if (!is_valid_name(header.name) || !is_valid_value(header.value)) return false;
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  return true;
}

bool may_carry_body(std::string_view method) noexcept {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  for (const Named& named : kPhrases) {
    if (named.status == status) return named.phrase;
  }
  return "Unknown";
}

bool write_request_head(std::string& out, const RequestLine& line, std::span<const Header> headers,
                        std::uint64_t body_bytes) {
  if (!is_valid_name(line.method) || line.target.empty() ||
      !internal::all_are(line.target, internal::kTarget) || line.host.empty() ||
      !internal::all_are(line.host, internal::kHost)) {
    return false;
  }
  const std::size_t before = out.size();
  out.append(line.method).append(" ").append(line.target).append(" HTTP/1.1\r\nHost: ");
  out.append(line.host).append("\r\n");
  if (body_bytes > 0 || may_carry_body(line.method)) {
    out.append("Content-Length: ");
    append_number(out, body_bytes);
    out.append("\r\n");
  }
  if (!append_headers(out, headers)) {
    out.resize(before);
    return false;
  }
  out.append("\r\n");
  return true;
}

bool write_response_head(std::string& out, int status, std::span<const Header> headers,
                         const ResponseFraming& framing) {
  if (status < 100 || status > 599) return false;
  const std::size_t before = out.size();
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(status));
  out.append(" ").append(reason_phrase(status)).append("\r\n");
  if (!framing.date.empty() && find(headers, "date") == nullptr) {
    out.append("Date: ").append(framing.date).append("\r\n");
  }
  if (framing.framing == Framing::length) {
    out.append("Content-Length: ");
    append_number(out, framing.content_length);
    out.append("\r\n");
  } else if (framing.framing == Framing::chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (!framing.keep_alive) out.append("Connection: close\r\n");
  if (!append_headers(out, headers)) {
    out.resize(before);
    return false;
  }
  out.append("\r\n");
  return true;
}

}  // namespace cordon::net
