// Answers as OpenAI-shaped providers send them: a whole completion, or the chunks of a stream.
#pragma once

#include "dialect/answer.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::dialect::openai {

/// Where the text of a choice stands: in a message, or, of completions, in `text`.
enum class ChoiceForm : std::uint8_t { message, text };

/// A whole completion: `choices` and their messages.
class ChatAnswer final : public Answer {
 public:
  explicit ChatAnswer(ChoiceForm form = ChoiceForm::message) : form_(form) {}

 private:
  Status read(const codec::JsonValue& root) override;
  ChoiceForm form_;
};

/// Embeddings: numbers, which nobody reads as text.
class EmbeddingsAnswer final : public Answer {
 private:
  Status read(const codec::JsonValue& root) override;
  [[nodiscard]] bool has_no_text() const noexcept override { return true; }
};

/// A chat.completion.chunk, `[DONE]`, or an error. A choice ends with its finish_reason.
class StreamChunk final : public StreamEvent {
 public:
  explicit StreamChunk(ChoiceForm form = ChoiceForm::message) : form_(form) {}

 private:
  Status read(std::string_view name, std::string_view data,
              const codec::JsonIndexLimits& limits) override;
  Status read_choice(const codec::JsonValue& choice, std::uint32_t position);
  ChoiceForm form_;
};

/// Its frames carry id, model and the like of the first chunk seen.
class ChunkWriter final : public StreamWriter {
 public:
  /// `include_usage`: the caller asked for the chunk that tells the usage.
  enum class UsageChunk : std::uint8_t { unasked, asked };
  explicit ChunkWriter(UsageChunk usage_chunk, ChoiceForm form = ChoiceForm::message)
      : usage_chunk_(usage_chunk), form_(form) {}

  void learn(const StreamEvent& event) override;
  void note_ended(const Ending& ending) override;
  void append_text(std::string& out, const Slot& slot, std::string_view text) override;
  void append_block_end(std::string& out) override;
  void append_terminal(std::string& out) override { out += "data: [DONE]\n\n"; }

 private:
  void open(std::string& out) const;
  void close(std::string& out) const;
  /// `delta:{}` with this finish reason.
  void append_finish(std::string& out, std::size_t choice, std::string_view reason) const;
  /// The chunk that `stream_options.include_usage` asks for. Unknown usage is `null`.
  void append_usage(std::string& out) const;

  std::string head_;  ///< `"id":...,"object":...,` with a comma at its end
  std::vector<bool> finished_;
  Usage usage_;
  UsageChunk usage_chunk_;
  ChoiceForm form_;
};

}  // namespace cordon::dialect::openai
