// A stream means the same events however it is cut, and its raw pieces are the stream.
#include "codec/sse.h"

#include <cstdint>
#include <cstdlib>

namespace {

using cordon::codec::SseFramer;

struct Seen {
  std::string events;
  std::string raw;
};

bool drain(SseFramer& framer, Seen& seen) {
  while (true) {
    const auto event = framer.next();
    if (!event) {
      seen.events += "!";
      return false;
    }
    if (!*event) return true;
    seen.raw += (*event)->raw;
    if ((*event)->has_data) {
      seen.events.append(1, '\0').append((*event)->name).append(1, '\0').append((*event)->data);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t step = 1 + data[0] % 16;
  const std::size_t limit = 16 + data[1];
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  Seen whole;
  SseFramer one(limit);
  one.feed(text);
  const bool usable = drain(one, whole);
  Seen pieces;
  SseFramer many(limit);
  bool still = true;
  for (std::size_t at = 0; at < text.size() && still; at += step) {
    many.feed(text.substr(at, step));
    still = drain(many, pieces);
  }
  if (usable != still || whole.events != pieces.events) std::abort();
  if (usable) {
    whole.raw += one.rest();
    pieces.raw += many.rest();
    if (whole.raw != text || pieces.raw != text) std::abort();
  }
  return 0;
}
