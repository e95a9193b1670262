// Answers as Anthropic-shaped providers send them: a whole message, or the events of a stream.
#pragma once

#include "dialect/answer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::dialect::anthropic {

/// A whole message: the texts of its content blocks, and why it was refused.
class MessageAnswer final : public Answer {
 private:
  Status read(const codec::JsonValue& root) override;
};

/// How many tokens a message would be: a number, and no text.
class CountAnswer final : public Answer {
 private:
  Status read(const codec::JsonValue& root) override;
};

/// One named event. A block ends with content_block_stop, its text already with its signature.
/// Events of unknown types are `other`.
class MessageEvent final : public StreamEvent {
 private:
  Status read(std::string_view name, std::string_view data,
              const codec::JsonIndexLimits& limits) override;
  Status read_start(const codec::JsonValue& block, std::uint32_t index);
  Status read_delta(const codec::JsonValue& delta, std::uint32_t index);
};

/// Keeps track of the blocks that are open, so that what it ends it ends in order.
class EventWriter final : public StreamWriter {
 public:
  void learn(const StreamEvent& event) override { usage_.take(event.usage()); }
  void note_opened(std::uint32_t index) override { open_.push_back(index); }
  void note_ended(const Ending& ending) override;
  void append_text(std::string& out, const Slot& slot, std::string_view text) override;
  /// Stop reason `refusal`; `output_tokens` is null when the provider has not said.
  void append_block_end(std::string& out) override;
  void append_terminal(std::string& out) override;

 private:
  std::vector<std::uint32_t> open_;  ///< in the order in which they were opened
  Usage usage_;
};

}  // namespace cordon::dialect::anthropic
