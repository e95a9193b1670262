// A request head means the same whole or grown byte by byte, and what is accepted can be written
// again and reads back as the same request.
#include "net/http1.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace cordon::net;

void require(bool claim) {
  if (!claim) std::abort();
}

void check_written_again(const RequestHead& head) {
  std::string out;
  RequestLine line;
  line.method = head.method;
  line.target = head.target;
  line.host = head.host.empty() ? std::string_view("a") : head.host;
  const std::uint64_t length = head.framing == Framing::length ? head.content_length : 0;
  require(write_request_head(out, line, head.headers, length));
  RequestHead again;
  HeadLimits wide;
  wide.head_bytes_max = 1 << 20;
  const Parsed parsed = parse_request(out, again, wide);
  require(parsed.has_value() && *parsed == out.size());
  require(again.method == head.method && again.target == head.target);
  require(again.framing != Framing::chunked);
  require((again.framing == Framing::length ? again.content_length : 0) == length);
  for (const Header& header : again.headers) {
    require(equal_ignoring_case(header.name, "host") ||
            equal_ignoring_case(header.name, "content-length") ||
            may_forward(head.headers, header));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadLimits limits;
  limits.head_bytes_max = 2048;
  limits.target_bytes_max = 256;
  limits.headers_max = 16;
  RequestHead head;
  const Parsed whole = parse_request(bytes, head, limits);
  RequestHead other;
  Parsed grown = 0;
  const std::size_t step = size < 512 ? 1 : size / 256;
  for (std::size_t at = 0; at < size && grown.has_value() && *grown == 0;) {
    at = at + step < size ? at + step : size;
    grown = parse_request(bytes.substr(0, at), other, limits);
  }
  require(grown.has_value() == whole.has_value());
  if (!whole) {
    require(grown.error().status == whole.error().status);
    require(grown.error().reason == whole.error().reason);
    return 0;
  }
  require(*grown == *whole);
  require(*whole <= limits.head_bytes_max);
  if (*whole > 0) check_written_again(head);
  return 0;
}
