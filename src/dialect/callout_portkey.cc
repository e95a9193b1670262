// Portkey's webhook guardrail, before a request and after it.
#include "dialect/internal/callout_protocol.h"
#include "dialect/internal/fields.h"
#include "dialect/internal/protocols.h"

namespace cordon::dialect::callout {
namespace {

using codec::JsonValue;
using internal::wrong_type;

/// `json` is the provider's own body and may be rewritten; `text` is the last text in it once more,
/// and is read only where there is no such body.
class PortkeyRequest final : public CalloutRequest {
 private:
  Checked read_question(const JsonValue& root) override {
    const JsonValue event = root.find("eventType");
    if (!event.is_string()) return wrong_type(event, "a string", "eventType");
    if (event.text() != "beforeRequestHook" && event.text() != "afterRequestHook") {
      return internal::refuse("'eventType' must be 'beforeRequestHook' or 'afterRequestHook'.",
                              "eventType", internal::kValue);
    }
    const bool before = event.text() == "beforeRequestHook";
    set_side(before ? Side::request : Side::response);
    set_asked(root.find("provider").text(), root.find("request").find("json").find("model").text());
    const std::string name = before ? "request" : "response";
    const JsonValue half = root.find(name);
    if (!half.is_object()) return wrong_type(half, "an object", name);
    const JsonValue json = half.find("json");
    const JsonValue text = half.find("text");
    if (json.is_object() || json.is_array()) {
      set_rewritable(json);
      if (before) {
        read_prompt(json, "request.json");
      } else {
        read_reply(json, "response.json");
      }
    } else if (text.is_string() && before) {
      add_prompt(text, model::Role::user);
    } else if (text.is_string()) {
      add_answer(text, 0);
    } else {
      note_unread(before ? "request.json" : "response.json");
    }
    return {};
  }

  void append_unchanged(std::string& out) const override { out += R"({"verdict":true})"; }
  void append_changed(std::string& out, std::string_view value) const override {
    out += R"({"verdict":true,"transformedData":{")";
    out += side() == Side::request ? "request" : "response";
    out += R"(":{"json":)";
    out += value;
    out += "}}}";
  }
};

class Portkey final : public internal::CalloutProtocol {
 public:
  Portkey() : CalloutProtocol(Surface::portkey, "portkey", "/portkey") {}
  std::unique_ptr<Request> make_request() const override {
    return std::make_unique<PortkeyRequest>();
  }

 private:
  void append_block(std::string& out, std::string_view reason, int /*status*/) const override {
    out += R"({"verdict":false,"data":{"reason":)";
    codec::append_json_string(out, reason);
    out += "}}";
  }
};

}  // namespace

const Protocol& portkey() noexcept {
  static const Portkey kProtocol;
  return kProtocol;
}

}  // namespace cordon::dialect::callout
