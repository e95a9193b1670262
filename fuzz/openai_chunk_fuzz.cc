// Answers and chunks from a hostile provider: read or refused, and every text found can be put
// back by a frame of our own that reads as the same slot.
#include "dialect/openai_answer.h"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace cordon::dialect;
using namespace cordon::dialect::openai;

void check(ChoiceForm form, std::string_view body) {
  ChatAnswer answer(form);
  StreamChunk chunk(form);
  StreamChunk again(form);
  (void)answer.parse(body);
  if (!chunk.parse("", body)) return;
  ChunkWriter writer(ChunkWriter::UsageChunk::asked, form);
  if (chunk.kind() == EventKind::part) {
    writer.learn(chunk);
    writer.note_passed(chunk);
  }
  for (const SlotText& text : chunk.texts()) {
    std::string frame;
    writer.append_text(frame, text.slot, text.value.text());
    if (!again.parse("", std::string_view(frame).substr(6, frame.size() - 8))) std::abort();
    if (again.texts().size() != 1 || again.texts()[0].slot != text.slot) std::abort();
    if (again.texts()[0].value.text() != text.value.text()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  check(ChoiceForm::message, body);
  check(ChoiceForm::text, body);
  return 0;
}
