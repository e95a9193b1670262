// Providers that fail, on three surfaces of both dialects, streamed and whole: what the caller
// gets, who was asked how often, what the record says of each attempt, and who is billed.
#include "codec/json.h"
#include "tests/integration/gateway_harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::AttemptEnd;
using model::End;
using namespace std::chrono_literals;

enum class Surface : std::uint8_t { chat, responses, messages };

/// One of the six ways to ask.
struct Way {
  Surface surface;
  bool stream;
};

class Faults : public testing::TestWithParam<Way> {
 protected:
  Faults() : harness_(options()) {
    (void)harness_.change([](model::Generation& next) {
      for (model::Route& route : next.routes) {
        route.retry.backoff = 1ms;
        route.retry.backoff_max = 2ms;
      }
    });
  }
  static HarnessOptions options() {
    HarnessOptions options;
    options.timeouts.first_byte = 500ms;
    options.timeouts.idle = 500ms;
    return options;
  }

  [[nodiscard]] bool anthropic() const { return GetParam().surface == Surface::messages; }
  [[nodiscard]] bool responses() const { return GetParam().surface == Surface::responses; }
  [[nodiscard]] bool streamed() const { return GetParam().stream; }
  [[nodiscard]] std::string_view path() const {
    return anthropic() ? "/v1/messages" : responses() ? "/v1/responses" : "/v1/chat/completions";
  }
  [[nodiscard]] std::string one() const { return anthropic() ? "claude" : "support"; }
  [[nodiscard]] std::string two() const { return anthropic() ? "claude-two" : "two"; }
  [[nodiscard]] std::string first() const { return anthropic() ? "claude" : "sim"; }
  [[nodiscard]] std::string second() const { return anthropic() ? "claude-backup" : "backup"; }
  [[nodiscard]] std::string body(std::string_view route, std::string_view text) const {
    if (responses()) {
      std::string input;
      codec::append_json_string(input, text);
      return fmt::format(R"({{"model":"{}","input":{}{}}})", route, input,
                         streamed() ? R"(,"stream":true)" : "");
    }
    return GatewayHarness::body(
        route, text, fmt::format(R"(,"max_tokens":400{})", streamed() ? R"(,"stream":true)" : ""));
  }
  /// Asks a route; an order of the simulator may stand in the text.
  net::Response ask(std::string_view route, std::string_view text = "hi") {
    const std::string asked = body(route, text);
    return anthropic() ? harness_.messages(asked) : harness_.post(path(), asked);
  }
  /// Every byte of an answer that may break off.
  std::string ask_to_end(std::string_view route) {
    RawClient client(harness_.port());
    client.send_post(path(), body(route, "hi"));
    EXPECT_TRUE(client.read_to_end());
    return client.seen();
  }
  void behave(sim::Scenario scenario, std::chrono::milliseconds delay = 50ms) {
    sim::Behaviour behaviour;
    behaviour.scenario = scenario;
    behaviour.slow_delay = delay;
    harness_.behave(behaviour);
  }
  [[nodiscard]] bool is_whole(const net::Response& response) const {
    if (!streamed()) return response.status == 200;
    const std::string_view last = anthropic()   ? "event: message_stop"
                                  : responses() ? "event: response.completed"
                                                : "data: [DONE]";
    return response.status == 200 && response.body.find(last) != std::string::npos;
  }
  [[nodiscard]] std::string code_of(const net::Response& response) const {
    const auto json = codec::parse_json(response.body);
    if (!json || !json->contains("error")) return response.body;
    const codec::Json& error = (*json)["error"];
    if (!anthropic()) return error.value("code", "");
    return error.contains("cordon") ? error["cordon"].value("code", "") : error.value("type", "");
  }
  /// The frames of a stream before its first text.
  [[nodiscard]] std::string begun() const {
    if (anthropic()) return message_start() + block_start(0);
    if (!responses()) return delta_frame("");
    return "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":"
           "\"resp_1\",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]},"
           "\"sequence_number\":0}\n\n";
  }
  /// The end of the exchange asked last.
  model::EndRecord end() { return harness_.ends(++ended_).back(); }
  [[nodiscard]] std::uint64_t asked_first() { return harness_.provider_counts().completions; }
  [[nodiscard]] std::uint64_t asked_second() { return harness_.backup_counts().completions; }

  GatewayHarness harness_;
  std::size_t ended_ = 0;
};

std::string order(std::string_view scenario, std::string_view more = R"(,"times":1)") {
  return fmt::format(R"([[sim {{"scenario":"{}"{}}}]] hi)", scenario, more);
}

TEST_P(Faults, A500OnceIsAskedAgain) {
  const auto response = ask(one(), order("error_500"));
  EXPECT_TRUE(is_whole(response)) << response.body;
  const auto record = end();
  EXPECT_EQ(record.end, End::complete);
  EXPECT_EQ(record.attempts, 2U);
  ASSERT_EQ(record.tried.size(), 2U);
  EXPECT_EQ(record.tried[0].provider, first());
  EXPECT_EQ(record.tried[0].end, AttemptEnd::failed);
  EXPECT_EQ(record.tried[0].status, 500);
  EXPECT_EQ(record.tried[1].end, AttemptEnd::answered);
  EXPECT_EQ(record.tried[1].status, 200);
}

TEST_P(Faults, A429WithoutRetryAfterIsAskedAgainAfterABackoff) {
  const auto response = ask(one(), order("error_429", R"(,"times":1,"retry_after":"")"));
  EXPECT_TRUE(is_whole(response)) << response.body;
  const auto record = end();
  EXPECT_EQ(record.attempts, 2U);
  EXPECT_EQ(record.tried.at(0).end, AttemptEnd::overloaded);
  EXPECT_EQ(record.tried.at(0).status, 429);
}

TEST_P(Faults, AShortRetryAfterIsWaitedForAndALongOnePassedOn) {
  const auto waited = ask(one(), order("error_429", R"(,"times":1,"retry_after":"1")"));
  EXPECT_TRUE(is_whole(waited)) << waited.body;
  const auto first = end();
  EXPECT_EQ(first.attempts, 2U);
  EXPECT_GE(first.total_us, 1'000'000U);
  for (const char* const text : {"60", "Sun, 06 Nov 2094 08:49:37 GMT"}) {
    const auto passed = ask(one(), order("error_429", fmt::format(R"(,"retry_after":"{}")", text)));
    EXPECT_EQ(passed.status, 429);
    EXPECT_EQ(passed.header("retry-after"), text);
    EXPECT_EQ(code_of(passed), "rate_limit_exceeded");
    EXPECT_EQ(end().attempts, 1U);
  }
  // A date that has passed is no time at all.
  const auto past =
      ask(one(), order("error_429", R"(,"times":1,"retry_after":"Sun, 06 Nov 1994 08:49:37 GMT")"));
  EXPECT_TRUE(is_whole(past)) << past.body;
  EXPECT_EQ(end().attempts, 2U);
}

TEST_P(Faults, NobodyWaitsLongerThanTheExchangeMayTake) {
  (void)harness_.change([](model::Generation& next) { next.limits.exchange_time_max = 2s; });
  const auto passed = ask(one(), order("error_429", R"(,"retry_after":"3")"));
  EXPECT_EQ(passed.status, 429);
  EXPECT_EQ(passed.header("retry-after"), "3");
  const auto record = end();
  EXPECT_EQ(record.attempts, 1U);
  EXPECT_LT(record.total_us, 2'000'000U);
}

TEST_P(Faults, NobodyWaitsWhereAnotherTargetMayAnswer) {
  behave(sim::Scenario::error_429);
  const auto response = ask(two());
  EXPECT_TRUE(is_whole(response)) << response.body;
  EXPECT_EQ(response.header("x-cordon-served-by"), second() + "/sim-large");
  EXPECT_EQ(end().attempts, 2U);
  EXPECT_EQ(asked_first(), 1U);
}

TEST_P(Faults, A503IsAskedAgainAndThenOfTheNextTarget) {
  sim::Behaviour at_once;
  at_once.scenario = sim::Scenario::overloaded;
  at_once.retry_after_s = 0;
  harness_.behave(at_once);
  const auto alone = ask(one());
  EXPECT_EQ(alone.status, 502);
  EXPECT_EQ(code_of(alone), "upstream_error");
  EXPECT_EQ(end().attempts, 2U);
  EXPECT_TRUE(is_whole(ask(two())));
  EXPECT_EQ(end().head.provider, second());
}

TEST_P(Faults, AResetBeforeAnyByteIsAskedAgainAndThenOfTheNextTarget) {
  EXPECT_TRUE(is_whole(ask(one(), order("reset"))));
  const auto again = end();
  EXPECT_EQ(again.attempts, 2U);
  EXPECT_EQ(again.tried.at(0).end, AttemptEnd::unreachable);
  EXPECT_EQ(again.tried.at(0).status, 0);
  behave(sim::Scenario::reset);
  EXPECT_TRUE(is_whole(ask(two())));
  const auto next = end();
  EXPECT_EQ(next.attempts, 3U);
  EXPECT_EQ(next.tried.size(), 3U);
  EXPECT_EQ(next.head.provider, second());
  EXPECT_EQ(ask(one()).status, 502);
}

TEST_P(Faults, NoResponseIsNotAwaitedTwice) {
  behave(sim::Scenario::silence);
  EXPECT_TRUE(is_whole(ask(two())));
  const auto record = end();
  EXPECT_EQ(record.attempts, 2U);
  EXPECT_EQ(record.tried.at(0).end, AttemptEnd::timeout);
  EXPECT_GE(record.tried.at(0).us, 250'000U);
  const auto alone = ask(one());
  EXPECT_EQ(alone.status, 504);
  EXPECT_EQ(code_of(alone), "upstream_timeout");
  EXPECT_EQ(end().attempts, 1U);
}

TEST_P(Faults, ALateFirstTokenIsAwaitedWithinTheTimeoutsAndNoLonger) {
  behave(sim::Scenario::late, 100ms);
  EXPECT_TRUE(is_whole(ask(two())));
  EXPECT_EQ(end().head.provider, first());
  behave(sim::Scenario::late, 2s);
  EXPECT_TRUE(is_whole(ask(two())));
  const auto record = end();
  EXPECT_EQ(record.head.provider, second());
  EXPECT_EQ(record.tried.at(0).end, AttemptEnd::timeout);
}

// Portkey-AI/gateway#1797: an upstream cut became a clean 200. LL#40404: no fallback was asked.
TEST_P(Faults, ACutIsNeverAWholeAnswer) {
  behave(sim::Scenario::cut);
  if (!streamed()) {
    EXPECT_TRUE(is_whole(ask(two())));
    EXPECT_EQ(end().tried.at(0).end, AttemptEnd::cut);
    const auto alone = ask(one());
    EXPECT_EQ(alone.status, 502);
    EXPECT_EQ(code_of(alone), "upstream_cut");
    return;
  }
  const std::string seen = ask_to_end(two());
  EXPECT_NE(seen.find("upstream_cut"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("[DONE]"), std::string::npos);
  EXPECT_EQ(seen.find("message_stop"), std::string::npos);
  EXPECT_EQ(asked_second(), 0U) << "what was released cannot be taken back";
  const auto record = end();
  EXPECT_EQ(record.end, End::upstream_cut);
  EXPECT_EQ(record.attempts, 1U);
  EXPECT_EQ(record.tried.at(0).end, AttemptEnd::cut);
}

TEST_P(Faults, AStallIsCutByTheIdleTimeout) {
  behave(sim::Scenario::stall);
  if (!streamed()) {
    EXPECT_TRUE(is_whole(ask(two())));
    EXPECT_EQ(end().tried.at(0).end, AttemptEnd::timeout);
    return;
  }
  const std::string seen = ask_to_end(two());
  EXPECT_NE(seen.find("upstream_timeout"), std::string::npos) << seen;
  EXPECT_EQ(asked_second(), 0U);
  EXPECT_EQ(end().end, End::timeout);
}

TEST_P(Faults, AMalformedAnswerIsNotPassedOn) {
  behave(sim::Scenario::malformed);
  if (!streamed()) {
    EXPECT_TRUE(is_whole(ask(two())));
    EXPECT_EQ(end().tried.at(0).end, AttemptEnd::failed);
    return;
  }
  const std::string seen = ask_to_end(two());
  EXPECT_NE(seen.find("upstream_unreadable"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("[DONE]"), std::string::npos);
  EXPECT_EQ(seen.find("message_stop"), std::string::npos);
  EXPECT_EQ(end().end, End::upstream_error);
}

TEST_P(Faults, AnAnswerWithoutItsTerminalFrameCountsAsCut) {
  behave(sim::Scenario::no_terminal);
  if (!streamed()) return;
  const std::string seen = ask_to_end(one());
  EXPECT_NE(seen.find("upstream_cut"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("[DONE]"), std::string::npos);
  EXPECT_EQ(seen.find("message_stop"), std::string::npos);
  EXPECT_EQ(end().end, End::upstream_cut);
}

// Nothing of the answer has been released, so the next target may be asked, or not, as configured.
TEST_P(Faults, ACutBeforeTheFirstTextIsMendedByTheNextTargetUnlessTheRouteSaysError) {
  if (!streamed()) return;
  harness_.script(tests::streamed({begun()}, sim::Scripted::Then::cut));
  EXPECT_TRUE(is_whole(ask(two())));
  const auto record = end();
  EXPECT_EQ(record.head.provider, second());
  EXPECT_EQ(record.tried.at(0).end, AttemptEnd::cut);
  (void)harness_.change([](model::Generation& next) {
    for (model::Route& route : next.routes) route.on_cut = model::OnCut::error;
  });
  const auto told = ask(two());
  EXPECT_EQ(told.status, 502);
  EXPECT_EQ(code_of(told), "upstream_cut");
  const auto refused = end();
  EXPECT_EQ(refused.attempts, 1U);
  EXPECT_EQ(refused.tried.size(), 1U) << "listed once";
  EXPECT_EQ(refused.released_bytes, 0U);
}

TEST_P(Faults, A400OfTheCallersOwnIsPassedOnAndAskedOnce) {
  std::uint64_t asked = 0;
  for (const auto scenario :
       {sim::Scenario::context_length, sim::Scenario::content_filter, sim::Scenario::prefill}) {
    behave(scenario);
    const auto response = ask(two());
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.header("x-cordon-served-by"), first() + "/sim-small");
    const std::string_view said = scenario == sim::Scenario::prefill ? "prefill"
                                  : anthropic()                      ? "invalid_request_error"
                                  : scenario == sim::Scenario::context_length
                                      ? "context_length_exceeded"
                                      : "content_filter";
    EXPECT_NE(response.body.find(said), std::string::npos) << response.body;
    EXPECT_EQ(asked_first(), ++asked);
    const auto record = end();
    EXPECT_EQ(record.attempts, 1U);
    EXPECT_TRUE(record.tried.empty());
  }
  EXPECT_EQ(asked_second(), 0U);
}

// LL#13280: the provider bills what the gateway has no row for.
TEST_P(Faults, UsageIsThatOfTheTargetThatAnsweredAndFailedAttemptsSayTheirOwn) {
  if (responses()) return;  // says its usage in its last event alone
  const std::string begun =
      anthropic() ? message_start() + block_start(0)
                  : R"(data: {"id":"x","object":"chat.completion.chunk","choices":[],)"
                    R"("usage":{"prompt_tokens":7,"completion_tokens":1}})"
                    "\n\n";
  harness_.script(tests::streamed({begun}, sim::Scripted::Then::cut));
  const auto response = ask(two());
  EXPECT_TRUE(is_whole(response)) << response.body;
  const auto record = end();
  EXPECT_EQ(record.head.provider, second());
  ASSERT_EQ(record.tried.size(), 2U);
  if (streamed()) {
    EXPECT_GT(record.tried[0].tokens_in, 0U);
  }
  if (anthropic() || !streamed()) {
    EXPECT_EQ(record.usage, model::UsageSource::provider);
    EXPECT_GT(record.tokens_out, 1U) << "of the answer that went out";
  } else {
    EXPECT_EQ(record.usage, model::UsageSource::unknown) << "nobody asked for usage";
    EXPECT_EQ(record.tokens_in, 0U);
  }
}

TEST_P(Faults, RetriesEndWithTheBudgetOfTheTarget) {
  (void)harness_.change([](model::Generation& next) {
    for (model::Provider& provider : next.providers) provider.retry_budget = {0, 2};
  });
  behave(sim::Scenario::error_500);
  std::uint32_t attempts = 0;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask(one()).status, 502);
    attempts += end().attempts;
  }
  EXPECT_EQ(attempts, 5U + 2U);
  EXPECT_EQ(asked_first(), 7U);
}

TEST_P(Faults, TheSameRulesHoldOnEveryTargetTried) {
  behave(sim::Scenario::error_500);
  const std::string text = "the " + std::string(kSecret);
  sim::Behaviour says;
  says.answer = text;
  harness_.behave_backup(says);
  const auto blocked = ask(two(), "my card " + std::string(kCard));
  EXPECT_EQ(blocked.body.find("SECRET"), std::string::npos);
  EXPECT_EQ(end().end, End::blocked);
  EXPECT_EQ(harness_.last_request().body.find("4111"), std::string::npos);
}

TEST_P(Faults, ASwitchReachesAnExchangeThatWaitsToAskAgain) {
  sim::Behaviour slow_down;
  slow_down.scenario = sim::Scenario::error_429;
  slow_down.retry_after_s = 4;
  harness_.behave(slow_down);
  RawClient client(harness_.port());
  client.send_post(path(), body(one(), "hi"));
  while (asked_first() == 0) std::this_thread::sleep_for(5ms);
  const auto sweep = harness_.kill("route=" + one());
  EXPECT_EQ(sweep.streams_cut, 1U);
  client.read_until("switched_off");
  EXPECT_NE(client.seen().find(" 503 "), std::string::npos) << client.seen();
  const auto record = end();
  EXPECT_EQ(record.end, End::killed);
  EXPECT_LT(record.total_us, 3'000'000U);
  EXPECT_EQ(asked_first(), 1U);
}

TEST_P(Faults, ASwitchedOffTargetIsNeverTried) {
  behave(sim::Scenario::error_500);
  (void)harness_.kill("provider=" + second());
  EXPECT_EQ(ask(two()).status, 502);
  EXPECT_EQ(asked_second(), 0U);
  EXPECT_EQ(end().attempts, 2U);
}

std::string name_of(const testing::TestParamInfo<Way>& way) {
  constexpr std::array<std::string_view, 3> kNames = {"chat", "responses", "messages"};
  return std::string(kNames[static_cast<std::size_t>(way.param.surface)]) +
         (way.param.stream ? "_streamed" : "_whole");
}

INSTANTIATE_TEST_SUITE_P(InEveryShape, Faults,
                         testing::Values(Way{Surface::chat, false}, Way{Surface::chat, true},
                                         Way{Surface::responses, false},
                                         Way{Surface::responses, true},
                                         Way{Surface::messages, false},
                                         Way{Surface::messages, true}),
                         name_of);

}  // namespace
}  // namespace cordon::tests
