// Kong's ai-custom-guardrail, in the form that our configuration of it asks for.
#include "dialect/internal/callout_protocol.h"
#include "dialect/internal/fields.h"
#include "dialect/internal/protocols.h"

namespace cordon::dialect::callout {
namespace {

using codec::JsonValue;
using internal::wrong_type;

/// One text, which Kong joined from what it read; so nothing of it can be rewritten.
class KongRequest final : public CalloutRequest {
 private:
  Checked read_question(const JsonValue& root) override {
    const JsonValue phase = root.find("phase");
    if (!phase.is_string()) return wrong_type(phase, "a string", "phase");
    if (phase.text() != "INPUT" && phase.text() != "OUTPUT") {
      return internal::refuse("'phase' must be 'INPUT' or 'OUTPUT'.", "phase", internal::kValue);
    }
    const JsonValue text = root.find("text");
    if (!text.is_string()) return wrong_type(text, "a string", "text");
    set_asked({}, root.find("model").text());
    if (phase.text() == "INPUT") {
      add_prompt(text, model::Role::user);
    } else {
      set_side(Side::response);
      add_answer(text, 0);
    }
    return {};
  }

  void append_unchanged(std::string& out) const override {
    out += R"({"block":false,"reason":""})";
  }
  void append_changed(std::string& out, std::string_view /*value*/) const override {
    append_unchanged(out);
  }
};

class Kong final : public internal::CalloutProtocol {
 public:
  Kong() : CalloutProtocol(Surface::kong, "kong", "/kong") {}
  std::unique_ptr<Request> make_request() const override { return std::make_unique<KongRequest>(); }

 private:
  void append_block(std::string& out, std::string_view reason, int /*status*/) const override {
    out += R"({"block":true,"reason":)";
    codec::append_json_string(out, reason);
    out += '}';
  }
};

}  // namespace

const Protocol& kong() noexcept {
  static const Kong kProtocol;
  return kProtocol;
}

}  // namespace cordon::dialect::callout
