// Messages and events from a hostile provider: read or refused, and every text found that may come
// in pieces can be put back by an event of our own that reads as the same slot.
#include "codec/sse.h"
#include "dialect/anthropic_answer.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cordon;
  using namespace cordon::dialect;
  static anthropic::MessageAnswer answer;
  static anthropic::MessageEvent event;
  static anthropic::MessageEvent again;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  (void)answer.parse(body);
  if (!event.parse("", body)) return 0;
  anthropic::EventWriter writer;
  if (event.kind() == EventKind::part) {
    writer.learn(event);
    writer.note_passed(event);
  }
  std::string frames;
  writer.append_block_end(frames);
  writer.append_terminal(frames);
  std::size_t pieces = 0;
  const SlotText* first = nullptr;
  for (const SlotText& text : event.texts()) {
    if (text.whole) continue;
    if (pieces++ == 0) first = &text;
    writer.append_text(frames, text.slot, text.text());
  }
  codec::SseFramer framer;
  framer.feed(frames);
  std::size_t found = 0;
  while (true) {
    const auto frame = framer.next();
    if (!frame) std::abort();
    if (!*frame) break;
    if (!again.parse((*frame)->name, (*frame)->data)) std::abort();
    for (const SlotText& text : again.texts()) {
      if (text.slot.field == Field::stop_details) continue;
      const bool same =
          first != nullptr && text.slot == first->slot && text.text() == first->text();
      if (found++ == 0 && !same) std::abort();
    }
  }
  if (found != pieces || !framer.rest().empty()) std::abort();
  return 0;
}
