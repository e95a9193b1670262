// Responses and events from a hostile provider: read or refused; every text that may come in pieces
// can be put back by an event of our own that reads as the same slot; and the events of a block are
// readable and numbered one after another.
#include "codec/sse.h"
#include "dialect/openai_responses.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cordon;
  using namespace cordon::dialect;
  static openai::ResponsesAnswer answer;
  static openai::ResponsesEvent event;
  static openai::ResponsesEvent again;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  (void)answer.parse(body);
  if (!event.parse("", body)) return 0;
  openai::ResponsesWriter writer(body.size());
  if (event.kind() == EventKind::part) {
    writer.learn(event);
    writer.note_passed(event);
  }
  (void)writer.number_for(event);
  std::optional<std::uint64_t> number = writer.next_number();
  const auto is_piece = [](const SlotText& text) { return !text.whole && !text.repeats; };
  std::string frames;
  for (const SlotText& text : event.texts()) {
    if (is_piece(text)) writer.append_text(frames, text.slot, text.text());
  }
  codec::SseFramer framer(1U << 30U);
  framer.feed(frames);
  auto expected = event.texts().begin();
  while (true) {
    const auto frame = framer.next();
    if (!frame) std::abort();
    if (!*frame) break;
    while (!is_piece(*expected)) ++expected;
    if (!again.parse((*frame)->name, (*frame)->data) || again.texts().size() != 1) std::abort();
    const SlotText& text = again.texts()[0];
    if (text.slot != expected->slot || text.text() != expected->text()) std::abort();
    ++expected;
    if (number && again.number().integer() != static_cast<std::int64_t>((*number)++)) std::abort();
  }
  std::string ending;
  writer.append_block_end(ending);
  writer.append_terminal(ending);
  framer.feed(ending);
  EventKind last = EventKind::other;
  while (true) {
    const auto frame = framer.next();
    if (!frame) std::abort();
    if (!*frame) break;
    if (!again.parse((*frame)->name, (*frame)->data)) std::abort();
    if (number && again.number().integer() != static_cast<std::int64_t>((*number)++)) std::abort();
    last = again.kind();
  }
  if (last != EventKind::done || !framer.rest().empty()) std::abort();
  return 0;
}
