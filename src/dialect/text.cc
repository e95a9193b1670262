#include "dialect/text.h"

namespace cordon::dialect {

TextKind kind_of(Field field) noexcept {
  switch (field) {
    case Field::reasoning_content:
    case Field::reasoning:
    case Field::block_thinking:
    case Field::part_reasoning:
    case Field::summary_text:
      return TextKind::reasoning;
    case Field::tool_arguments:
    case Field::tool_input:
    case Field::function_arguments:
    case Field::block_input:
    case Field::call_arguments:
    case Field::call_input:
    case Field::call_code:
    case Field::mcp_arguments:
      return TextKind::tool_arguments;
    case Field::content:
    case Field::refusal:
    case Field::audio_transcript:
    case Field::block_text:
    case Field::block_part:
    case Field::stop_details:
    case Field::completion_text:
    case Field::part_text:
    case Field::part_refusal:
    case Field::item_part:
      break;
  }
  return TextKind::answer;
}

codec::Splice TextValue::replaced_by(std::string_view text) const {
  codec::Splice splice{value.begin_byte(), value.end_byte(), {}};
  if (written == Written::raw) {
    splice.text = text;
  } else {
    codec::append_json_string(splice.text, text);
  }
  return splice;
}

void Usage::take(const Usage& later) noexcept {
  if (later.in) in = later.in;
  if (later.out) {
    out = later.out;
    unfinished = later.unfinished;
  }
  if (later.cached) cached = later.cached;
  if (later.cache_write) cache_write = later.cache_write;
}

}  // namespace cordon::dialect
