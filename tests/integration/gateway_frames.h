// What scripted providers send, in both shapes, and what a client reads out of it.
#pragma once

#include "sim/provider.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::tests {

/// How often `what` stands in `text`.
[[nodiscard]] std::size_t count_of(std::string_view text, std::string_view what);
/// SSE frames for a scripted answer.
[[nodiscard]] std::string delta_frame(std::string_view text, int choice = 0);
[[nodiscard]] std::string finish_frame(int choice = 0);
inline constexpr std::string_view kDoneFrame = "data: [DONE]\n\n";
[[nodiscard]] sim::Scripted streamed(std::vector<std::string> pieces,
                                     sim::Scripted::Then then = sim::Scripted::Then::complete);
/// A provider's events in Anthropic's shape: the start of a message, of a block, a delta of any
/// kind, the stop of a block, and the end of the message.
[[nodiscard]] std::string event_frame(std::string_view type, std::string_view members);
[[nodiscard]] std::string message_start();
[[nodiscard]] std::string block_start(int index,
                                      std::string_view block = R"({"type":"text","text":""})");
[[nodiscard]] std::string text_delta(int index, std::string_view text);
[[nodiscard]] std::string input_delta(int index, std::string_view partial_json);
[[nodiscard]] std::string thinking_delta(int index, std::string_view thinking);
[[nodiscard]] std::string block_stop(int index);
[[nodiscard]] std::string message_end();
/// A whole message with these content blocks.
[[nodiscard]] sim::Scripted whole_message(std::string_view blocks);
/// One text block.
[[nodiscard]] std::string text_block(std::string_view text);
/// What a client of the protocol has read: the text, thinking or input of each block by its index,
/// the stop reason, and what broke the protocol's order of events (empty if nothing did).
struct ReadMessage {
  std::vector<std::string> blocks;
  std::string stop_reason;
  std::string fault;
  bool stopped = false;  ///< message_stop came
  bool failed = false;   ///< an error event came
};
[[nodiscard]] ReadMessage read_message(std::string_view stream);

/// A whole answer with this text.
[[nodiscard]] sim::Scripted whole_answer(std::string_view text);
/// All content deltas of a stream's bytes, joined, for one choice.
[[nodiscard]] std::string content_of(std::string_view stream, int choice = 0);

}  // namespace cordon::tests
