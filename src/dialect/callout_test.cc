// What each peer asks, and what it is told: its own published forms.
#include "dialect/callout.h"

#include "codec/json.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

namespace cordon::dialect {
namespace {

using Side = CalloutRequest::Side;

constexpr std::array kSurfaces = {Surface::litellm, Surface::portkey, Surface::agentgateway_request,
                                  Surface::agentgateway_response, Surface::kong};

/// A question that was read. Views into `body`.
struct Question {
  Question(Surface surface, std::string text)
      : body(std::move(text)), request(protocol_of(surface).make_request()) {
    const auto parsed = request->parse(body);
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message) << "\n" << body;
  }
  const CalloutRequest& callout() const { return *request->as_callout(); }
  /// `role:text` of each, `!` after one that is sealed; a bar between texts that are not one.
  std::string texts() const {
    constexpr const char* kRoles[] = {"", "system", "user", "assistant", "tool"};
    std::string all;
    const RequestText* before = nullptr;
    for (const RequestText& text : request->texts()) {
      if (before != nullptr) all += before->group == text.group ? "+" : "|";
      if (before == nullptr || before->group != text.group) {
        all += std::string(kRoles[static_cast<int>(text.role)]) + ":";
      }
      all += text.text();
      if (text.sealed) all += "!";
      before = &text;
    }
    return all;
  }
  /// `choice:text` of each; `r:` and `t:` for reasoning and arguments of tools.
  std::string answers() const {
    std::string all;
    for (const SlotText& text : callout().answers()) {
      if (!all.empty()) all += "|";
      const TextKind kind = kind_of(text.slot.field);
      all += kind == TextKind::reasoning        ? "r"
             : kind == TextKind::tool_arguments ? "t"
                                                : std::to_string(text.slot.index);
      all += ":" + std::string(text.text()) + (text.sealed ? "!" : "");
    }
    return all;
  }
  /// What the peer is told if every text that is not sealed becomes `word`.
  std::string told(std::string_view word = {}) const {
    std::vector<codec::Splice> splices;
    if (!word.empty()) {
      for (const RequestText& text : request->texts()) {
        if (!text.sealed) splices.push_back(text.replaced_by(word));
      }
      for (const SlotText& text : callout().answers()) {
        if (!text.sealed) splices.push_back(text.replaced_by(word));
      }
      codec::sort_splices(splices);
    }
    std::string out;
    callout().append_pass(out, std::move(splices));
    EXPECT_TRUE(codec::parse_json(out)) << out;
    return out;
  }

  std::string body;
  std::unique_ptr<Request> request;
};

std::string blocked(Surface surface, Problem problem = Problem::policy_block) {
  ErrorDetail detail;
  detail.rule_id = "r.1";
  detail.decision_id = "d-1";
  std::string out;
  protocol_of(surface).append_error(out, problem, detail);
  EXPECT_TRUE(codec::parse_json(out)) << out;
  return out;
}

TEST(Callout, IsFoundAtItsPathBelowARoute) {
  for (const Surface surface : kSurfaces) {
    const Protocol& protocol = protocol_of(surface);
    const std::string own(protocol.gateway_path());
    EXPECT_EQ(protocol_at(own), &protocol);
    for (const std::string route : {"support", "openai/gpt-4o", "a%20b", "callouts"}) {
      EXPECT_EQ(protocol_at("/callouts/" + route + own), &protocol) << route;
      EXPECT_EQ(callout_route("/callouts/" + route + own, protocol), route);
    }
    EXPECT_EQ(protocol_at("/callouts" + own), nullptr);
    EXPECT_EQ(protocol_at("/callouts/support" + own + "/"), nullptr);
    EXPECT_EQ(protocol_at("/other/support" + own), nullptr);
    EXPECT_EQ(callout_route(own, protocol), "");
  }
  EXPECT_EQ(protocol_at("/callouts/support/v1/chat/completions"), nullptr);
}

TEST(Callout, HasStatus200ForADecisionAndAnotherWhereNothingWasDecided) {
  for (const Surface surface : kSurfaces) {
    const Protocol& protocol = protocol_of(surface);
    for (const Problem problem : {Problem::policy_block, Problem::switched_off,
                                  Problem::locked_down, Problem::uninspectable}) {
      EXPECT_EQ(protocol.rejection_of(problem).status, 200);
    }
    EXPECT_EQ(protocol.rejection_of(Problem::bad_key).status, 401);
    EXPECT_EQ(protocol.rejection_of(Problem::unknown_model).status, 404);
    EXPECT_EQ(protocol.rejection_of(Problem::malformed).status, 400);
    EXPECT_EQ(protocol.rejection_of(Problem::evidence_unavailable).status, 503);
  }
}

TEST(LiteLlm, KnowsWhoSaysWhichTextAndWhichAreOne) {
  const Question question(Surface::litellm, R"({
    "texts":["be kind","first","second","call me"],"images":null,"tools":[{"function":{"name":"f",
    "description":"not a text"}}],"tool_calls":[{"id":"c1","type":"function","function":{"name":"f",
    "arguments":"{\"a\":1}"}}],"structured_messages":[
    {"role":"system","content":"be kind"},
    {"role":"user","content":[{"type":"text","text":"first"},{"type":"text","text":"second"}]},
    {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function",
     "function":{"name":"f","arguments":"{\"a\":1}"}}]},
    {"role":"tool","tool_call_id":"c1","content":"call me"},
    {"role":"tool","tool_call_id":"c2","content":"in no list"}],
    "request_data":{"user_api_key_alias":"k"},"request_headers":{},"litellm_version":"1.80.0",
    "model":"gpt-4o","input_type":"request","litellm_call_id":"x","litellm_trace_id":"y",
    "additional_provider_specific_params":{}})");
  EXPECT_EQ(question.callout().side(), Side::request);
  EXPECT_EQ(question.texts(),
            R"(system:be kind|user:first+second|tool:call me|assistant:{"a":1}!|tool:in no list!)");
  EXPECT_EQ(question.callout().asked_model(), "gpt-4o");
  EXPECT_EQ(question.request->unread_param(), "");
  EXPECT_EQ(question.told(), R"({"action":"NONE"})");
  EXPECT_EQ(question.told("X"), R"({"action":"GUARDRAIL_INTERVENED","texts":["X","X","X","X"]})");
}

TEST(LiteLlm, ReadsAnAnswerAndItsCallsAndNotTheMessagesBeforeIt) {
  const Question question(Surface::litellm, R"({"texts":["one","two"],"tool_calls":[
    {"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}],
    "structured_messages":[{"role":"user","content":"asked before"}],"input_type":"response"})");
  EXPECT_EQ(question.callout().side(), Side::response);
  EXPECT_EQ(question.answers(), "0:one|1:two|t:{}!");
  EXPECT_EQ(question.texts(), "");
  EXPECT_EQ(question.told("Y"), R"({"action":"GUARDRAIL_INTERVENED","texts":["Y","Y"]})");
}

TEST(LiteLlm, KeepsTheOrderWhereAMessageIsInNoList) {
  // A peer may leave a role out of the list, or say a part that the list lacks.
  const Question question(Surface::litellm, R"({"texts":["a","b"],"structured_messages":[
    {"role":"system","content":"left out"},{"role":"user","content":"a"},
    {"role":"user","content":[{"type":"text","text":"b"},{"type":"text","text":"c"}]}],
    "input_type":"request"})");
  EXPECT_EQ(question.texts(), "user:a|user:b|system:left out!|user:b!+c!");
}

TEST(LiteLlm, SaysWhatNoRuleCanRead) {
  const Question question(Surface::litellm,
                          R"({"texts":[],"images":["data:image/png;base64,AA"],
                          "input_type":"request"})");
  EXPECT_EQ(question.request->unread_param(), "images");
  const Question part(Surface::litellm, R"({"texts":["a"],"input_type":"request",
    "structured_messages":[{"role":"user","content":[{"type":"text","text":"a"},
    {"type":"image_url","image_url":{"url":"data:x"}}]}]})");
  EXPECT_EQ(part.request->unread_param(), "structured_messages");
  EXPECT_EQ(part.texts(), "user:a");
}

TEST(LiteLlm, IsToldOfABlockWithTheReason) {
  EXPECT_EQ(blocked(Surface::litellm),
            R"({"action":"BLOCKED","blocked_reason":"The policy of this route does not allow )"
            R"x(this content. (rule r.1, decision d-1)"})x");
}

TEST(Portkey, ReadsTheProvidersOwnBodyBeforeAndAfter) {
  const Question before(Surface::portkey, R"({"request":{"json":{"model":"gpt-4o","messages":[
    {"role":"system","content":"be kind"},{"role":"user","content":[{"type":"text","text":"a"},
    {"type":"text","text":"b"}]}],"user":"someone"},"text":"b","isStreamingRequest":false,
    "isTransformed":false},"response":{"json":{},"text":"","statusCode":null},
    "provider":"openai","requestType":"chatComplete","metadata":{"_user":"u"},
    "eventType":"beforeRequestHook"})");
  EXPECT_EQ(before.callout().side(), Side::request);
  EXPECT_EQ(before.texts(), "system:be kind|user:a+b");
  EXPECT_EQ(before.callout().provider(), "openai");
  EXPECT_EQ(before.callout().asked_model(), "gpt-4o");
  EXPECT_EQ(before.told(), R"({"verdict":true})");
  const auto changed = codec::parse_json(before.told("X"));
  ASSERT_TRUE(changed);
  const codec::Json& json = (*changed)["transformedData"]["request"]["json"];
  EXPECT_EQ((*changed)["verdict"], true);
  EXPECT_EQ(json["messages"][0]["content"], "X");
  EXPECT_EQ(json["messages"][1]["content"][1]["text"], "X");
  EXPECT_EQ(json["user"], "someone") << "what nobody read stays";

  const Question after(Surface::portkey, R"({"request":{"json":{"messages":[{"role":"user",
    "content":"asked before"}]}},"response":{"json":{"id":"i","object":"chat.completion","choices":[
    {"index":0,"message":{"role":"assistant","content":"one","reasoning_content":"why",
    "tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
    "logprobs":{"content":[{"token":"one"}]}},
    {"index":1,"message":{"role":"assistant","content":"two"}}]},"text":"one","statusCode":200},
    "eventType":"afterRequestHook"})");
  EXPECT_EQ(after.callout().side(), Side::response);
  EXPECT_EQ(after.answers(), "0:one|r:why|t:{}|1:two");
  const auto told = codec::parse_json(after.told("X"));
  ASSERT_TRUE(told);
  const codec::Json& choices = (*told)["transformedData"]["response"]["json"]["choices"];
  EXPECT_EQ(choices[1]["message"]["content"], "X");
  EXPECT_EQ(choices[0]["logprobs"].dump().find("one"), std::string::npos)
      << "probabilities spell the text again";
}

TEST(Portkey, ReadsEveryShapeOfABody) {
  struct Case {
    std::string json;
    std::string texts;
    std::string unread;
  };
  const Case requests[] = {
      {R"({"prompt":"a","suffix":"b","model":"m"})", "user:a|user:b", ""},
      {R"({"prompt":["a","b"]})", "user:a|user:b", ""},
      {R"({"input":"a"})", "user:a", ""},
      {R"({"input":[1,2,3]})", "", "request.json"},
      {R"({"input":[[1],[2]]})", "", "request.json"},
      {R"({"instructions":"i","input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},
         {"type":"function_call_output","call_id":"c","output":"o"}]})",
       "system:i|user:a|user:o", ""},
      {R"({"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[
         {"type":"image","source":{"type":"base64","data":"AAAA"}},{"type":"text","text":"a"}]}]})",
       "system:s|user:a", "request.json"},
      {R"({"contents":[{"role":"model","parts":[{"text":"g"},{"inlineData":{"data":"A"}}]}]})",
       "assistant:g", "request.json"},
      {R"({"something":{"else":["x",1]},"type":"t"})", "user:x", ""},
      {R"(["x"])", "user:x", ""},
      {R"({"messages":"x"})", "user:x", ""},
      {R"({"messages":{"content":"x"}})", "user:x", ""},
      {R"({"messages":[null,true,{"role":5,"content":7}]})", "", ""},
  };
  for (const Case& one : requests) {
    const Question question(
        Surface::portkey,
        R"({"eventType":"beforeRequestHook","request":{"json":)" + one.json + "}}");
    EXPECT_EQ(question.texts(), one.texts) << one.json;
    EXPECT_EQ(question.request->unread_param(), one.unread) << one.json;
  }
  const Case answers[] = {
      {R"({"choices":[{"text":"a"},{"text":"b"}]})", "0:a|1:b", ""},
      {R"({"content":[{"type":"text","text":"a"},{"type":"tool_use","id":"i","input":{"q":"x"}}]})",
       "0:a|t:x", ""},
      {R"({"content":[{"type":"thinking","thinking":"t","signature":"s"}]})", "r:t!", ""},
      {R"({"output":[{"type":"message","content":[{"type":"output_text","text":"a"}]},
         {"type":"function_call","name":"f","arguments":"{}"}]})",
       "0:a|t:{}", ""},
      {R"({"output":[{"type":"message","content":[{"type":"output_text","text":"a","annotations":[
         {"type":"file_citation","filename":"f","file_id":"i"}]}]},
         {"type":"file_search_call","results":[{"text":"r"}]}]})",
       "0:a|0:f|0:r", ""},
      {R"({"output":[{"type":"image_generation_call","result":"AAAA"}]})", "", "response.json"},
      {R"({"data":[{"embedding":[0.1]}]})", "", ""},
      {R"({"choices":[{"message":{"content":[{"type":"text","text":"a"},
         {"type":"image_url","image_url":{"url":"u"}}]}}]})",
       "0:a", "response.json"},
      {R"({"whatever":"x"})", "0:x", ""},
  };
  for (const Case& one : answers) {
    const Question question(
        Surface::portkey,
        R"({"eventType":"afterRequestHook","response":{"json":)" + one.json + "}}");
    EXPECT_EQ(question.answers(), one.texts) << one.json;
    EXPECT_EQ(question.request->unread_param(), one.unread) << one.json;
  }
}

TEST(Portkey, ReadsTheTextWhereThereIsNoBody) {
  const Question text(Surface::portkey,
                      R"({"eventType":"afterRequestHook","response":{"json":null,"text":"x"}})");
  EXPECT_EQ(text.answers(), "0:x!");
  const Question none(Surface::portkey, R"({"eventType":"beforeRequestHook","request":{}})");
  EXPECT_EQ(none.request->unread_param(), "request.json");
  EXPECT_EQ(blocked(Surface::portkey),
            R"({"verdict":false,"data":{"reason":"The policy of this route does not allow this )"
            R"x(content. (rule r.1, decision d-1)"}})x");
}

TEST(Agentgateway, IsToldByTheFieldsThatAreThere) {
  const Question request(Surface::agentgateway_request,
                         R"({"body":{"messages":[{"role":"system","content":"s"},
                         {"role":"user","content":"a"}]}})");
  EXPECT_EQ(request.texts(), "system:s|user:a");
  EXPECT_EQ(request.told(), R"({"action":{}})") << "neither body nor status_code: pass";
  const auto mask = codec::parse_json(request.told("X"));
  ASSERT_TRUE(mask);
  EXPECT_EQ((*mask)["action"]["body"]["messages"].dump(),
            R"([{"role":"system","content":"X"},{"role":"user","content":"X"}])");
  EXPECT_FALSE((*mask)["action"].contains("status_code"));
  const Question response(Surface::agentgateway_response,
                          R"({"body":{"choices":[{"message":{"role":"assistant","content":"a"}},
                          {"message":{"role":"assistant","content":"b"}}]}})");
  EXPECT_EQ(response.answers(), "0:a|1:b");
  EXPECT_EQ(response.callout().side(), Side::response);
  const auto reject = codec::parse_json(blocked(Surface::agentgateway_response));
  ASSERT_TRUE(reject);
  EXPECT_TRUE((*reject)["action"]["body"].is_string());
  EXPECT_EQ((*reject)["action"]["status_code"], 403);
  const auto failed =
      codec::parse_json(blocked(Surface::agentgateway_request, Problem::evidence_unavailable));
  ASSERT_TRUE(failed);
  EXPECT_EQ((*failed)["action"]["status_code"], 503);
}

TEST(Kong, HasOneTextThatIsNeverRewritten) {
  const Question in(Surface::kong, R"({"text":"a","phase":"INPUT"})");
  EXPECT_EQ(in.texts(), "user:a!");
  EXPECT_EQ(in.told(), R"({"block":false,"reason":""})");
  const Question out(Surface::kong, R"({"text":"a","phase":"OUTPUT","model":"m"})");
  EXPECT_EQ(out.answers(), "0:a!");
  EXPECT_EQ(out.callout().asked_model(), "m");
  EXPECT_EQ(codec::parse_json(blocked(Surface::kong))->at("block"), true);
}

TEST(Callout, RefusesWhatIsNotItsFormByTheNameOfWhatIsWrong) {
  struct Case {
    Surface surface;
    std::string body;
    std::string param;
    std::string_view code;
  };
  constexpr std::string_view kType = "invalid_type";
  constexpr std::string_view kValue = "invalid_value";
  constexpr std::string_view kMissing = "missing_required_parameter";
  const Case cases[] = {
      {Surface::litellm, R"({"texts":[]})", "input_type", kMissing},
      {Surface::litellm, R"({"texts":[],"input_type":"both"})", "input_type", kValue},
      {Surface::litellm, R"({"texts":"a","input_type":"request"})", "texts", kType},
      {Surface::litellm, R"({"texts":["a",1],"input_type":"response"})", "texts[1]", kType},
      {Surface::litellm, R"({"images":{},"input_type":"request"})", "images", kType},
      {Surface::litellm, R"({"tool_calls":"f","input_type":"request"})", "tool_calls", kType},
      {Surface::litellm, R"({"structured_messages":5,"input_type":"request"})",
       "structured_messages", kType},
      {Surface::portkey, R"({})", "eventType", kMissing},
      {Surface::portkey, R"({"eventType":"during"})", "eventType", kValue},
      {Surface::portkey, R"({"eventType":"beforeRequestHook"})", "request", kMissing},
      {Surface::portkey, R"({"eventType":"afterRequestHook","response":[]})", "response", kType},
      {Surface::agentgateway_request, R"({})", "body", kMissing},
      {Surface::agentgateway_request, R"({"body":{}})", "body.messages", kMissing},
      {Surface::agentgateway_response, R"({"body":{"choices":{}}})", "body.choices", kType},
      {Surface::kong, R"({"text":"a"})", "phase", kMissing},
      {Surface::kong, R"({"text":"a","phase":"input"})", "phase", kValue},
      {Surface::kong, R"({"text":["a"],"phase":"INPUT"})", "text", kType},
  };
  for (const Case& one : cases) {
    const auto request = protocol_of(one.surface).make_request();
    const auto parsed = request->parse(one.body);
    ASSERT_FALSE(parsed) << one.body;
    EXPECT_EQ(parsed.error().param, one.param) << one.body;
    EXPECT_EQ(parsed.error().code, one.code) << one.body;
  }
  for (const Surface surface : kSurfaces) {
    const auto request = protocol_of(surface).make_request();
    for (const char* body : {"", "{", "[]", "null", "{\"a\":1,\"a\":2}", "\"\xff\""}) {
      EXPECT_FALSE(request->parse(body)) << body;
    }
  }
}

TEST(Callout, ForgetsTheQuestionBefore) {
  const auto request = protocol_of(Surface::litellm).make_request();
  const std::string answer =
      R"({"texts":["a"],"images":["i"],"model":"m","input_type":"response"})";
  ASSERT_TRUE(request->parse(answer));
  ASSERT_TRUE(request->parse(R"({"input_type":"request"})"));
  EXPECT_EQ(request->as_callout()->side(), Side::request);
  EXPECT_TRUE(request->as_callout()->answers().empty());
  EXPECT_EQ(request->as_callout()->asked_model(), "");
  EXPECT_EQ(request->unread_param(), "");
}

}  // namespace
}  // namespace cordon::dialect
