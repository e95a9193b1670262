// A chat-completions request as OpenAI's clients send it.
#pragma once

#include "dialect/request.h"

#include <string>
#include <string_view>

namespace cordon::dialect::openai {

using dialect::ForwardPlan;
using dialect::RequestFault;

inline constexpr std::int64_t kChoicesMax = 128;
/// What a moderation without `model` asks, as OpenAI has it.
inline constexpr std::string_view kModerationModel = "omni-moderation-latest";

/// Its texts: contents, text parts, tool results, arguments of earlier tool calls, a predicted
/// answer. The parts of one content are one group.
class ChatRequest final : public Request {
 public:
  [[nodiscard]] std::int64_t choices() const noexcept { return choices_; }

 private:
  Checked read(const codec::JsonValue& root) override;
  Checked read_options(const codec::JsonValue& root);
  Checked read_message(const codec::JsonValue& message, std::size_t at);
  Checked read_content(const codec::JsonValue& content, const std::string& param);
  Checked read_part(const codec::JsonValue& part, const std::string& param);
  Checked read_tool_calls(const codec::JsonValue& calls, const std::string& param);
  Checked read_text(const codec::JsonValue& value, const std::string& param);

  std::int64_t choices_ = 1;
};

/// A request whose texts stand in one field: `prompt` of completions (and `suffix`), `input` of
/// embeddings and moderations. Each string is a text of its own; the parts of a moderation are one.
/// Token numbers are texts that nobody can read.
class InputRequest final : public Request {
 public:
  /// What is asked for.
  enum class Of : std::uint8_t { completion, embedding, moderation };
  explicit InputRequest(Of of)
      : Request(of == Of::completion ? Streams::possible : Streams::no), of_(of) {}

 private:
  Checked read(const codec::JsonValue& root) override;
  Checked read_input(const codec::JsonValue& input, const std::string& param);
  Checked read_item(const codec::JsonValue& item, const std::string& param, std::size_t at);
  [[nodiscard]] std::string_view default_model() const noexcept override {
    return of_ == Of::moderation ? kModerationModel : std::string_view();
  }

  Of of_;
};

}  // namespace cordon::dialect::openai
