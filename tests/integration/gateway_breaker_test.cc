// Targets that are left alone, and the order in which the others are tried, through the real path.
#include "codec/json.h"
#include "tests/integration/gateway_harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::AttemptEnd;
using model::End;
using namespace std::chrono_literals;

/// Opens after four failures, for `open`; no retries.
void make_quick(GatewayHarness& harness, std::chrono::milliseconds open = 60s) {
  (void)harness.change([open](model::Generation& next) {
    for (model::Provider& provider : next.providers) {
      provider.breaker.samples_min = 4;
      provider.breaker.open = open;
      provider.breaker.open_max = std::max<std::chrono::milliseconds>(open, 60s);
      provider.breaker.slow_start = 0ms;
    }
    for (model::Route& route : next.routes) route.retry.attempts_max = 1;
  });
}

void behave(GatewayHarness& harness, sim::Scenario scenario) {
  sim::Behaviour behaviour;
  behaviour.scenario = scenario;
  harness.behave(behaviour);
}

std::string body(std::string_view route, std::string_view text = "hi") {
  return GatewayHarness::body(route, text, R"(,"max_tokens":64)");
}

codec::Json json_of(const net::Response& response) {
  const auto json = codec::parse_json(response.body);
  EXPECT_TRUE(json) << response.body;
  return json ? *json : codec::Json();
}

TEST(GatewayBreaker, LeavesAFailingTargetAloneAndSaysSoInTheCallersProtocol) {
  GatewayHarness harness;
  make_quick(harness);
  behave(harness, sim::Scenario::error_500);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(harness.chat(body("support")).status, 502);
  const auto refused = harness.chat(body("support"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(json_of(refused)["error"]["code"], "upstream_unavailable");
  const int wait = std::stoi(std::string(refused.header("retry-after")));
  EXPECT_GT(wait, 50);
  EXPECT_LE(wait, 60);
  EXPECT_TRUE(refused.header("x-should-retry").empty());
  EXPECT_EQ(harness.provider_counts().completions, 4U);
  const auto end = harness.ends(5).back();
  EXPECT_EQ(end.end, End::refused);
  EXPECT_EQ(end.attempts, 0U);
  ASSERT_EQ(end.tried.size(), 1U);
  EXPECT_EQ(end.tried[0].end, AttemptEnd::open);
  EXPECT_EQ(end.tried[0].provider, "sim");
  EXPECT_EQ(harness.metric("cordon_target_breaker{provider=\"sim\",model=\"sim-small\"}"), "2");
  EXPECT_EQ(harness.metric("cordon_target_opened_total{provider=\"sim\",model=\"sim-small\"}"),
            "1");
  EXPECT_EQ(harness.metric("cordon_upstream_attempts_total{outcome=\"open\"}"), "1");

  for (int i = 0; i < 4; ++i) EXPECT_EQ(harness.messages(body("claude")).status, 502);
  const auto other = harness.messages(body("claude"));
  EXPECT_EQ(other.status, 503);
  EXPECT_EQ(json_of(other)["type"], "error");
  EXPECT_EQ(json_of(other)["error"]["type"], "api_error");
  EXPECT_EQ(json_of(other)["error"]["cordon"]["code"], "upstream_unavailable");
  EXPECT_FALSE(other.header("retry-after").empty());
}

TEST(GatewayBreaker, IsNotBypassedByARouteWithoutAnotherTargetAndGoesToTheNextWhereThereIsOne) {
  GatewayHarness harness;
  make_quick(harness);
  behave(harness, sim::Scenario::error_500);
  for (int i = 0; i < 10; ++i) {
    const auto response = harness.chat(body("two"));
    EXPECT_EQ(response.header("x-cordon-served-by"), "backup/sim-large");
  }
  EXPECT_EQ(harness.provider_counts().completions, 4U) << "then it was left alone";
  const auto end = harness.ends(10).back();
  EXPECT_EQ(end.attempts, 1U);
  ASSERT_EQ(end.tried.size(), 2U);
  EXPECT_EQ(end.tried[0].end, AttemptEnd::open);
  EXPECT_EQ(end.tried[1].end, AttemptEnd::answered);
}

TEST(GatewayBreaker, CountsNoFaultOfTheCallers) {
  GatewayHarness harness;
  make_quick(harness);
  behave(harness, sim::Scenario::context_length);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(harness.chat(body("support")).status, 400);
  EXPECT_EQ(harness.provider_counts().completions, 12U);
}

TEST(GatewayBreaker, ComesBackByProbes) {
  GatewayHarness harness;
  make_quick(harness, 700ms);
  behave(harness, sim::Scenario::error_500);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(harness.chat(body("support")).status, 502);
  EXPECT_EQ(harness.chat(body("support")).status, 503);
  behave(harness, sim::Scenario::normal);
  int refused = 0;
  while (harness.chat(body("support")).status == 503 && refused < 1'000) {
    ++refused;
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_LT(refused, 1'000);
  EXPECT_EQ(harness.chat(body("support")).status, 200);
  EXPECT_EQ(harness.chat(body("support")).status, 200);
  EXPECT_EQ(harness.metric("cordon_target_breaker{provider=\"sim\",model=\"sim-small\"}"), "0");
}

TEST(GatewayBreaker, SendsOneProbeAtATime) {
  GatewayHarness harness;
  make_quick(harness, 100ms);
  behave(harness, sim::Scenario::error_500);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(harness.chat(body("support")).status, 502);
  behave(harness, sim::Scenario::silence);
  std::this_thread::sleep_for(200ms);
  RawClient probe(harness.port());
  probe.send_chat(body("support"));
  while (harness.provider_counts().completions < 5) std::this_thread::sleep_for(5ms);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(harness.chat(body("support")).status, 503);
  EXPECT_EQ(harness.provider_counts().completions, 5U);
  EXPECT_EQ(harness.metric("cordon_target_breaker{provider=\"sim\",model=\"sim-small\"}"), "1");
  probe.close();  // it says nothing, and gives its place back
  behave(harness, sim::Scenario::normal);
  int tries = 0;
  while (harness.chat(body("support")).status != 200 && ++tries < 500) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_LT(tries, 500);
}

// A primary that is well for a moment and then fails again must not carry the traffic with it.
TEST(GatewayBreaker, AFlappingPrimaryDoesNotFlapTheTraffic) {
  GatewayHarness harness;
  make_quick(harness, 100ms);
  std::string before;
  int changes = 0;
  int from_primary = 0;
  for (int i = 0; i < 300; ++i) {
    if (i % 6 == 0) {
      behave(harness, i % 12 == 0 ? sim::Scenario::error_500 : sim::Scenario::normal);
    }
    const auto response = harness.chat(body("two"));
    EXPECT_EQ(response.status, 200) << "nobody notices";
    const std::string by(response.header("x-cordon-served-by"));
    if (by != before) ++changes;
    if (by == "sim/sim-small") ++from_primary;
    before = by;
  }
  EXPECT_LT(changes, 30) << "it changed " << 300 / 6 << " times itself";
  EXPECT_LT(harness.provider_counts().completions, 100U);
  EXPECT_LT(from_primary, 100);
}

TEST(GatewayBreaker, GoesToTheDeclaredFallbackUnderTheRulesOfTheRoute) {
  GatewayHarness harness;
  make_quick(harness);
  behave(harness, sim::Scenario::error_500);
  for (int i = 0; i < 6; ++i) {
    const auto response = harness.chat(body("diverted"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("x-cordon-served-by"), "backup/sim-large");
    EXPECT_FALSE(response.header("x-cordon-policy").empty()) << "the route's own, not the weaker";
  }
  EXPECT_EQ(harness.provider_counts().completions, 4U);
  harness.script_backup(whole_answer("the " + std::string(kSecret)));
  const auto blocked = harness.chat(body("diverted"));
  EXPECT_EQ(blocked.status, 400);
  EXPECT_EQ(blocked.body.find("SECRET"), std::string::npos);
  const auto ends = harness.ends(7);
  EXPECT_EQ(ends[0].attempts, 2U);
  EXPECT_EQ(ends[5].attempts, 1U);
  EXPECT_EQ(ends[5].head.provider, "backup");
}

TEST(GatewayBreaker, UsesNoFallbackThatIsSwitchedOffOrUnderAStricterMode) {
  GatewayHarness harness;
  make_quick(harness);
  behave(harness, sim::Scenario::error_500);
  (void)harness.kill("provider=backup");
  EXPECT_EQ(harness.chat(body("diverted")).status, 502);
  (void)harness.release();
  (void)harness.change([](model::Generation& next) {
    next.measures.push_back({"m-1", model::Measure::mode, *model::Scope::parse("provider=backup"),
                             model::Mode::emergency});
  });
  EXPECT_EQ(harness.chat(body("diverted")).status, 502)
      << "the request was inspected under standard";
  EXPECT_EQ(harness.backup_counts().completions, 0U);
  (void)harness.release();
  EXPECT_EQ(harness.chat(body("diverted")).status, 200);
}

TEST(GatewayBreaker, KeepsWhatItKnowsOverAChangeOfTheGeneration) {
  GatewayHarness harness;
  make_quick(harness);
  behave(harness, sim::Scenario::error_500);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(harness.chat(body("support")).status, 502);
  (void)harness.change([](model::Generation& next) { next.flags.push_back({"a", true}); });
  EXPECT_EQ(harness.chat(body("support")).status, 503);
  (void)harness.change([](model::Generation& next) {
    for (model::Provider& provider : next.providers) provider.breaker.samples_min = 100;
  });
  EXPECT_EQ(harness.chat(body("support")).status, 502) << "other settings begin anew";
}

TEST(GatewayChoice, WeighsTargets) {
  GatewayHarness harness;
  (void)harness.change([](model::Generation& next) {
    for (model::Route& route : next.routes) {
      if (route.name != "two") continue;
      route.choice = model::Choice::weighted;
      route.targets[0].weight = 1;
      route.targets[1].weight = 3;
    }
  });
  for (int i = 0; i < 200; ++i) EXPECT_EQ(harness.chat(body("two")).status, 200);
  EXPECT_GT(harness.provider_counts().completions, 20U);
  EXPECT_LT(harness.provider_counts().completions, 90U);
  EXPECT_EQ(harness.provider_counts().completions + harness.backup_counts().completions, 200U);
}

TEST(GatewayChoice, PrefersTheTargetThatAnswersSoonest) {
  GatewayHarness harness;
  (void)harness.change([](model::Generation& next) {
    for (model::Route& route : next.routes) route.choice = model::Choice::least_latency;
  });
  sim::Behaviour slow;
  slow.first_delay = 500ms;
  harness.behave(slow);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(harness.chat(body("two")).status, 200);
  EXPECT_GE(harness.provider_counts().completions, 1U) << "it was measured";
  EXPECT_LE(harness.provider_counts().completions, 10U);
}

TEST(GatewayChoice, GivesATargetThatComesBackAGrowingShare) {
  GatewayHarness harness;
  make_quick(harness, 100ms);
  (void)harness.change([](model::Generation& next) {
    for (model::Provider& provider : next.providers) provider.breaker.slow_start = 1h;
  });
  behave(harness, sim::Scenario::error_500);
  for (int i = 0; i < 4; ++i) (void)harness.chat(body("two"));
  behave(harness, sim::Scenario::normal);
  std::this_thread::sleep_for(200ms);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(harness.chat(body("two")).status, 200);
  const std::uint64_t asked = harness.provider_counts().completions - 4;
  EXPECT_GE(asked, 2U) << "its probes at least";
  EXPECT_LT(asked, 40U);
  EXPECT_EQ(harness.chat(body("support")).status, 200) << "where it is alone it is asked";
}

}  // namespace
}  // namespace cordon::tests
