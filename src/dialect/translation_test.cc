// Both ways between chat completions and messages: requests, answers, errors.
#include "dialect/translation.h"

#include "codec/json.h"
#include "dialect/anthropic_answer.h"
#include "dialect/openai_answer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace cordon::dialect {
namespace {

codec::Json json_of(std::string_view text) {
  const auto json = codec::parse_json(text);
  EXPECT_TRUE(json) << text;
  return json ? *json : codec::Json();
}

std::string chat(std::string_view messages, std::string_view more = "") {
  return R"({"model":"m","messages":[)" + std::string(messages) + "]" + std::string(more) + "}";
}
std::string ask(std::string_view messages, std::string_view more = "") {
  return R"({"model":"m","max_tokens":9,"messages":[)" + std::string(messages) + "]" +
         std::string(more) + "}";
}
constexpr std::string_view kHi = R"({"role":"user","content":"hi"})";
constexpr std::string_view kHiBlocks = R"({"role":"user","content":[{"type":"text","text":"hi"}]})";
constexpr std::string_view kTool = R"({"type":"function","function":{"name":"f","description":"d",)"
                                   R"("parameters":{"type":"object"}}})";
constexpr std::string_view kCustom =
    R"({"name":"f","description":"d","input_schema":{"type":"object"}})";

struct Case {
  std::string in;
  std::string out;
};

std::string with_limit(std::string_view messages, std::string_view more = "",
                       std::string_view limit = "4096") {
  return R"({"model":"m","max_tokens":)" + std::string(limit) + std::string(more) +
         R"(,"messages":[)" + std::string(messages) + "]}";
}

/// The order of keys is not looked at.
void expect_same(const std::string& in, std::string_view out, std::string_view expected) {
  EXPECT_EQ(nlohmann::json::parse(out), nlohmann::json::parse(expected)) << in << "\n" << out;
}

void expect_translated(Surface surface, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    const auto out = translate_request(surface, one.in);
    ASSERT_TRUE(out) << one.in << "\n" << out.error().message;
    expect_same(one.in, *out, one.out);
  }
}

TEST(Translation, CarriesChatRequests) {
  const std::string tools = R"(,"tools":[)" + std::string(kTool) + "]";
  const std::string offered = R"(,"tools":[)" + std::string(kCustom) + "]";
  expect_translated(
      Surface::chat,
      {
          {chat(kHi), with_limit(kHiBlocks)},
          {chat(kHi, R"(,"max_tokens":5,"max_completion_tokens":5)"),
           with_limit(kHiBlocks, "", "5")},
          {chat(kHi, R"(,"temperature":1.0,"top_p":0.5,"stop":"x","user":"u","stream":true,)"
                     R"("stream_options":{"include_usage":true},"n":1,"store":false,"seed":null)"),
           with_limit(kHiBlocks, R"(,"temperature":1.0,"top_p":0.5,"stop_sequences":["x"],)"
                                 R"("metadata":{"user_id":"u"},"stream":true)")},
          {chat(kHi, R"(,"stop":["x","y"])"),
           with_limit(kHiBlocks, R"(,"stop_sequences":["x","y"])")},
          {chat(R"({"role":"system","content":"s"},{"role":"developer","content":[)"
                R"({"type":"text","text":"d"}]},)" +
                std::string(kHi)),
           with_limit(kHiBlocks, R"(,"system":[{"type":"text","text":"s"},)"
                                 R"({"type":"text","text":"d"}])")},
          {chat(R"({"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url",)"
                R"("image_url":{"url":"data:image/png;base64,AA==","detail":"auto"}},)"
                R"({"type":"image_url","image_url":{"url":"https://h/i.png"}}]})"),
           with_limit(R"({"role":"user","content":[{"type":"text","text":"see"},{"type":"image",)"
                      R"("source":{"type":"base64","media_type":"image/png","data":"AA=="}},)"
                      R"({"type":"image","source":{"type":"url","url":"https://h/i.png"}}]})")},
          // Two calls at once, one without arguments; their results are one message, and the
          // user's words go after them.
          {chat(std::string(kHi) +
                R"(,{"role":"assistant","content":"","refusal":null,"annotations":[],)"
                R"("tool_calls":[{"id":"c1","type":"function","function":{"name":"f",)"
                R"("arguments":"{\"a\":1.50}"}},{"id":"c2","type":"function","function":)"
                R"({"name":"g","arguments":""}}]},)"
                R"({"role":"tool","tool_call_id":"c1","content":"r1"},)"
                R"({"role":"tool","tool_call_id":"c2","content":""},)"
                R"({"role":"user","content":"go on"})"),
           with_limit(
               std::string(kHiBlocks) +
               R"(,{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f",)"
               R"("input":{"a":1.50}},{"type":"tool_use","id":"c2","name":"g","input":{}}]},)"
               R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"c1",)"
               R"("content":[{"type":"text","text":"r1"}]},)"
               R"({"type":"tool_result","tool_use_id":"c2"},)"
               R"({"type":"text","text":"go on"}]})")},
          {chat(kHi, tools), with_limit(kHiBlocks, offered)},
          {chat(kHi, R"(,"tools":[{"type":"function","function":{"name":"f","strict":true}}])"),
           with_limit(kHiBlocks, R"(,"tools":[{"name":"f","strict":true,)"
                                 R"("input_schema":{"type":"object","properties":{}}}])")},
          {chat(kHi, tools + R"(,"tool_choice":"auto")"),
           with_limit(kHiBlocks, offered + R"(,"tool_choice":{"type":"auto"})")},
          {chat(kHi, tools + R"(,"tool_choice":"required","parallel_tool_calls":false)"),
           with_limit(
               kHiBlocks,
               offered + R"(,"tool_choice":{"type":"any","disable_parallel_tool_use":true})")},
          {chat(kHi, tools + R"(,"parallel_tool_calls":false,"tool_choice":"none")"),
           with_limit(kHiBlocks, offered + R"(,"tool_choice":{"type":"none"})")},
          {chat(kHi, tools + R"(,"parallel_tool_calls":true)"), with_limit(kHiBlocks, offered)},
          {chat(kHi, tools + R"(,"tool_choice":{"type":"function","function":{"name":"f"}})"),
           with_limit(kHiBlocks, offered + R"(,"tool_choice":{"type":"tool","name":"f"})")},
          {chat(kHi, R"(,"response_format":{"type":"json_schema","json_schema":{"name":"n",)"
                     R"("strict":true,"schema":{"type":"object"}}})"),
           with_limit(kHiBlocks, R"(,"output_config":{"format":{"type":"json_schema",)"
                                 R"("schema":{"type":"object"}}})")},
      });
}

TEST(Translation, CarriesMessagesRequests) {
  const auto to_chat = [](std::string_view messages, std::string_view more = "") {
    return R"({"model":"m","max_completion_tokens":9,"messages":[)" + std::string(messages) + "]" +
           std::string(more) + "}";
  };
  const std::string tools = R"(,"tools":[)" + std::string(kCustom) + "]";
  const std::string offered = R"(,"tools":[)" + std::string(kTool) + "]";
  expect_translated(
      Surface::messages,
      {
          {ask(kHi), to_chat(kHi)},
          {ask(kHiBlocks), to_chat(kHi)},
          {ask(kHi, R"(,"stream":true,"temperature":0.5,"stop_sequences":["x"],)"
                    R"("metadata":{"user_id":"u"},"thinking":{"type":"disabled"})"),
           to_chat(kHi, R"(,"stream":true,"stream_options":{"include_usage":true},)"
                        R"("temperature":0.5,"stop":["x"],"user":"u")")},
          {ask(kHi, R"(,"system":[{"type":"text","text":"s","cache_control":)"
                    R"({"type":"ephemeral"}},{"type":"text","text":"t"}])"),
           to_chat(R"({"role":"system","content":[{"type":"text","text":"s"},)"
                   R"({"type":"text","text":"t"}]},)" +
                   std::string(kHi))},
          {ask(R"({"role":"user","content":[{"type":"image","source":{"type":"base64",)"
               R"("media_type":"image/png","data":"AA=="}},{"type":"image","source":)"
               R"({"type":"url","url":"https://h/i.png"}},{"type":"text","text":"see"}]})"),
           to_chat(R"({"role":"user","content":[{"type":"image_url","image_url":)"
                   R"({"url":"data:image/png;base64,AA=="}},{"type":"image_url","image_url":)"
                   R"({"url":"https://h/i.png"}},{"type":"text","text":"see"}]})")},
          {ask(std::string(kHi) +
               R"(,{"role":"assistant","content":[{"type":"text","text":"so"},)"
               R"({"type":"tool_use","id":"c1","name":"f","input":{"a": 1.50}},)"
               R"({"type":"tool_use","id":"c2","name":"g","input":{}}]},)"
               R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"c1",)"
               R"("content":[{"type":"text","text":"r1"}],"is_error":false},)"
               R"({"type":"tool_result","tool_use_id":"c2"},{"type":"text","text":"go on"}]})"),
           to_chat(std::string(kHi) +
                   R"(,{"role":"assistant","content":"so","tool_calls":[{"id":"c1",)"
                   R"("type":"function","function":{"name":"f","arguments":"{\"a\": 1.50}"}},)"
                   R"({"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},)"
                   R"({"role":"tool","tool_call_id":"c1","content":"r1"},)"
                   R"({"role":"tool","tool_call_id":"c2","content":""},)"
                   R"({"role":"user","content":"go on"})")},
          {ask(kHi, tools + R"(,"tool_choice":{"type":"any","disable_parallel_tool_use":true})"),
           to_chat(kHi, offered + R"(,"tool_choice":"required","parallel_tool_calls":false)")},
          {ask(kHi, tools + R"(,"tool_choice":{"type":"tool","name":"f"})"),
           to_chat(kHi, offered + R"(,"tool_choice":{"type":"function","function":{"name":"f"}})")},
          {ask(kHi, tools + R"(,"tool_choice":{"type":"none"})"),
           to_chat(kHi, offered + R"(,"tool_choice":"none")")},
          {ask(kHi, R"(,"output_config":{"format":{"type":"json_schema","schema":{"a":1}}})"),
           to_chat(kHi, R"(,"response_format":{"type":"json_schema","json_schema":)"
                        R"({"name":"answer","schema":{"a":1},"strict":true}})")},
      });
}

struct Refused {
  std::string body;
  std::string param;
};

void expect_refused(Surface surface, const std::vector<Refused>& cases) {
  for (const Refused& one : cases) {
    const auto out = translate_request(surface, one.body);
    ASSERT_FALSE(out) << one.body << "\n" << *out;
    EXPECT_EQ(out.error().param, one.param) << one.body;
    EXPECT_EQ(out.error().code, "unsupported_parameter");
    EXPECT_NE(out.error().message.find("'" + one.param + "'"), std::string::npos)
        << out.error().message;
  }
}

TEST(Translation, RefusesByNameWhatMessagesHaveNoEqualOf) {
  const std::string tools = R"(,"tools":[)" + std::string(kTool) + "]";
  const std::string hi(kHi);
  const auto calls = [&](std::string_view call) {
    return chat(hi + R"(,{"role":"assistant","content":null,"tool_calls":[)" + std::string(call) +
                "]}," + hi);
  };
  expect_refused(
      Surface::chat,
      {
          {chat(kHi, R"(,"n":2)"), "n"},
          {chat(kHi, R"(,"seed":1)"), "seed"},
          {chat(kHi, R"(,"brand_new":{"x":1})"), "brand_new"},
          {chat(kHi, R"(,"temperature":1.5)"), "temperature"},
          {chat(kHi, R"(,"temperature":"1")"), "temperature"},
          {chat(kHi, R"(,"max_tokens":5,"max_completion_tokens":6)"), "max_tokens"},
          {chat(kHi, R"(,"frequency_penalty":0.1)"), "frequency_penalty"},
          {chat(kHi, R"(,"logprobs":true)"), "logprobs"},
          {chat(kHi, R"(,"logit_bias":{"1":2})"), "logit_bias"},
          {chat(kHi, R"(,"modalities":["text","audio"])"), "modalities"},
          {chat(kHi, R"(,"store":true)"), "store"},
          {chat(kHi, R"(,"service_tier":"flex")"), "service_tier"},
          {chat(kHi, R"(,"reasoning_effort":"high")"), "reasoning_effort"},
          {chat(kHi, R"(,"stream_options":{"x":1})"), "stream_options.x"},
          {chat(kHi, R"(,"response_format":{"type":"json_object"})"), "response_format.type"},
          {chat(kHi, R"(,"tools":[{"type":"custom","custom":{"name":"c"}}])"), "tools[0].type"},
          {chat(kHi, R"(,"tools":[{"type":"function","function":{"name":"f","x":1}}])"),
           "tools[0].function.x"},
          {chat(kHi, R"(,"tool_choice":"required")"), "tool_choice"},
          {chat(kHi, tools + R"(,"tool_choice":{"type":"allowed_tools","x":1})"), "tool_choice"},
          {chat(hi + R"(,{"role":"system","content":"late"})"), "messages[1].role"},
          {chat(R"({"role":"function","name":"f","content":"x"})"), "messages[0].role"},
          {chat(R"({"role":"system","content":"s"})"), "messages"},
          {chat(R"({"role":"user","content":""})"), "messages[0].content"},
          {chat(R"({"role":"user","name":"n","content":"x"})"), "messages[0].name"},
          {chat(R"({"role":"user","content":[{"type":"input_audio","input_audio":{}}]})"),
           "messages[0].content[0].type"},
          {chat(R"({"role":"user","content":[{"type":"image_url","image_url":)"
                R"({"url":"https://h","detail":"low"}}]})"),
           "messages[0].content[0].image_url.detail"},
          {chat(R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"file:x"}}]})"),
           "messages[0].content[0].image_url.url"},
          {chat(hi + R"(,{"role":"assistant","content":"so far"})"), "messages[1]"},
          {chat(hi + R"(,{"role":"assistant","refusal":"no"},)" + hi), "messages[1].refusal"},
          {calls(R"({"id":"c","type":"custom"})"), "messages[1].tool_calls[0].type"},
          {calls(R"({"id":"c","type":"function","function":{"name":"f","arguments":"[1]"}})"),
           "messages[1].tool_calls[0].function.arguments"},
          {calls(R"({"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\""}})"),
           "messages[1].tool_calls[0].function.arguments"},
          {calls(R"({"id":"c:1","type":"function","function":{"name":"f","arguments":"{}"}})"),
           "messages[1].tool_calls[0].id"},
          {"[1]", "the body"},
      });
}

TEST(Translation, RefusesByNameWhatChatCompletionsHaveNoEqualOf) {
  const std::string hi(kHi);
  const auto user = [](std::string_view block) {
    return ask(R"({"role":"user","content":[)" + std::string(block) + "]}");
  };
  const auto said = [&](std::string_view blocks) {
    return ask(hi + R"(,{"role":"assistant","content":[)" + std::string(blocks) + "]}," + hi);
  };
  expect_refused(
      Surface::messages,
      {
          {ask(kHi, R"(,"top_k":5)"), "top_k"},
          {ask(kHi, R"(,"thinking":{"type":"enabled","budget_tokens":1024})"), "thinking"},
          {ask(kHi, R"(,"service_tier":"standard_only")"), "service_tier"},
          {ask(kHi, R"(,"mcp_servers":[{}])"), "mcp_servers"},
          {ask(kHi, R"(,"stop_sequences":["1","2","3","4","5"])"), "stop_sequences"},
          {ask(kHi, R"(,"metadata":{"x":"y"})"), "metadata.x"},
          {ask(kHi, R"(,"output_config":{"effort":"low"})"), "output_config.effort"},
          {ask(kHi, R"(,"tools":[{"type":"web_search_20250305","name":"w"}])"), "tools[0].type"},
          {ask(kHi, R"(,"tools":[{"name":"w","input_examples":[1]}])"), "tools[0].input_examples"},
          {ask(kHi, R"(,"tool_choice":{"type":"any"})"), "tool_choice"},
          {ask(kHi, R"(,"system":[{"type":"image"}])"), "system[0].type"},
          {user(R"({"type":"document","source":{}})"), "messages[0].content[0].type"},
          {user(R"({"type":"text","text":"x","citations":[1]})"),
           "messages[0].content[0].citations"},
          {user(R"({"type":"image","source":{"type":"file","file_id":"f"}})"),
           "messages[0].content[0].source.type"},
          {user(R"({"type":"tool_result","tool_use_id":"c","is_error":true})"),
           "messages[0].content[0].is_error"},
          {user(R"({"type":"tool_result","tool_use_id":"c","content":[{"type":"image"}]})"),
           "messages[0].content[0].content[0].type"},
          {said(R"({"type":"thinking","thinking":"t","signature":"s"})"),
           "messages[1].content[0].type"},
          {said(R"({"type":"tool_use","id":"c","name":"f","input":{}},{"type":"text","text":"x"})"),
           "messages[1].content[1]"},
          {ask(hi + R"(,{"role":"assistant","content":"so"})"), "messages[1]"},
      });
}

TEST(Translation, TellsAMessageAsACompletion) {
  const auto out = translate_answer(
      Surface::chat,
      R"({"id":"msg_1","type":"message","role":"assistant","model":"c","content":[)"
      R"({"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"a"},)"
      R"({"type":"text","text":"b"},{"type":"tool_use","id":"t1","name":"f","input":{"x": 1}},)"
      R"({"type":"tool_use","id":"t2","name":"g","input":{}}],"stop_reason":"tool_use",)"
      R"("stop_sequence":null,"usage":{"input_tokens":3,"cache_read_input_tokens":4,)"
      R"("cache_creation_input_tokens":5,"output_tokens":6}})",
      7);
  ASSERT_TRUE(out);
  expect_same("", *out,
              R"({"id":"msg_1","object":"chat.completion","created":7,"model":"c","choices":[)"
              R"({"index":0,"message":{"role":"assistant","content":"ab","refusal":null,)"
              R"("reasoning_content":"hm","tool_calls":[{"id":"t1","type":"function","function":)"
              R"({"name":"f","arguments":"{\"x\": 1}"}},{"id":"t2","type":"function","function":)"
              R"({"name":"g","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],)"
              R"("usage":{"prompt_tokens":12,"completion_tokens":6,"total_tokens":18,)"
              R"("prompt_tokens_details":{"cached_tokens":4}}})");
  openai::ChatAnswer read;
  ASSERT_TRUE(read.parse(*out));
  EXPECT_EQ(read.usage().in, 12U);
}

TEST(Translation, TellsACompletionAsAMessage) {
  const auto out = translate_answer(
      Surface::messages,
      R"({"id":"chatcmpl-1","model":"g","choices":[{"index":0,"message":{"role":"assistant",)"
      R"("content":"a","refusal":null,"reasoning_content":"hm","tool_calls":[{"id":"t1",)"
      R"("type":"function","function":{"name":"f","arguments":"{\"x\": 1}"}},{"id":"t2",)"
      R"("type":"function","function":{"name":"g","arguments":""}}]},"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":12,"completion_tokens":6,"prompt_tokens_details":)"
      R"({"cached_tokens":4}}})",
      7);
  ASSERT_TRUE(out);
  expect_same("", *out,
              R"({"id":"chatcmpl-1","type":"message","role":"assistant","model":"g","content":[)"
              R"({"type":"text","text":"a"},{"type":"tool_use","id":"t1","name":"f","input":)"
              R"({"x":1}},{"type":"tool_use","id":"t2","name":"g","input":{}}],)"
              R"("stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":8,)"
              R"("output_tokens":6,"cache_read_input_tokens":4}})");
}

TEST(Translation, MapsEveryReasonAndKnowsNoOther) {
  const auto message = [](const std::string& reason) {
    return R"({"id":"m","content":[],"stop_reason":")" + reason + R"("})";
  };
  const auto completion = [](const std::string& reason) {
    return R"({"choices":[{"message":{"content":"x"},"finish_reason":")" + reason + R"("}]})";
  };
  for (const auto& [reason, told] :
       std::vector<std::pair<std::string, std::string>>{{"end_turn", "stop"},
                                                        {"stop_sequence", "stop"},
                                                        {"max_tokens", "length"},
                                                        {"model_context_window_exceeded", "length"},
                                                        {"tool_use", "tool_calls"},
                                                        {"refusal", "content_filter"}}) {
    const auto out = translate_answer(Surface::chat, message(reason), 0);
    ASSERT_TRUE(out) << reason;
    EXPECT_EQ(json_of(*out)["choices"][0]["finish_reason"], told);
    EXPECT_TRUE(json_of(*out)["usage"].is_null()) << "what was not told is not zero";
  }
  for (const auto& [reason, told] :
       std::vector<std::pair<std::string, std::string>>{{"stop", "end_turn"},
                                                        {"length", "max_tokens"},
                                                        {"tool_calls", "tool_use"},
                                                        {"content_filter", "refusal"}}) {
    const auto out = translate_answer(Surface::messages, completion(reason), 0);
    ASSERT_TRUE(out) << reason;
    EXPECT_EQ(json_of(*out)["stop_reason"], told);
    EXPECT_TRUE(json_of(*out)["usage"]["output_tokens"].is_null());
  }
  EXPECT_FALSE(translate_answer(Surface::chat, message("pause_turn"), 0));
  EXPECT_FALSE(translate_answer(Surface::messages, completion("function_call"), 0));
}

TEST(Translation, TellsNoAnswerInPart) {
  const auto chat_side = [](std::string_view blocks) {
    return translate_answer(
        Surface::chat,
        R"({"id":"m","content":[)" + std::string(blocks) + R"(],"stop_reason":"end_turn"})", 0);
  };
  EXPECT_TRUE(chat_side(R"({"type":"text","text":"x"})"));
  EXPECT_FALSE(chat_side(R"({"type":"server_tool_use","id":"s","name":"w","input":{}})"));
  EXPECT_FALSE(chat_side(R"({"type":"text","text":7})"));
  EXPECT_FALSE(translate_answer(Surface::chat, R"({"id":"m","stop_reason":"end_turn"})", 0));
  const auto messages_side = [](std::string_view choices) {
    return translate_answer(Surface::messages, R"({"choices":[)" + std::string(choices) + "]}", 0);
  };
  const std::string one = R"({"message":{"content":"x"},"finish_reason":"stop"})";
  EXPECT_TRUE(messages_side(one));
  EXPECT_FALSE(messages_side(one + "," + one));
  EXPECT_FALSE(messages_side(""));
  EXPECT_FALSE(
      messages_side(R"({"message":{"content":null,"tool_calls":[{"id":"c","function":{"name":"f",)"
                    R"("arguments":"{\"a\""}}]},"finish_reason":"tool_calls"})"));
  EXPECT_FALSE(
      messages_side(R"({"message":{"content":"x","audio":{"id":"a"}},"finish_reason":"stop"})"));
}

TEST(Translation, TellsErrorsInTheCallersWords) {
  codec::JsonIndex index;
  ASSERT_TRUE(
      index.parse(R"({"type":"error","error":{"type":"not_found_error","message":"no \"x\""}})"));
  expect_same("", translate_error(Surface::chat, 404, index.root()),
              R"({"error":{"message":"no \"x\"","type":"invalid_request_error","param":null,)"
              R"("code":"not_found_error"}})");
  ASSERT_TRUE(index.parse(R"({"error":{"message":"bad","type":"t","param":"p","code":"c"}})"));
  for (const auto& [status, type] :
       std::vector<std::pair<int, std::string>>{{400, "invalid_request_error"},
                                                {402, "billing_error"},
                                                {404, "not_found_error"},
                                                {413, "request_too_large"},
                                                {422, "invalid_request_error"},
                                                {408, "timeout_error"},
                                                {500, "api_error"}}) {
    const auto json = json_of(translate_error(Surface::messages, status, index.root()));
    EXPECT_EQ(json["type"], "error");
    EXPECT_EQ(json["error"]["type"], type) << status;
    EXPECT_EQ(json["error"]["message"], "bad");
  }
}

TEST(Translation, RefusesWhatANewFieldWouldSay) {
  // Not one of the fields is carried by luck: each is known, and each but the model may be left
  // out.
  for (const Surface surface : {Surface::chat, Surface::messages}) {
    std::set<std::string_view> names;
    for (const FieldEqual& one : field_equals(surface)) {
      EXPECT_TRUE(names.insert(one.field).second) << one.field;
      if (!one.equal.empty()) continue;
      std::string body = surface == Surface::chat ? chat(kHi) : ask(kHi);
      body.insert(body.size() - 1, ",\"" + std::string(one.field) + R"(":"nothing like it")");
      const auto out = translate_request(surface, body);
      ASSERT_FALSE(out) << one.field;
      EXPECT_EQ(out.error().param, one.field);
    }
  }
}

// docs/formats/translation.md lists every field that may be said, and no other.
TEST(Translation, IsDocumentedFieldByField) {
  std::ifstream file("docs/formats/translation.md");
  std::stringstream page;
  page << file.rdbuf();
  const std::string text = page.str();
  for (const auto& [surface, title] : {std::pair{Surface::chat, "## Chat completions to messages"},
                                       {Surface::messages, "## Messages to chat completions"}}) {
    const std::size_t begin = text.find(title);
    ASSERT_NE(begin, text.npos) << title;
    std::istringstream section(text.substr(begin, text.find("\n## ", begin) - begin));
    std::set<std::string> documented;
    for (std::string line; std::getline(section, line);) {
      if (!line.starts_with("| `")) continue;
      documented.insert(line.substr(3, line.find('`', 3) - 3));
    }
    std::set<std::string> known;
    for (const FieldEqual& one : field_equals(surface)) known.emplace(one.field);
    EXPECT_EQ(documented, known);
  }
}

}  // namespace
}  // namespace cordon::dialect
