#include "dialect/anthropic_answer.h"

#include "dialect/internal/leaves.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace cordon::dialect::anthropic {
namespace {

using codec::JsonValue;

Status unreadable(std::string_view what) {
  return fail(Errc::invalid, fmt::format("'{}' is not of a type that can be inspected", what));
}

/// What was read from a prompt cache or written to it is a part of what went in.
Usage read_usage(const JsonValue& usage) {
  Usage read;
  const auto count = [&usage](std::string_view key) -> std::optional<std::uint64_t> {
    const auto value = usage.find(key).integer();
    if (!value || *value < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*value);
  };
  read.in = count("input_tokens");
  read.cached = count("cache_read_input_tokens");
  read.cache_write = count("cache_creation_input_tokens");
  for (const auto& part : {read.cached, read.cache_write}) {
    if (part) read.in = read.in.value_or(0) + *part;
  }
  read.out = count("output_tokens");
  return read;
}

/// Collects the texts of content blocks. `whole` marks texts that will not go on in later events.
class BlockReader {
 public:
  BlockReader(std::vector<SlotText>& texts, std::uint32_t index) : texts_(texts), index_(index) {}

  Status read(const JsonValue& block) {
    const JsonValue type_value = block.find("type");
    if (!type_value.is_string()) return unreadable("a content block");
    const std::string_view type = type_value.text();
    if (type == "text") {
      CORDON_CHECK(text(block.find("text"), Field::block_text));
      return leaves(block.find("citations"), Field::block_part);
    }
    if (type == "thinking") return text(block.find("thinking"), Field::block_thinking);
    if (type == "redacted_thinking") return {};
    if (internal::calls_a_tool(type)) return input(block.find("input"));
    return leaves(block, Field::block_part);
  }

  Status text(const JsonValue& value, Field field) {
    if (!value.is_string()) return unreadable("a text of a content block");
    texts_.emplace_back(Slot{index_, field, 0}, value);
    return {};
  }

  /// Each is a text of its own.
  Status leaves(const JsonValue& value, Field field) {
    bool fits = true;
    internal::for_each_leaf(value, [&](const JsonValue& leaf) {
      fits = fits && parts_ <= kSlotIndexMax;
      texts_.emplace_back(Slot{index_, field, parts_++}, leaf);
      texts_.back().whole = true;
    });
    return fits ? Status() : unreadable("the many texts of a content block");
  }

 private:
  /// An empty object stands where a stream's pieces of the input will follow.
  Status input(const JsonValue& value) {
    if (!value) return unreadable("the input of a tool");
    if (value.is_object() && value.size() == 0) return {};
    texts_.emplace_back(Slot{index_, Field::block_input, 0}, value, Written::raw);
    texts_.back().whole = true;
    return {};
  }

  std::vector<SlotText>& texts_;
  std::uint32_t index_;
  std::uint32_t parts_ = 0;
};

Result<std::uint32_t> block_index(const JsonValue& root) {
  const std::int64_t index = root.find("index").integer().value_or(-1);
  if (index < 0 || index > kSlotIndexMax) {
    return fail(Errc::invalid, "'index' of a content block");
  }
  return static_cast<std::uint32_t>(index);
}

}  // namespace

Status MessageAnswer::read(const JsonValue& root) {
  const JsonValue content = root.find("content");
  if (!content.is_array()) return unreadable("content");
  std::uint32_t index = 0;
  for (JsonValue block = content.first(); block; block = block.next()) {
    if (index > kSlotIndexMax) return unreadable("the many blocks of a content");
    CORDON_CHECK(BlockReader(texts_, index++).read(block));
  }
  CORDON_CHECK(BlockReader(texts_, 0).leaves(root.find("stop_details"), Field::stop_details));
  usage_ = read_usage(root.find("usage"));
  return {};
}

Status CountAnswer::read(const JsonValue& root) {
  return root.find("input_tokens").integer() ? Status() : unreadable("input_tokens");
}

Status MessageEvent::read(std::string_view name, std::string_view data,
                          const codec::JsonIndexLimits& limits) {
  CORDON_CHECK(index_.parse(data, limits));
  const JsonValue type_value = root().find("type");
  // Some clients go by the name and some by the type, so they must not say different things.
  if (type_value && !type_value.is_string()) return unreadable("type");
  if (type_value && !name.empty() && name != type_value.text()) {
    return fail(Errc::invalid, "the name of an event is not its type");
  }
  const std::string_view type = type_value ? type_value.text() : name;
  if (type == "error") {
    kind_ = EventKind::error;
  } else if (type == "message_stop") {
    kind_ = EventKind::done;
  } else if (type == "message_start") {
    kind_ = EventKind::part;
    const JsonValue message = root().find("message");
    if (!message.is_object() || message.find("content").size() != 0) return unreadable("message");
    usage_ = read_usage(message.find("usage"));
    usage_.unfinished = true;
  } else if (type == "message_delta") {
    kind_ = EventKind::part;
    usage_ = read_usage(root().find("usage"));
    const JsonValue details = root().find("delta").find("stop_details");
    return BlockReader(texts_, 0).leaves(details, Field::stop_details);
  } else if (type.starts_with("content_block_")) {
    kind_ = EventKind::part;
    CORDON_TRY(const std::uint32_t index, block_index(root()));
    indexes_end_ = index + 1;
    if (type == "content_block_start") return read_start(root().find("content_block"), index);
    if (type == "content_block_delta") return read_delta(root().find("delta"), index);
    if (type != "content_block_stop") return unreadable("an event of a content block");
    endings_.push_back({index});
  }
  return {};
}

Status MessageEvent::read_start(const JsonValue& block, std::uint32_t index) {
  opening_ = index;
  return BlockReader(texts_, index).read(block);
}

Status MessageEvent::read_delta(const JsonValue& delta, std::uint32_t index) {
  const JsonValue type_value = delta.find("type");
  if (!type_value.is_string()) return unreadable("delta");
  const std::string_view type = type_value.text();
  BlockReader reader(texts_, index);
  if (type == "text_delta") return reader.text(delta.find("text"), Field::block_text);
  if (type == "thinking_delta") return reader.text(delta.find("thinking"), Field::block_thinking);
  if (type == "input_json_delta") {
    return reader.text(delta.find("partial_json"), Field::block_input);
  }
  if (type == "signature_delta") {
    endings_.push_back({index, false});
    return {};
  }
  return reader.leaves(delta, Field::block_part);
}

void EventWriter::note_ended(const Ending& ending) {
  if (ending.closes) std::erase(open_, ending.index);
}

void EventWriter::append_text(std::string& out, const Slot& slot, std::string_view text) {
  const bool thinking = slot.field == Field::block_thinking;
  const bool input = slot.field == Field::block_input;
  fmt::format_to(std::back_inserter(out),
                 R"(event: content_block_delta{}data: {{"type":"content_block_delta","index":{},)"
                 R"("delta":{{"type":"{}","{}":)",
                 '\n', slot.index,
                 thinking ? "thinking_delta"
                 : input  ? "input_json_delta"
                          : "text_delta",
                 thinking ? "thinking"
                 : input  ? "partial_json"
                          : "text");
  codec::append_json_string(out, text);
  out += "}}\n\n";
}

void EventWriter::append_block_end(std::string& out) {
  for (const std::uint32_t index : open_) {
    append_frame(out, "content_block_stop",
                 fmt::format(R"({{"type":"content_block_stop","index":{}}})", index));
  }
  append_frame(out, "message_delta",
               fmt::format(R"({{"type":"message_delta","delta":{{"stop_reason":"refusal",)"
                           R"("stop_sequence":null,"stop_details":{{"type":"refusal",)"
                           R"("category":null,"explanation":"The policy of this route does not )"
                           R"(allow this content."}}}},"usage":{{"output_tokens":{}}}}})",
                           usage_.out ? std::to_string(*usage_.out) : "null"));
}

void EventWriter::append_terminal(std::string& out) {
  append_frame(out, "message_stop", R"({"type":"message_stop"})");
}

}  // namespace cordon::dialect::anthropic
