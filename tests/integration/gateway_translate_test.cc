// Exchanges that cross dialects, through the real data path.
#include "codec/json.h"
#include "tests/integration/gateway_harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::AttemptEnd;
using model::End;

/// `over-chat` (messages asked of sim), `over-messages` (chat asked of claude), both with rules;
/// `mixed`: sim, then claude-backup.
class Translate : public ::testing::Test {
 protected:
  Translate() {
    harness_.change([](model::Generation& generation) {
      const auto add = [&](std::string name, std::vector<model::Target> targets) {
        model::Route route = generation.routes[0];
        route.name = std::move(name);
        route.targets = std::move(targets);
        route.translate = model::Translate::on;
        generation.routes.push_back(std::move(route));
      };
      add("over-messages", {{"claude", "sim-small"}});
      add("over-chat", {{"sim", "sim-small"}});
      add("mixed", {{"sim", "sim-small"}, {"claude-backup", "sim-large"}});
    });
  }

  static std::string chat(std::string_view route, std::string_view text,
                          std::string_view more = "") {
    return GatewayHarness::body(route, text, more);
  }
  static std::string ask(std::string_view route, std::string_view text,
                         std::string_view more = "") {
    std::string content;
    codec::append_json_string(content, text);
    return fmt::format(
        R"({{"model":"{}","max_tokens":2048,"messages":[{{"role":"user","content":{}}}]{}}})",
        route, content, more);
  }
  static codec::Json json_of(const net::Response& response) {
    const auto json = codec::parse_json(response.body);
    EXPECT_TRUE(json) << response.body;
    return json ? *json : codec::Json();
  }
  model::EndRecord end() {
    const auto ends = harness_.ends(++ended_);
    EXPECT_EQ(ends.size(), ended_);
    return ends.empty() ? model::EndRecord() : ends.back();
  }

  GatewayHarness harness_;
  std::size_t ended_ = 0;
};

TEST_F(Translate, AsksAProviderOfMessagesForACompletion) {
  auto scripted = whole_message(text_block("All is well."));
  scripted.extra_header = "request-id: req_upstream";
  harness_.script(scripted);
  const auto response = harness_.chat(
      chat("over-messages", "hello"),
      {{"openai-organization", "o"}, {"anthropic-beta", "b"}, {"traceparent", "00-1-2-3"}});
  ASSERT_EQ(response.status, 200) << response.body;
  const auto json = json_of(response);
  EXPECT_EQ(json["object"], "chat.completion");
  EXPECT_EQ(json["choices"][0]["message"]["content"], "All is well.");
  EXPECT_EQ(json["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(json["usage"]["total_tokens"], 8);
  EXPECT_GT(json["created"].get<std::int64_t>(), 1'600'000'000);
  EXPECT_EQ(response.header("x-cordon-served-by"), "claude/sim-small");
  EXPECT_EQ(response.header("x-upstream-request-id"), "req_upstream");
  const auto sent = harness_.last_request();
  EXPECT_EQ(sent.body, R"({"model":"sim-small","max_tokens":4096,"messages":[{"role":"user",)"
                       R"("content":[{"type":"text","text":"hello"}]}]})");
  EXPECT_NE(sent.headers.find("x-api-key: claude-key"), std::string::npos) << sent.headers;
  EXPECT_NE(sent.headers.find("anthropic-version: 2023-06-01"), std::string::npos);
  EXPECT_NE(sent.headers.find("traceparent"), std::string::npos);
  for (const char* other : {"openai-organization", "anthropic-beta", "authorization", "key-acme"}) {
    EXPECT_EQ(sent.headers.find(other), std::string::npos) << sent.headers;
  }
  const auto record = end();
  EXPECT_TRUE(record.translated);
  EXPECT_EQ(record.end, End::complete);
  EXPECT_EQ(record.head.provider, "claude");
  EXPECT_EQ(record.tokens_in, 3U);
  EXPECT_EQ(record.tokens_out, 5U);
  EXPECT_EQ(record.received_bytes, 12U);
  EXPECT_EQ(harness_.decisions()[0].scanned.parts, 1U) << "each text is seen once";
}

TEST_F(Translate, AsksAProviderOfCompletionsForAMessage) {
  harness_.script(whole_answer("All is well."));
  const auto response = harness_.messages(ask("over-chat", "hello", R"(,"system":"be kind")"),
                                          {{"anthropic-beta", "b-1"}});
  ASSERT_EQ(response.status, 200) << response.body;
  const auto json = json_of(response);
  EXPECT_EQ(json["type"], "message");
  EXPECT_EQ(json["content"][0]["text"], "All is well.");
  EXPECT_EQ(json["stop_reason"], "end_turn");
  const auto sent = harness_.last_request();
  EXPECT_EQ(sent.body, R"({"model":"sim-small","max_completion_tokens":2048,"messages":[{"role":)"
                       R"("system","content":"be kind"},{"role":"user","content":"hello"}]})");
  EXPECT_EQ(sent.headers.find("anthropic-"), std::string::npos) << sent.headers;
  EXPECT_EQ(sent.headers.find("x-api-key"), std::string::npos) << sent.headers;
  EXPECT_TRUE(end().translated);
  EXPECT_EQ(harness_.decisions()[0].scanned.parts, 2U);
}

TEST_F(Translate, SimulatorsOwnAnswersArriveInEitherShape) {
  for (const char* more : {"", R"(,"stream":true)"}) {
    const auto completion = harness_.chat(chat("over-messages", "hello", more));
    EXPECT_EQ(completion.status, 200) << completion.body;
    EXPECT_NE(completion.body.find("\"finish_reason\":\"stop\""), std::string::npos)
        << completion.body;
    const auto first = end();
    EXPECT_EQ(first.end, End::complete);
    EXPECT_GT(first.tokens_out, 0U) << "counted also where the caller asks for no usage";
    const auto message = harness_.messages(ask("over-chat", "hello", more));
    EXPECT_EQ(message.status, 200) << message.body;
    EXPECT_NE(message.body.find("end_turn"), std::string::npos) << message.body;
    const auto second = end();
    EXPECT_EQ(second.end, End::complete);
    EXPECT_GT(second.tokens_out, 0U);
    EXPECT_TRUE(second.translated);
  }
}

TEST_F(Translate, RulesHoldInBothDirections) {
  const std::string card(kCard);
  const std::string secret(kSecret);
  // In requests: what is redacted does not leave, what is blocked is not sent.
  (void)harness_.chat(chat("over-messages", "my card is " + card));
  EXPECT_EQ(harness_.last_request().body.find(card), std::string::npos);
  (void)end();
  const auto asked = harness_.provider_counts().completions;
  EXPECT_EQ(harness_.messages(ask("over-chat", secret)).status, 400);
  EXPECT_EQ(end().end, End::blocked);
  EXPECT_EQ(harness_.provider_counts().completions, asked);
  // In answers, whole and streamed.
  harness_.script(whole_message(text_block("card " + card)));
  const auto redacted = harness_.chat(chat("over-messages", "hello"));
  EXPECT_EQ(redacted.status, 200);
  EXPECT_EQ(redacted.body.find(card), std::string::npos) << redacted.body;
  (void)end();
  harness_.script(whole_answer(secret));
  EXPECT_EQ(harness_.messages(ask("over-chat", "hello")).status, 400);
  EXPECT_EQ(end().end, End::blocked);
  std::vector<std::string> pieces = {message_start() + block_start(0) + text_delta(0, "fine. ")};
  for (const char c : secret) pieces.push_back(text_delta(0, std::string(1, c)));
  pieces.push_back(block_stop(0) + message_end());
  harness_.script(streamed(pieces));
  const auto stream = harness_.chat(chat("over-messages", "hello", R"(,"stream":true)"));
  EXPECT_EQ(stream.body.find("SECRET"), std::string::npos) << stream.body;
  const auto blocked = end();
  EXPECT_EQ(blocked.end, End::blocked);
  EXPECT_TRUE(blocked.translated);
  harness_.script(streamed({delta_frame("fine. "), delta_frame("SECRET-123"), delta_frame("456"),
                            finish_frame(), std::string(kDoneFrame)}));
  const auto events = harness_.messages(ask("over-chat", "hello", R"(,"stream":true)"));
  EXPECT_EQ(events.body.find("SECRET"), std::string::npos) << events.body;
  EXPECT_EQ(end().end, End::blocked);
}

TEST_F(Translate, StreamsAreReadByTheCallersOwnRules) {
  harness_.script(
      streamed({delta_frame("one "), delta_frame("two"), finish_frame(), std::string(kDoneFrame)}));
  const auto events = harness_.messages(ask("over-chat", "hello", R"(,"stream":true)"));
  const ReadMessage read = read_message(events.body);
  EXPECT_EQ(read.fault, "") << events.body;
  EXPECT_TRUE(read.stopped);
  ASSERT_EQ(read.blocks.size(), 1U);
  EXPECT_EQ(read.blocks[0], "one two");
  EXPECT_EQ(read.stop_reason, "end_turn");
  const auto record = end();
  EXPECT_EQ(record.end, End::complete);
  EXPECT_EQ(record.usage, model::UsageSource::unknown) << "nobody counted, so nothing is zero";
  EXPECT_NE(harness_.last_request().body.find(R"("stream_options":{"include_usage":true})"),
            std::string::npos);
}

TEST_F(Translate, ACutStreamHasNoProperEnd) {
  harness_.script(streamed({message_start() + block_start(0) + text_delta(0, std::string(64, 'x'))},
                           sim::Scripted::Then::cut));
  RawClient client(harness_.port());
  client.send_chat(chat("over-messages", "hello", R"(,"stream":true)"));
  EXPECT_TRUE(client.read_to_end());
  EXPECT_EQ(client.seen().find("[DONE]"), std::string::npos) << client.seen();
  EXPECT_NE(client.seen().find("upstream_cut"), std::string::npos) << client.seen();
  EXPECT_EQ(end().end, End::upstream_cut);
}

TEST_F(Translate, WhatHasNoEqualIsRefusedByNameAndNotSent) {
  const auto chat_refusal = harness_.chat(chat("over-messages", "hello", R"(,"seed":7)"));
  EXPECT_EQ(chat_refusal.status, 400);
  EXPECT_EQ(json_of(chat_refusal)["error"]["param"], "seed");
  EXPECT_EQ(json_of(chat_refusal)["error"]["code"], "unsupported_parameter");
  const auto record = end();
  EXPECT_EQ(record.end, End::refused);
  EXPECT_EQ(record.status, 400);
  EXPECT_EQ(record.attempts, 0U);
  EXPECT_FALSE(record.translated);
  ASSERT_EQ(record.tried.size(), 1U);
  EXPECT_EQ(record.tried[0].end, AttemptEnd::untranslatable);
  EXPECT_EQ(record.tried[0].provider, "claude");
  const auto refusal = harness_.messages(ask("over-chat", "hello", R"(,"top_k":7)"));
  EXPECT_EQ(refusal.status, 400);
  EXPECT_EQ(json_of(refusal)["error"]["type"], "invalid_request_error");
  EXPECT_EQ(json_of(refusal)["error"]["cordon"]["param"], "top_k");
  EXPECT_EQ(harness_.provider_counts().completions, 0U);
  EXPECT_EQ(harness_.metric(R"(cordon_upstream_attempts_total{outcome="untranslatable"})"), "2");
}

TEST_F(Translate, AFallbackCrossesAfterAFailure) {
  auto down = whole_answer("");
  down.status = 503;
  for (const char* more : {"", R"(,"stream":true)"}) {
    harness_.script(down);
    const auto response = harness_.chat(chat("mixed", "hello", more));
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.header("x-cordon-served-by"), "claude-backup/sim-large");
    const auto record = end();
    EXPECT_EQ(record.end, End::complete);
    EXPECT_TRUE(record.translated);
    ASSERT_GE(record.tried.size(), 2U);
    EXPECT_EQ(record.tried.front().provider, "sim");
    EXPECT_EQ(record.tried.front().status, 503);
    EXPECT_EQ(record.tried.back().end, AttemptEnd::answered);
    EXPECT_EQ(record.tried.back().provider, "claude-backup");
  }
}

TEST_F(Translate, AFallbackLeavesOutATargetThatCannotBeAsked) {
  auto down = whole_answer("");
  down.status = 503;
  harness_.script(down);
  const auto response = harness_.chat(chat("mixed", "hello", R"(,"seed":7)"));
  EXPECT_EQ(response.status, 502) << "what the target that was asked came to is told";
  EXPECT_EQ(json_of(response)["error"]["code"], "upstream_error");
  const auto record = end();
  ASSERT_GE(record.tried.size(), 2U);
  EXPECT_EQ(record.tried.back().end, AttemptEnd::untranslatable);
  EXPECT_EQ(record.tried.back().status, 0);
  EXPECT_FALSE(record.translated);
  EXPECT_EQ(record.head.provider, "sim") << "the last that was asked";
  EXPECT_EQ(harness_.backup_counts().completions, 0U);
  // The other way about the own dialect's target is asked.
  const auto message = harness_.messages(ask("mixed", "hello", R"(,"top_k":7)"));
  EXPECT_EQ(message.status, 200) << message.body;
  const auto second = end();
  EXPECT_EQ(second.head.provider, "claude-backup");
  ASSERT_EQ(second.tried.size(), 2U);
  EXPECT_EQ(second.tried[0].end, AttemptEnd::untranslatable);
}

TEST_F(Translate, AProvidersErrorIsToldInTheCallersShape) {
  sim::Scripted objection;
  objection.status = 404;
  objection.pieces = {
      R"({"type":"error","error":{"type":"not_found_error","message":"no model x"}})"};
  harness_.script(objection);
  const auto completion = harness_.chat(chat("over-messages", "hello"));
  EXPECT_EQ(completion.status, 404);
  EXPECT_EQ(json_of(completion)["error"]["message"], "no model x");
  EXPECT_EQ(json_of(completion)["error"]["code"], "not_found_error");
  EXPECT_TRUE(json_of(completion)["error"]["param"].is_null());
  objection.pieces = {R"({"error":{"message":"no model x","type":"t","param":null,"code":null}})"};
  harness_.script(objection);
  const auto message = harness_.messages(ask("over-chat", "hello"));
  EXPECT_EQ(message.status, 404);
  EXPECT_EQ(json_of(message)["error"]["type"], "not_found_error");
}

TEST_F(Translate, AnAnswerWithoutAnEqualIsUnreadable) {
  harness_.script(whole_message(R"({"type":"server_tool_use","id":"s","name":"w","input":{}})"));
  const auto response = harness_.chat(chat("over-messages", "hello"));
  EXPECT_EQ(response.status, 502);
  EXPECT_EQ(json_of(response)["error"]["code"], "upstream_unreadable");
  (void)end();
  harness_.script(streamed({message_start() + event_frame("brand_new_event", "")}));
  const auto stream = harness_.chat(chat("over-messages", "hello", R"(,"stream":true)"));
  EXPECT_EQ(stream.status, 502) << stream.body;
  EXPECT_EQ(end().end, End::upstream_error);
}

TEST_F(Translate, AKillCutsATranslatedStream) {
  harness_.script(streamed({message_start() + block_start(0) + text_delta(0, std::string(64, 'x'))},
                           sim::Scripted::Then::stall));
  RawClient client(harness_.port());
  client.send_chat(chat("over-messages", "hello", R"(,"stream":true)"));
  client.read_until("xxxx");
  (void)harness_.kill("route=over-messages");
  EXPECT_TRUE(client.read_to_end());
  EXPECT_EQ(client.seen().find("[DONE]"), std::string::npos);
  EXPECT_EQ(end().end, End::killed);
}

TEST_F(Translate, IsOffUnlessTheRouteSaysSo) {
  const auto response = harness_.chat(chat("claude", "hello"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(json_of(response)["error"]["code"], "wrong_dialect");
  // Other surfaces have no equal at all.
  const auto count = harness_.post("/v1/messages/count_tokens", ask("over-chat", "hello"));
  EXPECT_EQ(count.status, 400);
  EXPECT_EQ(harness_.provider_counts().completions, 0U);
}

}  // namespace
}  // namespace cordon::tests
