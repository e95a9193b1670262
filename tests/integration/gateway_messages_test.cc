// The Anthropic surface through the real data path: bytes, policy, errors, keys.
#include "codec/json.h"
#include "tests/integration/gateway_harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::Action;
using model::End;

std::string ask(std::string_view route, std::string_view text, std::string_view more = "") {
  std::string content;
  codec::append_json_string(content, text);
  return fmt::format(
      R"({{"model":"{}","max_tokens":64,"messages":[{{"role":"user","content":{}}}]{}}})", route,
      content, more);
}

codec::Json json_of(const net::Response& response) {
  const auto json = codec::parse_json(response.body);
  EXPECT_TRUE(json) << response.body;
  return json ? *json : codec::Json();
}

/// Every error of this surface has this shape and names its request in a header and in its body.
void expect_error(const net::Response& response, int status, std::string_view type) {
  EXPECT_EQ(response.status, status) << response.body;
  const codec::Json json = json_of(response);
  ASSERT_TRUE(json.contains("error")) << response.body;
  EXPECT_EQ(json.value("type", ""), "error");
  EXPECT_EQ(json["error"].value("type", ""), type);
  EXPECT_TRUE(json["error"]["message"].is_string());
  if (json["request_id"].is_string()) {
    EXPECT_EQ(json["request_id"], std::string(response.header("request-id")));
  }
}

TEST(GatewayMessages, AnswersWithTheProvidersBytesAndForwardsTheCallers) {
  GatewayHarness harness;
  auto scripted = whole_message(text_block("All is well."));
  scripted.extra_header = "request-id: req_upstream";
  harness.script(scripted);
  const std::string body =
      ask("claude", "hello", R"(,"system":"be kind","x":{"y":[ 1e3 ]},"metadata":{"user_id":"u"})");
  const auto response = harness.messages(body, {{"anthropic-beta", "b-1"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, scripted.pieces[0]);
  EXPECT_EQ(response.header("x-cordon-served-by"), "claude/sim-small");
  EXPECT_FALSE(response.header("request-id").empty());
  EXPECT_EQ(response.header("x-upstream-request-id"), "req_upstream");
  std::string expected = body;
  expected.replace(expected.find("\"claude\""), 8, "\"sim-small\"");
  EXPECT_EQ(harness.last_request().body, expected);
  const std::string upstream = harness.last_request().headers;
  EXPECT_NE(upstream.find("x-api-key: claude-key"), std::string::npos) << upstream;
  EXPECT_NE(upstream.find("anthropic-version: 2023-06-01"), std::string::npos) << upstream;
  EXPECT_NE(upstream.find("anthropic-beta: b-1"), std::string::npos) << upstream;
  EXPECT_EQ(upstream.find("authorization"), std::string::npos) << upstream;
  EXPECT_EQ(upstream.find("key-acme"), std::string::npos) << upstream;
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::complete);
  EXPECT_EQ(ends[0].tokens_in, 3U);
  EXPECT_EQ(ends[0].tokens_out, 5U);
  EXPECT_EQ(ends[0].head.provider, "claude");
  EXPECT_EQ(harness.decisions()[0].scanned.parts, 2U) << "the system prompt is one";
}

TEST(GatewayMessages, PassesEventsByteForByteWhereNoRuleActs) {
  GatewayHarness harness;
  const std::string stream =
      message_start() + event_frame("ping", "") + block_start(0) + text_delta(0, "one ") +
      event_frame("brand_new_event", R"(,"x":[1, 2])") + text_delta(0, "two") + block_stop(0) +
      block_start(1, R"({"type":"tool_use","id":"t","name":"f","input":{}})") +
      input_delta(1, "{\"a\":") + input_delta(1, "1}") + block_stop(1) + message_end();
  harness.script(streamed({stream}));
  for (const char* route : {"claude-plain", "claude"}) {
    const auto response = harness.messages(ask(route, "hi", R"(,"stream":true)"));
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.header("content-type").starts_with("text/event-stream"));
    if (std::string_view(route) == "claude-plain") {
      EXPECT_EQ(response.body, stream);
    }
    const ReadMessage read = read_message(response.body);
    EXPECT_EQ(read.fault, "") << response.body;
    EXPECT_EQ(read.blocks, (std::vector<std::string>{"one two", "{\"a\":1}"}));
    EXPECT_TRUE(read.stopped);
    EXPECT_NE(response.body.find("event: brand_new_event\ndata: {\"type\":\"brand_new_event\","
                                 "\"x\":[1, 2]}\n\n"),
              std::string::npos);
  }
  const auto ends = harness.ends(2);
  EXPECT_EQ(ends[1].end, End::complete);
  EXPECT_EQ(ends[1].tokens_out, 5U);
  EXPECT_EQ(ends[1].tokens_in, 3U) << "told at the start of the message";
}

// litellm#35257: a rule on answers was skipped on /v1/messages streams and logged as success.
TEST(GatewayMessages, RedactsALeakAtEveryCutPosition) {
  GatewayHarness harness;
  const std::string text = "card " + std::string(kCard) + " on file";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    harness.script(streamed({message_start() + block_start(0) + text_delta(0, text.substr(0, cut)),
                             text_delta(0, text.substr(cut)) + block_stop(0) + message_end()}));
    const auto response = harness.messages(ask("claude", "hi", R"(,"stream":true)"));
    const ReadMessage read = read_message(response.body);
    EXPECT_EQ(read.fault, "") << response.body;
    ASSERT_EQ(read.blocks.size(), 1U) << cut;
    EXPECT_EQ(read.blocks[0], "card [redacted:payment_card] on file") << cut;
    EXPECT_TRUE(read.stopped);
  }
}

TEST(GatewayMessages, BlocksMidStreamWithARefusalThatClosesWhatIsOpen) {
  GatewayHarness harness;
  const std::string lead(200, 'a');
  const std::string text = lead + std::string(kSecret) + "tail";
  for (std::size_t cut = lead.size(); cut <= text.size(); ++cut) {
    harness.script(
        streamed({message_start() + block_start(0) + text_delta(0, "first") + block_stop(0) +
                      block_start(1) + text_delta(1, text.substr(0, cut)),
                  text_delta(1, text.substr(cut)) + block_stop(1) + message_end()}));
    const auto response = harness.messages(ask("claude", "hi", R"(,"stream":true)"));
    EXPECT_EQ(response.status, 200);
    const ReadMessage read = read_message(response.body);
    EXPECT_EQ(read.fault, "") << response.body;
    EXPECT_EQ(read.stop_reason, "refusal") << response.body;
    EXPECT_TRUE(read.stopped);
    EXPECT_EQ(response.body.find("SECRET-123456"), std::string::npos);
    for (const std::string& block : read.blocks) {
      EXPECT_EQ(block.find("SECRET-1"), std::string::npos) << block;
    }
  }
  const auto ends = harness.ends(kSecret.size() + 5);
  for (const auto& end : ends) EXPECT_EQ(end.end, End::blocked);
}

TEST(GatewayMessages, InspectsToolInputThinkingCitationsAndRefusals) {
  GatewayHarness harness;
  const std::string secret(kSecret);
  const std::string head = message_start();
  const std::string lead = block_start(0) + text_delta(0, std::string(100, 'x')) + block_stop(0);
  const std::vector<std::string> streams = {
      block_start(1, R"({"type":"tool_use","id":"t","name":"f","input":{}})") +
          input_delta(1, "{\"a\":\"SECRET-") + input_delta(1, "123456\"}"),
      block_start(1, R"({"type":"tool_use","id":"t","name":"f","input":{"a":")" + secret + "\"}}"),
      block_start(1, R"({"type":"thinking","thinking":"","signature":""})") +
          thinking_delta(1, "so SECRET-12") + thinking_delta(1, "3456"),
      block_start(1, text_block(secret)),
      block_start(1) + event_frame("content_block_delta",
                                   R"(,"index":1,"delta":{"type":"citations_delta","citation":)"
                                   R"({"type":"char_location","cited_text":")" +
                                       secret + "\"}}"),
      block_start(1, R"({"type":"web_search_tool_result","tool_use_id":"t","content":)"
                     R"([{"type":"web_search_result","title":")" +
                         secret + R"(","url":"u"}]})"),
      event_frame("message_delta",
                  R"(,"delta":{"stop_reason":"refusal","stop_details":{"type":"refusal",)"
                  R"("explanation":")" +
                      secret + R"("}},"usage":{"output_tokens":5})")};
  for (const std::string& stream : streams) {
    const bool block = stream.find("content_block_start") != stream.npos;
    const std::string tail =
        block ? block_stop(1) + message_end() : event_frame("message_stop", "");
    harness.script(streamed({head + lead, stream + tail}));
    const auto response = harness.messages(ask("claude", "hi", R"(,"stream":true)"));
    const ReadMessage read = read_message(response.body);
    EXPECT_EQ(read.fault, "") << response.body;
    EXPECT_EQ(read.stop_reason, "refusal") << stream;
    EXPECT_TRUE(read.stopped) << stream;
    EXPECT_EQ(response.body.find(secret), std::string::npos) << response.body;
  }
  for (const std::string& block :
       {R"({"type":"tool_use","id":"t","name":"f","input":{"a":")" + secret + "\"}}",
        R"({"type":"thinking","thinking":")" + secret + R"(","signature":"s"})",
        R"({"type":"text","text":"a","citations":[{"type":"x","cited_text":")" + secret +
            "\"}]}"}) {
    harness.script(whole_message(block));
    expect_error(harness.messages(ask("claude", "hi")), 400, "invalid_request_error");
  }
}

// A signature over a rewritten text is worth nothing, so such a text goes as it is or not at all.
TEST(GatewayMessages, NeverRewritesSignedThinking) {
  GatewayHarness harness;
  const std::string card(kCard);
  const std::string block = R"({"type":"thinking","thinking":"card )" + card +
                            R"(","signature":"sig"},)" + text_block("and card " + card);
  harness.script(whole_message(block));
  expect_error(harness.messages(ask("claude", "hi")), 400, "invalid_request_error");
  // In the history of a request likewise: it may be refused and never changed.
  const std::string history = fmt::format(
      R"({{"model":"claude","max_tokens":9,"messages":[{{"role":"assistant","content":[{}]}}]}})",
      R"({"type":"thinking","thinking":"card )" + card + R"(","signature":"sig"})");
  harness.script(whole_message(text_block("fine")));
  expect_error(harness.messages(history), 400, "invalid_request_error");
  harness.script(streamed(
      {message_start() + block_start(0, R"({"type":"thinking","thinking":"","signature":""})") +
           thinking_delta(0, std::string(99, 'x') + " card 4111 1111"),
       thinking_delta(0, " 1111 1111 is") +
           event_frame("content_block_delta", R"(,"index":0,"delta":{"type":"signature_delta",)"
                                              R"("signature":"s"})") +
           block_stop(0) + message_end()}));
  const auto response = harness.messages(ask("claude", "hi", R"(,"stream":true)"));
  const ReadMessage read = read_message(response.body);
  EXPECT_EQ(read.fault, "") << response.body;
  EXPECT_EQ(read.stop_reason, "refusal");
  EXPECT_EQ(response.body.find("redacted"), std::string::npos);
  EXPECT_EQ(response.body.find("1111 1111"), std::string::npos);
  const auto ends = harness.ends(3);
  EXPECT_EQ(ends[0].action, Action::block);
  EXPECT_EQ(ends[2].action, Action::block);
  EXPECT_EQ(ends[2].end, End::blocked);
}

TEST(GatewayMessages, InspectsEveryTextOfARequestAndNoToolDefinition) {
  GatewayHarness harness;
  harness.script(whole_message(text_block("fine")));
  const std::string secret(kSecret);
  const auto body = [](std::string_view messages, std::string_view more) {
    return fmt::format(R"({{"model":"claude","max_tokens":9,"messages":[{}]{}}})", messages, more);
  };
  const std::string hi = R"({"role":"user","content":"hi"})";
  const std::vector<std::string> blocked = {
      body(hi, R"(,"system":")" + secret + "\""),
      body(hi, R"(,"system":[{"type":"text","text":")" + secret + "\"}]"),
      body(R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":")" +
               secret + "\"}]}",
           ""),
      body(R"({"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":)"
           R"({"a":")" +
               secret + "\"}}]}",
           ""),
      body(R"({"role":"assistant","content":"SECRET-123456"})", ""),
      body(R"({"role":"user","content":[{"type":"text","text":"SECRET-12"},)"
           R"({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}},)"
           R"({"type":"text","text":"3456"}]})",
           "")};
  for (const std::string& one : blocked) {
    expect_error(harness.messages(one), 400, "invalid_request_error");
  }
  const auto decisions = harness.decisions();
  ASSERT_EQ(decisions.size(), blocked.size());
  const model::Role roles[] = {model::Role::system,    model::Role::system,    model::Role::tool,
                               model::Role::assistant, model::Role::assistant, model::Role::user};
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    ASSERT_EQ(decisions[i].hits.size(), 1U) << i;
    EXPECT_EQ(decisions[i].hits[0].role, roles[i]) << i;
  }
  EXPECT_EQ(harness.provider_counts().messages, 0U);
  // litellm#39281: definitions of tools are the application's own.
  EXPECT_EQ(harness
                .messages(body(hi, R"(,"tools":[{"name":"f","description":")" + secret +
                                       R"(","input_schema":{"type":"object"}}])"))
                .status,
            200);
}

TEST(GatewayMessages, RedactsARequestAcrossItsPartsAndInToolInput) {
  GatewayHarness harness;
  harness.script(whole_message(text_block("fine")));
  const std::string body =
      R"({"model":"claude","max_tokens":9,"messages":[{"role":"user","content":[)"
      R"({"type":"text","text":"a 4111 1111 "},{"type":"text","text":"1111 1111 b"}]},)"
      R"({"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f",)"
      R"("input":{"card":"4111 1111 1111 1111", "n":1}}]}]})";
  EXPECT_EQ(harness.messages(body).status, 200);
  EXPECT_EQ(harness.last_request().body,
            R"({"model":"sim-small","max_tokens":9,"messages":[{"role":"user","content":[)"
            R"({"type":"text","text":"a [redacted:payment_card]"},{"type":"text","text":" b"}]},)"
            R"({"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f",)"
            R"("input":{"card":"[redacted:payment_card]", "n":1}}]}]})");
  // As a number it cannot be redacted and stay JSON.
  const std::string number =
      R"({"model":"claude","max_tokens":9,"messages":[{"role":"assistant","content":[)"
      R"({"type":"tool_use","id":"t","name":"f","input":{"card":4111111111111111}}]}]})";
  expect_error(harness.messages(number), 400, "invalid_request_error");
}

TEST(GatewayMessages, RefusesInItsOwnShapeWhateverTheReason) {
  HarnessOptions options;
  options.limits.body_bytes_max = 4096;
  GatewayHarness harness(options);
  expect_error(harness.messages(ask("claude", "hi"), {{"x-api-key", "wrong"}}), 401,
               "authentication_error");
  expect_error(harness.messages(ask("nothing", "hi")), 404, "not_found_error");
  expect_error(harness.messages("{"), 400, "invalid_request_error");
  expect_error(harness.messages(R"({"model":"claude","messages":[{"role":"user","content":5}]})"),
               400, "invalid_request_error");
  expect_error(harness.messages(ask("claude", std::string(5000, 'x'))), 413, "request_too_large");
  expect_error(harness.post("/v1/messages/batches", "{}"), 404, "not_found_error");
  expect_error(harness.get("/v1/messages"), 405, "invalid_request_error");
  expect_error(harness.messages(ask("claude", std::string(kSecret))), 400, "invalid_request_error");
  sim::Scripted limited;
  limited.status = 429;
  limited.extra_header = "retry-after: 7";
  limited.pieces = {"{}"};
  harness.script(limited);
  const auto slow_down = harness.messages(ask("claude", "hi"));
  expect_error(slow_down, 429, "rate_limit_error");
  EXPECT_EQ(slow_down.header("retry-after"), "7");
  // What the provider itself refuses goes on in its own words.
  sim::Scripted refused;
  refused.status = 400;
  refused.pieces = {R"({"type":"error","error":{"type":"invalid_request_error","message":"no"}})"};
  harness.script(refused);
  EXPECT_EQ(harness.messages(ask("claude", "hi")).body, refused.pieces[0]);
  harness.script(whole_message(text_block("fine")));
  (void)harness.kill("provider=claude");
  const auto killed = harness.messages(ask("claude", "hi"));
  expect_error(killed, 503, "api_error");
  EXPECT_EQ(killed.header("x-should-retry"), "false");
}

TEST(GatewayMessages, ServesARouteOnlyInTheDialectOfItsTargets) {
  GatewayHarness harness;
  const auto wrong = harness.messages(ask("support", "hi"));
  expect_error(wrong, 400, "invalid_request_error");
  EXPECT_NE(wrong.body.find("Route 'support' goes to 'sim/sim-small', which speaks openai"),
            std::string::npos)
      << wrong.body;
  const auto other = harness.chat(GatewayHarness::body("claude", "hi"));
  EXPECT_EQ(other.status, 400);
  const codec::Json error = json_of(other)["error"];
  EXPECT_EQ(error.value("code", ""), "wrong_dialect");
  EXPECT_NE(error.value("message", "").find("ask for it at /v1/messages"), std::string::npos);
  EXPECT_EQ(harness.provider_counts().completions + harness.provider_counts().messages, 0U);
  EXPECT_EQ(harness.ends(2)[0].end, End::refused);
}

TEST(GatewayMessages, TriesTheNextTargetBeforeTheFirstByte) {
  GatewayHarness harness;
  sim::Scripted broken;
  broken.status = 529;
  broken.pieces = {
      R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})"};
  harness.script(broken);
  harness.script_backup(whole_message(text_block("from the backup")));
  const auto whole = harness.messages(ask("claude-two", "hi"));
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.header("x-cordon-served-by"), "claude-backup/sim-large");
  // A stream that fails before any text is let go is asked of the next target too.
  harness.script(streamed({message_start() + event_frame("error", R"(,"error":{"type":"api_error",)"
                                                                  R"("message":"x"})")}));
  harness.script_backup(streamed({message_start() + block_start(0) + text_delta(0, "backup") +
                                  block_stop(0) + message_end()}));
  const auto stream = harness.messages(ask("claude-two", "hi", R"(,"stream":true)"));
  const ReadMessage read = read_message(stream.body);
  EXPECT_EQ(read.fault, "") << stream.body;
  EXPECT_EQ(read.blocks, (std::vector<std::string>{"backup"}));
  EXPECT_EQ(harness.ends(2)[1].attempts, 2U);
}

TEST(GatewayMessages, EndsABrokenStreamWithAnErrorEventAndNoStop) {
  GatewayHarness harness;
  const std::string begun = message_start() + block_start(0) + text_delta(0, std::string(200, 'x'));
  const std::vector<sim::Scripted> broken = {
      streamed({begun}, sim::Scripted::Then::cut),
      streamed({begun + block_stop(0)}),  // ends without message_stop, however properly
      streamed({begun, event_frame("error", R"(,"error":{"type":"overloaded_error"})")}),
      streamed({begun, "event: content_block_delta\ndata: {\"type\":\"ping\"}\n\n"}),
      streamed({begun, event_frame("content_block_delta", R"(,"index":0,"delta":{"type":)"
                                                          R"("text_delta","text":5})")})};
  for (const sim::Scripted& script : broken) {
    harness.script(script);
    RawClient client(harness.port());
    client.send_post("/v1/messages", ask("claude", "hi", R"(,"stream":true)"));
    EXPECT_TRUE(client.read_to_end());
    EXPECT_NE(client.seen().find("event: error\ndata: {\"type\":\"error\""), std::string::npos)
        << client.seen();
    EXPECT_EQ(client.seen().find("message_stop"), std::string::npos);
    EXPECT_EQ(client.seen().find("\r\n0\r\n"), std::string::npos);
  }
  harness.script(streamed({begun}, sim::Scripted::Then::stall));
  RawClient client(harness.port());
  client.send_post("/v1/messages", ask("claude", "hi", R"(,"stream":true)"));
  client.read_until("text_delta");
  EXPECT_EQ(harness.kill("route=claude").streams_cut, 1U);
  EXPECT_TRUE(client.read_to_end());
  EXPECT_NE(client.seen().find("\"code\":\"switched_off\""), std::string::npos) << client.seen();
  EXPECT_EQ(client.seen().find("message_stop"), std::string::npos);
}

TEST(GatewayMessages, RefusesPlainlyWhatIsBlockedBeforeItsFirstByte) {
  GatewayHarness harness;
  harness.script(streamed({message_start() + block_start(0) + text_delta(0, "SECRET-123"),
                           text_delta(0, "456") + block_stop(0) + message_end()}));
  expect_error(harness.messages(ask("claude", "hi", R"(,"stream":true)")), 400,
               "invalid_request_error");
}

TEST(GatewayMessages, TakesTheKeyInEachHeaderAndNotTwoDifferentOnes) {
  GatewayHarness harness;
  harness.script(whole_message(text_block("fine")));
  const std::string body = ask("claude", "hi");
  using Headers = GatewayHarness::Headers;
  for (const Headers& good :
       {Headers{{"authorization", "Bearer key-acme"}}, Headers{{"x-api-key", "key-acme"}},
        Headers{{"api-key", "key-acme"}},
        Headers{{"authorization", "Bearer key-acme"}, {"x-api-key", "key-acme"}}}) {
    EXPECT_EQ(harness.messages(body, good).status, 200);
  }
  for (const Headers& bad :
       {Headers{{"authorization", "Bearer key-acme"}, {"x-api-key", "key-narrow"}},
        Headers{{"x-api-key", "key-acme"}, {"api-key", "key-narrow"}},
        Headers{{"x-api-key", "key-acme"}, {"x-api-key", "key-narrow"}},
        Headers{{"authorization", "Bearer key-acme"}, {"authorization", "Bearer key-acme"}}}) {
    const auto response = harness.messages(body, bad);
    expect_error(response, 400, "invalid_request_error");
    EXPECT_NE(response.body.find("ambiguous_key"), std::string::npos) << response.body;
    EXPECT_EQ(harness.chat(GatewayHarness::body("support", "hi"), bad).status, 400);
  }
}

TEST(GatewayMessages, ListsModelsInTheCallersShape) {
  GatewayHarness harness;
  const auto list = json_of(harness.get(
      "/v1/models", {{"x-api-key", "key-narrow"}, {"anthropic-version", "2023-06-01"}}));
  EXPECT_EQ(list["data"][0]["type"], "model");
  EXPECT_EQ(list["data"][0]["id"], "plain");
  EXPECT_EQ(list["has_more"], false);
  const auto chat = json_of(harness.get("/v1/models", {{"x-api-key", "key-narrow"}}));
  EXPECT_EQ(chat["object"], "list");
}

}  // namespace
}  // namespace cordon::tests
