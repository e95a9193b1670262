// Requests of hostile callers, answers and streams of hostile providers, in both directions: what
// is translated is JSON that the other side's own parser reads, and a stream gives the same frames
// however it is cut.
#include "dialect/anthropic_answer.h"
#include "dialect/anthropic_request.h"
#include "dialect/openai_answer.h"
#include "dialect/openai_request.h"
#include "dialect/translation.h"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace cordon;
using namespace cordon::dialect;

template <class Own, class Other>
void check_request(Surface surface, std::string_view body) {
  static Own own;
  static Other other;
  if (!own.parse(body)) return;
  const auto out = translate_request(surface, body);
  if (!out) {
    if (out.error().code != "unsupported_parameter" || out.error().param.empty()) std::abort();
    return;
  }
  const auto read = other.parse(*out);
  // The values of fields that pass unread are the provider's to judge.
  codec::JsonIndex index;
  codec::JsonIndexLimits limits;
  limits.values_max *= 4;
  limits.depth_max = codec::kJsonDepthMax;
  if (!read && !index.parse(*out, limits) && index.parse(body, {.depth_max = 32})) std::abort();
}

template <class Caller>
void check_answer(Surface surface, std::string_view body) {
  static Caller caller;
  const auto out = translate_answer(surface, body, 0);
  if (out && !caller.parse(*out)) std::abort();
}

template <class Event>
void check_stream(Surface surface, std::string_view stream, std::size_t cut) {
  static Event event;
  const auto whole = StreamTranslator::make(surface, {.include_usage = true}, 0);
  const auto pieces = StreamTranslator::make(surface, {.include_usage = true}, 0);
  std::string out;
  std::string joined;
  const bool fine = whole->feed(stream, out).has_value();
  const bool also = pieces->feed(stream.substr(0, cut), joined).has_value() &&
                    pieces->feed(stream.substr(cut), joined).has_value();
  if (fine != also || out != joined) std::abort();
  codec::SseFramer framer(out.size() + 1);
  framer.feed(out);
  while (true) {
    const auto frame = framer.next();
    if (!frame) std::abort();
    if (!*frame) break;
    if (!event.parse((*frame)->name, (*frame)->data)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  check_request<openai::ChatRequest, anthropic::MessagesRequest>(Surface::chat, body);
  check_request<anthropic::MessagesRequest, openai::ChatRequest>(Surface::messages, body);
  check_answer<openai::ChatAnswer>(Surface::chat, body);
  check_answer<anthropic::MessageAnswer>(Surface::messages, body);
  const std::size_t cut = size == 0 ? 0 : data[0] % size;
  check_stream<openai::StreamChunk>(Surface::chat, body, cut);
  check_stream<anthropic::MessageEvent>(Surface::messages, body, cut);
  return 0;
}
