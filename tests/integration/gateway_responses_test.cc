// The Responses API through the real data path: bytes, policy, references, streams, errors.
#include "codec/json.h"
#include "codec/sse.h"
#include "tests/integration/gateway_harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::Action;
using model::End;

constexpr std::string_view kResponses = "/v1/responses";

std::string json_text(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  return out;
}
std::string asks(std::string_view route, std::string_view input, std::string_view more = "") {
  return fmt::format(R"({{"model":"{}","input":{}{}}})", route, input, more);
}
std::string asks_streamed(std::string_view route) {
  return asks(route, R"("hi")", R"(,"stream":true)");
}

codec::Json json_of(const net::Response& response) {
  const auto json = codec::parse_json(response.body);
  EXPECT_TRUE(json) << response.body;
  return json ? *json : codec::Json();
}

/// An error in OpenAI's shape; its `error`.
codec::Json expect_error(const net::Response& response, int status, std::string_view code) {
  EXPECT_EQ(response.status, status) << response.body;
  const codec::Json json = json_of(response);
  if (!json.contains("error")) return {};
  EXPECT_EQ(json["error"].value("code", ""), code) << response.body;
  EXPECT_TRUE(json["error"]["message"].is_string());
  return json["error"];
}

sim::Scripted whole(std::string body) {
  sim::Scripted scripted;
  scripted.pieces = {std::move(body)};
  return scripted;
}
std::string message(std::string_view text) {
  return R"({"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[)"
         R"({"type":"output_text","text":)" +
         json_text(text) + R"(,"annotations":[],"logprobs":[{"token":"a"}]}]})";
}
std::string response_of(std::string_view output) {
  return fmt::format(R"({{"id":"resp_1","object":"response","status":"completed","output":[{}],)"
                     R"("usage":{{"input_tokens":3,"output_tokens":5,"total_tokens":8}}}})",
                     output);
}

/// Events of a provider, numbered from 0.
class Events {
 public:
  Events& event(std::string_view type, std::string_view members) {
    bytes_ +=
        fmt::format("event: response.{0}\ndata: {{\"type\":\"response.{0}\"{1},", type, members);
    bytes_ += fmt::format("\"sequence_number\":{}}}\n\n", number_++);
    return *this;
  }
  Events& begin() {
    event("created", R"(,"response":{"id":"resp_1","object":"response","status":"in_progress",)"
                     R"("model":"m","output":[]})");
    event("output_item.added", R"(,"output_index":0,"item":{"id":"msg_1","type":"message",)"
                               R"("status":"in_progress","role":"assistant","content":[]})");
    return event("content_part.added",
                 kPlace + R"(,"part":{"type":"output_text","text":"","annotations":[]})");
  }
  Events& delta(std::string_view text) {
    return event("output_text.delta", kPlace + ",\"delta\":" + json_text(text));
  }
  /// Says `text` four times again.
  Events& end(std::string_view text) {
    event("output_text.done", kPlace + ",\"text\":" + json_text(text));
    event("content_part.done", kPlace +
                                   R"(,"part":{"type":"output_text","annotations":[],"text":)" +
                                   json_text(text) + "}");
    event("output_item.done", R"(,"output_index":0,"item":)" + message(text));
    return event("completed", ",\"response\":" + response_of(message(text)));
  }
  std::string take() { return std::exchange(bytes_, {}); }

 private:
  inline static const std::string kPlace =
      R"(,"item_id":"msg_1","output_index":0,"content_index":0)";
  std::string bytes_;
  int number_ = 0;
};

/// What a client reads out of a stream.
struct Read {
  std::string text;                ///< the deltas
  std::vector<std::string> again;  ///< every text that was said again
  std::string last;                ///< the type of the last event
  bool dense = true;               ///< the numbers are 0, 1, 2...
};
Read read(std::string_view stream) {
  Read all;
  codec::SseFramer framer;
  framer.feed(stream);
  int number = 0;
  for (auto next = framer.next(); next && *next; next = framer.next()) {
    const auto json = codec::parse_json((*next)->data);
    EXPECT_TRUE(json) << (*next)->data;
    if (!json) continue;
    all.last = json->value("type", "");
    EXPECT_EQ(all.last, (*next)->name);
    all.dense = all.dense && json->value("sequence_number", -1) == number++;
    all.text += json->value("delta", "");
    if (json->contains("text")) all.again.push_back(json->value("text", ""));
    const auto from_item = [&](const codec::Json& item) {
      for (const auto& part : item.value("content", codec::Json::array())) {
        all.again.push_back(part.value("text", ""));
      }
    };
    if (all.last.ends_with("_part.done")) all.again.push_back((*json)["part"].value("text", ""));
    if (all.last.ends_with("_item.done")) from_item((*json)["item"]);
    if (json->contains("response")) {
      for (const auto& item : (*json)["response"]["output"]) from_item(item);
    }
  }
  return all;
}

TEST(GatewayResponses, AnswersWithTheProvidersBytesAndForwardsTheCallers) {
  GatewayHarness harness;
  const std::string answer = response_of(message("All is well."));
  harness.script(whole(answer));
  const std::string body = asks(
      "support", R"([{"role":"user","content":[{"type":"input_text","text":"hi"}]}])",
      R"(,"instructions":"be kind","x":{"y":[ 1e3 ]},"tools":[{"type":"function","name":"f"}])");
  const auto response = harness.post(kResponses, body);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, answer);
  EXPECT_EQ(response.header("x-cordon-served-by"), "sim/sim-small");
  std::string expected = body;
  expected.replace(expected.find("\"support\""), 9, "\"sim-small\"");
  EXPECT_EQ(harness.last_request().body, expected);
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::complete);
  EXPECT_EQ(ends[0].tokens_in, 3U);
  EXPECT_EQ(ends[0].tokens_out, 5U);
  EXPECT_EQ(ends[0].head.surface, "responses");
  EXPECT_EQ(harness.decisions()[0].scanned.parts, 2U) << "the instructions are one";
}

TEST(GatewayResponses, IsAnsweredByTheSimulatorWholeAndStreamed) {
  GatewayHarness harness;
  const auto made = harness.post(kResponses, asks("support", R"("hello")"));
  EXPECT_EQ(made.status, 200) << made.body;
  const codec::Json json = json_of(made);
  EXPECT_EQ(json.value("status", ""), "completed");
  EXPECT_GT(json["output"][0]["content"][0].value("text", "").size(), 100U);
  const auto streamed_one = harness.post(kResponses, asks_streamed("support"));
  const Read seen = read(streamed_one.body);
  EXPECT_EQ(seen.last, "response.completed") << streamed_one.body;
  EXPECT_TRUE(seen.dense);
  ASSERT_EQ(seen.again.size(), 4U);
  for (const std::string& again : seen.again) EXPECT_EQ(again, seen.text);
  for (const auto& end : harness.ends(2)) {
    EXPECT_EQ(end.end, End::complete);
    EXPECT_GT(end.tokens_out, 0U);
  }
}

TEST(GatewayResponses, InspectsEveryTextOfARequest) {
  GatewayHarness harness;
  const std::string secret = json_text(kSecret);
  const std::vector<std::string> bodies = {
      asks("support", secret),
      asks("support", R"("x")", ",\"instructions\":" + secret),
      asks("support", R"([{"role":"user","content":)" + secret + "}]"),
      asks("support", R"([{"role":"user","content":[{"type":"input_text","text":"SECRET-"},)"
                      R"({"type":"input_text","text":"123456"}]}])"),
      asks("support", R"([{"type":"function_call_output","call_id":"c","output":)" + secret + "}]"),
      asks("support",
           R"([{"type":"function_call","call_id":"c","name":"f","arguments":)" + secret + "}]"),
      asks("support",
           R"([{"type":"reasoning","summary":[{"type":"summary_text","text":)" + secret + "}]}]"),
      asks("support", R"([{"type":"not_known","x":[)" + secret + "]}]"),
  };
  for (const std::string& body : bodies) {
    const codec::Json error = expect_error(harness.post(kResponses, body), 400, "content_filter");
    EXPECT_EQ(error["cordon"].value("rule_id", ""), "t.secret") << body;
  }
  EXPECT_EQ(harness.provider_counts().completions, 0U);
  harness.script(whole(response_of("")));
  const std::string item = R"([{"type":"function_call_output","call_id":"c","output":"card )";
  EXPECT_EQ(harness.post(kResponses, asks("support", item + std::string(kCard) + "\"}]")).status,
            200);
  EXPECT_EQ(harness.last_request().body, asks("sim-small", item + "[redacted:payment_card]\"}]"));
  const auto decisions = harness.decisions();
  EXPECT_EQ(decisions[4].hits[0].role, model::Role::tool);
  EXPECT_EQ(decisions[1].hits[0].role, model::Role::system);
}

TEST(GatewayResponses, RefusesByNameWhatBringsInTextThatNoRuleSaw) {
  GatewayHarness harness;
  harness.script(whole(response_of("")));
  struct Case {
    std::string body;
    std::string param;
  };
  const auto with = [](std::string_view more) {
    return
        [more = std::string(more)](std::string_view route) { return asks(route, R"("hi")", more); };
  };
  const std::vector<std::pair<std::function<std::string(std::string_view)>, std::string>> cases = {
      {with(R"(,"previous_response_id":"resp_0")"), "previous_response_id"},
      {with(R"(,"conversation":{"id":"conv_0"})"), "conversation"},
      {with(R"(,"prompt":{"id":"pmpt_0"})"), "prompt"},
      {with(R"(,"store":true)"), "store"},
      {with(R"(,"background":true)"), "background"},
      {[](std::string_view route) {
         return asks(route, R"([{"type":"item_reference","id":"msg_0"}])");
       },
       "input[0]"}};
  for (const auto& [body, param] : cases) {
    const std::uint64_t before = harness.provider_counts().completions;
    const codec::Json error =
        expect_error(harness.post(kResponses, body("support")), 400, "uninspectable_content");
    EXPECT_EQ(error.value("param", ""), param);
    EXPECT_NE(error.value("message", "").find("'" + param + "': "), std::string::npos) << error;
    EXPECT_EQ(harness.provider_counts().completions, before);
    EXPECT_EQ(harness.post(kResponses, body("plain")).status, 200) << "no rules there";
    EXPECT_EQ(harness.post(kResponses, body("observed")).status, 200);
  }
  EXPECT_EQ(harness.post(kResponses, asks("support", R"("hi")", R"(,"store":false)")).status, 200);
  const auto decisions = harness.decisions();
  EXPECT_EQ(decisions[0].reason, "uninspected");
  EXPECT_EQ(decisions[0].uninspected, "previous_response_id");
  (void)harness.change([](model::Generation& generation) {
    for (model::Route& route : generation.routes) route.uninspected = model::Uninspected::pass;
  });
  EXPECT_EQ(harness.post(kResponses, cases[0].first("support")).status, 200);
}

TEST(GatewayResponses, InspectsEveryTextOfAWholeAnswer) {
  GatewayHarness harness;
  const std::string secret = json_text("a " + std::string(kSecret));
  const std::vector<std::string> outputs = {
      message("a " + std::string(kSecret)),
      R"({"type":"message","content":[{"type":"output_text","text":"SECRET-"},)"
      R"({"type":"output_text","text":"123456"}]})",
      R"({"type":"message","content":[{"type":"refusal","refusal":)" + secret + "}]}",
      R"({"type":"function_call","call_id":"c","name":"f","arguments":)" + secret + "}",
      R"({"type":"reasoning","summary":[{"type":"summary_text","text":)" + secret + "}]}",
      R"({"type":"web_search_call","action":{"type":"search","query":)" + secret + "}}",
      R"({"type":"not_known","x":{"y":)" + secret + "}}"};
  for (const std::string& output : outputs) {
    harness.script(whole(response_of(output)));
    const codec::Json error =
        expect_error(harness.post(kResponses, asks("support", R"("hi")")), 400, "content_filter");
    EXPECT_EQ(error["cordon"].value("rule_id", ""), "t.secret") << output;
  }
  harness.script(whole(response_of(message("card " + std::string(kCard)))));
  const auto redacted = harness.post(kResponses, asks("support", R"("hi")"));
  EXPECT_EQ(redacted.status, 200);
  const codec::Json part = json_of(redacted)["output"][0]["content"][0];
  EXPECT_EQ(part["text"], "card [redacted:payment_card]");
  EXPECT_TRUE(part["logprobs"].is_array() && part["logprobs"].empty()) << "they spell the text";
  harness.script(whole(R"({"output":[{"type":"message","content":[5]}]})"));
  expect_error(harness.post(kResponses, asks("support", R"("hi")")), 502, "upstream_unreadable");
  const auto ends = harness.ends(outputs.size() + 2);
  EXPECT_EQ(ends[0].end, End::blocked);
  EXPECT_EQ(ends[outputs.size()].action, Action::redact);
}

TEST(GatewayResponses, PassesEventsByteForByteWhereNoRuleActs) {
  GatewayHarness harness;
  Events events;
  const std::string stream = events.begin()
                                 .event("brand_new", R"(,"x":[1, 2])")
                                 .delta("one ")
                                 .delta("two")
                                 .end("one two")
                                 .take();
  harness.script(streamed({stream}));
  EXPECT_EQ(harness.post(kResponses, asks_streamed("plain")).body, stream);
  const Read seen = read(harness.post(kResponses, asks_streamed("support")).body);
  EXPECT_EQ(seen.text, "one two");
  EXPECT_EQ(seen.last, "response.completed");
  EXPECT_TRUE(seen.dense);
  const auto ends = harness.ends(2);
  for (const auto& end : ends) {
    EXPECT_EQ(end.end, End::complete);
    EXPECT_EQ(end.received_bytes, 7U) << "what is said again is the same text";
    EXPECT_EQ(end.tokens_out, 5U);
  }
}

// litellm#38788: an engine that did not know the surface passed what it should have blocked.
TEST(GatewayResponses, RedactsALeakAtEveryCutPositionAndWhereverItIsSaidAgain) {
  GatewayHarness harness;
  const std::string text = "card " + std::string(kCard) + " on file";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Events events;
    const std::string first = events.begin().delta(text.substr(0, cut)).take();
    harness.script(streamed({first, events.delta(text.substr(cut)).end(text).take()}));
    const auto response = harness.post(kResponses, asks_streamed("support"));
    const Read seen = read(response.body);
    EXPECT_EQ(seen.text, "card [redacted:payment_card] on file") << cut;
    ASSERT_EQ(seen.again.size(), 4U);
    for (const std::string& again : seen.again) EXPECT_EQ(again, seen.text) << cut;
    EXPECT_TRUE(seen.dense) << response.body;
    EXPECT_EQ(seen.last, "response.completed");
  }
}

// litellm#38945: a block of a stream was flat JSON that clients of events cannot read.
TEST(GatewayResponses, BlocksMidStreamWithAnIncompleteResponse) {
  GatewayHarness harness;
  const std::string lead(200, 'a');
  const std::string text = lead + std::string(kSecret) + "zzzz";
  for (std::size_t cut = lead.size(); cut <= text.size(); ++cut) {
    Events events;
    const std::string first = events.begin().delta(text.substr(0, cut)).take();
    harness.script(streamed({first, events.delta(text.substr(cut)).end(text).take()}));
    const auto response = harness.post(kResponses, asks_streamed("support"));
    EXPECT_EQ(response.status, 200);
    const Read seen = read(response.body);
    EXPECT_EQ(response.body.find("SECRET-123456"), std::string::npos) << cut;
    EXPECT_EQ(response.body.find("zzzz"), std::string::npos) << cut;
    EXPECT_EQ(seen.last, "response.incomplete") << response.body;
    EXPECT_NE(response.body.find(R"("incomplete_details":{"reason":"content_filter"})"),
              std::string::npos);
    EXPECT_NE(response.body.find(R"("id":"resp_1","object":"response","model":"m")"),
              std::string::npos);
    EXPECT_EQ(response.body.find("response.completed"), std::string::npos);
    ASSERT_EQ(seen.again.size(), 4U) << response.body;
    for (const std::string& again : seen.again) EXPECT_EQ(again, seen.text);
    EXPECT_TRUE(seen.dense) << response.body;
  }
  Events early;
  harness.script(streamed({early.begin().delta(kSecret).end(kSecret).take()}));
  expect_error(harness.post(kResponses, asks_streamed("support")), 400, "content_filter");
  for (const auto& end : harness.ends(kSecret.size() + 6)) EXPECT_EQ(end.end, End::blocked);
}

TEST(GatewayResponses, EndsABrokenStreamWithAnErrorEventAndNoEnd) {
  GatewayHarness harness;
  Events events;
  const std::string begun = events.begin().delta(std::string(200, 'x')).take();
  for (const sim::Scripted& script :
       {streamed({begun}, sim::Scripted::Then::cut), streamed({begun}),
        streamed({begun, "data: {\"type\":\"response.output_text.delta\",\"delta\":5}\n\n"}),
        streamed({begun, "event: error\ndata: {\"type\":\"error\",\"code\":\"x\"}\n\n"})}) {
    harness.script(script);
    RawClient client(harness.port());
    client.send_post(kResponses, asks_streamed("support"));
    EXPECT_TRUE(client.read_to_end());
    EXPECT_NE(client.seen().find("event: error\ndata: {\"type\":\"error\",\"code\":\"upstream_"),
              std::string::npos)
        << client.seen();
    EXPECT_NE(client.seen().find("\"sequence_number\":4"), std::string::npos) << client.seen();
    EXPECT_EQ(client.seen().find("response.completed"), std::string::npos);
  }
  harness.script(streamed({begun}, sim::Scripted::Then::stall));
  RawClient client(harness.port());
  client.send_post(kResponses, asks_streamed("support"));
  client.read_until("xxx");
  EXPECT_EQ(harness.kill("route=support").streams_cut, 1U);
  EXPECT_TRUE(client.read_to_end());
  EXPECT_NE(client.seen().find("\"code\":\"switched_off\""), std::string::npos) << client.seen();
  EXPECT_EQ(client.seen().find("response.completed"), std::string::npos);
  const auto refused = harness.post(kResponses, asks("support", R"("hi")"));
  expect_error(refused, 503, "switched_off");
  EXPECT_EQ(refused.header("x-should-retry"), "false");
}

// bifrost#5395: an answer that the provider ends as failed after its first event never fails over.
TEST(GatewayResponses, PassesAFailureOnOrAsksTheNextTarget) {
  GatewayHarness harness;
  const std::string failure = R"(,"response":{"id":"resp_1","status":"failed","output":[],)"
                              R"("error":{"code":"server_error","message":"out of order"}})";
  Events late;
  const std::string told =
      late.begin().delta(std::string(200, 'x')).event("failed", failure).take();
  harness.script(streamed({told}));
  EXPECT_EQ(harness.post(kResponses, asks_streamed("plain")).body, told);
  const Read seen = read(harness.post(kResponses, asks_streamed("support")).body);
  EXPECT_EQ(seen.last, "response.failed");
  EXPECT_TRUE(seen.dense);
  Events early;
  harness.script(streamed({early.begin().event("failed", failure).take()}));
  Events second;
  harness.script_backup(
      streamed({second.begin().delta("from the other").end("from the other").take()}));
  const auto answered = harness.post(kResponses, asks_streamed("two"));
  EXPECT_EQ(read(answered.body).text, "from the other") << answered.body;
  expect_error(harness.post(kResponses, asks_streamed("support")), 502, "upstream_error");
  const auto ends = harness.ends(4);
  EXPECT_EQ(ends[0].end, End::upstream_error);
  EXPECT_EQ(ends[1].end, End::upstream_error);
  EXPECT_EQ(ends[2].end, End::complete);
  EXPECT_EQ(ends[2].attempts, 2U);
}

TEST(GatewayResponses, RefusesBadInputAndWhatIsNotThere) {
  GatewayHarness harness;
  expect_error(harness.post(kResponses, R"({"model":"support"})"), 400,
               "missing_required_parameter");
  expect_error(harness.post(kResponses, R"({"model":"nowhere","input":"x"})"), 404,
               "model_not_found");
  expect_error(harness.post(kResponses, asks("claude", R"("hi")")), 400, "wrong_dialect");
  expect_error(harness.post(kResponses, R"({"model":"support","input":"a","input":"b"})"), 400,
               "invalid_json");
  for (const char* path :
       {"/v1/responses/resp_1", "/v1/responses/", "/v1/responses/resp_1/cancel"}) {
    expect_error(harness.post(path, "{}"), 404, "unknown_url");
  }
  EXPECT_EQ(harness.get(kResponses).status, 405);
}

}  // namespace
}  // namespace cordon::tests
