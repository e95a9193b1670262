#include "tests/integration/gateway_frames.h"

#include "codec/json_index.h"
#include "codec/sse.h"

#include <fmt/format.h>

#include <optional>

namespace cordon::tests {

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

std::string delta_frame(std::string_view text, int choice) {
  std::string content;
  codec::append_json_string(content, text);
  return fmt::format(
             R"(data: {{"id":"c1","object":"chat.completion.chunk","created":7,"model":"m",)"
             R"("choices":[{{"index":{},"delta":{{"content":{}}},"finish_reason":null}}]}})",
             choice, content) +
         "\n\n";
}

std::string finish_frame(int choice) {
  return fmt::format(
             R"(data: {{"id":"c1","object":"chat.completion.chunk","created":7,"model":"m",)"
             R"("choices":[{{"index":{},"delta":{{}},"finish_reason":"stop"}}]}})",
             choice) +
         "\n\n";
}

sim::Scripted streamed(std::vector<std::string> pieces, sim::Scripted::Then then) {
  sim::Scripted scripted;
  scripted.content_type = "text/event-stream";
  scripted.pieces = std::move(pieces);
  scripted.then = then;
  return scripted;
}

std::string event_frame(std::string_view type, std::string_view members) {
  return fmt::format("event: {}\ndata: {{\"type\":\"{}\"{}}}\n\n", type, type, members);
}

std::string message_start() {
  return event_frame("message_start",
                     R"(,"message":{"id":"msg_1","type":"message","role":"assistant",)"
                     R"("content":[],"model":"m","stop_reason":null,"stop_sequence":null,)"
                     R"("usage":{"input_tokens":3,"output_tokens":1}})");
}

std::string block_start(int index, std::string_view block) {
  return event_frame("content_block_start",
                     fmt::format(R"(,"index":{},"content_block":{})", index, block));
}

namespace {

std::string delta_event(int index, std::string_view type, std::string_view key,
                        std::string_view text) {
  std::string json;
  codec::append_json_string(json, text);
  return event_frame(
      "content_block_delta",
      fmt::format(R"(,"index":{},"delta":{{"type":"{}","{}":{}}})", index, type, key, json));
}

}  // namespace

std::string text_delta(int index, std::string_view text) {
  return delta_event(index, "text_delta", "text", text);
}
std::string input_delta(int index, std::string_view partial_json) {
  return delta_event(index, "input_json_delta", "partial_json", partial_json);
}
std::string thinking_delta(int index, std::string_view thinking) {
  return delta_event(index, "thinking_delta", "thinking", thinking);
}
std::string block_stop(int index) {
  return event_frame("content_block_stop", fmt::format(R"(,"index":{})", index));
}
std::string message_end() {
  return event_frame("message_delta", R"(,"delta":{"stop_reason":"end_turn","stop_sequence":null},)"
                                      R"("usage":{"output_tokens":5})") +
         event_frame("message_stop", "");
}

std::string text_block(std::string_view text) {
  std::string json;
  codec::append_json_string(json, text);
  return fmt::format(R"({{"type":"text","text":{}}})", json);
}

sim::Scripted whole_message(std::string_view blocks) {
  sim::Scripted scripted;
  scripted.pieces = {fmt::format(
      R"({{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{}],)"
      R"("stop_reason":"end_turn","stop_sequence":null,)"
      R"("usage":{{"input_tokens":3,"output_tokens":5}}}})",
      blocks)};
  return scripted;
}

ReadMessage read_message(std::string_view stream) {
  codec::SseFramer framer;
  framer.feed(stream);
  codec::JsonIndex index;
  ReadMessage read;
  std::optional<std::int64_t> open;
  bool started = false;
  const auto expect = [&](bool holds, std::string_view what) {
    if (!holds && read.fault.empty()) read.fault = what;
  };
  while (true) {
    const auto event = framer.next();
    if (!event || !*event) return read;
    if (!index.parse((*event)->data)) {
      expect((*event)->data.empty(), "not JSON");
      continue;
    }
    const codec::JsonValue root = index.root();
    const std::string_view type = root.find("type").text();
    const auto at = root.find("index").integer();
    expect((*event)->name == type, "an event's name is not its type");
    expect(!read.stopped && !read.failed, "an event after the end");
    if (type == "message_start") {
      expect(!started, "two starts");
      started = true;
    } else if (type == "content_block_start") {
      expect(started && !open, "a block in a block");
      expect(at == static_cast<std::int64_t>(read.blocks.size()), "an index out of order");
      open = at;
      read.blocks.emplace_back(root.find("content_block").find("text").text());
    } else if (type == "content_block_delta") {
      expect(open && at == open, "a delta outside its block");
      const codec::JsonValue delta = root.find("delta");
      for (const std::string_view key : {"text", "thinking", "partial_json"}) {
        if (!read.blocks.empty()) read.blocks.back() += delta.find(key).text();
      }
    } else if (type == "content_block_stop") {
      expect(open && at == open, "a stop outside its block");
      open.reset();
    } else if (type == "message_delta") {
      expect(!open, "the message ends in a block");
      read.stop_reason = root.find("delta").find("stop_reason").text();
    } else if (type == "message_stop") {
      expect(!read.stop_reason.empty(), "a stop without its reason");
      read.stopped = true;
    } else if (type == "error") {
      read.failed = true;
    }
  }
}

sim::Scripted whole_answer(std::string_view text) {
  std::string content;
  codec::append_json_string(content, text);
  sim::Scripted scripted;
  scripted.pieces = {fmt::format(
      R"({{"id":"c1","object":"chat.completion","created":7,"model":"m","choices":[{{"index":0,)"
      R"("message":{{"role":"assistant","content":{}}},"finish_reason":"stop"}}],)"
      R"("usage":{{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}}})",
      content)};
  return scripted;
}

std::string content_of(std::string_view stream, int choice) {
  codec::SseFramer framer;
  framer.feed(stream);
  codec::JsonIndex index;
  std::string all;
  while (true) {
    const auto event = framer.next();
    if (!event || !*event) return all;
    if (!index.parse((*event)->data)) continue;
    const codec::JsonValue choices = index.root().find("choices");
    for (auto one = choices.first(); one; one = one.next()) {
      if (one.find("index").integer() == choice) all += one.find("delta").find("content").text();
    }
  }
}

}  // namespace cordon::tests
