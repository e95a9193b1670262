// Both wire shapes, as a client reads them: whole and streamed must say the same.
#include "codec/json.h"
#include "sim/internal/directive.h"
#include "sim/internal/reply.h"
#include "sim/internal/texts.h"
#include "sim/internal/tool_calls.h"

#include <gtest/gtest.h>

namespace cordon::sim {
namespace {

using codec::Json;

Reply full_reply(std::uint32_t chunk_bytes) {
  Reply reply;
  reply.id = 7;
  reply.model = "m\"1";
  reply.text = "Gr\u00fc\u00dfe \U0001F600 \"quoted\"\n";
  reply.reasoning = "First \u2013 second.";
  reply.calls = {{"look_up", R"({"city":"K\u00f6ln","days":3})"}, {"look_up", "{}"}};
  reply.ending = Ending::tool_calls;
  reply.chunk_bytes = chunk_bytes;
  reply.tokens_in = 5;
  reply.tokens_out = 9;
  return reply;
}

/// What the events of an Anthropic stream add up to, put together as its SDK does.
Json join_events(const Stream& stream) {
  Json message;
  std::vector<std::string> inputs;
  std::string_view rest = stream.bytes;
  while (!rest.empty()) {
    const std::size_t name_end = rest.find('\n');
    const std::size_t end = rest.find("\n\n");
    const std::string_view name = rest.substr(7, name_end - 7);
    const auto data = codec::parse_json(rest.substr(name_end + 7, end - name_end - 7));
    rest.remove_prefix(end + 2);
    if (!data || (*data)["type"] != name) return Json(std::string(name));
    const Json& event = *data;
    if (name == "message_start") message = event["message"];
    if (name == "content_block_start") {
      message["content"].push_back(event["content_block"]);
      inputs.emplace_back();
    }
    if (name == "content_block_delta") {
      const Json& delta = event["delta"];
      const std::size_t at = event["index"].get<std::size_t>();
      Json& block = message["content"][at];
      for (const char* field : {"text", "thinking", "signature"}) {
        if (!delta.contains(field)) continue;
        block[field] = block[field].get<std::string>() + delta[field].get<std::string>();
      }
      if (delta.contains("partial_json")) inputs[at] += delta["partial_json"].get<std::string>();
    }
    if (name == "content_block_stop") {
      const std::size_t at = event["index"].get<std::size_t>();
      if (!inputs[at].empty()) message["content"][at]["input"] = *codec::parse_json(inputs[at]);
    }
    if (name == "message_delta") {
      message["stop_reason"] = event["delta"]["stop_reason"];
      message["usage"]["output_tokens"] = event["usage"]["output_tokens"];
    }
  }
  return message;
}

TEST(SimAnthropic, SaysTheSameWholeAndStreamedHoweverItIsCut) {
  for (std::uint32_t chunk = 1; chunk < 40; ++chunk) {
    const Reply reply = full_reply(chunk);
    const auto whole = codec::parse_json(write_whole(Shape::anthropic, reply));
    ASSERT_TRUE(whole);
    EXPECT_EQ(join_events(write_stream(Shape::anthropic, reply)), *whole) << chunk;
    EXPECT_EQ((*whole)["content"].size(), 4U);
    EXPECT_EQ((*whole)["content"][0]["signature"], sign_thinking(reply.reasoning));
    EXPECT_EQ((*whole)["content"][2]["input"]["days"], 3);
    EXPECT_NE((*whole)["content"][2]["id"], (*whole)["content"][3]["id"]);
    EXPECT_EQ((*whole)["stop_reason"], "tool_use");
  }
}

TEST(SimOpenai, SaysTheSameToolCallsWholeAndStreamedHoweverTheyAreCut) {
  for (std::uint32_t chunk = 1; chunk < 40; ++chunk) {
    Reply reply = full_reply(chunk);
    reply.choices = 2;
    reply.include_usage = true;
    const auto whole = codec::parse_json(write_whole(Shape::openai, reply));
    ASSERT_TRUE(whole);
    const Stream stream = write_stream(Shape::openai, reply);
    std::string arguments[2][2];
    std::string ids[2][2];
    std::string finish[2];
    std::size_t begin = 0;
    for (const std::size_t end : stream.ends) {
      const auto json = codec::parse_json(stream.bytes.substr(begin + 6, end - begin - 6));
      begin = end;
      ASSERT_TRUE(json);
      EXPECT_TRUE((*json)["usage"].is_null());
      const Json& choice = (*json)["choices"][0];
      const auto index = choice["index"].get<std::size_t>();
      if (choice["finish_reason"].is_string()) finish[index] = choice["finish_reason"];
      if (!choice["delta"].contains("tool_calls")) continue;
      const Json& call = choice["delta"]["tool_calls"][0];
      const auto at = call["index"].get<std::size_t>();
      arguments[index][at] += call["function"]["arguments"].get<std::string>();
      if (call.contains("id")) ids[index][at] = call["id"];
    }
    for (std::size_t choice = 0; choice < 2; ++choice) {
      EXPECT_EQ(finish[choice], "tool_calls");
      for (std::size_t call = 0; call < 2; ++call) {
        const Json& said = (*whole)["choices"][choice]["message"]["tool_calls"][call];
        EXPECT_EQ(said["id"], ids[choice][call]);
        EXPECT_EQ(said["function"]["arguments"], arguments[choice][call]);
      }
    }
    EXPECT_NE(ids[0][0], ids[1][0]);
    EXPECT_TRUE(std::string_view(stream.bytes).ends_with("data: [DONE]\n\n"));
  }
}

TEST(SimErrors, HaveEachProvidersShape) {
  const Refusal refusal{400, "expected a string", "messages[0].content", "invalid_type", "req_1"};
  EXPECT_EQ(write_error(Shape::openai, refusal),
            R"({"error":{"message":"'messages[0].content': expected a string.",)"
            R"("type":"invalid_request_error","param":"messages[0].content",)"
            R"("code":"invalid_type"}})");
  EXPECT_EQ(write_error(Shape::anthropic, refusal),
            R"({"type":"error","error":{"type":"invalid_request_error",)"
            R"("message":"messages.0.content: expected a string"},"request_id":"req_1"})");
  EXPECT_EQ(write_error_frame(Shape::anthropic, {529, "Overloaded.", {}, {}, "req_2"}),
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
            "\"message\":\"Overloaded.\"},\"request_id\":\"req_2\"}\n\n");
}

// --- requests
// -------------------------------------------------------------------------------------

Checked ask_openai(Ask& ask, const std::string& body) {
  return ask.parse(Shape::openai, body);
}

struct BadRequest {
  const char* body;
  const char* path;
};

TEST(SimRequest, RefusesWhatAnOpenaiProviderRefusesAndNamesTheField) {
  const BadRequest bad[] = {
      {"", ""},
      {"[]", ""},
      {R"({"model":"m","model":"n","messages":[]})", ""},
      {R"({"messages":[{"role":"user","content":"x"}]})", "model"},
      {R"({"model":7,"messages":[{"role":"user","content":"x"}]})", "model"},
      {R"({"model":"m"})", "messages"},
      {R"({"model":"m","messages":[]})", "messages"},
      {R"({"model":"m","messages":["x"]})", "messages[0]"},
      {R"({"model":"m","messages":[{"content":"x"}]})", "messages[0].role"},
      {R"({"model":"m","messages":[{"role":"pope","content":"x"}]})", "messages[0].role"},
      {R"({"model":"m","messages":[{"role":"user","content":7}]})", "messages[0].content"},
      {R"({"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]})",
       "messages[0].content[0].text"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"n":0})", "n"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"n":129})", "n"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"stream":1})", "stream"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":0})", "max_tokens"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]})",
       "tools[0].function.name"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":"required"})",
       "tool_choice"},
      {R"({"model":"m","messages":[{"role":"user","content":"x"}],)"
       R"("stream_options":{"include_usage":true}})",
       "stream_options"},
  };
  Ask ask;
  for (const BadRequest& one : bad) {
    const std::string body = one.body;
    const auto parsed = ask.parse(Shape::openai, body);
    ASSERT_FALSE(parsed) << one.body;
    EXPECT_EQ(parsed.error().path, one.path) << one.body;
    EXPECT_FALSE(parsed.error().what.empty());
  }
}

TEST(SimRequest, RefusesWhatAnthropicRefusesAndNamesTheField) {
  const BadRequest bad[] = {
      {R"({"model":"m","messages":[{"role":"user","content":"x"}]})", "max_tokens"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"system","content":"x"}]})",
       "messages[0].role"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user"}]})", "messages[0].content"},
      {R"({"model":"m","max_tokens":1,"system":7,"messages":[{"role":"user","content":"x"}]})",
       "system"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],)"
       R"("tools":[{"name":"a"}],"tool_choice":{"type":"tool","name":"b"}})",
       "tool_choice"},
      {R"({"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[)"
       R"({"type":"thinking","thinking":"changed","signature":"c2ln"}]}]})",
       "messages[0].content[0]"},
  };
  Ask ask;
  for (const BadRequest& one : bad) {
    const std::string body = one.body;
    const auto parsed = ask.parse(Shape::anthropic, body);
    ASSERT_FALSE(parsed) << one.body;
    EXPECT_EQ(parsed.error().path, one.path) << one.body;
  }
  const std::string no_limit = R"({"model":"m","messages":[{"role":"user","content":"x"}]})";
  EXPECT_TRUE(ask.parse(Shape::anthropic, no_limit, Purpose::count_tokens));
}

TEST(SimRequest, HearsTheLastUserMessageOrTheToolResultsAfterIt) {
  Ask ask;
  const std::string user =
      R"({"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},)"
      R"({"role":"assistant","content":"b"},{"role":"user","content":[{"type":"text","text":"c"},)"
      R"({"type":"image_url","image_url":{"url":"u"}},{"type":"text","text":"d"}]}]})";
  ASSERT_TRUE(ask_openai(ask, user));
  EXPECT_EQ(ask.last_text, "c\nd");
  EXPECT_FALSE(ask.from_tool);
  const std::string tools =
      R"({"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant",)"
      R"("tool_calls":[{"id":"1","type":"function","function":{"name":"t","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"1","content":"r1"},)"
      R"({"role":"tool","tool_call_id":"2","content":"r2"}]})";
  ASSERT_TRUE(ask_openai(ask, tools));
  EXPECT_EQ(ask.last_text, "r1\nr2");
  EXPECT_TRUE(ask.from_tool);
  const std::string anthropic =
      R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},)"
      R"({"role":"assistant","content":[{"type":"tool_use","id":"1","name":"t","input":{}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"r1"},)"
      R"({"type":"tool_result","tool_use_id":"2","content":[{"type":"text","text":"r2"}]},)"
      R"({"type":"text","text":"and"}]}]})";
  ASSERT_TRUE(ask.parse(Shape::anthropic, anthropic));
  EXPECT_EQ(ask.last_text, "r1\nr2\nand");
  EXPECT_TRUE(ask.from_tool);
}

// --- tools
// ----------------------------------------------------------------------------------------

std::string tool_body(std::string_view text, std::string_view more) {
  return R"({"model":"m","messages":[{"role":"user","content":")" + std::string(text) +
         R"("}],"tools":[{"type":"function","function":{"name":"weather","parameters":{)"
         R"("type":"object","properties":{"days":{"type":"integer","minimum":3,"maximum":5},)"
         R"("city":{"type":"string"},"unit":{"enum":["C","F"]},"tags":{"type":"array","items":)"
         R"({"type":"string"}},"share":{"type":["number","null"]},"where":{"type":"object",)"
         R"("properties":{"wet":{"type":"boolean"}}}}}}},)"
         R"({"type":"function","function":{"name":"weather_map"}}])" +
         std::string(more) + "}";
}

TEST(SimTools, AreCalledOnceForEachMentionAndWhereTheyMust) {
  struct Case {
    const char* text;
    const char* more;
    std::vector<std::string> names;
  };
  const Case cases[] = {
      {"hello", "", {}},
      {"weather_mapped and xweather", "", {}},
      {"weather, weather_map, weather", "", {"weather", "weather_map", "weather"}},
      {"weather, weather_map", R"(,"parallel_tool_calls":false)", {"weather"}},
      {"weather", R"(,"tool_choice":"none")", {}},
      {"hi",
       R"(,"tool_choice":{"type":"function","function":{"name":"weather_map"}})",
       {"weather_map"}},
  };
  Ask ask;
  for (const Case& one : cases) {
    const std::string body = tool_body(one.text, one.more);
    ASSERT_TRUE(ask.parse(Shape::openai, body));
    SeededRandom random(1);
    std::vector<std::string> names;
    for (const ToolCall& call : choose_calls(ask, random, "")) names.push_back(call.name);
    EXPECT_EQ(names, one.names) << one.text << one.more;
  }
  const std::string must = tool_body("hi", R"(,"tool_choice":"required")");
  ASSERT_TRUE(ask.parse(Shape::openai, must));
  SeededRandom random(1);
  EXPECT_EQ(choose_calls(ask, random, "").size(), 1U);
}

TEST(SimTools, GetArgumentsThatFitTheirSchema) {
  Ask ask;
  const std::string body = tool_body("weather", "");
  ASSERT_TRUE(ask.parse(Shape::openai, body));
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    SeededRandom random(seed);
    const auto calls = choose_calls(ask, random, "say \"this\"");
    ASSERT_EQ(calls.size(), 1U);
    const auto json = codec::parse_json(calls[0].arguments);
    ASSERT_TRUE(json) << calls[0].arguments;
    EXPECT_GE((*json)["days"].get<int>(), 3);
    EXPECT_LE((*json)["days"].get<int>(), 5);
    EXPECT_EQ((*json)["city"], "say \"this\"");
    EXPECT_TRUE((*json)["unit"] == "C" || (*json)["unit"] == "F");
    EXPECT_TRUE((*json)["tags"][0].is_string());
    EXPECT_TRUE((*json)["share"].is_number_float());
    EXPECT_TRUE((*json)["where"]["wet"].is_boolean());
    SeededRandom again(seed);
    EXPECT_EQ(choose_calls(ask, again, "say \"this\"")[0].arguments, calls[0].arguments);
  }
}

// --- orders
// ---------------------------------------------------------------------------------------

TEST(SimDirective, IsFoundInTheTextAndTakenOutOfIt) {
  const auto plain = split_marker("no marker");
  EXPECT_EQ(plain->json, "");
  EXPECT_EQ(plain->rest, "no marker");
  const auto marked = split_marker(R"(a [[sim {"answer":"}]] \" {"}]] b)");
  ASSERT_TRUE(marked);
  EXPECT_EQ(marked->rest, "a  b");
  EXPECT_EQ(parse_directive(marked->json)->answer, "}]] \" {");
  for (const char* torn : {"[[sim {", "[[sim ", "[[sim {}", "[[sim {} ]]", "[[sim nonsense]]"}) {
    EXPECT_FALSE(split_marker(torn)) << torn;
  }
}

TEST(SimDirective, RefusesWhatItDoesNotKnow) {
  for (const char* bad :
       {R"({"scenario":"leek"})", R"({"anwser":"x"})", R"({"answer":7})", R"({"times":-1})",
        R"({"tool_calls":{}})", R"({"tool_calls":[{"arguments":{}}]})",
        R"({"tool_calls":[{"name":"a","arguments":"[]"}]})", R"({"chunk_bytes":"4"})", "[]"}) {
    EXPECT_FALSE(parse_directive(bad)) << bad;
  }
  const auto good = parse_directive(
      R"({"scenario":"cut","times":2,"tool_calls":[{"name":"a","arguments":{"b":1}}],"seed":9})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->scenario, Scenario::cut);
  EXPECT_EQ(good->calls[0].arguments, R"({"b":1})");
  EXPECT_EQ(good->seed, 9U);
}

TEST(SimBehaviour, RefusesNumbersOutOfRangeAndSaysTheRange) {
  const Behaviour before;
  for (const char* bad :
       {R"({"leak_every":0})", R"({"drift_percent":101})", R"({"answer_bytes":2000000})",
        R"({"slow_delay_ms":-1})", R"({"mix":{"cut":1001}})", R"({"mix":{"cut":600,"leak":600}})",
        R"({"mix":{"cute":1}})", R"({"mix":[]})", R"({"mix":{"cut":"1"}})"}) {
    EXPECT_FALSE(parse_behaviour(bad, before)) << bad;
  }
  EXPECT_EQ(parse_behaviour(R"({"leak_every":0})", before).error().detail,
            "behaviour: leak_every is 0, expected 1 to 1000000");
  const auto good = parse_behaviour(R"({"mix":{"cut":5},"answer":"x","drift_after":0})", before);
  ASSERT_TRUE(good);
  const auto again = parse_behaviour(write_behaviour(*good), before);
  ASSERT_TRUE(again);
  EXPECT_EQ(write_behaviour(*again), write_behaviour(*good));
}

}  // namespace
}  // namespace cordon::sim
