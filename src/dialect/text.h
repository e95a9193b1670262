// Texts as they stand in answers of any provider, and where each belongs.
#pragma once

#include "codec/json_index.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::dialect {

/// Which text of a choice (OpenAI) or of a content block (Anthropic).
enum class Field : std::uint8_t {
  content,
  refusal,
  reasoning_content,
  reasoning,
  audio_transcript,
  tool_arguments,      ///< tool_calls[tool].function.arguments
  tool_input,          ///< tool_calls[tool].custom.input
  function_arguments,  ///< function_call.arguments, the form before tools
  block_text,          ///< of a block of type text
  block_thinking,      ///< of a block of type thinking
  block_input,         ///< of a block that calls a tool: JSON, whole or in pieces
  block_part,          ///< another string of a block, such as a citation or a tool's result
  stop_details,        ///< why a message was refused, in words
  completion_text,     ///< choices[].text, the form before messages
  part_text,           ///< of a content part of an output item (Responses), as the next two
  part_refusal,
  part_reasoning,
  summary_text,    ///< of a part of a summary of reasoning
  call_arguments,  ///< of a function that an output item calls
  call_input,      ///< of a custom tool
  call_code,       ///< of the code interpreter
  mcp_arguments,   ///< of a tool on a remote server
  item_part,       ///< another string of an output item, such as an annotation or a query
};

/// What the text is to the one who reads it.
enum class TextKind : std::uint8_t { answer, reasoning, tool_arguments };
[[nodiscard]] TextKind kind_of(Field field) noexcept;
/// Signed by the provider: it passes as it is or not at all.
[[nodiscard]] constexpr bool is_sealed(Field field) noexcept {
  return field == Field::block_thinking;
}

/// One text of one answer. The pieces of a stream that share a Slot are one text.
struct Slot {
  std::uint32_t index = 0;  ///< of the choice, of the content block or of the output item
  Field field = Field::content;
  std::uint32_t tool = 0;  ///< tells texts of one field apart: a tool call, a part of an item
  friend auto operator<=>(const Slot&, const Slot&) = default;
};
inline constexpr std::uint32_t kSlotIndexMax = 1023;  ///< of each number in a Slot

/// Whether `next` goes on with the text of `before`: pieces of one slot, and texts that are shown
/// one after another, because whoever reads them sees no seam: neighbouring text blocks, and the
/// parts of messages.
[[nodiscard]] constexpr bool goes_on(const Slot& before, const Slot& next) noexcept {
  if (next == before) return true;
  if (before.field == Field::part_text && next.field == Field::part_text) {
    return next.index > before.index || (next.index == before.index && next.tool > before.tool);
  }
  return before.field == Field::block_text && next.field == Field::block_text &&
         next.index == before.index + 1;
}

/// How a text stands in a body: as a JSON string, or as the bytes of any JSON value.
enum class Written : std::uint8_t { string, raw };

/// A text and the value that holds it.
struct TextValue {
  codec::JsonValue value;
  Written written = Written::string;

  [[nodiscard]] std::string_view text() const {
    return written == Written::raw ? value.raw() : value.text();
  }
  /// The edit that puts `text` in its place. A raw text must be JSON for the body to stay so.
  [[nodiscard]] codec::Splice replaced_by(std::string_view text) const;
};

/// A text of an answer, or a piece of one.
struct SlotText : TextValue {
  SlotText(Slot where, codec::JsonValue what, Written how = Written::string)
      : TextValue{what, how}, slot(where) {}
  Slot slot;
  bool whole = false;    ///< of a stream's piece: it is a text of its own, and complete
  bool repeats = false;  ///< of a stream's piece: it may have come before, whole or in pieces
  bool sealed = false;   ///< of a whole answer: it may be refused and never rewritten
};

/// Tokens as the provider counted them, as far as it has said.
struct Usage {
  std::optional<std::uint64_t> in = {};
  std::optional<std::uint64_t> out = {};
  /// Of `in`: read from a prompt cache, and written to one.
  std::optional<std::uint64_t> cached = {};
  std::optional<std::uint64_t> cache_write = {};
  bool unfinished = false;  ///< said before the answer was: `out` is no total

  [[nodiscard]] bool is_known() const noexcept { return in || out; }
  /// What is said later replaces what was said before.
  void take(const Usage& later) noexcept;
};

}  // namespace cordon::dialect
