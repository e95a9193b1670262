#include "dialect/anthropic_request.h"

#include "dialect/internal/fields.h"
#include "dialect/internal/leaves.h"

#include <fmt/format.h>

namespace cordon::dialect::anthropic {
namespace {

using codec::JsonValue;
using internal::kValue;
using internal::refuse;
using internal::wrong_type;
using model::Role;
using Checked = Request::Checked;

Role role_of(std::string_view name) noexcept {
  if (name == "assistant") return Role::assistant;
  return name == "system" ? Role::system : Role::user;
}

}  // namespace

Checked MessagesRequest::read(const JsonValue& root) {
  cited_.clear();
  for (JsonValue member = root.first(); member; member = member.next()) {
    if (member.key() == "system" && !member.is_null()) {
      CORDON_CHECK(read_content(member, Role::system, "system"));
    }
    if (member.key() == "messages") {
      CORDON_CHECK(internal::for_each_message(
          member,
          [&](const JsonValue& message, std::size_t at) { return read_message(message, at); }));
    }
  }
  if (!root.find("messages")) return wrong_type({}, "an array", "messages");
  return {};
}

Checked MessagesRequest::read_message(const JsonValue& message, std::size_t at) {
  CORDON_TRY(const std::string_view role, internal::read_role(message, at));
  const JsonValue content = message.find("content");
  if (content.is_string()) {
    add_alone(content, role_of(role), Written::string);
    return {};
  }
  return read_content(content, role_of(role), internal::message_param(at, "content"));
}

Checked MessagesRequest::read_content(const JsonValue& content, Role role,
                                      const std::string& param) {
  if (content.is_string()) {
    add_alone(content, role, Written::string);
    return {};
  }
  if (!content.is_array()) return wrong_type(content, "a string or an array of blocks", param);
  group_open_ = false;
  std::size_t at = 0;
  for (JsonValue block = content.first(); block; block = block.next()) {
    CORDON_CHECK(read_block(block, role, fmt::format("{}[{}]", param, at++)));
  }
  add_cited();
  return {};
}

Checked MessagesRequest::read_block(const JsonValue& block, Role role, const std::string& param) {
  if (!block.is_object()) return wrong_type(block, "an object", param);
  const JsonValue type_value = block.find("type");
  if (!type_value.is_string()) return wrong_type(type_value, "a string", param + ".type");
  const std::string_view type = type_value.text();
  if (type == "text") return read_text_block(block, role, param);
  if (type == "image") {
    ++parts_without_text_;
    return {};
  }
  if (type == "redacted_thinking") return {};
  if (type == "thinking") {
    const JsonValue thinking = block.find("thinking");
    if (!thinking.is_string()) return wrong_type(thinking, "a string", param + ".thinking");
    add_alone(thinking, role, Written::string);
    texts_.back().sealed = true;
    return {};
  }
  if (internal::calls_a_tool(type)) {
    const JsonValue input = block.find("input");
    if (!input) return wrong_type(input, "an object", param + ".input");
    add_alone(input, role, Written::raw);
    return {};
  }
  if (type == "tool_result") {
    const JsonValue content = block.find("content");
    if (content && !content.is_null()) {
      CORDON_CHECK(read_content(content, Role::tool, param + ".content"));
    }
    group_open_ = false;
    return {};
  }
  // Documents, search results, what servers' tools gave, and what is not known yet.
  if (type == "document") ++parts_without_text_;
  add_leaves(block, type.ends_with("_result") ? Role::tool : role);
  return {};
}

Checked MessagesRequest::read_text_block(const JsonValue& block, Role role,
                                         const std::string& param) {
  if (!block.find("text")) return wrong_type({}, "a string", param + ".text");
  for (JsonValue field = block.first(); field; field = field.next()) {
    if (field.key() == "text") {
      if (!field.is_string()) return wrong_type(field, "a string", param + ".text");
      if (!group_open_) open_group(role);
      group_open_ = true;
      add_text(field);
    } else if (field.key() == "citations") {
      cited_.emplace_back(field, role);
    }
  }
  return {};
}

/// What text blocks cite stands between them, and must not part the text that they are.
void MessagesRequest::add_cited() {
  for (const auto& [citations, role] : cited_) add_leaves(citations, role);
  cited_.clear();
}

void MessagesRequest::add_leaves(const JsonValue& value, Role role) {
  internal::for_each_leaf(value,
                          [&](const JsonValue& leaf) { add_alone(leaf, role, Written::string); });
}

void MessagesRequest::add_alone(const JsonValue& value, Role role, Written written) {
  open_group(role);
  add_text(value);
  texts_.back().written = written;
  group_open_ = false;
}

}  // namespace cordon::dialect::anthropic
