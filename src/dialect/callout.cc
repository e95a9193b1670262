#include "dialect/callout.h"

#include "dialect/answer.h"
#include "dialect/internal/callout_protocol.h"
#include "dialect/internal/leaves.h"

#include <algorithm>
#include <array>

namespace cordon::dialect {
namespace {

using codec::JsonValue;

/// Members of a request that hold what a model will read.
constexpr std::array<std::string_view, 10> kPrompts = {
    "messages", "input",  "prompt",     "contents",  "system",
    "query",    "suffix", "prediction", "documents", "instructions"};
/// Members of an answer that hold what a model has written.
constexpr std::array<std::string_view, 5> kReplies = {"choices", "content", "output", "candidates",
                                                      "output_text"};
/// Types of parts that hold no text.
constexpr std::array<std::string_view, 12> kWithoutText = {
    "image", "image_url",   "image_file", "input_image", "image_generation_call",
    "audio", "input_audio", "video",      "video_url",   "input_video",
    "file",  "input_file"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) noexcept {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// An image, a sound or a file, whatever the provider calls it.
bool holds_no_text(const JsonValue& part) {
  if (!part.is_object()) return false;
  if (is_one_of(kWithoutText, part.find("type").text())) return true;
  const std::string_view source = part.find("source").find("type").text();
  return source == "base64" || source == "url" || source == "file" || part.find("inline_data") ||
         part.find("inlineData");
}

model::Role role_of(std::string_view name) noexcept {
  if (name == "system" || name == "developer") return model::Role::system;
  if (name == "assistant" || name == "model") return model::Role::assistant;
  return name == "tool" || name == "function" ? model::Role::tool : model::Role::user;
}

bool is_reasoning(std::string_view key) noexcept {
  return key == "reasoning" || key == "reasoning_content" || key == "thinking" || key == "summary";
}
bool is_call(std::string_view key) noexcept {
  return key == "tool_calls" || key == "function_call" || key == "functionCall" || key == "input" ||
         key == "arguments";
}

}  // namespace

std::string_view callout_route(std::string_view path, const Protocol& protocol) noexcept {
  const std::string_view own = protocol.gateway_path();
  if (protocol.answered_by() != AnsweredBy::decision || !path.starts_with(kCalloutPrefix)) {
    return {};
  }
  path.remove_prefix(kCalloutPrefix.size());
  if (!path.ends_with(own)) return {};
  path.remove_suffix(own.size());
  return path;
}

/// Where a text of an answer belongs.
struct CalloutRequest::Place {
  std::string_view param;
  std::string_view key;  ///< the nearest member that has one
  std::uint32_t choice = 0;
  TextKind kind = TextKind::answer;
};

Request::Checked CalloutRequest::read(const JsonValue& root) {
  side_ = Side::request;
  rewritable_ = {};
  provider_ = {};
  asked_model_ = {};
  answers_.clear();
  echoes_.clear();
  next_slot_ = 0;
  return read_question(root);
}

bool CalloutRequest::is_sealed(const JsonValue& value) const noexcept {
  return !rewritable_ || value.begin_byte() < rewritable_.begin_byte() ||
         value.end_byte() > rewritable_.end_byte();
}

void CalloutRequest::append_pass(std::string& out, std::vector<codec::Splice> splices) const {
  if (splices.empty()) return append_unchanged(out);
  for (const JsonValue& echo : echoes_) {
    if (!is_sealed(echo)) splices.push_back(emptied(echo));
  }
  codec::sort_splices(splices);
  const std::size_t begin = rewritable_.begin_byte();
  for (codec::Splice& splice : splices) {
    splice.begin -= begin;
    splice.end -= begin;
  }
  std::string value;
  codec::append_spliced(value, rewritable_.raw(), splices);
  append_changed(out, value);
}

void CalloutRequest::note_unread(std::string_view param) {
  ++parts_without_text_;
  if (unread_.empty()) unread_ = param;
}

void CalloutRequest::add_text_of_group(const JsonValue& value) {
  add_text(value);
  texts_.back().sealed = is_sealed(value);
}

void CalloutRequest::add_prompt(const JsonValue& text, model::Role role) {
  open_group(role);
  add_text_of_group(text);
}

void CalloutRequest::add_answer(const JsonValue& text, std::uint32_t choice) {
  SlotText& added = answers_.emplace_back(Slot{choice, Field::content, 0}, text);
  added.sealed = is_sealed(text);
}

/// Every string of a value into the group that is open.
void CalloutRequest::read_leaves(const JsonValue& value, std::string_view param) {
  if (value.is_string()) return add_text_of_group(value);
  if (holds_no_text(value)) return note_unread(param);
  for (JsonValue item = value.first(); item; item = item.next()) {
    if (value.is_object() && internal::is_item_label(item.key())) continue;
    read_leaves(item, param);
  }
}

void CalloutRequest::read_prompt(const JsonValue& body, std::string_view param) {
  bool known = false;
  for (JsonValue member = body.first(); member; member = member.next()) {
    if (!body.is_object() || !is_one_of(kPrompts, member.key())) continue;
    known = true;
    if (member.key() == "system" || member.key() == "instructions") {
      open_group(model::Role::system);
      read_leaves(member, param);
    } else {
      read_messages(member, param);
    }
  }
  if (known) return;
  open_group(model::Role::user);
  read_leaves(body, param);
}

void CalloutRequest::read_messages(const JsonValue& messages, std::string_view param) {
  if (messages.is_string()) return add_prompt(messages, model::Role::user);
  if (messages.is_object()) return read_message(messages, param);
  for (JsonValue item = messages.first(); item; item = item.next()) {
    if (item.is_object()) {
      read_message(item, param);
    } else if (item.is_string()) {
      add_prompt(item, model::Role::user);
    } else if (item.is_array() || item.kind() == JsonValue::Kind::number) {
      // Token numbers, or a list of them.
      note_unread(param);
    }
  }
}

void CalloutRequest::read_message(const JsonValue& message, std::string_view param) {
  const model::Role role = role_of(message.find("role").text());
  if (holds_no_text(message)) return note_unread(param);
  for (JsonValue field = message.first(); field; field = field.next()) {
    if (internal::is_item_label(field.key())) continue;
    if (field.key() == "tool_calls" && field.is_array()) {
      for (JsonValue call = field.first(); call; call = call.next()) {
        open_group(role);
        read_leaves(call, param);
      }
      continue;
    }
    open_group(role);
    read_leaves(field, param);
  }
}

void CalloutRequest::read_reply(const JsonValue& body, std::string_view param) {
  bool known = false;
  for (JsonValue member = body.first(); member; member = member.next()) {
    if (!body.is_object() || !is_one_of(kReplies, member.key())) continue;
    known = true;
    if (member.key() != "choices" || !member.is_array()) {
      read_shown(member, {param, member.key()});
      continue;
    }
    std::uint32_t choice = 0;
    for (JsonValue item = member.first(); item; item = item.next()) {
      read_shown(item, {param, {}, choice++});
    }
  }
  if (!known) read_shown(body, {param, {}});
}

void CalloutRequest::read_calls(const JsonValue& calls, std::string_view param) {
  for (JsonValue call = calls.first(); call; call = call.next()) {
    if (side_ == Side::response) {
      read_shown(call, {param, "tool_calls", 0, TextKind::tool_arguments});
    } else {
      open_group(model::Role::assistant);
      read_leaves(call, param);
    }
  }
}

void CalloutRequest::read_shown(const JsonValue& value, Place place) {
  if (value.is_string()) {
    const bool shown = place.key == "content" || place.key == "text";
    if (shown && place.kind == TextKind::answer) return add_answer(value, place.choice);
    const Field field = place.kind == TextKind::reasoning        ? Field::reasoning
                        : place.kind == TextKind::tool_arguments ? Field::tool_arguments
                                                                 : Field::item_part;
    SlotText& added = answers_.emplace_back(Slot{place.choice, field, next_slot_++}, value);
    // What a provider has signed must not be rewritten.
    added.sealed = is_sealed(value) || place.key == "thinking";
    return;
  }
  if (holds_no_text(value)) return note_unread(place.param);
  for (JsonValue item = value.first(); item; item = item.next()) {
    Place inner = place;
    if (value.is_object()) {
      if (internal::is_item_label(item.key())) continue;
      inner.key = item.key();
      if (inner.key == "logprobs" && !item.is_string()) {
        if (!item.is_null()) echoes_.push_back(item);
        continue;
      }
      if (is_reasoning(inner.key)) inner.kind = TextKind::reasoning;
      if (is_call(inner.key)) inner.kind = TextKind::tool_arguments;
    }
    read_shown(item, inner);
  }
}

namespace internal {
namespace {

/// A decision has status 200: the peer reads it in the body. What keeps Cordon from deciding has
/// the status of any other refusal, so that the peer's own setting for failures works.
constexpr std::array<Rejection, kProblemCount> decisions() {
  std::array<Rejection, kProblemCount> all = kRejections;
  for (const Problem problem : {Problem::policy_block, Problem::switched_off, Problem::locked_down,
                                Problem::uninspectable}) {
    all[static_cast<std::size_t>(problem)].status = 200;
  }
  all[static_cast<std::size_t>(Problem::unknown_model)].message =
      "There is no such route, or this key may not use it: the path is /callouts/ROUTE/... .";
  for (Rejection& one : all) {
    one.forbid_retry = false;
    one.retry_after_s = 0;
  }
  return all;
}
constexpr auto kDecisions = decisions();

}  // namespace

const Rejection& CalloutProtocol::rejection_of(Problem problem) const noexcept {
  return kDecisions[static_cast<std::size_t>(problem)];
}

void CalloutProtocol::append_error(std::string& out, Problem problem,
                                   const ErrorDetail& detail) const {
  const Rejection& fixed = rejection_of(problem);
  std::string reason(detail.message.empty() ? fixed.message : detail.message);
  std::string about;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    about += about.empty() ? "" : ", ";
    about += name;
    about += ' ';
    about += value;
  };
  add("rule", detail.rule_id);
  add("measure", detail.measure_id);
  add("decision", detail.decision_id);
  if (!about.empty()) reason += " (" + about + ")";
  append_block(out, reason, fixed.status == 200 ? 403 : fixed.status);
}

}  // namespace internal
}  // namespace cordon::dialect
