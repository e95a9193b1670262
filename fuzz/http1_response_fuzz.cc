// An answer's head means the same whole or grown, and what may be forwarded writes a head that
// reads back with the same status and fields. The first byte chooses what it replies to.
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const InReplyTo method = (data[0] & 1) != 0 ? InReplyTo::head : InReplyTo::other;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  HeadLimits limits;
  limits.head_bytes_max = 2048;
  limits.headers_max = 16;
  ResponseHead head;
  const Parsed whole = parse_response(bytes, method, head, limits);
  ResponseHead other;
  Parsed grown = 0;
  const std::size_t step = size < 512 ? 1 : size / 256;
  for (std::size_t at = 0; at < bytes.size() && grown.has_value() && *grown == 0;) {
    at = at + step < bytes.size() ? at + step : bytes.size();
    grown = parse_response(bytes.substr(0, at), method, other, limits);
  }
  require(grown.has_value() == whole.has_value());
  if (!whole) {
    require(grown.error().reason == whole.error().reason);
    return 0;
  }
  require(*grown == *whole);
  if (*whole == 0 || head.status < 200) return 0;

  std::string out;
  ResponseFraming framing;
  framing.framing = Framing::chunked;
  require(write_response_head(out, head.status, head.headers, framing));
  limits.head_bytes_max = 1 << 20;
  limits.headers_max = 17;
  const Parsed again = parse_response(out, InReplyTo::other, other, limits);
  if (head.status == 204) return 0;
  require(again.has_value() && *again == out.size());
  require(other.status == head.status);
  for (const Header& header : other.headers) {
    require(equal_ignoring_case(header.name, "transfer-encoding") ||
            may_forward(head.headers, header));
  }
  return 0;
}
