// Streams, event by event.
#include "dialect/internal/translating.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace cordon::dialect {
namespace {

using codec::JsonValue;
using internal::put_key;
using internal::put_raw;
using internal::put_text;
using internal::untold;

constexpr std::int64_t kBlocksMax = kSlotIndexMax + 1;

/// A message's events as chunks of a chat completion.
class ChunksOfMessage final : public StreamTranslator {
 public:
  ChunksOfMessage(StreamWishes wishes, std::int64_t created_s)
      : wishes_(wishes), created_s_(created_s) {}

 private:
  /// A block that is open, and the call that it is; -1: it is no call.
  struct Block {
    std::int64_t index = 0;
    std::int64_t call = -1;
    bool thinks = false;
    bool has_input = false;
  };

  Status take(std::string_view /*name*/, std::string_view data, std::string& out) override {
    CORDON_CHECK(index_.parse(data));
    const JsonValue root = index_.root();
    const std::string_view type = root.find("type").text();
    if (type == "ping") return {};
    if (type == "error") {
      append_frame(out, "", translate_error(Surface::chat, 0, root));
      return {};
    }
    if (type == "message_start") return start(root.find("message"), out);
    if (id_.empty()) return untold("an event before the start of the message");
    if (type == "content_block_start") return open(root, out);
    if (type == "content_block_delta") return add(root, out);
    if (type == "content_block_stop") return close(root, out);
    if (type == "message_delta") return finish(root, out);
    if (type == "message_stop") return end(out);
    return untold("an event");
  }

  /// Everything before the choices.
  void begin_chunk(std::string& data) const {
    data = "{";
    put_text(data, "id", id_);
    put_text(data, "object", "chat.completion.chunk");
    put_raw(data, "created", std::to_string(created_s_));
    put_text(data, "model", model_);
  }

  void put_delta(std::string& out, std::string_view delta, std::string_view finish = "null") {
    std::string data;
    begin_chunk(data);
    put_raw(data, "choices",
            fmt::format(R"([{{"index":0,"delta":{},"logprobs":null,"finish_reason":{}}}])", delta,
                        finish));
    if (wishes_.include_usage) put_raw(data, "usage", "null");
    append_frame(out, "", data + "}");
  }

  void put_delta_text(std::string& out, std::string_view field, std::string_view text) {
    if (text.empty()) return;
    std::string delta = "{";
    put_text(delta, field, text);
    put_delta(out, delta + "}");
  }

  void put_arguments(std::string& out, Block& block, std::string_view arguments) {
    if (arguments.empty()) return;
    block.has_input = true;
    std::string function = "{";
    put_text(function, "arguments", arguments);
    put_delta(out, fmt::format(R"({{"tool_calls":[{{"index":{},"function":{}}}}}]}})", block.call,
                               function));
  }

  Status start(const JsonValue& message, std::string& out) {
    if (!id_.empty() || message.find("id").text().empty()) return untold("the start of a message");
    id_ = message.find("id").text();
    model_ = message.find("model").text();
    tokens_.take_anthropic(message.find("usage"));
    usage_ = tokens_.usage();
    usage_.unfinished = true;
    put_delta(out, R"({"role":"assistant","content":"","refusal":null})");
    return {};
  }

  Block* block_of(const JsonValue& root) {
    const auto index = root.find("index").integer().value_or(-1);
    const auto found = std::find_if(blocks_.begin(), blocks_.end(),
                                    [&](const Block& block) { return block.index == index; });
    return found == blocks_.end() ? nullptr : &*found;
  }

  Status open(const JsonValue& root, std::string& out) {
    const auto index = root.find("index").integer().value_or(-1);
    if (index < 0 || index >= kBlocksMax || block_of(root) != nullptr) {
      return untold("the index of a content block");
    }
    const JsonValue started = root.find("content_block");
    const std::string_view type = started.find("type").text();
    Block& block = blocks_.emplace_back();
    block.index = index;
    if (type == "text") {
      put_delta_text(out, "content", started.find("text").text());
      return {};
    }
    block.thinks = type == "thinking" || type == "redacted_thinking";
    if (block.thinks) {
      put_delta_text(out, "reasoning_content", started.find("thinking").text());
      return {};
    }
    if (type != "tool_use" || calls_ >= kBlocksMax) return untold("a content block");
    block.call = calls_++;
    std::string call = "{";
    put_raw(call, "index", std::to_string(block.call));
    put_text(call, "id", started.find("id").text());
    put_text(call, "type", "function");
    put_raw(call, "function", "{");
    put_text(call, "name", started.find("name").text());
    put_text(call, "arguments", "");
    put_delta(out, fmt::format(R"({{"tool_calls":[{}}}}}]}})", call));
    if (const JsonValue input = started.find("input"); input.size() > 0) {
      put_arguments(out, block, input.raw());
    }
    return {};
  }

  Status add(const JsonValue& root, std::string& out) {
    Block* const block = block_of(root);
    if (block == nullptr) return untold("a delta of no open block");
    const JsonValue delta = root.find("delta");
    const std::string_view type = delta.find("type").text();
    const bool calls = block->call >= 0;
    if (type == "input_json_delta" && calls && delta.find("partial_json").is_string()) {
      put_arguments(out, *block, delta.find("partial_json").text());
    } else if (type == "text_delta" && !calls && !block->thinks && delta.find("text").is_string()) {
      put_delta_text(out, "content", delta.find("text").text());
    } else if (type == "thinking_delta" && block->thinks && delta.find("thinking").is_string()) {
      put_delta_text(out, "reasoning_content", delta.find("thinking").text());
    } else if (type != "signature_delta" || !block->thinks) {
      return untold("a delta");
    }
    return {};
  }

  Status close(const JsonValue& root, std::string& out) {
    Block* const block = block_of(root);
    if (block == nullptr) return untold("the end of no open block");
    // Arguments of no byte are no JSON, and a tool may want none.
    if (block->call >= 0 && !block->has_input) put_arguments(out, *block, "{}");
    std::swap(*block, blocks_.back());
    blocks_.pop_back();
    return {};
  }

  Status finish(const JsonValue& root, std::string& out) {
    tokens_.take_anthropic(root.find("usage"));
    usage_ = tokens_.usage();
    const JsonValue reason = root.find("delta").find("stop_reason");
    if (internal::is_nothing(reason)) return {};
    const auto told = internal::finish_of(reason.text());
    if (!told || finished_) return untold("a stop reason");
    finished_ = true;
    put_delta(out, "{}", fmt::format(R"("{}")", *told));
    return {};
  }

  Status end(std::string& out) {
    if (!finished_) return untold("an end without a stop reason");
    if (wishes_.include_usage) {
      std::string data;
      begin_chunk(data);
      put_raw(data, "choices", "[]");
      internal::put_openai_usage(data, tokens_);
      append_frame(out, "", data + "}");
    }
    append_frame(out, "", "[DONE]");
    ended_ = true;
    return {};
  }

  StreamWishes wishes_;
  std::int64_t created_s_;
  std::string id_;
  std::string model_;
  std::vector<Block> blocks_;
  internal::Tokens tokens_;
  std::int64_t calls_ = 0;
  bool finished_ = false;
};

/// Chunks of a chat completion as a message's events. Its blocks come one after another.
class EventsOfChunks final : public StreamTranslator {
 private:
  enum class Open : std::uint8_t { none, text, call };

  Status take(std::string_view /*name*/, std::string_view data, std::string& out) override {
    if (data == "[DONE]") return end(out);
    CORDON_CHECK(index_.parse(data));
    const JsonValue root = index_.root();
    if (!root.is_object()) return untold("an event");
    if (!internal::is_nothing(root.find("error"))) {
      append_frame(out, "error", translate_error(Surface::messages, 500, root));
      return {};
    }
    start(root, out);
    if (const JsonValue usage = root.find("usage"); !internal::is_nothing(usage)) {
      tokens_.take_openai(usage);
      usage_ = tokens_.usage();
    }
    for (JsonValue one = root.find("choices").first(); one; one = one.next()) {
      if (one.find("index").integer().value_or(0) != 0) return untold("a second choice");
      CORDON_CHECK(choice(one, out));
    }
    return {};
  }

  static void put_event(std::string& out, std::string_view type, std::string_view members) {
    append_frame(out, type, fmt::format(R"({{"type":"{}"{}}})", type, members));
  }

  void start(const JsonValue& root, std::string& out) {
    if (started_) return;
    started_ = true;
    std::string message = "{";
    put_text(message, "id", root.find("id").text());
    put_text(message, "type", "message");
    put_text(message, "role", "assistant");
    put_text(message, "model", root.find("model").text());
    message += R"(,"content":[],"stop_reason":null,"stop_sequence":null)";
    message += R"(,"usage":{"input_tokens":0,"output_tokens":0}})";
    put_event(out, "message_start", fmt::format(R"(,"message":{})", message));
  }

  Status choice(const JsonValue& one, std::string& out) {
    const JsonValue delta = one.find("delta");
    for (const std::string_view other : {"audio", "function_call"}) {
      if (!internal::is_nothing(delta.find(other))) return untold(other);
    }
    for (const std::string_view field : {"content", "refusal"}) {
      const JsonValue text = delta.find(field);
      if (!text.is_string() && !internal::is_nothing(text)) return untold(field);
      refused_ = refused_ || (field == "refusal" && !text.text().empty());
      if (text.text().empty()) continue;
      CORDON_CHECK(add_text(text.text(), out));
    }
    for (JsonValue call = delta.find("tool_calls").first(); call; call = call.next()) {
      CORDON_CHECK(add_call(call, out));
    }
    const JsonValue finish = one.find("finish_reason");
    if (internal::is_nothing(finish)) return {};
    const auto stop = internal::stop_of(finish.text());
    if (!stop) return untold("a finish reason");
    stop_ = *stop;
    return {};
  }

  Status open_block(Open kind, std::string_view block, std::string& out) {
    close_block(out);
    if (next_block_ >= kBlocksMax) return untold("the many blocks of an answer");
    open_ = kind;
    put_event(out, "content_block_start",
              fmt::format(R"(,"index":{},"content_block":{})", next_block_++, block));
    return {};
  }

  void close_block(std::string& out) {
    if (open_ == Open::none) return;
    open_ = Open::none;
    put_event(out, "content_block_stop", fmt::format(R"(,"index":{})", next_block_ - 1));
  }

  void put_delta(std::string_view type, std::string_view field, std::string_view text,
                 std::string& out) const {
    std::string delta = "{";
    put_text(delta, "type", type);
    put_text(delta, field, text);
    put_event(out, "content_block_delta",
              fmt::format(R"(,"index":{},"delta":{}}})", next_block_ - 1, delta));
  }

  Status add_text(std::string_view text, std::string& out) {
    if (open_ != Open::text) {
      CORDON_CHECK(open_block(Open::text, R"({"type":"text","text":""})", out));
    }
    put_delta("text_delta", "text", text, out);
    return {};
  }

  Status add_call(const JsonValue& call, std::string& out) {
    const std::int64_t index = call.find("index").integer().value_or(0);
    const JsonValue function = call.find("function");
    if (open_ != Open::call || index != call_) {
      if (index != calls_ || function.find("name").text().empty()) {
        return untold("the call of a tool out of order");
      }
      std::string block = "{";
      put_text(block, "type", "tool_use");
      put_text(block, "id", call.find("id").text());
      put_text(block, "name", function.find("name").text());
      block += R"(,"input":{}})";
      CORDON_CHECK(open_block(Open::call, block, out));
      call_ = calls_++;
    }
    const JsonValue arguments = function.find("arguments");
    if (!arguments.is_string() && !internal::is_nothing(arguments)) return untold("arguments");
    if (arguments.text().empty()) return {};
    put_delta("input_json_delta", "partial_json", arguments.text(), out);
    return {};
  }

  Status end(std::string& out) {
    if (!started_ || stop_.empty()) return untold("an end without a finish reason");
    close_block(out);
    // Some providers end so although tools are called.
    if (stop_ == "end_turn" && calls_ > 0) stop_ = "tool_use";
    if (stop_ == "end_turn" && refused_) stop_ = "refusal";
    std::string members =
        fmt::format(R"(,"delta":{{"stop_reason":"{}","stop_sequence":null}})", stop_);
    internal::put_anthropic_usage(members, tokens_);
    put_event(out, "message_delta", members);
    put_event(out, "message_stop", "");
    ended_ = true;
    return {};
  }

  internal::Tokens tokens_;
  std::string_view stop_;  ///< static
  std::int64_t next_block_ = 0;
  std::int64_t calls_ = 0;  ///< that have begun
  std::int64_t call_ = 0;   ///< the last of them
  Open open_ = Open::none;
  bool started_ = false;
  bool refused_ = false;
};

}  // namespace

std::unique_ptr<StreamTranslator> StreamTranslator::make(Surface surface, StreamWishes wishes,
                                                         std::int64_t created_s) {
  if (surface == Surface::chat) return std::make_unique<ChunksOfMessage>(wishes, created_s);
  return std::make_unique<EventsOfChunks>();
}

Status StreamTranslator::feed(std::string_view bytes, std::string& out) {
  if (ended_) return {};
  framer_.feed(bytes);
  while (!ended_) {
    CORDON_TRY(const auto event, framer_.next());
    if (!event) break;
    if (!event->has_data) continue;
    CORDON_CHECK(take(event->name, event->data, out));
  }
  return {};
}

}  // namespace cordon::dialect
