#include "dialect/internal/fields.h"
#include "dialect/internal/leaves.h"
#include "dialect/openai_responses.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::dialect::openai {
namespace {

using codec::JsonValue;
using internal::refuse;
using internal::wrong_type;
using model::Role;
using Checked = Request::Checked;

/// A field by which texts reach the model that are not in the request, or an answer its reader past
/// the gateway.
struct Reference {
  std::string_view name;
  std::string_view advice;
  bool flag = false;  ///< it does so when it is true
};
constexpr std::array<Reference, 5> kReferences = {{
    {"previous_response_id", "send the earlier items in 'input'"},
    {"conversation", "send the earlier items in 'input'"},
    {"prompt", "send the prompt's text in 'instructions' or 'input'"},
    {"store", "send it as false, or leave it out", true},
    {"background", "send it as false, or leave it out", true},
}};

Role role_of(std::string_view name) noexcept {
  if (name == "system" || name == "developer") return Role::system;
  if (name == "assistant") return Role::assistant;
  return name == "tool" ? Role::tool : Role::user;
}

/// A part that holds no text that anybody could read here.
bool is_media(std::string_view type) noexcept {
  return type == "input_image" || type == "input_file" || type == "input_audio" ||
         type == "input_video" || type == "computer_screenshot";
}

}  // namespace

Checked ResponsesRequest::read(const JsonValue& root) {
  annotations_.clear();
  read_references(root);
  for (JsonValue member = root.first(); member; member = member.next()) {
    if (member.key() == "instructions" && !member.is_null()) {
      if (!member.is_string()) return wrong_type(member, "a string", "instructions");
      add_alone(member, Role::system);
    }
    if (member.key() == "input" && !member.is_null()) {
      CORDON_CHECK(read_items(member, "input"));
    }
  }
  const JsonValue input = root.find("input");
  const bool elsewhere = !unread_.empty() && unread_ != "store" && unread_ != "background";
  if ((!input || input.is_null()) && !elsewhere) {
    return wrong_type({}, "a string or an array of items", "input");
  }
  return {};
}

void ResponsesRequest::read_references(const JsonValue& root) {
  for (const Reference& one : kReferences) {
    const JsonValue value = root.find(one.name);
    if (!value || value.is_null() || (one.flag && value.boolean() == false)) continue;
    unread_ = one.name;
    unread_advice_ = one.advice;
    return;
  }
}

Checked ResponsesRequest::read_items(const JsonValue& items, const std::string& param) {
  if (items.is_string()) {
    add_alone(items, Role::user);
    return {};
  }
  if (!items.is_array()) return wrong_type(items, "a string or an array of items", param);
  std::size_t at = 0;
  for (JsonValue item = items.first(); item; item = item.next()) {
    CORDON_CHECK(read_item(item, fmt::format("{}[{}]", param, at++)));
  }
  return {};
}

Checked ResponsesRequest::read_item(const JsonValue& item, const std::string& param) {
  if (!item.is_object()) return wrong_type(item, "an object", param);
  const JsonValue type_value = item.find("type");
  if (type_value && !type_value.is_null() && !type_value.is_string()) {
    return wrong_type(type_value, "a string", param + ".type");
  }
  // A message need not say that it is one.
  const std::string_view type = type_value.text();
  if (type == "message" || type.empty()) return read_message(item, param);
  if (type == "function_call") return read_call(item, "arguments", param);
  if (type == "custom_tool_call") return read_call(item, "input", param);
  if (type == "function_call_output" || type == "custom_tool_call_output") {
    const JsonValue output = item.find("output");
    if (!output) return wrong_type(output, "a string or an array of parts", param + ".output");
    return read_content(output, Role::tool, param + ".output");
  }
  if (type == "item_reference") {
    if (unread_.empty()) {
      unread_ = param;
      unread_advice_ = "send the item itself";
    }
    return {};
  }
  if (type == "image_generation_call" || type == "computer_call_output") ++parts_without_text_;
  const bool from_tool = type.ends_with("_output") || type == "mcp_call" ||
                         type == "mcp_list_tools" || type.ends_with("_search_call");
  internal::for_each_leaf(
      item,
      [&](const JsonValue& leaf) { add_alone(leaf, from_tool ? Role::tool : Role::assistant); },
      type == "image_generation_call" ? internal::is_image_label : internal::is_item_label);
  return {};
}

Checked ResponsesRequest::read_message(const JsonValue& item, const std::string& param) {
  const JsonValue role = item.find("role");
  if (!role.is_string()) return wrong_type(role, "a string", param + ".role");
  const JsonValue content = item.find("content");
  if (!content) {
    return wrong_type(content, "a string or an array of parts", param + ".content");
  }
  return read_content(content, role_of(role.text()), param + ".content");
}

Checked ResponsesRequest::read_call(const JsonValue& item, std::string_view key,
                                    const std::string& param) {
  const JsonValue text = item.find(key);
  if (!text.is_string()) return wrong_type(text, "a string", fmt::format("{}.{}", param, key));
  add_alone(text, Role::assistant);
  return {};
}

Checked ResponsesRequest::read_content(const JsonValue& content, Role role,
                                       const std::string& param) {
  if (content.is_string()) {
    add_alone(content, role);
    return {};
  }
  if (!content.is_array()) return wrong_type(content, "a string or an array of parts", param);
  group_open_ = false;
  std::size_t at = 0;
  for (JsonValue part = content.first(); part; part = part.next()) {
    CORDON_CHECK(read_part(part, role, fmt::format("{}[{}]", param, at++)));
  }
  // They stand between the texts, and must not part what is one text.
  for (const JsonValue& one : annotations_) add_leaves(one, role);
  annotations_.clear();
  return {};
}

Checked ResponsesRequest::read_part(const JsonValue& part, Role role, const std::string& param) {
  if (!part.is_object()) return wrong_type(part, "an object", param);
  const JsonValue type = part.find("type");
  if (!type.is_string()) return wrong_type(type, "a string", param + ".type");
  if (is_media(type.text())) {
    ++parts_without_text_;
    return {};
  }
  bool text = false;
  const std::size_t annotations = annotations_.size();
  for (JsonValue field = part.first(); field; field = field.next()) {
    const std::string_view key = field.key();
    if (key == "text" || key == "refusal") {
      if (!field.is_string())
        return wrong_type(field, "a string", fmt::format("{}.{}", param, key));
      if (!group_open_) open_group(role);
      group_open_ = true;
      add_text(field);
      text = true;
    } else if (key == "annotations") {
      annotations_.push_back(field);
    }
  }
  const std::string_view name = type.text();
  if (!text && (name == "input_text" || name == "output_text" || name == "refusal")) {
    return wrong_type({}, "a string", param + (name == "refusal" ? ".refusal" : ".text"));
  }
  if (!text) {
    annotations_.resize(annotations);
    add_leaves(part, role);
  }
  return {};
}

void ResponsesRequest::add_leaves(const JsonValue& value, Role role) {
  internal::for_each_leaf(
      value, [&](const JsonValue& leaf) { add_alone(leaf, role); }, internal::is_item_label);
}

void ResponsesRequest::add_alone(const JsonValue& value, Role role) {
  open_group(role);
  add_text(value);
  group_open_ = false;
}

}  // namespace cordon::dialect::openai
