// Switches through the real data path: what is cut, what is told, what stays untouched.
#include "tests/integration/gateway_harness.h"

#include <gtest/gtest.h>

#include <future>

namespace cordon::tests {
namespace {

using model::End;

constexpr std::string_view kLong = "Text that is certainly long enough to be let go at once.";

std::string stream_body(std::string_view route) {
  return GatewayHarness::body(route, "hi", R"(,"stream":true)");
}

std::size_t count_ends(const std::vector<model::EndRecord>& ends, End end) {
  return static_cast<std::size_t>(std::count_if(
      ends.begin(), ends.end(), [&](const model::EndRecord& record) { return record.end == end; }));
}

TEST(GatewayKill, RefusesNewExchangesInATypedWayThatIsNotRetried) {
  GatewayHarness harness;
  (void)harness.kill("route=support");
  const auto response = harness.chat(GatewayHarness::body("support", "hi"));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.header("x-should-retry"), "false");
  EXPECT_FALSE(response.header("retry-after").empty());
  EXPECT_NE(response.body.find(R"("code":"switched_off")"), std::string::npos);
  EXPECT_NE(response.body.find(R"("measure_id":"sw-1")"), std::string::npos);
  EXPECT_EQ(harness.chat(GatewayHarness::body("plain", "hi")).status, 200);
  EXPECT_EQ(harness.provider_counts().completions, 1U);
  const auto decisions = harness.decisions();
  ASSERT_EQ(decisions.size(), 2U);
  EXPECT_EQ(decisions[0].reason, "switch");
  EXPECT_EQ(decisions[0].switch_id, "sw-1");
  EXPECT_EQ(harness.ends(2)[0].end, End::refused);
  (void)harness.release();
  EXPECT_EQ(harness.chat(GatewayHarness::body("support", "hi")).status, 200);
}

TEST(GatewayKill, CutsRunningStreamsInScopeAndNobodyElse) {
  GatewayHarness harness;
  harness.script(streamed({delta_frame(kLong)}, sim::Scripted::Then::stall));
  std::vector<std::unique_ptr<RawClient>> killed;
  std::vector<std::unique_ptr<RawClient>> others;
  for (int i = 0; i < 20; ++i) {
    auto& of = i % 2 == 0 ? killed : others;
    of.push_back(std::make_unique<RawClient>(harness.port()));
    of.back()->send_chat(stream_body(i % 2 == 0 ? "support" : "plain"));
    of.back()->read_until("data:");
  }
  const auto sweep = harness.kill("route=support");
  EXPECT_EQ(sweep.streams_cut, killed.size());
  EXPECT_TRUE(sweep.last_byte_at.has_value());
  for (const auto& client : killed) {
    EXPECT_TRUE(client->read_to_end());
    EXPECT_NE(client->seen().find(R"("code":"switched_off")"), std::string::npos);
    EXPECT_EQ(client->seen().find("[DONE]"), std::string::npos);
    EXPECT_EQ(client->seen().find("\r\n0\r\n"), std::string::npos) << "the body looks whole";
  }
  EXPECT_EQ(harness.running(), others.size());
  const auto ends = harness.ends(killed.size());
  EXPECT_EQ(count_ends(ends, End::killed), killed.size());
  for (const auto& client : others) {
    EXPECT_EQ(client->seen().find("error"), std::string::npos);
  }
}

TEST(GatewayKill, CutsByTenantProviderAndLockdown) {
  GatewayHarness harness;
  for (const char* scope : {"tenant=acme", "provider=sim", "model=sim-small"}) {
    harness.script(streamed({delta_frame(kLong)}, sim::Scripted::Then::stall));
    RawClient client(harness.port());
    client.send_chat(stream_body("support"));
    client.read_until("data:");
    EXPECT_EQ(harness.kill(scope).streams_cut, 1U) << scope;
    EXPECT_TRUE(client.read_to_end());
    (void)harness.release();
  }
  RawClient client(harness.port());
  client.send_chat(stream_body("support"));
  client.read_until("data:");
  const auto sweep = harness.change([](model::Generation& next) {
    next.measures.push_back({"ld-1", model::Measure::mode, *model::Scope::parse("route=support"),
                             model::Mode::lockdown});
  });
  EXPECT_EQ(sweep.streams_cut, 1U);
  EXPECT_TRUE(client.read_to_end());
  EXPECT_NE(client.seen().find(R"("code":"locked_down")"), std::string::npos);
}

TEST(GatewayKill, CutsAnExchangeThatWaitsForItsProvider) {
  GatewayHarness harness;
  sim::Behaviour stalled;
  stalled.scenario = sim::Scenario::stall;
  harness.behave(stalled);
  RawClient client(harness.port());
  client.send_chat(GatewayHarness::body("support", "hi"));
  while (harness.provider_counts().completions == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(harness.kill("route=support").streams_cut, 1U);
  EXPECT_NE(client.read_until("switched_off").find(" 503 "), std::string::npos);
  EXPECT_NE(client.seen().find("x-should-retry: false"), std::string::npos);
  EXPECT_EQ(harness.ends(1)[0].end, End::killed);
}

// A reader that does not read must not hold up the acknowledgement of a switch.
TEST(GatewayKill, IsNotHeldUpByAClientThatDoesNotRead) {
  GatewayHarness harness;
  std::vector<std::string> flood(400, delta_frame(std::string(60'000, 'x')));
  harness.script(streamed(flood, sim::Scripted::Then::stall));
  RawClient client(harness.port(), 4096);
  client.send_chat(stream_body("plain"));
  client.read_until("data:");
  // The flood is larger than every buffer on its way, so a write comes to stand.
  while (harness.metric("cordon_writes_waiting") != "1") {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const auto sweep = harness.kill("route=plain");
  EXPECT_EQ(sweep.streams_cut, 1U);
  EXPECT_EQ(harness.running(), 0U);
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::killed);
  EXPECT_GT(ends[0].released_bytes, 0U);
  EXPECT_LT(ends[0].released_bytes, ends[0].received_bytes) << "the write was not blocked";
  EXPECT_FALSE(client.read_to_end() && client.seen().find("[DONE]") != std::string::npos);
}

// The record said `complete`, the grace of the cut ended during the disk's pause, and the answer
// was torn.
TEST(GatewayKill, DoesNotTearAnAnswerWhoseRecordSaysItIsComplete) {
  GatewayHarness harness;
  harness.script(whole_answer("an answer"));
  harness.disk().shut();
  RawClient client(harness.port());
  client.send_chat(GatewayHarness::body("plain", "hi"));
  ASSERT_TRUE(harness.disk().somebody_waits());
  // Nothing is durable, so the answer can only be waiting for its record.
  while (harness.metric("cordon_exchanges_total{end=\"complete\"}") != "1") {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  auto sweep = std::async(std::launch::async, [&] { return harness.kill("route=plain"); });
  // Longer than the grace: a cut that does not know of the record has torn the answer by now.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  harness.disk().open_gate();
  EXPECT_EQ(sweep.get().streams_cut, 0U);
  EXPECT_NE(client.read_until("an answer").find(" 200 "), std::string::npos);
  const auto ends = harness.ends(1);
  EXPECT_EQ(ends[0].end, End::complete);
  EXPECT_TRUE(ends[0].amends.empty());
}

// What a client does not read cannot be known when the record is written.
TEST(GatewayKill, AmendsTheRecordOfAnAnswerThatItTears) {
  GatewayHarness harness;
  harness.script(whole_answer(std::string(32 * 1024 * 1024, 'x')));
  RawClient client(harness.port(), 4096);
  client.send_chat(GatewayHarness::body("plain", "hi"));
  client.read_until("HTTP/1.1 200");
  EXPECT_EQ(harness.kill("route=plain").streams_cut, 1U);
  EXPECT_EQ(harness.running(), 0U);
  const auto ends = harness.ends(2);
  EXPECT_EQ(ends[0].end, End::complete);
  EXPECT_EQ(ends[1].end, End::killed);
  EXPECT_EQ(ends[1].head.exchange, ends[0].head.exchange);
  EXPECT_FALSE(ends[1].amends.empty());
  EXPECT_TRUE(ends[1].hits.empty());
}

TEST(GatewayKill, FallsBackToWhatTheSwitchLeaves) {
  GatewayHarness harness;
  (void)harness.kill("provider=sim");
  EXPECT_EQ(harness.chat(GatewayHarness::body("support", "hi")).status, 503);
  const auto response = harness.chat(GatewayHarness::body("two", "hi"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("x-cordon-served-by"), "backup/sim-large");
}

TEST(GatewayKill, AnswersEveryAdoptionInOrder) {
  GatewayHarness harness;
  std::uint64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const auto sweep = i % 2 == 0 ? harness.kill("route=support") : harness.release();
    EXPECT_GT(sweep.generation, last);
    EXPECT_EQ(sweep.streams_cut, 0U);
    last = sweep.generation;
  }
}

}  // namespace
}  // namespace cordon::tests
