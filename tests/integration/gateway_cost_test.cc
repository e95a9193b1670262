// What exchanges cost, through the real data path: which target is charged, by which price, and
// what the record says where nobody knows.
#include "tests/integration/gateway_harness.h"

#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::Cost;
using model::End;
using model::UsageSource;

constexpr std::string_view kLong = "Text that is certainly long enough to be let go at once.";

/// A unit of the currency for a token that goes in at `sim`, ten for one that comes out; half as
/// much at the others.
model::Prices some_prices() {
  const auto price = [](std::string provider, std::uint64_t pico) {
    return model::Price{std::move(provider), "*", {}, pico, pico / 10, pico, 10 * pico};
  };
  return {"USD", {price("sim", 1'000'000), price("*", 500'000)}};
}

void put_prices(GatewayHarness& harness, model::Prices prices) {
  (void)harness.change([&](model::Generation& next) { next.prices = std::move(prices); });
}

sim::Scripted answer_with(std::string_view usage) {
  sim::Scripted scripted;
  scripted.pieces = {R"({"id":"x","object":"chat.completion","choices":[{"index":0,"message":)"
                     R"({"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":)" +
                     std::string(usage) + "}"};
  return scripted;
}

TEST(GatewayCost, IsExactByWhatTheProviderSays) {
  GatewayHarness harness;
  put_prices(harness, some_prices());
  harness.script(answer_with(R"({"prompt_tokens":100,"completion_tokens":7,)"
                             R"("prompt_tokens_details":{"cached_tokens":40}})"));
  ASSERT_EQ(harness.chat(GatewayHarness::body("plain", "hi")).status, 200);
  const auto end = harness.ends(1).front();
  EXPECT_EQ(end.tokens_cached, 40U);
  EXPECT_EQ(end.cost.known, Cost::Known::whole);
  EXPECT_EQ(end.cost.nano, 60U * 1'000 + 40U * 100 + 7U * 10'000);
  EXPECT_EQ(end.cost.currency, "USD");
  EXPECT_EQ(end.cost.price_from, WallTime{});
  EXPECT_FALSE(end.cost.estimated);
}

// An explicit zero was replaced by an estimate elsewhere, and billed.
TEST(GatewayCost, AZeroOfTheProviderIsAZero) {
  GatewayHarness harness;
  put_prices(harness, some_prices());
  harness.script(answer_with(R"({"prompt_tokens":0,"completion_tokens":0})"));
  ASSERT_EQ(harness.chat(GatewayHarness::body("plain", "hi")).status, 200);
  const auto end = harness.ends(1).front();
  EXPECT_EQ(end.usage, UsageSource::provider);
  EXPECT_EQ(end.cost.known, Cost::Known::whole);
  EXPECT_EQ(end.cost.nano, 0U);
}

TEST(GatewayCost, IsNotSaidWithoutPricesAndSaidToBeUnknownWithoutOneForTheTarget) {
  GatewayHarness harness;
  ASSERT_EQ(harness.chat(GatewayHarness::body("plain", "hi")).status, 200);
  EXPECT_EQ(harness.ends(1)[0].cost.known, Cost::Known::none);
  model::Prices others = some_prices();
  others.list.resize(1);
  others.list[0].provider = "backup";
  put_prices(harness, others);
  ASSERT_EQ(harness.chat(GatewayHarness::body("plain", "hi")).status, 200);
  EXPECT_EQ(harness.ends(2)[1].cost.known, Cost::Known::unpriced);
  others.list[0].provider = "sim";
  others.list[0].effective_from = SystemClock().wall() + std::chrono::hours(1);
  put_prices(harness, others);
  ASSERT_EQ(harness.chat(GatewayHarness::body("plain", "hi")).status, 200);
  EXPECT_EQ(harness.ends(3)[2].cost.known, Cost::Known::unpriced) << "not in force yet";
  others.list[0].effective_from -= std::chrono::hours(2);
  put_prices(harness, others);
  ASSERT_EQ(harness.chat(GatewayHarness::body("plain", "hi")).status, 200);
  const auto end = harness.ends(4)[3];
  EXPECT_EQ(end.cost.known, Cost::Known::whole);
  EXPECT_GT(end.cost.nano, 0U);
  EXPECT_EQ(end.cost.price_from, others.list[0].effective_from);
}

// Nine calls were billed and eight were logged, elsewhere.
TEST(GatewayCost, ChargesEveryTargetThatBilled) {
  GatewayHarness harness;
  put_prices(harness, some_prices());
  harness.script(streamed({R"(data: {"choices":[],"usage":{"prompt_tokens":50,)"
                           R"("completion_tokens":3}})"
                           "\n\n"},
                          sim::Scripted::Then::cut));
  sim::Scripted second = streamed({delta_frame(kLong), finish_frame(),
                                   R"(data: {"choices":[],"usage":{"prompt_tokens":50,)"
                                   R"("completion_tokens":4}})"
                                   "\n\n",
                                   std::string(kDoneFrame)});
  harness.script_backup(second);
  const auto answer = harness.chat(GatewayHarness::body("two", "hi", R"(,"stream":true)"));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto end = harness.ends(1).front();
  ASSERT_EQ(end.end, End::complete);
  ASSERT_EQ(end.head.provider, "backup");
  std::uint64_t tried = 0;
  for (const model::AttemptRecord& attempt : end.tried) {
    if (attempt.provider != "sim") continue;
    EXPECT_EQ(attempt.cost_nano, 50U * 1'000 + 3U * 10'000);
    tried += attempt.cost_nano;
  }
  EXPECT_GT(tried, 0U);
  EXPECT_EQ(end.cost.nano, tried + 50U * 500 + 4U * 5'000);
}

// Spend on a disconnect went unlogged elsewhere.
TEST(GatewayCost, OfAStreamWhoseClientLeftIsEstimatedAndSaysSo) {
  GatewayHarness harness;
  put_prices(harness, some_prices());
  harness.script(streamed({delta_frame(kLong)}, sim::Scripted::Then::stall));
  RawClient client(harness.port());
  client.send_chat(GatewayHarness::body("plain", "hi", R"(,"stream":true)"));
  client.read_until("data:");
  client.close();
  const auto end = harness.ends(1).front();
  EXPECT_EQ(end.end, End::client_gone);
  EXPECT_EQ(end.usage, UsageSource::estimated);
  EXPECT_EQ(end.tokens_out, (kLong.size() + 3) / 4);
  EXPECT_TRUE(end.cost.estimated);
  EXPECT_EQ(end.cost.nano, end.tokens_in * 1'000 + end.tokens_out * 10'000);
}

// The start of a message says what went in, and one token that comes out: no total of a stream that
// is cut.
TEST(GatewayCost, OfAMessageThatIsCutIsNotWhatItsStartSaid) {
  GatewayHarness harness;
  put_prices(harness, some_prices());
  const std::string start = event_frame(
      "message_start",
      R"(,"message":{"id":"m","type":"message","role":"assistant","content":[],"usage":)"
      R"({"input_tokens":10,"cache_read_input_tokens":90,"output_tokens":1}})");
  harness.script(
      streamed({start, block_start(0), text_delta(0, kLong)}, sim::Scripted::Then::stall));
  RawClient client(harness.port());
  client.send_post("/v1/messages", R"({"model":"claude-plain","max_tokens":50,"stream":true,)"
                                   R"("messages":[{"role":"user","content":"hi"}]})");
  client.read_until("content_block_delta");
  client.close();
  const auto end = harness.ends(1).front();
  EXPECT_EQ(end.end, End::client_gone);
  EXPECT_EQ(end.tokens_in, 100U) << "as the provider said";
  EXPECT_EQ(end.tokens_cached, 90U);
  EXPECT_EQ(end.usage, UsageSource::estimated);
  EXPECT_EQ(end.tokens_out, (kLong.size() + 3) / 4);
}

TEST(GatewayCost, OfWhatWasNeverAskedOrNeverAnsweredIsNothing) {
  GatewayHarness harness;
  put_prices(harness, some_prices());
  sim::Behaviour failing;
  failing.scenario = sim::Scenario::error_500;
  harness.behave(failing);
  EXPECT_EQ(harness.chat(GatewayHarness::body("plain", "hi")).status, 502);
  const auto end = harness.ends(1).front();
  EXPECT_EQ(end.usage, UsageSource::unknown);
  EXPECT_EQ(end.cost.known, Cost::Known::none);
}

}  // namespace
}  // namespace cordon::tests
