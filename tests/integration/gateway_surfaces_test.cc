// The smaller surfaces through the real data path: token counts, completions, embeddings, and
// moderations, which the rules answer themselves.
#include "codec/json.h"
#include "tests/integration/gateway_harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::Action;
using model::End;

constexpr std::string_view kCount = "/v1/messages/count_tokens";
constexpr std::string_view kCompletions = "/v1/completions";
constexpr std::string_view kEmbeddings = "/v1/embeddings";
constexpr std::string_view kModerations = "/v1/moderations";

std::string json_text(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  return out;
}

/// A body whose `key` holds this JSON.
std::string asks(std::string_view route, std::string_view key, std::string_view value,
                 std::string_view more = "") {
  return fmt::format(R"({{"model":"{}","{}":{}{}}})", route, key, value, more);
}
std::string counts(std::string_view route, std::string_view text, std::string_view more = "") {
  return asks(route, "messages", R"([{"role":"user","content":)" + json_text(text) + "}]", more);
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
  const bool exchange = status != 404 && status != 405;
  EXPECT_TRUE(!exchange || !response.header("x-request-id").empty());
  return json["error"];
}

sim::Scripted whole(std::string body) {
  sim::Scripted scripted;
  scripted.pieces = {std::move(body)};
  return scripted;
}
std::string completion(std::string_view text) {
  return R"({"id":"cmpl-1","object":"text_completion","created":7,"model":"m","choices":[)"
         R"({"index":0,"text":)" +
         json_text(text) +
         R"(,"logprobs":{"tokens":["a"]},"finish_reason":"stop"}],)"
         R"("usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}})";
}
std::string text_frame(std::string_view text, std::string_view finish = "null") {
  return fmt::format(R"(data: {{"id":"cmpl-1","object":"text_completion","created":7,)"
                     R"("choices":[{{"index":0,"text":{},"logprobs":null,"finish_reason":{}}}],)"
                     R"("model":"m","usage":null}}{})",
                     json_text(text), finish, "\n\n");
}

TEST(GatewaySurfaces, CountsTokensOfWhatTheRulesLetPass) {
  GatewayHarness harness;
  const GatewayHarness::Headers version{{"x-api-key", "key-acme"}, {"anthropic-version", "1"}};
  const auto counted =
      harness.post(kCount, counts("claude", "hello", R"(,"stream":true)"), version);
  EXPECT_EQ(counted.status, 200) << counted.body;
  EXPECT_GT(json_of(counted).value("input_tokens", 0), 0);
  EXPECT_EQ(counted.header("x-cordon-served-by"), "claude/sim-small");
  EXPECT_FALSE(counted.header("request-id").empty());
  harness.script(whole(R"({"input_tokens":7})"));
  const auto redacted =
      harness.post(kCount, counts("claude", "card " + std::string(kCard)), version);
  EXPECT_EQ(redacted.body, R"({"input_tokens":7})");
  EXPECT_NE(harness.last_request().body.find("card [redacted:payment_card]"), std::string::npos);
  const std::uint64_t asked = harness.provider_counts().completions;
  const auto blocked = harness.post(kCount, counts("claude", std::string(kSecret)), version);
  EXPECT_EQ(blocked.status, 400);
  EXPECT_EQ(json_of(blocked)["error"]["cordon"].value("code", ""), "content_filter");
  EXPECT_EQ(harness.provider_counts().completions, asked);
  harness.script(whole(R"({"tokens":7})"));
  const auto unreadable = harness.post(kCount, counts("claude", "hi"), version);
  EXPECT_EQ(unreadable.status, 502);
  EXPECT_EQ(json_of(unreadable)["error"]["cordon"].value("code", ""), "upstream_unreadable");
  const auto elsewhere = harness.post(kCount, counts("support", "hi"));
  EXPECT_EQ(json_of(elsewhere)["error"]["cordon"].value("code", ""), "wrong_dialect");
  const auto ends = harness.ends(5);
  const auto decisions = harness.decisions();
  EXPECT_EQ(decisions[0].head.surface, "count_tokens");
  EXPECT_EQ(decisions[1].action, Action::redact);
  EXPECT_EQ(ends[0].end, End::complete);
  EXPECT_EQ(ends[0].head.surface, "count_tokens");
  EXPECT_EQ(ends[0].usage, model::UsageSource::unknown) << "counted, and not used";
  EXPECT_FALSE(ends[0].stream);
  EXPECT_EQ(ends[2].end, End::blocked);
}

TEST(GatewaySurfaces, EmbedsWhatTheRulesLetPass) {
  GatewayHarness harness;
  const auto made =
      harness.post(kEmbeddings, asks("support", "input", R"(["one","two"])", R"(,"dimensions":3)"));
  EXPECT_EQ(made.status, 200) << made.body;
  const codec::Json vectors = json_of(made);
  ASSERT_EQ(vectors["data"].size(), 2U);
  EXPECT_EQ(vectors["data"][1]["embedding"].size(), 3U);
  EXPECT_EQ(made.header("x-cordon-served-by"), "sim/sim-small");
  const std::string card(kCard);
  EXPECT_EQ(harness.post(kEmbeddings, asks("support", "input", R"(["x",)" + json_text(card) + "]"))
                .status,
            200);
  EXPECT_EQ(harness.last_request().body,
            R"({"model":"sim-small","input":["x","[redacted:payment_card]"]})");
  for (const std::string& secret :
       {json_text(kSecret), R"(["fine",)" + json_text("a " + std::string(kSecret)) + "]"}) {
    const codec::Json error = expect_error(
        harness.post(kEmbeddings, asks("support", "input", secret)), 400, "content_filter");
    EXPECT_EQ(error["cordon"].value("rule_id", ""), "t.secret");
  }
  EXPECT_EQ(harness.provider_counts().completions, 2U);
  harness.script(whole(R"({"data":{}})"));
  expect_error(harness.post(kEmbeddings, asks("support", "input", R"("x")")), 502,
               "upstream_unreadable");
  const auto ends = harness.ends(5);
  EXPECT_EQ(ends[0].usage, model::UsageSource::provider);
  EXPECT_GT(ends[0].tokens_in, 0U);
  EXPECT_EQ(harness.decisions()[0].head.surface, "embeddings");
  EXPECT_EQ(harness.decisions()[0].scanned.parts, 2U) << "two inputs are two texts";
}

// More numbers than are indexed still pass: nobody reads text in them.
TEST(GatewaySurfaces, PassesVectorsOfAnySizeByteForByte) {
  GatewayHarness harness;
  std::string numbers = "0";
  for (int i = 0; i < 300'000; ++i) numbers += ",1";
  const std::string body = R"({"object":"list","data":[{"embedding":[)" + numbers +
                           R"(]}],"usage":{"prompt_tokens":1}})";
  harness.script(whole(body));
  const auto response = harness.post(kEmbeddings, asks("support", "input", R"("x")"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, body);
  EXPECT_EQ(harness.ends(1)[0].usage, model::UsageSource::unknown) << "unknown, and not zero";
}

TEST(GatewaySurfaces, RefusesTokenNumbersWhereRulesActUnlessTheRouteLetsThemPass) {
  GatewayHarness harness;
  struct Ask {
    std::string_view path;
    std::string_view key;
    std::string_view answer;
  };
  const Ask asked[] = {{kEmbeddings, "input", R"({"data":[]})"},
                       {kCompletions, "prompt", R"({"choices":[]})"}};
  for (const auto& [path, key, answer] : asked) {
    harness.script(whole(std::string(answer)));
    for (const char* tokens : {"[1,2,3]", "[[1,2],[3]]", R"(["text",[3]])"}) {
      const std::uint64_t before = harness.provider_counts().completions;
      const codec::Json error = expect_error(harness.post(path, asks("support", key, tokens)), 400,
                                             "uninspectable_content");
      EXPECT_EQ(error.value("param", ""), key);
      EXPECT_EQ(harness.provider_counts().completions, before);
      EXPECT_EQ(harness.post(path, asks("plain", key, tokens)).status, 200) << "no rules there";
      EXPECT_EQ(harness.post(path, asks("observed", key, tokens)).status, 200)
          << "what only observes refuses nothing";
    }
  }
  auto decisions = harness.decisions();
  ASSERT_EQ(decisions.size(), 18U);
  EXPECT_EQ(decisions[0].reason, "uninspected");
  EXPECT_EQ(decisions[0].uninspected, "input");
  EXPECT_EQ(decisions[0].action, Action::block);
  EXPECT_EQ(decisions[1].uninspected, "") << "nothing was to be inspected";
  EXPECT_EQ(decisions[2].uninspected, "input");
  EXPECT_EQ(decisions[9].uninspected, "prompt");
  EXPECT_EQ(harness.ends(18)[0].end, End::refused);
  (void)harness.change([](model::Generation& generation) {
    for (model::Route& route : generation.routes) route.uninspected = model::Uninspected::pass;
  });
  EXPECT_EQ(harness.post(kCompletions, asks("support", "prompt", "[1]")).status, 200);
  decisions = harness.decisions();
  EXPECT_EQ(decisions.back().uninspected, "prompt") << "the decision says what went by";
  EXPECT_EQ(decisions.back().action, Action::allow);
}

TEST(GatewaySurfaces, InspectsAWholeCompletionAndItsPrompt) {
  GatewayHarness harness;
  harness.script(whole(completion("All is well.")));
  const auto fine = harness.post(kCompletions, asks("support", "prompt", R"("hi")", R"(,"n":1)"));
  EXPECT_EQ(fine.body, completion("All is well."));
  harness.script(whole(completion("card " + std::string(kCard))));
  const auto redacted = harness.post(kCompletions, asks("support", "prompt", R"("hi")"));
  EXPECT_EQ(redacted.status, 200);
  const codec::Json choice = json_of(redacted)["choices"][0];
  EXPECT_EQ(choice["text"], "card [redacted:payment_card]");
  EXPECT_TRUE(choice["logprobs"].is_null()) << "they spell the text again";
  harness.script(whole(completion("a " + std::string(kSecret))));
  expect_error(harness.post(kCompletions, asks("support", "prompt", R"("hi")")), 400,
               "content_filter");
  const std::uint64_t asked = harness.provider_counts().completions;
  const std::string secret = json_text(kSecret);
  for (const std::string& body :
       {asks("support", "prompt", secret), asks("support", "prompt", "[\"a\"," + secret + "]"),
        asks("support", "prompt", R"("a")", ",\"suffix\":" + secret)}) {
    expect_error(harness.post(kCompletions, body), 400, "content_filter");
  }
  EXPECT_EQ(harness.provider_counts().completions, asked);
  harness.script(whole(R"({"choices":[{"text":5}]})"));
  expect_error(harness.post(kCompletions, asks("support", "prompt", R"("hi")")), 502,
               "upstream_unreadable");
  const auto ends = harness.ends(7);
  EXPECT_EQ(ends[0].tokens_out, 5U);
  EXPECT_EQ(ends[0].received_bytes, 12U);
  EXPECT_EQ(ends[0].head.surface, "completions");
  EXPECT_EQ(ends[1].action, Action::redact);
  EXPECT_EQ(ends[2].end, End::blocked);
}

TEST(GatewaySurfaces, StreamsACompletionWithTheRulesOnIt) {
  GatewayHarness harness;
  const std::string body = asks("support", "prompt", R"("hi")",
                                R"(,"stream":true,"stream_options":{"include_usage":true})");
  const std::string usage =
      R"(data: {"id":"cmpl-1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}})"
      "\n\n";
  const std::string plain = text_frame("one ") + text_frame("two") + text_frame("", "\"stop\"") +
                            usage + std::string(kDoneFrame);
  harness.script(streamed({plain}));
  EXPECT_EQ(
      harness.post(kCompletions, asks("plain", "prompt", R"("hi")", R"(,"stream":true)")).body,
      plain)
      << "byte for byte where no rule acts";
  const std::string lead(200, 'x');
  harness.script(streamed({text_frame(lead + " card 4111 1111"), text_frame(" 1111 1111 is"),
                           text_frame("", "\"stop\"") + usage + std::string(kDoneFrame)}));
  const auto redacted = harness.post(kCompletions, body);
  EXPECT_EQ(redacted.body.find("1111"), std::string::npos);
  EXPECT_NE(redacted.body.find("[redacted:payment_card] is"), std::string::npos) << redacted.body;
  EXPECT_TRUE(redacted.body.ends_with(usage + std::string(kDoneFrame)));
  harness.script(
      streamed({text_frame(lead + " SECRET-"), text_frame("123456"), text_frame(" more" + lead)}));
  const auto blocked = harness.post(kCompletions, body);
  EXPECT_EQ(blocked.status, 200);
  EXPECT_EQ(blocked.body.find("SECRET"), std::string::npos);
  EXPECT_EQ(blocked.body.find("more"), std::string::npos);
  EXPECT_NE(blocked.body.find(R"("choices":[{"index":0,"text":"","logprobs":null,)"
                              R"("finish_reason":"content_filter"}],"usage":null})"),
            std::string::npos)
      << blocked.body;
  EXPECT_TRUE(blocked.body.ends_with(kDoneFrame));
  harness.script(streamed({text_frame("SECRET-123456"), text_frame(lead)}));
  expect_error(harness.post(kCompletions, body), 400, "content_filter");
  const auto ends = harness.ends(4);
  EXPECT_EQ(ends[1].action, Action::redact);
  EXPECT_EQ(ends[1].tokens_out, 5U);
  EXPECT_EQ(ends[2].end, End::blocked);
  EXPECT_TRUE(ends[2].stream);
}

TEST(GatewaySurfaces, CutsAStreamedCompletionAndEndsABrokenOneWithAnErrorFrame) {
  GatewayHarness harness;
  const std::string body = asks("support", "prompt", R"("hi")", R"(,"stream":true)");
  const std::string begun = text_frame(std::string(200, 'x'));
  for (const sim::Scripted& script :
       {streamed({begun}, sim::Scripted::Then::cut), streamed({begun}),
        streamed({begun, "data: {\"choices\":[{\"text\":5}]}\n\n"}),
        streamed({begun, "data: {\"error\":{\"message\":\"x\"}}\n\n"})}) {
    harness.script(script);
    RawClient client(harness.port());
    client.send_post(kCompletions, body);
    EXPECT_TRUE(client.read_to_end());
    EXPECT_NE(client.seen().find("data: {\"error\":{"), std::string::npos) << client.seen();
    EXPECT_EQ(client.seen().find("[DONE]"), std::string::npos);
  }
  harness.script(streamed({begun}, sim::Scripted::Then::stall));
  RawClient client(harness.port());
  client.send_post(kCompletions, body);
  client.read_until("xxx");
  EXPECT_EQ(harness.kill("route=support").streams_cut, 1U);
  EXPECT_TRUE(client.read_to_end());
  EXPECT_NE(client.seen().find("\"code\":\"switched_off\""), std::string::npos) << client.seen();
  for (const auto& [path, key] :
       {std::pair{kCompletions, "prompt"}, {kEmbeddings, "input"}, {kModerations, "input"}}) {
    const auto refused = harness.post(path, asks("support", key, R"("hi")"));
    expect_error(refused, 503, "switched_off");
    EXPECT_EQ(refused.header("x-should-retry"), "false");
  }
}

TEST(GatewaySurfaces, ModeratesByTheRulesOfTheRouteAndAsksNobody) {
  GatewayHarness harness;
  const std::string input = "[\"fine\"," + json_text("card " + std::string(kCard)) + "," +
                            json_text(kSecret) + "," +
                            json_text(std::string(kInjection) + " " + std::string(kWarn)) + "," +
                            json_text(kShadow) + "]";
  const auto response = harness.post(kModerations, asks("support", "input", input));
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_FALSE(response.header("x-cordon-decision-id").empty());
  EXPECT_TRUE(response.header("x-cordon-policy").starts_with("test-pack@"));
  EXPECT_TRUE(response.header("x-cordon-served-by").empty());
  const codec::Json json = json_of(response);
  EXPECT_TRUE(json.value("id", "").starts_with("modr-"));
  EXPECT_EQ(json["model"], "support");
  const codec::Json& results = json["results"];
  ASSERT_EQ(results.size(), 5U);
  const bool flagged[] = {false, true, true, true, false};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(results[i]["flagged"], flagged[i]) << i;
  EXPECT_EQ(results[1]["categories"]["data_leakage"], true);
  EXPECT_EQ(results[1]["categories"]["illicit"], false);
  EXPECT_EQ(results[1]["category_scores"]["data_leakage"], 1);
  EXPECT_EQ(results[1]["cordon"]["rules"], codec::Json({"t.card"}));
  EXPECT_EQ(results[3]["categories"]["illicit"], true) << "unsafe_output by OpenAI's name";
  EXPECT_EQ(results[3]["categories"]["prompt_injection_bypass"], true);
  EXPECT_EQ(results[3]["categories"].size(), 17U);
  EXPECT_EQ(results[3]["category_applied_input_types"]["illicit"], codec::Json({"text"}));
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::complete);
  EXPECT_TRUE(ends[0].hits.empty()) << "nothing came of what was found";
  const auto decision = harness.decisions()[0];
  EXPECT_EQ(decision.head.surface, "moderations");
  EXPECT_EQ(decision.head.provider, "");
  EXPECT_EQ(decision.verdict, Action::block);
  EXPECT_EQ(decision.action, Action::allow) << "told, and nothing done";
  EXPECT_EQ(decision.hits.size(), 5U) << "the shadow rule's is recorded";
  for (const model::Hit& hit : decision.hits) {
    EXPECT_EQ(hit.count, 1U) << hit.rule;
    EXPECT_EQ(hit.delivered, 0U) << hit.rule;
  }
  EXPECT_EQ(harness.provider_counts().completions, 0U);
  EXPECT_EQ(harness.journal_bytes().find(kCard), std::string::npos);
}

TEST(GatewaySurfaces, ModeratesPartsAsOneTextAndRefusesWhatNoRuleReads) {
  GatewayHarness harness;
  const auto parts = harness.post(
      kModerations, asks("support", "input",
                         R"([{"type":"text","text":"SECRET-12"},{"type":"text","text":"3456"}])"));
  const codec::Json json = json_of(parts);
  ASSERT_EQ(json["results"].size(), 1U) << parts.body;
  EXPECT_EQ(json["results"][0]["flagged"], true);
  const std::string image =
      R"([{"type":"text","text":"fine"},{"type":"image_url","image_url":{"url":"data:x"}}])";
  const auto refused = harness.post(kModerations, asks("support", "input", image));
  EXPECT_EQ(expect_error(refused, 400, "uninspectable_content").value("param", ""), "input[1]");
  (void)harness.change([](model::Generation& generation) {
    for (model::Route& route : generation.routes) route.uninspected = model::Uninspected::pass;
  });
  EXPECT_EQ(harness.post(kModerations, asks("support", "input", image)).status, 200);
  EXPECT_EQ(harness.decisions().back().uninspected, "input[1]");
  // A route without rules cannot say that a text is harmless.
  const auto unruled = harness.post(kModerations, asks("plain", "input", R"("x")"));
  EXPECT_EQ(expect_error(unruled, 400, "invalid_value").value("param", ""), "model");
  EXPECT_EQ(harness.decisions().back().reason, "no_rules");
  const auto nameless = harness.post(kModerations, R"({"input":"x"})");
  EXPECT_EQ(expect_error(nameless, 404, "model_not_found").value("param", ""), "model");
  (void)harness.change(
      [](model::Generation& generation) { generation.routes[0].name = "omni-moderation-latest"; });
  const auto usual = harness.post(kModerations, R"({"input":"SECRET-123456"})");
  EXPECT_EQ(json_of(usual)["results"][0]["flagged"], true) << "what OpenAI takes for no model";
}

TEST(GatewaySurfaces, RefuseBadInputByTheNameOfWhatIsWrong) {
  HarnessOptions options;
  options.limits.body_bytes_max = 4096;
  GatewayHarness harness(options);
  std::string deep = "[";
  for (int i = 0; i < 100; ++i) deep += '[';
  struct Bad {
    std::string body;
    std::string_view code;
    std::string param;
  };
  for (const std::string key : {"input", "prompt"}) {
    const std::vector<std::string_view> paths =
        key == "prompt" ? std::vector{kCompletions} : std::vector{kEmbeddings, kModerations};
    const std::vector<Bad> bodies = {
        {"{", "invalid_json", ""},
        {"[]", "invalid_type", ""},
        {R"({"model":5})", "invalid_type", "model"},
        {asks("support", key, R"("a")", ",\"" + key + "\":\"b\""), "invalid_json", ""},
        {asks("support", key, "\"\xff\""), "invalid_json", ""},
        {asks("support", key, R"("\ud800")"), "invalid_json", ""},
        {asks("support", key, deep), "invalid_value", ""},
        {asks("support", key, "5"), "invalid_type", key},
        {asks("support", key, "[]"), "invalid_value", key},
        {asks("support", key, "{}"), "invalid_type", key},
        {asks("support", key, R"(["a",true])"), "invalid_type", key + "[1]"},
    };
    for (const std::string_view path : paths) {
      for (const Bad& bad : bodies) {
        const codec::Json error = expect_error(harness.post(path, bad.body), 400, bad.code);
        if (!bad.param.empty()) {
          EXPECT_EQ(error.value("param", ""), bad.param) << path << bad.body;
        }
      }
      expect_error(harness.post(path, asks("support", key, json_text(std::string(5000, 'x')))), 413,
                   "request_too_large");
      expect_error(harness.post(path, "{}", {{"content-type", "text/plain"}}), 415,
                   "unsupported_media_type");
      expect_error(harness.post(path, "{}", {{"x-api-key", "wrong"}}), 401, "invalid_api_key");
      const auto got = harness.get(path);
      expect_error(got, 405, "method_not_allowed");
      EXPECT_EQ(got.header("allow"), "POST");
    }
  }
  expect_error(harness.post(kEmbeddings, R"({"model":"support"})"), 400,
               "missing_required_parameter");
  // A text must not hide where tokens are expected.
  EXPECT_EQ(expect_error(harness.post(kEmbeddings, asks("support", "input", R"([[1,"a"]])")), 400,
                         "invalid_type")
                .value("param", ""),
            "input[0][1]");
  expect_error(harness.post(kCompletions, asks("support", "prompt", R"("a")", R"(,"suffix":5)")),
               400, "invalid_type");
  expect_error(
      harness.post(kCompletions, asks("support", "prompt", R"("a")", R"(,"stream":"yes")")), 400,
      "invalid_type");
  expect_error(harness.post(kModerations, asks("support", "input", R"([{"type":"text"}])")), 400,
               "missing_required_parameter");
  EXPECT_EQ(harness.post(kCount, "{").status, 400);
  EXPECT_EQ(json_of(harness.post(kCount, R"({"model":"claude","messages":5})"))["type"], "error");
  EXPECT_EQ(harness.get(kCount).status, 405);
  EXPECT_EQ(harness.provider_counts().completions, 0U);
}

}  // namespace
}  // namespace cordon::tests
