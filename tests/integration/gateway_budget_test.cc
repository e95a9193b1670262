// Budgets of a day and of money through the real data path: of tenants and of keys, over streams
// and cuts, over a reload and a restart.
#include "crypto/sha256.h"
#include "tests/integration/gateway_harness.h"

#include <gtest/gtest.h>

#include <thread>

namespace cordon::tests {
namespace {

using model::End;

constexpr std::string_view kLong = "Text that is certainly long enough to be let go at once.";
constexpr std::string_view kIssued = "ck-0123456789abcdef-issued";

/// A thousandth of a unit for a token, whichever way it goes.
model::Prices some_prices() {
  return {"USD", {{"*", "*", {}, 1'000'000'000, 1'000'000'000, 1'000'000'000, 1'000'000'000}}};
}

void limit(GatewayHarness& harness, model::UsageLimits limits) {
  (void)harness.change([&](model::Generation& next) {
    next.prices = some_prices();
    for (model::Tenant& each : next.tenants) {
      if (each.name == "acme") each.limits = limits;
    }
  });
}

void issue(GatewayHarness& harness, model::UsageLimits limits) {
  (void)harness.change([&](model::Generation& next) {
    next.keys = {
        {"0123456789abcdef", "acme", crypto::hex(crypto::sha256(kIssued)), {"*"}, {}, limits}};
  });
}

net::Response ask_by_issued(GatewayHarness& harness) {
  const std::string key = "Bearer " + std::string(kIssued);
  return harness.chat(GatewayHarness::body("plain", "hi"), {{"authorization", key}});
}

std::string more(int tokens, bool stream = false) {
  return ",\"max_tokens\":" + std::to_string(tokens) + (stream ? ",\"stream\":true" : "");
}

class GatewayBudgets : public testing::Test {
 protected:
  void SetUp() override {
    // What is counted of a day ends with it: a test that would reach over midnight begins after it.
    const auto left = gateway::until_midnight(SystemClock().wall());
    if (left < std::chrono::minutes(1)) std::this_thread::sleep_for(left);
  }
};

TEST_F(GatewayBudgets, OfADayAreSpentUntilMidnight) {
  GatewayHarness harness;
  limit(harness, {100, 0, 0, 2});
  const std::string body = GatewayHarness::body("plain", "hi");
  const auto first = harness.chat(body);
  EXPECT_EQ(first.header("x-ratelimit-limit-requests"), "2") << "least is left of this one";
  EXPECT_EQ(first.header("x-ratelimit-remaining-requests"), "1");
  EXPECT_EQ(harness.chat(body).status, 200);
  const auto refused = harness.chat(body);
  ASSERT_EQ(refused.status, 429);
  EXPECT_NE(refused.body.find("(requests_per_day)"), std::string::npos) << refused.body;
  EXPECT_NE(refused.body.find("tenant 'acme' is 2 requests per day"), std::string::npos);
  const auto left = std::stoll(std::string(refused.header("retry-after")));
  const auto day =
      std::chrono::ceil<std::chrono::seconds>(gateway::until_midnight(SystemClock().wall()))
          .count();
  EXPECT_GE(left, day);
  EXPECT_LE(left, day + 60) << "the test does not run for a minute";
  const auto messages = harness.messages(
      R"({"model":"claude-plain","max_tokens":5,"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(messages.status, 429);
  EXPECT_NE(messages.body.find("(requests_per_day)"), std::string::npos) << messages.body;
  EXPECT_NE(messages.body.find(R"("type":"rate_limit_error")"), std::string::npos);
}

TEST_F(GatewayBudgets, OfMoneyLetWhatRunsEndAndRefuseWhatComesNext) {
  GatewayHarness harness;
  limit(harness, {0, 0, 0, 0, 0, 1});
  harness.script(streamed({delta_frame(kLong)}, sim::Scripted::Then::stall));
  RawClient client(harness.port());
  client.send_chat(GatewayHarness::body("plain", "hi", more(900, true)));
  client.read_until("data:");
  client.close();
  const auto end = harness.ends(1).front();
  EXPECT_EQ(end.end, End::client_gone);
  EXPECT_GT(end.cost.nano, 1U);
  harness.script(std::nullopt);
  const auto refused = harness.chat(GatewayHarness::body("plain", "hi"));
  ASSERT_EQ(refused.status, 429) << "a client that left has spent it all the same";
  EXPECT_NE(refused.body.find("0.000000001 USD per day (cost_per_day)"), std::string::npos)
      << refused.body;
}

TEST_F(GatewayBudgets, OfAKeyHoldWithinThoseOfItsTenant) {
  GatewayHarness harness;
  limit(harness, {0, 0, 0, 3});
  issue(harness, {0, 0, 0, 1});
  EXPECT_EQ(ask_by_issued(harness).status, 200);
  for (int i = 0; i < 5; ++i) {
    const auto refused = ask_by_issued(harness);
    ASSERT_EQ(refused.status, 429);
    EXPECT_NE(refused.body.find("key '0123456789abcdef' is 1 requests per day"), std::string::npos)
        << refused.body;
  }
  const std::string body = GatewayHarness::body("plain", "hi");
  EXPECT_EQ(harness.chat(body).status, 200) << "what the key was refused its tenant still has";
  EXPECT_EQ(harness.chat(body).status, 200);
  EXPECT_EQ(harness.chat(body).status, 429);
  EXPECT_EQ(harness.metric(R"(cordon_key_limit_refused_total{key="0123456789abcdef",)"
                           R"(limit="requests_per_day"})"),
            "5");
}

TEST_F(GatewayBudgets, OfAKeyOfTheConfigurationAreKeptUnderItsLabel) {
  GatewayHarness harness;
  const std::string hash = crypto::hex(crypto::sha256("key-narrow"));
  (void)harness.change([&](model::Generation& next) {
    for (model::Tenant& each : next.tenants) {
      if (each.name == "narrow") each.key_limits = {{hash, {0, 0, 0, 1}}};
    }
  });
  const auto ask = [&] {
    return harness.chat(GatewayHarness::body("plain", "hi"),
                        {{"authorization", "Bearer key-narrow"}});
  };
  EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(ask().status, 429);
  EXPECT_EQ(harness.ends(1).front().head.key, "sha256:" + hash.substr(0, 16));
}

TEST_F(GatewayBudgets, OutliveAReload) {
  GatewayHarness harness;
  limit(harness, {2, 0, 0, 10});
  const std::string body = GatewayHarness::body("plain", "hi");
  EXPECT_EQ(harness.chat(body).status, 200);
  EXPECT_EQ(harness.chat(body).status, 200);
  EXPECT_EQ(harness.chat(body).status, 429);
  limit(harness, {2, 500, 0, 4});
  EXPECT_EQ(harness.chat(body).status, 429) << "other limits are no other minute";
  limit(harness, {200, 0, 0, 3});
  EXPECT_EQ(harness.chat(body).status, 200);
  const auto refused = harness.chat(body);
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.body.find("(requests_per_day)"), std::string::npos) << refused.body;
}

TEST_F(GatewayBudgets, BeginWithWhatWasUsedBeforeTheStart) {
  GatewayHarness harness;
  harness.use_before({gateway::day_of(SystemClock().wall()), {{"acme", {4, 0, 0}}}, {}});
  limit(harness, {0, 0, 0, 5});
  const std::string body = GatewayHarness::body("plain", "hi");
  EXPECT_EQ(harness.chat(body).header("x-ratelimit-remaining-requests"), "0");
  EXPECT_EQ(harness.chat(body).status, 429);
}

// Pass-through surfaces evaded budgets elsewhere.
TEST_F(GatewayBudgets, HoldOnEverySurface) {
  GatewayHarness harness;
  limit(harness, {0, 0, 0, 1});
  EXPECT_EQ(harness.chat(GatewayHarness::body("plain", "hi")).status, 200);
  for (const auto& [path, body] :
       {std::pair("/v1/embeddings", R"({"model":"plain","input":"hi"})"),
        std::pair("/v1/completions", R"({"model":"plain","prompt":"hi"})"),
        std::pair("/v1/responses", R"({"model":"plain","input":"hi"})"),
        std::pair("/v1/moderations", R"({"model":"support","input":"hi"})")}) {
    EXPECT_EQ(harness.post(path, body).status, 429) << path;
  }
}

}  // namespace
}  // namespace cordon::tests
