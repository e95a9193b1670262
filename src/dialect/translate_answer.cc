// Whole answers and errors, and the fields that requests may hold.
#include "dialect/internal/translating.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::dialect {
namespace {

using codec::JsonValue;
using internal::put_item;
using internal::put_key;
using internal::put_raw;
using internal::put_text;
using internal::untold;

constexpr std::array<FieldEqual, 23> kChatFields = {{
    {"frequency_penalty", ""},
    {"logit_bias", ""},
    {"logprobs", ""},
    {"max_completion_tokens", "max_tokens"},
    {"max_tokens", "max_tokens"},
    {"messages", "messages, system"},
    {"metadata", ""},
    {"modalities", ""},
    {"model", "model"},
    {"n", ""},
    {"parallel_tool_calls", "tool_choice.disable_parallel_tool_use"},
    {"presence_penalty", ""},
    {"response_format", "output_config.format"},
    {"service_tier", ""},
    {"stop", "stop_sequences"},
    {"store", ""},
    {"stream", "stream"},
    {"stream_options", "usage of the last events"},
    {"temperature", "temperature"},
    {"tool_choice", "tool_choice"},
    {"tools", "tools"},
    {"top_p", "top_p"},
    {"user", "metadata.user_id"},
}};
constexpr std::array<FieldEqual, 14> kMessagesFields = {{
    {"max_tokens", "max_completion_tokens"},
    {"messages", "messages"},
    {"metadata", "user"},
    {"model", "model"},
    {"output_config", "response_format"},
    {"service_tier", ""},
    {"stop_sequences", "stop"},
    {"stream", "stream, stream_options.include_usage"},
    {"system", "messages[0]"},
    {"temperature", "temperature"},
    {"thinking", ""},
    {"tool_choice", "tool_choice, parallel_tool_calls"},
    {"tools", "tools"},
    {"top_p", "top_p"},
}};

/// A message as a chat completion.
Result<std::string> completion_of(const JsonValue& root, std::int64_t created_s) {
  std::string text;
  std::string thoughts;
  std::string calls = "[";
  if (!root.find("content").is_array()) return untold("a message without content");
  for (JsonValue block = root.find("content").first(); block; block = block.next()) {
    const std::string_view type = block.find("type").text();
    if (type == "text" && block.find("text").is_string()) {
      text += block.find("text").text();
    } else if (type == "thinking") {
      thoughts += block.find("thinking").text();
    } else if (type == "tool_use" && block.find("input").is_object()) {
      put_item(calls);
      calls += '{';
      put_text(calls, "id", block.find("id").text());
      put_text(calls, "type", "function");
      put_raw(calls, "function", "{");
      put_text(calls, "name", block.find("name").text());
      put_text(calls, "arguments", block.find("input").raw());
      calls += "}}";
    } else if (type != "redacted_thinking") {
      return untold("a content block");
    }
  }
  const auto finish = internal::finish_of(root.find("stop_reason").text());
  if (!finish) return untold("a stop reason");
  std::string out = "{";
  put_text(out, "id", root.find("id").text());
  put_text(out, "object", "chat.completion");
  put_raw(out, "created", std::to_string(created_s));
  put_text(out, "model", root.find("model").text());
  put_raw(out, "choices", R"([{"index":0,"message":{"role":"assistant")");
  if (text.empty() && calls != "[") {
    put_raw(out, "content", "null");
  } else {
    put_text(out, "content", text);
  }
  put_raw(out, "refusal", "null");
  if (!thoughts.empty()) put_text(out, "reasoning_content", thoughts);
  if (calls != "[") put_raw(out, "tool_calls", calls + "]");
  out += R"(},"logprobs":null)";
  put_text(out, "finish_reason", *finish);
  out += "}]";
  internal::Tokens tokens;
  tokens.take_anthropic(root.find("usage"));
  internal::put_openai_usage(out, tokens);
  out += '}';
  return out;
}

void put_text_block(std::string& out, std::string_view text) {
  if (text.empty()) return;
  put_item(out);
  out += R"({"type":"text")";
  put_text(out, "text", text);
  out += '}';
}

Status put_calls(std::string& out, const JsonValue& calls) {
  for (JsonValue call = calls.first(); call; call = call.next()) {
    const JsonValue function = call.find("function");
    const auto input = internal::input_of(function.find("arguments").text());
    if (!function.is_object() || !input) return untold("the call of a tool");
    put_item(out);
    out += R"({"type":"tool_use")";
    put_text(out, "id", call.find("id").text());
    put_text(out, "name", function.find("name").text());
    put_raw(out, "input", *input);
    out += '}';
  }
  return {};
}

/// A chat completion as a message. Its reasoning bears no signature, so there is no block for it.
Result<std::string> message_of(const JsonValue& root) {
  const JsonValue choices = root.find("choices");
  if (choices.size() != 1) return untold("more or less than one choice");
  const JsonValue choice = choices.first();
  const JsonValue message = choice.find("message");
  const JsonValue text = message.find("content");
  const bool plain = text.is_string() || internal::is_nothing(text);
  if (!message.is_object() || !plain) return untold("a message");
  for (const std::string_view other : {"audio", "function_call"}) {
    if (!internal::is_nothing(message.find(other))) return untold(other);
  }
  const std::string_view refusal = message.find("refusal").text();
  auto stop = internal::stop_of(choice.find("finish_reason").text());
  if (!stop) return untold("a finish reason");
  // Some providers end so although tools are called.
  if (*stop == "end_turn" && message.find("tool_calls").size() > 0) stop = "tool_use";
  if (*stop == "end_turn" && !refusal.empty()) stop = "refusal";
  std::string out = "{";
  put_text(out, "id", root.find("id").text());
  put_text(out, "type", "message");
  put_text(out, "role", "assistant");
  put_text(out, "model", root.find("model").text());
  put_raw(out, "content", "[");
  put_text_block(out, text.text());
  put_text_block(out, refusal);
  CORDON_CHECK(put_calls(out, message.find("tool_calls")));
  out += ']';
  put_text(out, "stop_reason", *stop);
  put_raw(out, "stop_sequence", "null");
  internal::Tokens tokens;
  tokens.take_openai(root.find("usage"));
  internal::put_anthropic_usage(out, tokens);
  out += '}';
  return out;
}

std::string_view openai_type(std::string_view type) {
  if (type == "overloaded_error" || type == "api_error" || type == "timeout_error") {
    return "server_error";
  }
  if (type == "rate_limit_error" || type == "authentication_error") return type;
  return type == "permission_error" ? "permission_error" : "invalid_request_error";
}

std::string_view anthropic_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 408:
    case 504:
      return "timeout_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

}  // namespace

std::span<const FieldEqual> field_equals(Surface surface) noexcept {
  if (surface == Surface::chat) return kChatFields;
  return kMessagesFields;
}

Result<std::string> translate_answer(Surface surface, std::string_view body,
                                     std::int64_t created_s) {
  codec::JsonIndex index;
  codec::JsonIndexLimits limits;
  limits.bytes_max = std::max(limits.bytes_max, body.size());
  CORDON_CHECK(index.parse(body, limits));
  if (surface == Surface::chat) return completion_of(index.root(), created_s);
  return message_of(index.root());
}

std::string translate_error(Surface surface, int status, const JsonValue& root) {
  const JsonValue error = root.find("error");
  std::string out = "{";
  if (surface == Surface::chat) {
    put_raw(out, "error", "{");
    put_text(out, "message", error.find("message").text());
    const std::string_view type = error.find("type").text();
    put_text(out, "type", openai_type(type));
    put_raw(out, "param", "null");
    put_text(out, "code", type.empty() ? "upstream_error" : type);
    out += "}}";
    return out;
  }
  put_text(out, "type", "error");
  put_raw(out, "error", "{");
  put_text(out, "type", anthropic_type(status));
  put_text(out, "message", error.find("message").text());
  out += '}';
  put_raw(out, "request_id", "null");
  out += '}';
  return out;
}

}  // namespace cordon::dialect
