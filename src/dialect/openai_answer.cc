#include "dialect/openai_answer.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::dialect::openai {
namespace {

using codec::JsonValue;

Status unreadable(std::string_view what) {
  return fail(Errc::invalid, fmt::format("'{}' is not of a type that can be inspected", what));
}

/// Collects the texts of one message or delta; both have the same fields.
class MessageReader {
 public:
  MessageReader(std::vector<SlotText>& texts, std::uint32_t choice)
      : texts_(texts), choice_(choice) {}

  Status read(const JsonValue& message) {
    for (JsonValue field = message.first(); field; field = field.next()) {
      CORDON_CHECK(read_field(field));
    }
    return {};
  }

 private:
  Status read_field(const JsonValue& field) {
    const std::string_view key = field.key();
    if (key == "content") return content(field);
    if (key == "refusal") return text(field, Field::refusal);
    if (key == "reasoning_content") return text(field, Field::reasoning_content);
    if (key == "reasoning") return text(field, Field::reasoning);
    if (key == "audio") return text(field.find("transcript"), Field::audio_transcript);
    if (key == "function_call") return text(field.find("arguments"), Field::function_arguments);
    if (key == "tool_calls") return tool_calls(field);
    return {};
  }

  Status text(const JsonValue& value, Field field, std::uint32_t tool = 0) {
    if (!value || value.is_null()) return {};
    if (!value.is_string()) return unreadable("a text of a message");
    texts_.emplace_back(Slot{choice_, field, tool}, value);
    return {};
  }

  /// Some providers answer with parts, as requests have them.
  Status content(const JsonValue& value) {
    if (!value.is_array()) return text(value, Field::content);
    for (JsonValue part = value.first(); part; part = part.next()) {
      for (JsonValue field = part.first(); field; field = field.next()) {
        if (field.key() == "text" || field.key() == "refusal") {
          CORDON_CHECK(text(field, field.key() == "text" ? Field::content : Field::refusal));
        }
      }
      if (!part.is_object()) return unreadable("a part of a content");
    }
    return {};
  }

  Status tool_calls(const JsonValue& calls) {
    if (calls.is_null()) return {};
    if (!calls.is_array()) return unreadable("tool_calls");
    std::uint32_t at = 0;
    for (JsonValue call = calls.first(); call; call = call.next()) {
      const std::int64_t index = call.find("index").integer().value_or(at++);
      if (index < 0 || index > kSlotIndexMax) return unreadable("tool_calls.index");
      const auto tool = static_cast<std::uint32_t>(index);
      for (JsonValue field = call.first(); field; field = field.next()) {
        if (field.key() == "function") {
          CORDON_CHECK(text(field.find("arguments"), Field::tool_arguments, tool));
        } else if (field.key() == "custom") {
          CORDON_CHECK(text(field.find("input"), Field::tool_input, tool));
        }
      }
    }
    return {};
  }

  std::vector<SlotText>& texts_;
  std::uint32_t choice_;
};

Result<std::uint32_t> choice_index(const JsonValue& choice, std::uint32_t position) {
  if (!choice.is_object()) return fail(Errc::invalid, "a choice is not an object");
  const JsonValue index = choice.find("index");
  const std::int64_t value = index ? index.integer().value_or(-1) : position;
  if (value < 0 || value > kSlotIndexMax) return fail(Errc::invalid, "'index' of a choice");
  return static_cast<std::uint32_t>(value);
}

/// The text of a choice that holds no message.
Status read_text(const JsonValue& choice, std::uint32_t at, std::vector<SlotText>& texts) {
  const JsonValue text = choice.find("text");
  if (!text.is_string()) return unreadable("choices.text");
  texts.emplace_back(Slot{at, Field::completion_text, 0}, text);
  return {};
}

/// Nothing is known until a number is there; then the other is zero.
Usage read_usage(const JsonValue& usage) {
  const auto in = usage.find("prompt_tokens").integer();
  const auto out = usage.find("completion_tokens").integer();
  if (!in && !out) return {};
  const auto count = [](std::optional<std::int64_t> value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(value.value_or(0), 0));
  };
  Usage read;
  read.in = count(in);
  read.out = count(out);
  const auto cached = usage.find("prompt_tokens_details").find("cached_tokens").integer();
  if (cached && *cached >= 0) read.cached = static_cast<std::uint64_t>(*cached);
  return read;
}

/// The part that the texts of a slot's kind stand in, around the text itself.
struct Wrapping {
  std::string before;
  std::string_view after;
};

Wrapping wrapping_of(const Slot& slot) {
  switch (slot.field) {
    case Field::content:
      return {R"("content":)", ""};
    case Field::refusal:
      return {R"("refusal":)", ""};
    case Field::reasoning_content:
      return {R"("reasoning_content":)", ""};
    case Field::reasoning:
      return {R"("reasoning":)", ""};
    case Field::audio_transcript:
      return {R"("audio":{"transcript":)", "}"};
    case Field::tool_arguments:
      return {fmt::format(R"("tool_calls":[{{"index":{},"function":{{"arguments":)", slot.tool),
              "}}]"};
    case Field::tool_input:
      return {fmt::format(R"("tool_calls":[{{"index":{},"custom":{{"input":)", slot.tool), "}}]"};
    case Field::function_arguments:
      return {R"("function_call":{"arguments":)", "}"};
    default:
      break;
  }
  return {};
}

}  // namespace

Status ChatAnswer::read(const JsonValue& root) {
  const JsonValue choices = root.find("choices");
  if (!choices.is_array()) return unreadable("choices");
  usage_ = read_usage(root.find("usage"));
  std::uint32_t position = 0;
  for (JsonValue choice = choices.first(); choice; choice = choice.next()) {
    CORDON_TRY(const std::uint32_t at, choice_index(choice, position++));
    if (form_ == ChoiceForm::text) {
      CORDON_CHECK(read_text(choice, at, texts_));
    } else {
      const JsonValue message = choice.find("message");
      if (!message.is_object()) return unreadable("choices.message");
      CORDON_CHECK(MessageReader(texts_, at).read(message));
    }
    const JsonValue logprobs = choice.find("logprobs");
    if (logprobs && !logprobs.is_null()) echoes_.push_back(logprobs);
  }
  return {};
}

Status EmbeddingsAnswer::read(const JsonValue& root) {
  if (!root.find("data").is_array()) return unreadable("data");
  const auto tokens = root.find("usage").find("prompt_tokens").integer();
  if (tokens && *tokens >= 0) usage_.in = static_cast<std::uint64_t>(*tokens);
  return {};
}

Status StreamChunk::read(std::string_view /*name*/, std::string_view data,
                         const codec::JsonIndexLimits& limits) {
  if (data == "[DONE]") {
    kind_ = EventKind::done;
    return {};
  }
  CORDON_CHECK(index_.parse(data, limits));
  const JsonValue error = root().find("error");
  if (error && !error.is_null()) {
    kind_ = EventKind::error;
    return {};
  }
  const JsonValue choices = root().find("choices");
  if (!choices) return {};
  if (!choices.is_array()) return unreadable("choices");
  kind_ = EventKind::part;
  usage_ = read_usage(root().find("usage"));
  std::uint32_t position = 0;
  for (JsonValue choice = choices.first(); choice; choice = choice.next()) {
    CORDON_CHECK(read_choice(choice, position++));
  }
  return {};
}

Status StreamChunk::read_choice(const JsonValue& choice, std::uint32_t position) {
  CORDON_TRY(const std::uint32_t at, choice_index(choice, position));
  indexes_end_ = std::max(indexes_end_, at + 1);
  if (form_ == ChoiceForm::text) {
    CORDON_CHECK(read_text(choice, at, texts_));
  }
  for (const std::string_view key : {"delta", "message"}) {
    if (form_ == ChoiceForm::text) break;
    const JsonValue delta = choice.find(key);
    if (!delta || delta.is_null()) continue;
    if (!delta.is_object()) return unreadable("choices.delta");
    CORDON_CHECK(MessageReader(texts_, at).read(delta));
  }
  const JsonValue logprobs = choice.find("logprobs");
  if (logprobs && !logprobs.is_null()) echoes_.push_back(logprobs);
  if (choice.find("finish_reason").is_string()) endings_.push_back({at});
  return {};
}

void ChunkWriter::learn(const StreamEvent& event) {
  usage_.take(event.usage());
  if (event.indexes_end() > finished_.size()) finished_.resize(event.indexes_end());
  if (!head_.empty()) return;
  constexpr std::size_t kMemberBytesMax = 256;
  for (JsonValue member = event.root().first(); member; member = member.next()) {
    const std::string_view key = member.key();
    const bool shared = key == "id" || key == "object" || key == "created" || key == "model" ||
                        key == "system_fingerprint" || key == "service_tier";
    if (!shared || member.raw().size() > kMemberBytesMax) continue;
    head_ += fmt::format(R"("{}":{},)", key, member.raw());
  }
  head_.shrink_to_fit();  // it stays as long as the stream
}

void ChunkWriter::note_ended(const Ending& ending) {
  finished_[ending.index] = true;
}

void ChunkWriter::open(std::string& out) const {
  out += "data: {";
  const std::string_view object = form_ == ChoiceForm::text
                                      ? R"("object":"text_completion",)"
                                      : R"("object":"chat.completion.chunk",)";
  out += head_.empty() ? object : std::string_view(head_);
}

/// Where the usage was asked for, every chunk but the last says that it does not tell it.
void ChunkWriter::close(std::string& out) const {
  out += usage_chunk_ == UsageChunk::asked ? ",\"usage\":null}\n\n" : "}\n\n";
}

void ChunkWriter::append_text(std::string& out, const Slot& slot, std::string_view text) {
  open(out);
  if (form_ == ChoiceForm::text) {
    out += fmt::format(R"("choices":[{{"index":{},"text":)", slot.index);
    codec::append_json_string(out, text);
    out += R"(,"logprobs":null,"finish_reason":null}])";
    return close(out);
  }
  const Wrapping wrapping = wrapping_of(slot);
  out += fmt::format(R"("choices":[{{"index":{},"delta":{{{})", slot.index, wrapping.before);
  codec::append_json_string(out, text);
  out += wrapping.after;
  out += "},\"finish_reason\":null}]";
  close(out);
}

void ChunkWriter::append_finish(std::string& out, std::size_t choice,
                                std::string_view reason) const {
  open(out);
  const std::string_view nothing =
      form_ == ChoiceForm::text ? R"("text":"","logprobs":null)" : R"("delta":{})";
  out +=
      fmt::format(R"("choices":[{{"index":{},{},"finish_reason":"{}"}}])", choice, nothing, reason);
  close(out);
}

void ChunkWriter::append_usage(std::string& out) const {
  open(out);
  out += R"("choices":[],"usage":)";
  if (usage_.is_known()) {
    const std::uint64_t in = usage_.in.value_or(0);
    const std::uint64_t answered = usage_.out.value_or(0);
    out += fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{}}})", in,
                       answered, in + answered);
  } else {
    out += "null";
  }
  out += "}\n\n";
}

void ChunkWriter::append_block_end(std::string& out) {
  const std::size_t choices = std::max<std::size_t>(finished_.size(), 1);
  for (std::size_t choice = 0; choice < choices; ++choice) {
    if (choice < finished_.size() && finished_[choice]) continue;
    append_finish(out, choice, "content_filter");
  }
  if (usage_chunk_ == UsageChunk::asked) append_usage(out);
}

}  // namespace cordon::dialect::openai
