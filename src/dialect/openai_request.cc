#include "dialect/openai_request.h"

#include "dialect/internal/fields.h"

#include <fmt/format.h>

namespace cordon::dialect::openai {
namespace {

using codec::JsonValue;
using internal::kType;
using internal::kValue;
using internal::refuse;
using internal::wrong_type;
using Checked = Request::Checked;

model::Role role_of(std::string_view name) noexcept {
  if (name == "system" || name == "developer") return model::Role::system;
  if (name == "assistant") return model::Role::assistant;
  return name == "tool" || name == "function" ? model::Role::tool : model::Role::user;
}

constexpr std::string_view kExpected = "a string or an array of strings or of token numbers";

}  // namespace

Checked ChatRequest::read(const JsonValue& root) {
  CORDON_CHECK(read_options(root));
  // Texts come in the order of the body, so that splices do.
  for (JsonValue member = root.first(); member; member = member.next()) {
    if (member.key() == "messages") {
      CORDON_CHECK(internal::for_each_message(
          member,
          [&](const JsonValue& message, std::size_t at) { return read_message(message, at); }));
    }
    if (member.key() == "prediction" && member.is_object()) {
      open_group(model::Role::assistant);
      CORDON_CHECK(read_content(member.find("content"), "prediction.content"));
    }
  }
  if (!root.find("messages")) return wrong_type({}, "an array", "messages");
  return {};
}

Checked ChatRequest::read_options(const JsonValue& root) {
  CORDON_CHECK(internal::read_include_usage(root, include_usage_));
  choices_ = 1;
  if (const JsonValue n = root.find("n"); n && !n.is_null()) {
    const auto count = n.integer();
    if (!count) return wrong_type(n, "an integer", "n");
    if (*count < 1 || *count > kChoicesMax) {
      return refuse(fmt::format("'n' must be between 1 and {}.", kChoicesMax), "n", kValue);
    }
    choices_ = *count;
  }
  return {};
}

Checked ChatRequest::read_message(const JsonValue& message, std::size_t at) {
  const auto param = [&](std::string_view field) { return internal::message_param(at, field); };
  CORDON_TRY(const std::string_view name, internal::read_role(message, at));
  const model::Role role = role_of(name);
  for (JsonValue field = message.first(); field; field = field.next()) {
    const std::string_view key = field.key();
    open_group(role);
    if (key == "content" && field.is_string()) {
      add_text(field);
    } else if (key == "content" && !field.is_null()) {
      CORDON_CHECK(read_content(field, param(key)));
    } else if (key == "refusal" || key == "reasoning_content" || key == "reasoning") {
      CORDON_CHECK(read_text(field, param(key)));
    } else if (key == "tool_calls") {
      CORDON_CHECK(read_tool_calls(field, param(key)));
    } else if (key == "function_call" && field.is_object()) {
      CORDON_CHECK(read_text(field.find("arguments"), param("function_call.arguments")));
    }
  }
  return {};
}

/// A text or null; anything else would go to the model unread.
Checked ChatRequest::read_text(const JsonValue& value, const std::string& param) {
  if (!value || value.is_null()) return {};
  if (!value.is_string()) return wrong_type(value, "a string", param);
  add_text(value);
  return {};
}

Checked ChatRequest::read_content(const JsonValue& content, const std::string& param) {
  if (!content.is_array()) {
    if (content.is_string()) return read_text(content, param);
    return wrong_type(content, "a string or an array of parts", param);
  }
  std::size_t at = 0;
  for (JsonValue part = content.first(); part; part = part.next()) {
    CORDON_CHECK(read_part(part, fmt::format("{}[{}]", param, at++)));
  }
  return {};
}

Checked ChatRequest::read_part(const JsonValue& part, const std::string& param) {
  if (part.is_string()) return read_text(part, param);
  if (!part.is_object()) return wrong_type(part, "an object", param);
  const JsonValue type = part.find("type");
  if (!type.is_string()) return wrong_type(type, "a string", param + ".type");
  bool text = false;
  for (JsonValue field = part.first(); field; field = field.next()) {
    if (field.key() != "text" && field.key() != "refusal") continue;
    CORDON_CHECK(read_text(field, fmt::format("{}.{}", param, field.key())));
    text = true;
  }
  if (!text && type.text() == "text") return wrong_type({}, "a string", param + ".text");
  if (!text) ++parts_without_text_;
  return {};
}

Checked ChatRequest::read_tool_calls(const JsonValue& calls, const std::string& param) {
  if (!calls || calls.is_null()) return {};
  if (!calls.is_array()) return wrong_type(calls, "an array", param);
  std::size_t at = 0;
  for (JsonValue call = calls.first(); call; call = call.next(), ++at) {
    if (!call.is_object()) return wrong_type(call, "an object", fmt::format("{}[{}]", param, at));
    for (JsonValue field = call.first(); field; field = field.next()) {
      const std::string_view leaf = field.key() == "function" ? "arguments"
                                    : field.key() == "custom" ? "input"
                                                              : "";
      if (leaf.empty()) continue;
      open_group(model::Role::assistant);
      CORDON_CHECK(
          read_text(field.find(leaf), fmt::format("{}[{}].{}.{}", param, at, field.key(), leaf)));
    }
  }
  return {};
}

Checked InputRequest::read(const JsonValue& root) {
  if (of_ == Of::completion) {
    CORDON_CHECK(internal::read_include_usage(root, include_usage_));
  }
  const bool completes = of_ == Of::completion;
  const std::string_view name = completes ? "prompt" : "input";
  for (JsonValue member = root.first(); member; member = member.next()) {
    if (member.key() == name) {
      CORDON_CHECK(read_input(member, std::string(name)));
    } else if (completes && member.key() == "suffix" && !member.is_null()) {
      if (!member.is_string()) return wrong_type(member, "a string", "suffix");
      open_group(model::Role::user);
      add_text(member);
    }
  }
  // A completion without a prompt begins a new text.
  if (!root.find(name) && !completes) return wrong_type({}, kExpected, std::string(name));
  return {};
}

Checked InputRequest::read_input(const JsonValue& input, const std::string& param) {
  if (input.is_null() && of_ == Of::completion) return {};
  if (input.is_string()) {
    open_group(model::Role::user);
    add_text(input);
    return {};
  }
  if (!input.is_array()) return wrong_type(input, kExpected, param);
  if (input.size() == 0) {
    return refuse(fmt::format("'{}' must not be empty.", param), param, kValue);
  }
  open_group(model::Role::user);
  std::size_t at = 0;
  for (JsonValue item = input.first(); item; item = item.next(), ++at) {
    CORDON_CHECK(read_item(item, param, at));
  }
  return {};
}

/// A text, the tokens of one, or, to be moderated, a part of the one text that all parts make.
Checked InputRequest::read_item(const JsonValue& item, const std::string& param, std::size_t at) {
  const auto place = [&] { return fmt::format("{}[{}]", param, at); };
  if (item.is_string()) {
    if (at > 0) open_group(model::Role::user);
    add_text(item);
    return {};
  }
  if (of_ == Of::moderation) {
    if (!item.is_object()) return wrong_type(item, "a string or an object", place());
    const JsonValue text = item.find("text");
    if (item.find("type").text() != "text") {
      ++parts_without_text_;
      if (unread_.empty()) unread_ = place();
      if (!text) return {};
    }
    if (!text.is_string()) return wrong_type(text, "a string", place() + ".text");
    add_text(text);
    return {};
  }
  unread_ = param;
  if (item.kind() == JsonValue::Kind::number) return {};
  if (!item.is_array()) return wrong_type(item, kExpected, place());
  std::size_t inner = 0;
  for (JsonValue token = item.first(); token; token = token.next(), ++inner) {
    if (token.kind() != JsonValue::Kind::number) {
      return wrong_type(token, "a token number", fmt::format("{}[{}]", place(), inner));
    }
  }
  return {};
}

}  // namespace cordon::dialect::openai
