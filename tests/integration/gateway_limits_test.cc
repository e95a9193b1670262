// Limits of tenants through the real data path: what is refused, what every answer says, and what
// an exchange has used in the end, however it ended.
#include "tests/integration/gateway_harness.h"

#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::End;
using model::UsageSource;

constexpr std::string_view kLong = "Text that is certainly long enough to be let go at once.";

void limit(GatewayHarness& harness, const std::string& tenant, model::UsageLimits limits) {
  (void)harness.change([&](model::Generation& next) {
    for (model::Tenant& each : next.tenants) {
      if (each.name == tenant) each.limits = limits;
    }
  });
}

std::string more(int tokens, bool stream = false) {
  return ",\"max_tokens\":" + std::to_string(tokens) + (stream ? ",\"stream\":true" : "");
}

TEST(GatewayLimits, RefuseInTheCallersDialectWithoutAnEntry) {
  GatewayHarness harness;
  limit(harness, "acme", {2, 0});
  const std::string body = GatewayHarness::body("plain", "hi");
  const auto first = harness.chat(body);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.header("x-ratelimit-limit-requests"), "2");
  EXPECT_EQ(first.header("x-ratelimit-remaining-requests"), "1");
  EXPECT_EQ(first.header("x-ratelimit-limit-tokens"), "") << "it has no limit of tokens";
  EXPECT_EQ(harness.chat(body).header("x-ratelimit-remaining-requests"), "0");
  for (int i = 0; i < 20; ++i) {
    const auto refused = harness.chat(body);
    ASSERT_EQ(refused.status, 429);
    EXPECT_NE(refused.body.find(R"("code":"rate_limit_exceeded")"), std::string::npos);
    EXPECT_NE(refused.body.find("2 requests per minute"), std::string::npos) << refused.body;
    const int seconds = std::stoi(std::string(refused.header("retry-after")));
    EXPECT_GE(seconds, 1);
    EXPECT_LE(seconds, 30);
    EXPECT_EQ(refused.header("x-should-retry"), "");
    EXPECT_EQ(refused.header("x-ratelimit-remaining-requests"), "0");
    EXPECT_TRUE(refused.header("x-ratelimit-reset-requests").ends_with("s"));
  }
  const auto messages = harness.messages(
      R"({"model":"claude-plain","max_tokens":5,"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(messages.status, 429);
  EXPECT_NE(messages.body.find(R"("type":"rate_limit_error")"), std::string::npos);
  EXPECT_EQ(messages.header("anthropic-ratelimit-requests-limit"), "2");
  EXPECT_EQ(messages.header("anthropic-ratelimit-requests-remaining"), "0");
  const std::string reset(messages.header("anthropic-ratelimit-requests-reset"));
  EXPECT_EQ(reset.size(), 20U);
  EXPECT_TRUE(parse_rfc3339(reset)) << reset;
  EXPECT_EQ(harness.ends(2).size(), 2U);
  EXPECT_EQ(harness.decisions().size(), 2U) << "a flood of refusals must not fill the journal";
  EXPECT_EQ(harness.metric(R"(cordon_tenant_limit_refused_total{tenant="acme",limit="requests"})"),
            "21");
  EXPECT_EQ(harness.provider_counts().completions, 2U);
}

TEST(GatewayLimits, SayNothingToATenantWithoutAnyAndCountNobodyElse) {
  GatewayHarness harness;
  limit(harness, "narrow", {1, 1'000});
  for (int i = 0; i < 3; ++i) {
    const auto answer = harness.chat(GatewayHarness::body("plain", "hi"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("x-ratelimit-limit-requests"), "");
  }
  const auto other =
      harness.chat(GatewayHarness::body("plain", "hi"), {{"authorization", "Bearer key-narrow"}});
  EXPECT_EQ(other.status, 200);
  EXPECT_EQ(other.header("x-ratelimit-remaining-requests"), "0");
}

TEST(GatewayLimits, ChargeWhatTheProviderSaysAndGiveBackTheRest) {
  GatewayHarness harness;
  limit(harness, "acme", {0, 10'000});
  const auto answer = harness.chat(GatewayHarness::body("plain", "hi", more(9'000)));
  ASSERT_EQ(answer.status, 200);
  const auto end = harness.ends(1).front();
  ASSERT_EQ(end.usage, UsageSource::provider);
  const std::uint64_t used = end.tokens_in + end.tokens_out;
  ASSERT_GT(used, 0U);
  const auto left = std::stoull(std::string(answer.header("x-ratelimit-remaining-tokens")));
  EXPECT_GE(left, 10'000 - used);
  EXPECT_LT(left, 10'000 - used + 500) << "at most what came back meanwhile";
  EXPECT_EQ(harness.chat(GatewayHarness::body("plain", "hi", more(9'000))).status, 200);
}

// Budgets that ignored streams, disconnects and cuts were the complaint.
TEST(GatewayLimits, AStreamHoldsItsReservationAndEndsWithWhatItUsed) {
  GatewayHarness harness;
  limit(harness, "acme", {0, 1'000});
  harness.script(streamed({delta_frame(kLong)}, sim::Scripted::Then::stall));
  RawClient client(harness.port());
  client.send_chat(GatewayHarness::body("plain", "hi", more(900, true)));
  client.read_until("data:");
  EXPECT_NE(client.seen().find("x-ratelimit-limit-tokens: 1000"), std::string::npos);
  const auto refused = harness.chat(GatewayHarness::body("plain", "hi", more(900)));
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.body.find("1000 tokens per minute"), std::string::npos);
  client.close();
  const auto end = harness.ends(1).front();
  EXPECT_EQ(end.end, End::client_gone);
  EXPECT_EQ(end.usage, UsageSource::estimated) << "the provider did not come to say it";
  EXPECT_EQ(end.tokens_out, (kLong.size() + 3) / 4);
  harness.script(std::nullopt);
  EXPECT_EQ(harness.chat(GatewayHarness::body("plain", "hi", more(900))).status, 200);
}

TEST(GatewayLimits, AKilledStreamGivesBackWhatItDidNotUse) {
  GatewayHarness harness;
  limit(harness, "acme", {0, 1'000});
  harness.script(streamed({delta_frame(kLong)}, sim::Scripted::Then::stall));
  RawClient client(harness.port());
  client.send_chat(GatewayHarness::body("support", "hi", more(900, true)));
  client.read_until("data:");
  (void)harness.kill("route=support");
  EXPECT_TRUE(client.read_to_end());
  EXPECT_EQ(harness.ends(1).front().end, End::killed);
  EXPECT_EQ(harness.ends(1).front().usage, UsageSource::estimated);
  (void)harness.release();
  harness.script(std::nullopt);
  const std::string remaining = "x-ratelimit-remaining-tokens";
  const auto unknown = harness.chat(GatewayHarness::body("missing", "hi", more(900)));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_GT(std::stoull(std::string(unknown.header(remaining))), 900U) << "on errors, too";
  EXPECT_EQ(harness.chat(GatewayHarness::body("support", "hi", more(900))).status, 200);
}

TEST(GatewayLimits, AFailedExchangeUsesNoTokens) {
  GatewayHarness harness;
  limit(harness, "acme", {0, 1'000});
  sim::Behaviour failing;
  failing.scenario = sim::Scenario::error_500;
  harness.behave(failing);
  const auto failed = harness.chat(GatewayHarness::body("plain", "hi", more(900)));
  EXPECT_EQ(failed.status, 502);
  EXPECT_EQ(failed.header("x-ratelimit-remaining-tokens"), "1000");
  EXPECT_EQ(harness.ends(1).front().usage, UsageSource::unknown);
}

}  // namespace
}  // namespace cordon::tests
