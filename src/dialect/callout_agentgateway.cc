// agentgateway's guardrail webhook: POST /request and POST /response. What it is told has no name:
// the fields that are there say whether it passes, masks or rejects.
#include "dialect/internal/callout_protocol.h"
#include "dialect/internal/fields.h"
#include "dialect/internal/protocols.h"

namespace cordon::dialect::callout {
namespace {

using codec::JsonValue;
using internal::wrong_type;

class AgentgatewayRequest final : public CalloutRequest {
 public:
  explicit AgentgatewayRequest(Side of) noexcept : of_(of) {}

 private:
  Checked read_question(const JsonValue& root) override {
    set_side(of_);
    const JsonValue body = root.find("body");
    if (!body.is_object()) return wrong_type(body, "an object", "body");
    const bool request = of_ == Side::request;
    const JsonValue list = body.find(request ? "messages" : "choices");
    if (!list.is_array()) {
      return wrong_type(list, "an array", request ? "body.messages" : "body.choices");
    }
    set_rewritable(body);
    if (request) {
      read_prompt(body, "body.messages");
    } else {
      read_reply(body, "body.choices");
    }
    return {};
  }

  void append_unchanged(std::string& out) const override { out += R"({"action":{}})"; }
  void append_changed(std::string& out, std::string_view value) const override {
    out += R"({"action":{"body":)";
    out += value;
    out += "}}";
  }

  Side of_;
};

class Agentgateway final : public internal::CalloutProtocol {
 public:
  Agentgateway(Surface surface, std::string_view path, CalloutRequest::Side side) noexcept
      : CalloutProtocol(surface, "agentgateway", path), side_(side) {}
  std::unique_ptr<Request> make_request() const override {
    return std::make_unique<AgentgatewayRequest>(side_);
  }

 private:
  void append_block(std::string& out, std::string_view reason, int status) const override {
    out += R"({"action":{"body":)";
    codec::append_json_string(out, reason);
    out += R"(,"status_code":)";
    out += std::to_string(status);
    out += R"(,"reason":)";
    codec::append_json_string(out, reason);
    out += "}}";
  }

  CalloutRequest::Side side_;
};

}  // namespace

const Protocol& agentgateway_request() noexcept {
  static const Agentgateway kProtocol(Surface::agentgateway_request, "/request",
                                      CalloutRequest::Side::request);
  return kProtocol;
}
const Protocol& agentgateway_response() noexcept {
  static const Agentgateway kProtocol(Surface::agentgateway_response, "/response",
                                      CalloutRequest::Side::response);
  return kProtocol;
}

}  // namespace cordon::dialect::callout
