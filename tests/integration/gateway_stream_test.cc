// Streamed answers through the real data path: held text, redaction, blocks, cuts.
#include "tests/integration/gateway_harness.h"

#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::Action;
using model::End;

std::string stream_body(std::string_view route, std::string_view more = "") {
  return GatewayHarness::body(route, "hi", R"(,"stream":true)" + std::string(more));
}

bool is_done(std::string_view stream) {
  return stream.ends_with(kDoneFrame);
}

TEST(GatewayStream, PassesFramesByteForByteWhereNoRuleActs) {
  GatewayHarness harness;
  const std::string unknown =
      "event: note\ndata: {\"choices\":[],\"obfuscation\":\"xyz\",\"new\":[1,{}]}\n\n";
  const std::string all = ": ping\n\n" + delta_frame("Hello \u00e9") + unknown + delta_frame("!") +
                          finish_frame() + std::string(kDoneFrame);
  for (const char* route : {"plain", "observed"}) {
    harness.script(streamed({all.substr(0, 70), all.substr(70, 99), all.substr(169)}));
    const auto response = harness.chat(stream_body(route));
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.header("content-type").starts_with("text/event-stream"));
    std::string seen = response.body;
    if (std::string_view(route) == "plain") {
      EXPECT_EQ(seen, all);
    } else {
      EXPECT_EQ(content_of(seen), "Hello \u00e9!");
    }
    EXPECT_NE(seen.find(unknown), std::string::npos);
  }
}

TEST(GatewayStream, EndsOnlyWithARecordThatSaysWhatWasSent) {
  GatewayHarness harness;
  sim::Behaviour behaviour;
  behaviour.chunks_per_write = 1;
  harness.behave(behaviour);
  const auto response =
      harness.chat(stream_body("support", R"(,"stream_options":{"include_usage":true})"));
  EXPECT_TRUE(is_done(response.body));
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::complete);
  EXPECT_TRUE(ends[0].stream);
  EXPECT_EQ(ends[0].usage, model::UsageSource::provider);
  EXPECT_EQ(ends[0].received_bytes, ends[0].released_bytes);
  EXPECT_EQ(ends[0].received_bytes, content_of(response.body).size());
  EXPECT_EQ(ends[0].scanned.bytes, ends[0].received_bytes);
}

// However the provider cuts its chunks, the same text comes out and nothing of the match does.
TEST(GatewayStream, RedactsALeakAtEveryCutPosition) {
  GatewayHarness harness;
  const std::string text = "Card " + std::string(kCard) + " is on file.";
  std::size_t count = 0;
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    harness.script(streamed({delta_frame(text.substr(0, cut)), delta_frame(text.substr(cut)),
                             finish_frame() + std::string(kDoneFrame)}));
    const auto response = harness.chat(stream_body("support"));
    EXPECT_EQ(content_of(response.body), "Card [redacted:payment_card] is on file.") << cut;
    EXPECT_TRUE(is_done(response.body)) << cut;
    ++count;
  }
  const auto ends = harness.ends(count);
  for (const model::EndRecord& end : ends) {
    EXPECT_EQ(end.end, End::complete);
    ASSERT_EQ(end.hits.size(), 1U);
    EXPECT_EQ(end.hits[0].count, 1U);
    EXPECT_EQ(end.hits[0].delivered, 0U);
    EXPECT_FALSE(end.hits[0].commit.empty());
    EXPECT_EQ(end.response_commit.empty(), false);
  }
}

TEST(GatewayStream, BlocksALeakAtEveryCutPositionWithAProperEnd) {
  GatewayHarness harness;
  const std::string text = "This text is harmless and long enough to be let go. The code is " +
                           std::string(kSecret) + ", keep it.";
  const std::size_t secret = text.find(kSecret);
  for (std::size_t cut = secret - 3; cut <= secret + kSecret.size() + 2; ++cut) {
    harness.script(
        streamed({delta_frame(text.substr(0, 52)), delta_frame(text.substr(52, cut - 52)),
                  delta_frame(text.substr(cut)), finish_frame() + std::string(kDoneFrame)}));
    const auto response =
        harness.chat(stream_body("support", R"(,"stream_options":{"include_usage":true})"));
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(text.starts_with(content_of(response.body)));
    EXPECT_LE(content_of(response.body).size(), secret);
    EXPECT_NE(response.body.find(R"("delta":{},"finish_reason":"content_filter")"),
              std::string::npos);
    EXPECT_NE(response.body.find(R"("choices":[],"usage":null)"), std::string::npos);
    EXPECT_TRUE(is_done(response.body));
  }
}

// The check ran after content was already sent (api7/aisix#466).
TEST(GatewayStream, RefusesPlainlyWhatIsBlockedBeforeItsFirstByte) {
  GatewayHarness harness;
  harness.script(streamed({": wait\n\n", delta_frame(""), delta_frame(kSecret.substr(0, 8)),
                           delta_frame(kSecret.substr(8)), delta_frame(" and more after it"),
                           finish_frame() + std::string(kDoneFrame)}));
  const auto response = harness.chat(stream_body("support"));
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("\"content_filter\""), std::string::npos);
  EXPECT_EQ(response.body.find("SECRET"), std::string::npos);
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::blocked);
  EXPECT_EQ(ends[0].hits[0].rule, "t.secret");
  EXPECT_EQ(ends[0].hits[0].delivered, 0U);
}

TEST(GatewayStream, ScansEveryChoiceToolArgumentsAndReasoning) {
  GatewayHarness harness;
  const std::string card(kCard);
  const auto frame = [](std::string_view delta, int choice) {
    return "data: {\"choices\":[{\"index\":" + std::to_string(choice) + ",\"delta\":{" +
           std::string(delta) + "},\"finish_reason\":null}]}\n\n";
  };
  const std::string half = card.substr(0, 9);
  const std::string rest = card.substr(9);
  harness.script(streamed(
      {frame(R"("content":"a )" + half + "\"", 1),
       frame(R"("reasoning_content":")" + half + "\"", 0),
       frame(R"("tool_calls":[{"index":2,"function":{"arguments":"x )" + half + "\"}}]", 0),
       frame(R"("content":")" + rest + " b\"", 1),
       frame(R"("reasoning_content":")" + rest + "\"", 0),
       frame(R"("tool_calls":[{"index":2,"function":{"arguments":")" + rest + "\"}}]", 0),
       finish_frame(0) + finish_frame(1) + std::string(kDoneFrame)}));
  const auto response = harness.chat(stream_body("support", R"(,"n":2)"));
  EXPECT_EQ(content_of(response.body, 1), "a [redacted:payment_card] b");
  EXPECT_EQ(count_of(response.body, "[redacted:payment_card]"), 3U) << response.body;
  EXPECT_EQ(response.body.find(rest), std::string::npos);
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].scanned.parts, 3U);
  EXPECT_EQ(ends[0].hits[0].count, 3U);
}

TEST(GatewayStream, CountsAsDeliveredWhatAnObserverLetThrough) {
  GatewayHarness harness;
  harness.script(
      streamed({delta_frame("code " + std::string(kSecret) + " and "),
                delta_frame(std::string(kWarn)), finish_frame() + std::string(kDoneFrame)}));
  const auto response = harness.chat(stream_body("observed"));
  EXPECT_NE(content_of(response.body).find(kSecret), std::string::npos);
  const auto ends = harness.ends(1);
  ASSERT_EQ(ends[0].hits.size(), 2U);
  EXPECT_EQ(ends[0].hits[0].delivered, 1U);
  EXPECT_EQ(ends[0].hits[1].delivered, 1U);
  EXPECT_EQ(ends[0].verdict, Action::block);
  EXPECT_EQ(ends[0].action, Action::allow);
}

// Portkey#1797: an upstream cut became a clean end, and half an answer was stored as whole.
TEST(GatewayStream, NeverPresentsACutAnswerAsComplete) {
  GatewayHarness harness;
  const std::string begun = delta_frame("Half of an answer that is long enough to be let go ");
  const sim::Scripted cuts[] = {
      streamed({begun}, sim::Scripted::Then::cut),
      streamed({begun, "data: {\"choi"}, sim::Scripted::Then::cut),
      streamed({begun}, sim::Scripted::Then::complete),  // a proper end, but no [DONE]
      streamed({begun, finish_frame()}, sim::Scripted::Then::complete),
  };
  std::size_t count = 0;
  for (const sim::Scripted& cut : cuts) {
    harness.script(cut);
    RawClient client(harness.port());
    client.send_chat(stream_body("support"));
    EXPECT_TRUE(client.read_to_end());
    EXPECT_EQ(client.seen().find("[DONE]"), std::string::npos) << client.seen();
    EXPECT_NE(client.seen().find(R"("code":"upstream_cut")"), std::string::npos);
    EXPECT_EQ(client.seen().find("\r\n0\r\n"), std::string::npos) << "the body looks whole";
    EXPECT_EQ(harness.ends(++count).back().end, End::upstream_cut);
  }
}

TEST(GatewayStream, EndsWithAnErrorWhatItCannotInspect) {
  GatewayHarness harness;
  const std::string begun = delta_frame("Half of an answer that is long enough to be let go ");
  const std::pair<std::string, std::string_view> cases[] = {
      {"data: {\"choices\":[{\"delta\":{\"content\":7}}]}\n\n", "upstream_unreadable"},
      {"data: {\"choices\":[{]}\n\n", "upstream_unreadable"},
      {"data: {\"error\":{\"message\":\"quota SECRET-123456\"}}\n\n", "upstream_error"},
  };
  std::size_t count = 0;
  for (const auto& [frame, code] : cases) {
    harness.script(streamed({begun, frame, finish_frame() + std::string(kDoneFrame)}));
    RawClient client(harness.port());
    client.send_chat(stream_body("support"));
    EXPECT_TRUE(client.read_to_end());
    EXPECT_NE(client.seen().find("\"code\":\"" + std::string(code) + "\""), std::string::npos);
    EXPECT_EQ(client.seen().find("[DONE]"), std::string::npos);
    EXPECT_EQ(client.seen().find("SECRET"), std::string::npos);
    EXPECT_EQ(harness.ends(++count).back().end, End::upstream_error);
  }
}

// litellm#35958: an interrupted stream was not logged at all.
TEST(GatewayStream, RecordsAClientThatLeft) {
  GatewayHarness harness;
  harness.script(streamed({delta_frame("Text that is certainly long enough to be let go at once.")},
                          sim::Scripted::Then::stall));
  {
    RawClient client(harness.port());
    client.send_chat(stream_body("support"));
    client.read_until("data:");
  }
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::client_gone);
  EXPECT_EQ(ends[0].status, 200);
  EXPECT_GT(ends[0].released_bytes, 0U);
  EXPECT_LE(ends[0].released_bytes, ends[0].received_bytes);
}

TEST(GatewayStream, LetsAnIdleStreamTimeOut) {
  HarnessOptions options;
  options.timeouts.idle = std::chrono::milliseconds(100);
  GatewayHarness harness(options);
  harness.script(streamed({delta_frame("Text that is certainly long enough to be let go at once.")},
                          sim::Scripted::Then::stall));
  RawClient client(harness.port());
  client.send_chat(stream_body("support"));
  EXPECT_TRUE(client.read_to_end());
  EXPECT_NE(client.seen().find("upstream_timeout"), std::string::npos);
  EXPECT_EQ(harness.ends(1)[0].end, End::timeout);
}

TEST(GatewayStream, KeepsConnectionsOfBothSidesForTheNextExchange) {
  GatewayHarness harness;
  RawClient client(harness.port());
  for (std::size_t i = 1; i <= 5; ++i) {
    client.send_chat(stream_body("support"));
    EXPECT_EQ(count_of(client.read_until("\r\n0\r\n\r\n", i), "[DONE]"), i);
    EXPECT_EQ(harness.ends(i).back().end, End::complete);
  }
  EXPECT_EQ(harness.provider_counts().connections, 1U);
}

}  // namespace
}  // namespace cordon::tests
