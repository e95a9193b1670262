// LiteLLM's generic guardrail API: POST /beta/litellm_basic_guardrail_api.
#include "dialect/internal/callout_protocol.h"
#include "dialect/internal/fields.h"
#include "dialect/internal/leaves.h"
#include "dialect/internal/protocols.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace cordon::dialect::callout {
namespace {

using codec::JsonValue;
using internal::wrong_type;

/// `texts` holds every text that may be rewritten. Of a request, `structured_messages` says once
/// more who says which of them, and holds what is in none of them.
class LiteLlmRequest final : public CalloutRequest {
 private:
  Checked read_question(const JsonValue& root) override {
    const JsonValue type = root.find("input_type");
    if (!type.is_string()) return wrong_type(type, "a string", "input_type");
    if (type.text() != "request" && type.text() != "response") {
      return internal::refuse("'input_type' must be 'request' or 'response'.", "input_type",
                              internal::kValue);
    }
    set_side(type.text() == "request" ? Side::request : Side::response);
    set_asked({}, root.find("model").text());
    CORDON_CHECK(read_texts(root.find("texts")));
    CORDON_CHECK(check_list(root.find("tool_calls"), "tool_calls"));
    CORDON_CHECK(check_list(root.find("images"), "images"));
    CORDON_CHECK(check_list(root.find("structured_messages"), "structured_messages"));
    read_calls(root.find("tool_calls"), "tool_calls");
    if (root.find("images").size() > 0) note_unread("images");
    // With an answer come, if at all, the messages of its request, which had a question of their
    // own.
    if (side() == Side::request) read_structured(root.find("structured_messages"));
    return {};
  }

  Checked read_texts(const JsonValue& texts) {
    CORDON_CHECK(check_list(texts, "texts"));
    if (!texts.is_array()) return {};
    set_rewritable(texts);
    std::uint32_t at = 0;
    for (JsonValue text = texts.first(); text; text = text.next(), ++at) {
      if (!text.is_string()) return wrong_type(text, "a string", fmt::format("texts[{}]", at));
      if (side() == Side::request) {
        add_prompt(text, model::Role::user);
      } else {
        add_answer(text, at);
      }
    }
    return {};
  }

  static Checked check_list(const JsonValue& value, const std::string& param) {
    if (!value || value.is_null() || value.is_array()) return {};
    return wrong_type(value, "an array", param);
  }

  /// The texts of messages come in their order, so a message's own are found one after another: as
  /// many as are parts of one content become one text, with their role. What is not among them is
  /// read where it stands.
  void read_structured(const JsonValue& messages) {
    const std::size_t listed = texts_.size();
    read_messages(messages, "structured_messages");
    std::unordered_set<std::string_view> known;
    for (std::size_t i = 0; i < listed; ++i) known.insert(texts_[i].text());
    std::size_t cursor = 0;
    std::size_t kept = listed;
    for (std::size_t at = listed; at < texts_.size();) {
      std::size_t end = at + 1;
      while (end < texts_.size() && texts_[end].group == texts_[at].group) ++end;
      const std::size_t parts = end - at;
      bool same = cursor + parts <= listed;
      for (std::size_t i = 0; same && i < parts; ++i) {
        same = texts_[cursor + i].text() == texts_[at + i].text();
      }
      if (same) {
        for (std::size_t i = 0; i < parts; ++i) {
          texts_[cursor + i].role = texts_[at].role;
          texts_[cursor + i].group = texts_[cursor].group;
        }
        cursor += parts;
      }
      const bool read = same || (parts == 1 && known.contains(texts_[at].text()));
      for (; at < end; ++at) {
        if (!read) texts_[kept++] = texts_[at];
      }
    }
    texts_.resize(kept);
  }

  void append_unchanged(std::string& out) const override { out += R"({"action":"NONE"})"; }
  void append_changed(std::string& out, std::string_view value) const override {
    out += R"({"action":"GUARDRAIL_INTERVENED","texts":)";
    out += value;
    out += '}';
  }
};

class LiteLlm final : public internal::CalloutProtocol {
 public:
  LiteLlm() : CalloutProtocol(Surface::litellm, "litellm", "/beta/litellm_basic_guardrail_api") {}
  std::unique_ptr<Request> make_request() const override {
    return std::make_unique<LiteLlmRequest>();
  }

 private:
  void append_block(std::string& out, std::string_view reason, int /*status*/) const override {
    out += R"({"action":"BLOCKED","blocked_reason":)";
    codec::append_json_string(out, reason);
    out += '}';
  }
};

}  // namespace

const Protocol& litellm() noexcept {
  static const LiteLlm kProtocol;
  return kProtocol;
}

}  // namespace cordon::dialect::callout
