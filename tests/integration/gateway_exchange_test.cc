// Whole exchanges through the real data path: admission, whole answers, refusals, evidence.
#include "codec/json.h"
#include "tests/integration/gateway_harness.h"

#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::Action;
using model::End;

codec::Json error_of(const net::Response& response) {
  const auto json = codec::parse_json(response.body);
  EXPECT_TRUE(json) << response.body;
  return json && json->contains("error") ? (*json)["error"] : codec::Json();
}

TEST(Gateway, AnswersWithTheProvidersBytesAndSaysWhoServed) {
  GatewayHarness harness;
  const auto scripted = whole_answer("All is well. \u00e9");
  harness.script(scripted);
  const auto response =
      harness.chat(GatewayHarness::body("support", "hello", R"(,"seed":1e3,"x":{"y":[ ]})"),
                   {{"x-request-id", "req-7"}, {"x-cordon-use-case", "billing"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, scripted.pieces[0]);
  EXPECT_EQ(response.header("x-request-id"), "req-7");
  EXPECT_EQ(response.header("x-cordon-served-by"), "sim/sim-small");
  EXPECT_EQ(response.header("x-cordon-mode"), "standard");
  EXPECT_TRUE(response.header("x-cordon-policy").starts_with("test-pack@"));
  EXPECT_FALSE(response.header("x-cordon-overhead-ms").empty());
  EXPECT_EQ(harness.last_request().body,
            R"({"model":"sim-small","messages":[{"role":"user","content":"hello"}],)"
            R"("seed":1e3,"x":{"y":[ ]}})");
  const auto decisions = harness.decisions();
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(decisions[0].action, Action::allow);
  EXPECT_EQ(decisions[0].head.tenant, "acme");
  EXPECT_EQ(decisions[0].head.use_case, "billing");
  EXPECT_EQ(decisions[0].scanned.parts, 1U);
  EXPECT_EQ(decisions[0].scanned.bytes, 5U);
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::complete);
  EXPECT_EQ(ends[0].status, 200);
  EXPECT_EQ(ends[0].upstream_status, 200);
  EXPECT_EQ(ends[0].head.exchange, decisions[0].head.exchange);
  EXPECT_EQ(ends[0].tokens_in, 3U);
  EXPECT_EQ(ends[0].tokens_out, 5U);
  EXPECT_EQ(ends[0].usage, model::UsageSource::provider);
  EXPECT_EQ(ends[0].received_bytes, 15U);
  EXPECT_EQ(ends[0].attempts, 1U);
}

// Headers carried secrets into logs elsewhere (LiteLLM, 2026-03-18).
TEST(Gateway, KeepsPromptsHeadersAndKeysToItself) {
  GatewayHarness harness;
  harness.script(whole_answer("answer-text-zebra " + std::string(kWarn)));
  (void)harness.chat(GatewayHarness::body("support", "prompt-text-giraffe " + std::string(kCard)),
                     {{"x-api-key", "key-acme"},
                      {"cookie", "cookie-text-lion"},
                      {"x-sim-scenario", "leak"},
                      {"openai-beta", "beta-text"}});
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::complete);
  const std::string journal = harness.journal_bytes();
  EXPECT_NE(journal.find("t.card"), std::string::npos);
  for (const char* secret :
       {"giraffe", "zebra", "lion", "key-acme", "provider-key", "4111", "WARN-123", "beta-text"}) {
    EXPECT_EQ(journal.find(secret), std::string::npos) << secret;
  }
  const std::string upstream = harness.last_request().headers;
  EXPECT_NE(upstream.find("Bearer provider-key"), std::string::npos);
  EXPECT_NE(upstream.find("beta-text"), std::string::npos);
  for (const char* ours : {"lion", "key-acme", "x-sim-scenario"}) {
    EXPECT_EQ(upstream.find(ours), std::string::npos) << upstream;
  }
}

TEST(Gateway, AcceptsTheKeyInEachOfItsHeadersAndNoOther) {
  GatewayHarness harness;
  const std::string body = GatewayHarness::body("plain", "hi");
  for (const auto& [name, value] : GatewayHarness::Headers{{"authorization", "Bearer key-acme"},
                                                           {"authorization", "bearer key-acme"},
                                                           {"x-api-key", "key-acme"},
                                                           {"api-key", "key-acme"}}) {
    EXPECT_EQ(harness.chat(body, {{name, value}}).status, 200) << name;
  }
  for (const auto& [name, value] : GatewayHarness::Headers{{"authorization", "Bearer wrong"},
                                                           {"authorization", "Basic key-acme"},
                                                           {"authorization", ""},
                                                           {"api-key", "key-acm"}}) {
    const auto response = harness.chat(body, {{name, value}});
    EXPECT_EQ(response.status, 401) << name << value;
    EXPECT_EQ(error_of(response)["code"], "invalid_api_key");
  }
  EXPECT_EQ(harness.provider_counts().completions, 4U);
}

TEST(Gateway, ListsAndServesOnlyWhatATenantMayUse) {
  GatewayHarness harness;
  const auto models = harness.get("/v1/models", {{"authorization", "Bearer key-narrow"}});
  EXPECT_EQ(models.status, 200);
  EXPECT_EQ(models.body, R"({"object":"list","data":[{"id":"plain","object":"model","created":0,)"
                         R"("owned_by":"cordon"}]})");
  EXPECT_EQ(harness.get("/v1/models").status, 401);
  const GatewayHarness::Headers narrow{{"x-api-key", "key-narrow"}};
  for (const char* route : {"support", "nonesuch"}) {
    const auto response = harness.chat(GatewayHarness::body(route, "hi"), narrow);
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(error_of(response)["code"], "model_not_found");
    EXPECT_EQ(error_of(response)["param"], "model");
  }
  EXPECT_EQ(harness.get("/v1/nothing").status, 404);
  const auto method = harness.get("/v1/chat/completions");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.header("allow"), "POST");
  EXPECT_EQ(harness.provider_counts().completions, 0U);
}

// Whatever two parsers could read differently, or we could not inspect, goes nowhere.
TEST(Gateway, RefusesBadRequestsExactlyAndForwardsNothing) {
  HarnessOptions options;
  options.limits.body_bytes_max = 4096;
  GatewayHarness harness(options);
  struct Case {
    std::string body;
    GatewayHarness::Headers headers;
    int status;
    std::string_view code;
    std::string_view message;
  };
  const std::string fine = GatewayHarness::body("support", "hi");
  const Case cases[] = {
      {R"({"model":"support","messages":[{"role":"user","content":"a"}],"messages":[]})",
       {},
       400,
       "invalid_json",
       "The body is not acceptable JSON: duplicate key at byte 62."},
      {"{\"model\":\"support\",\"messages\":[{\"role\":\"user\",\"content\":\"\xFF\"}]}",
       {},
       400,
       "invalid_json",
       "The body is not acceptable JSON: invalid UTF-8 at byte 57."},
      {R"({"model":"support","messages":[{"role":"user","content":"\ud83d"}]})",
       {},
       400,
       "invalid_json",
       "The body is not acceptable JSON: lone surrogate at byte 57."},
      {"{\"model\":",
       {},
       400,
       "invalid_json",
       "The body is not acceptable JSON: value without an end at byte 9."},
      {fine,
       {{"content-type", "text/plain"}},
       415,
       "unsupported_media_type",
       "Send application/json, without a content encoding."},
      {fine,
       {{"content-encoding", "gzip"}},
       415,
       "unsupported_media_type",
       "Send application/json, without a content encoding."},
      {GatewayHarness::body("support", std::string(5000, 'x')),
       {},
       413,
       "request_too_large",
       "The request is larger than this node allows."},
      {R"({"model":"support","messages":[{"role":"user","content":5}]})",
       {},
       400,
       "invalid_type",
       "Invalid type for 'messages[0].content': expected a string or an array of parts, but got "
       "a number."},
      {fine,
       {{"x-cordon-use-case", "has space"}},
       400,
       "invalid_value",
       "'x-cordon-use-case' must be 1 to 128 visible ASCII characters."},
  };
  for (const Case& one : cases) {
    const auto response = harness.chat(one.body, one.headers);
    EXPECT_EQ(response.status, one.status) << one.message;
    EXPECT_EQ(error_of(response)["code"], one.code);
    EXPECT_EQ(error_of(response)["message"], one.message);
  }
  EXPECT_EQ(harness.provider_counts().completions, 0U);
  EXPECT_TRUE(harness.decisions().empty());
}

// litellm#18261: a blocked call was still made and billed.
TEST(Gateway, BlocksARequestBeforeTheProviderSeesIt) {
  GatewayHarness harness;
  const auto response =
      harness.chat(GatewayHarness::body("support", "give me " + std::string(kSecret)));
  EXPECT_EQ(response.status, 400);
  const auto error = error_of(response);
  EXPECT_EQ(error["code"], "content_filter");
  EXPECT_EQ(error["type"], "invalid_request_error");
  EXPECT_EQ(error["cordon"]["rule_id"], "t.secret");
  EXPECT_EQ(error["cordon"]["decision_id"], response.header("x-cordon-decision-id"));
  EXPECT_EQ(error["cordon"]["policy_digest"].get<std::string>().size(), 64U);
  EXPECT_EQ(harness.provider_counts().completions, 0U);
  const auto decisions = harness.decisions();
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(decisions[0].action, Action::block);
  EXPECT_EQ(decisions[0].reason, "policy");
  ASSERT_EQ(decisions[0].hits.size(), 1U);
  EXPECT_FALSE(decisions[0].hits[0].commit.empty());
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::blocked);
  EXPECT_EQ(ends[0].status, 400);
}

TEST(Gateway, RedactsRequestsAndAnswersBySplice) {
  GatewayHarness harness;
  harness.script(whole_answer("Your card is " + std::string(kCard) + "."));
  const auto response =
      harness.chat(GatewayHarness::body("support", "my card " + std::string(kCard)));
  EXPECT_EQ(response.status, 200);
  const auto answer = codec::parse_json(response.body);
  ASSERT_TRUE(answer);
  EXPECT_EQ((*answer)["choices"][0]["message"]["content"], "Your card is [redacted:payment_card].");
  EXPECT_NE(harness.last_request().body.find("my card [redacted:payment_card]"), std::string::npos);
  EXPECT_EQ(harness.last_request().body.find("4111"), std::string::npos);
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].action, Action::redact);
  ASSERT_EQ(ends[0].hits.size(), 2U) << "of the answer, then of the request";
  for (const model::Hit& hit : ends[0].hits) {
    EXPECT_EQ(hit.count, 1U);
    EXPECT_EQ(hit.delivered, 0U);
    EXPECT_TRUE(hit.personal);
  }
  EXPECT_EQ(ends[0].hits[0].side, model::Side::response);
  EXPECT_EQ(ends[0].hits[1].side, model::Side::request);
}

// api7/aisix#640: monitor mode really blocked.
TEST(Gateway, ObservesAndShadowsWithoutTouchingAnything) {
  GatewayHarness harness;
  const auto scripted =
      whole_answer(std::string(kCard) + " " + std::string(kSecret) + " " + std::string(kShadow));
  harness.script(scripted);
  const auto observed =
      harness.chat(GatewayHarness::body("observed", "ask " + std::string(kSecret)));
  EXPECT_EQ(observed.status, 200);
  EXPECT_EQ(observed.body, scripted.pieces[0]);
  auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].action, Action::allow);
  EXPECT_EQ(ends[0].verdict, Action::block);
  ASSERT_EQ(ends[0].hits.size(), 4U);
  for (const model::Hit& hit : ends[0].hits) {
    EXPECT_EQ(hit.delivered, hit.side == model::Side::response ? 1U : 0U) << hit.rule;
  }
  EXPECT_EQ(harness.decisions()[0].verdict, Action::block);

  const auto noted = whole_answer(std::string(kWarn) + " " + std::string(kShadow));
  harness.script(noted);
  EXPECT_EQ(harness.chat(GatewayHarness::body("support", "hi")).body, noted.pieces[0]);
  ends = harness.ends(2);
  EXPECT_EQ(ends[1].action, Action::warn);
  ASSERT_EQ(ends[1].hits.size(), 2U);
  EXPECT_EQ(ends[1].hits[0].delivered + ends[1].hits[1].delivered, 2U);
}

const model::Hit* hit_of(const std::vector<model::Hit>& hits, std::string_view rule) {
  const auto found =
      std::find_if(hits.begin(), hits.end(), [&](const auto& hit) { return hit.rule == rule; });
  return found == hits.end() ? nullptr : &*found;
}

// What was found in a request never reached the live windows: they read end records alone.
TEST(Gateway, SaysInTheEndRecordWhatCameOfWhatTheRequestHeld) {
  GatewayHarness harness;
  const std::string text = std::string(kInjection) + " and " + std::string(kWarn);
  harness.script(whole_answer("as you wish " + std::string(kWarn)));
  (void)harness.chat(GatewayHarness::body("support", text));  // warned of, forwarded, answered
  (void)harness.chat(GatewayHarness::body("strict", text));   // blocked before forwarding
  sim::Scripted refused;
  refused.status = 500;
  harness.script(refused);
  (void)harness.chat(GatewayHarness::body("support", text));  // forwarded, and no answer
  const auto decisions = harness.decisions();
  const auto ends = harness.ends(3);
  ASSERT_EQ(decisions.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const model::Hit* const found = hit_of(decisions[i].hits, "t.inject");
    ASSERT_NE(found, nullptr) << i;
    EXPECT_EQ(found->side, model::Side::request);
    EXPECT_EQ(found->delivered, 0U) << "nothing has happened yet";
    const model::Hit* const told = hit_of(ends[i].hits, "t.inject");
    ASSERT_NE(told, nullptr) << i;
    EXPECT_EQ(told->side, model::Side::request);
    EXPECT_EQ(told->count, 1U);
    EXPECT_EQ(told->commit, found->commit);
    EXPECT_EQ(told->delivered, i == 0 ? 1U : 0U) << i;
  }
  EXPECT_EQ(ends[1].end, End::blocked);
  // The same rule on both sides is two hits; a request's other matches harm nobody.
  ASSERT_EQ(ends[0].hits.size(), 3U);
  EXPECT_EQ(ends[0].hits[0].rule, "t.warn");
  EXPECT_EQ(ends[0].hits[0].side, model::Side::response);
  EXPECT_EQ(ends[0].hits[0].delivered, 1U);
  for (const model::Hit& hit : ends[0].hits) {
    const bool said = hit.side == model::Side::request && hit.rule == "t.warn";
    if (said) {
      EXPECT_EQ(hit.delivered, 0U);
    }
  }
}

TEST(Gateway, ServesUnderTheFlagsThatARequestNames) {
  GatewayHarness harness;
  const std::string body = GatewayHarness::body("support", "hi");
  (void)harness.kill("flag=new-prompt");
  EXPECT_EQ(harness.chat(body).status, 200);
  EXPECT_EQ(harness.chat(body, {{"x-cordon-flags", "other,beta"}}).status, 200);
  EXPECT_EQ(harness.chat(body, {{"x-cordon-flags", "other, new-prompt"}}).status, 503);
  EXPECT_EQ(harness.chat(body, {{"x-cordon-flags", "a"}, {"X-Cordon-Flags", "new-prompt"}}).status,
            503);
  const auto decisions = harness.decisions();
  ASSERT_EQ(decisions.size(), 4U);
  EXPECT_TRUE(decisions[0].head.flags.empty());
  EXPECT_EQ(decisions[1].head.flags, (std::vector<std::string>{"other", "beta"}));
  EXPECT_EQ(decisions[2].switch_id, "sw-1");
  EXPECT_EQ(harness.ends(4)[1].head.flags, decisions[1].head.flags);
}

TEST(Gateway, RefusesFlagsThatItCannotRead) {
  GatewayHarness harness;
  std::string many = "f0";
  for (int i = 1; i <= 16; ++i) many += ",f" + std::to_string(i);
  for (const std::string& bad :
       {std::string(","), std::string("a,,b"), std::string("a b"), std::string(129, 'x'), many}) {
    const auto response =
        harness.chat(GatewayHarness::body("support", "hi"), {{"x-cordon-flags", bad}});
    EXPECT_EQ(response.status, 400) << bad;
    EXPECT_EQ(error_of(response).value("param", ""), "x-cordon-flags") << bad;
  }
  EXPECT_EQ(harness.provider_counts().completions, 0U);
}

TEST(Gateway, BlocksAWholeAnswerAndIsStricterInEmergency) {
  GatewayHarness harness;
  harness.script(whole_answer("the " + std::string(kSecret)));
  const auto blocked = harness.chat(GatewayHarness::body("support", "hi"));
  EXPECT_EQ(blocked.status, 400);
  EXPECT_EQ(error_of(blocked)["code"], "content_filter");
  EXPECT_EQ(blocked.body.find("SECRET"), std::string::npos);
  harness.script(whole_answer("card " + std::string(kCard)));
  EXPECT_EQ(harness.chat(GatewayHarness::body("strict", "hi")).status, 400);
  const auto ends = harness.ends(2);
  EXPECT_EQ(ends[0].end, End::blocked);
  EXPECT_EQ(ends[0].upstream_status, 200);
  EXPECT_EQ(ends[0].released_bytes, 0U);
  EXPECT_EQ(ends[0].hits[0].delivered, 0U);
  EXPECT_EQ(ends[1].action, Action::block);
}

// Token probabilities spell the text a second time.
TEST(Gateway, RemovesLogprobsOfATextItRedacted) {
  GatewayHarness harness;
  sim::Scripted scripted;
  scripted.pieces = {R"({"choices":[{"index":0,"message":{"content":"card 4111 1111 1111 1111"},)"
                     R"("logprobs":{"content":[{"token":"4111 1111 1111 1111"}]}}]})"};
  harness.script(scripted);
  const auto response = harness.chat(GatewayHarness::body("support", "hi"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body.find("4111"), std::string::npos) << response.body;
}

TEST(Gateway, TriesTheNextTargetBeforeTheFirstByteAndCountsEachAttempt) {
  GatewayHarness harness;
  (void)harness.change([](model::Generation& next) {
    for (model::Route& route : next.routes) route.retry.attempts_max = 1;
  });
  const std::string body = GatewayHarness::body("two", "hi");
  const auto good = whole_answer("from the backup");
  harness.script_backup(good);
  std::vector<sim::Scripted> bad(4);
  bad[0].status = 500;
  bad[0].pieces = {"{}"};
  bad[1].status = 429;
  bad[1].pieces = {"{}"};
  bad[2].pieces = {"{\"choices\":"};
  bad[3].pieces = {"{\"choices\":["};
  bad[3].then = sim::Scripted::Then::cut;
  for (std::size_t i = 0; i < bad.size(); ++i) {
    harness.script(bad[i]);
    const auto response = harness.chat(body);
    EXPECT_EQ(response.status, 200) << i;
    EXPECT_EQ(response.header("x-cordon-served-by"), "backup/sim-large");
    const auto ends = harness.ends(i + 1);
    EXPECT_EQ(ends[i].attempts, 2U);
    EXPECT_EQ(ends[i].head.provider, "backup");
  }
  // The same for streams: litellm#40404 made no second attempt.
  harness.script(streamed({": hello\n\n", delta_frame("")}, sim::Scripted::Then::cut));
  harness.script_backup(streamed({delta_frame("ok") + finish_frame(), std::string(kDoneFrame)}));
  const auto stream = harness.chat(GatewayHarness::body("two", "hi", R"(,"stream":true)"));
  EXPECT_EQ(stream.status, 200);
  EXPECT_EQ(content_of(stream.body), "ok");
}

TEST(Gateway, ObeysTheRulesOfAFallbackWhileItIsInForce) {
  GatewayHarness harness;
  harness.script(whole_answer("from the target"));
  harness.script_backup(whole_answer("from the fallback " + std::string(kSecret)));
  const std::string body = GatewayHarness::body("diverted", "say " + std::string(kSecret));
  EXPECT_EQ(harness.chat(body).status, 400);
  (void)harness.change([](model::Generation& next) {
    next.measures.push_back({"fb-1", model::Measure::fallback,
                             *model::Scope::parse("route=diverted"), model::Mode::standard});
  });
  const auto diverted = harness.chat(body);
  EXPECT_EQ(diverted.status, 200) << diverted.body;
  EXPECT_EQ(diverted.header("x-cordon-served-by"), "backup/sim-large");
  EXPECT_TRUE(diverted.header("x-cordon-policy").empty());
  (void)harness.release();
  EXPECT_EQ(harness.chat(body).status, 400);
  EXPECT_EQ(harness.backup_counts().completions, 1U);
}

TEST(Gateway, TellsWhatTheProviderDidWhenNoTargetIsLeft) {
  GatewayHarness harness;
  struct Case {
    int status;
    std::string body;
    int expected;
    std::string_view code;
  };
  const Case cases[] = {
      {500, "{}", 502, "upstream_error"},
      {401, R"({"error":{"message":"provider-key is wrong"}})", 502, "upstream_error"},
      {429, "{}", 429, "rate_limit_exceeded"},
      {200, "{", 502, "upstream_unreadable"},
      {200, R"({"choices":[{"message":{"content":7}}]})", 502, "upstream_unreadable"},
      {400, R"({"error":{"message":"too long","code":"context_length_exceeded"}})", 400,
       "context_length_exceeded"},
      {400, R"({"error":{"message":"you said SECRET-123456"}})", 502, "upstream_error"},
  };
  std::size_t count = 0;
  for (const Case& one : cases) {
    sim::Scripted scripted;
    scripted.status = one.status;
    scripted.pieces = {one.body};
    harness.script(scripted);
    const auto response = harness.chat(GatewayHarness::body("support", "hi"));
    EXPECT_EQ(response.status, one.expected) << one.body;
    EXPECT_EQ(error_of(response)["code"], one.code);
    EXPECT_EQ(response.body.find("SECRET"), std::string::npos);
    EXPECT_EQ(response.body.find("provider-key"), std::string::npos);
    const auto ends = harness.ends(++count);
    EXPECT_EQ(ends.back().end, End::upstream_error);
    EXPECT_EQ(ends.back().upstream_status, one.status);
    EXPECT_EQ(ends.back().status, one.expected);
  }
}

TEST(Gateway, TimesOutAProviderThatSaysNothing) {
  HarnessOptions options;
  options.timeouts.first_byte = std::chrono::milliseconds(100);
  GatewayHarness harness(options);
  sim::Behaviour stalled;
  stalled.scenario = sim::Scenario::stall;
  harness.behave(stalled);
  const auto response = harness.chat(GatewayHarness::body("support", "hi"));
  EXPECT_EQ(response.status, 504);
  EXPECT_EQ(error_of(response)["code"], "upstream_timeout");
  EXPECT_EQ(harness.ends(1)[0].end, End::timeout);
}

TEST(Gateway, IsReadyOnlyWithAGenerationAndAJournalAndFailsClosed) {
  HarnessOptions options;
  options.adopt = false;
  GatewayHarness harness(options);
  EXPECT_EQ(harness.get("/livez").status, 200);
  EXPECT_EQ(harness.get("/readyz").status, 503);
  EXPECT_EQ(harness.chat(GatewayHarness::body("support", "hi")).status, 503);
  (void)harness.change([](model::Generation&) {});
  EXPECT_EQ(harness.get("/readyz").status, 200);
  EXPECT_EQ(harness.chat(GatewayHarness::body("support", "hi")).status, 200);
  harness.fail_journal();
  EXPECT_EQ(harness.get("/readyz").status, 503);
  const auto refused = harness.chat(GatewayHarness::body("support", "hi"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(error_of(refused)["code"], "evidence_unavailable");
  EXPECT_EQ(harness.provider_counts().completions, 1U);
  EXPECT_EQ(harness.get("/livez").status, 200);
}

TEST(Gateway, RecordsBeforeItForwardsWhereARouteAsksForIt) {
  GatewayHarness harness;
  EXPECT_EQ(harness.chat(GatewayHarness::body("forward", "hi")).status, 200);
  EXPECT_EQ(harness.chat(GatewayHarness::body("deferred", "hi")).status, 200);
  (void)harness.ends(2);
  const auto decisions = harness.decisions();
  ASSERT_EQ(decisions.size(), 2U);
  EXPECT_EQ(decisions[0].durability, model::Durability::before_forward);
  EXPECT_EQ(decisions[1].durability, model::Durability::deferred);
}

TEST(Gateway, RefusesEarlyWhenTooManyExchangesRun) {
  HarnessOptions options;
  options.limits.exchanges_max = 1;
  GatewayHarness harness(options);
  sim::Behaviour stalled;
  stalled.scenario = sim::Scenario::stall;
  harness.behave(stalled);
  RawClient one(harness.port());
  one.send_chat(GatewayHarness::body("plain", "hi", R"(,"stream":true)"));
  one.read_until("data:");
  const auto refused = harness.chat(GatewayHarness::body("plain", "hi"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(error_of(refused)["code"], "overloaded");
}

TEST(Gateway, CountsWhatItDidForPrometheus) {
  GatewayHarness harness;
  (void)harness.chat(GatewayHarness::body("support", "hi"));
  (void)harness.chat(GatewayHarness::body("support", std::string(kSecret)));
  (void)harness.ends(2);
  const std::string text = harness.get("/metrics").body;
  for (const char* line :
       {"cordon_exchanges_total{end=\"complete\"} 1\n",
        "cordon_exchanges_total{end=\"blocked\"} 1\n",
        "cordon_refusals_total{code=\"content_filter\"} 1\n", "cordon_generation 1\n",
        "cordon_upstream_attempts_total{outcome=\"answered\"} 1\n",
        "cordon_exchange_seconds_count 2\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

}  // namespace
}  // namespace cordon::tests
