// Feature flags over OFREP, against the generation in force.
#include "codec/json.h"
#include "tests/integration/gateway_harness.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace cordon::tests {
namespace {

constexpr std::string_view kFlags = "/ofrep/v1/evaluate/flags";
constexpr std::string_view kTools = "/ofrep/v1/evaluate/flags/tools";
constexpr std::string_view kContext = R"({"context":{"targetingKey":"u-1"}})";

codec::Json json_of(const net::Response& response) {
  const auto json = codec::parse_json(response.body);
  EXPECT_TRUE(json) << response.status << ' ' << response.body;
  return json ? *json : codec::Json();
}

GatewayHarness::Headers as(std::string_view key) {
  return {{"authorization", "Bearer " + std::string(key)}};
}

void configure(GatewayHarness& harness) {
  (void)harness.change([](model::Generation& next) {
    next.flags = {{"tools", true}, {"beta", false}, {"summaries", true}};
  });
}

void expect_failure(const net::Response& response, int status, std::string_view code) {
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.header("content-type"), "application/json");
  EXPECT_EQ(json_of(response).value("errorCode", ""), code) << response.body;
  EXPECT_FALSE(json_of(response).value("errorDetails", "").empty());
}

TEST(GatewayFlags, EvaluateToWhatIsConfigured) {
  GatewayHarness harness;
  configure(harness);
  const auto on = harness.post(kTools, kContext);
  EXPECT_EQ(on.status, 200) << on.body;
  EXPECT_EQ(on.body, R"({"key":"tools","value":true,"variant":"on","reason":"STATIC"})");
  EXPECT_FALSE(on.header("x-cordon-generation").empty());
  const auto off = harness.post("/ofrep/v1/evaluate/flags/b%65ta", "");
  EXPECT_EQ(off.body, R"({"key":"beta","value":false,"variant":"off","reason":"STATIC"})");
  EXPECT_EQ(harness.metric(R"(cordon_flag_evaluations_total{value="on"})"), "1");
  EXPECT_EQ(harness.metric(R"(cordon_flag_evaluations_total{value="off"})"), "1");
  EXPECT_TRUE(harness.decisions().empty());
}

TEST(GatewayFlags, AreOffForWhomASwitchCovers) {
  GatewayHarness harness;
  configure(harness);
  (void)harness.kill("tenant=acme,flag=tools");
  const auto off = harness.post(kTools, kContext);
  EXPECT_EQ(off.body, R"({"key":"tools","value":false,"variant":"off","reason":"TARGETING_MATCH",)"
                      R"("metadata":{"measure_id":"sw-1"}})");
  EXPECT_EQ(json_of(harness.post(kTools, kContext, as("key-narrow")))["value"], true);
  EXPECT_EQ(json_of(harness.post("/ofrep/v1/evaluate/flags/summaries", kContext))["value"], true);
  (void)harness.release();
  EXPECT_EQ(json_of(harness.post(kTools, kContext))["value"], true);
}

TEST(GatewayFlags, AreOffAtTheRouteAndUseCaseThatTheContextNames) {
  GatewayHarness harness;
  configure(harness);
  (void)harness.kill("route=support,use_case=chat,flag=tools");
  const auto value = [&](std::string_view context) {
    return json_of(harness.post(kTools, R"({"context":)" + std::string(context) + "}"))["value"];
  };
  EXPECT_EQ(value(R"({"route":"support","use_case":"chat"})"), false);
  EXPECT_EQ(value(R"({"route":"support","use_case":"mail"})"), true);
  EXPECT_EQ(value(R"({"route":"plain","use_case":"chat"})"), true);
  EXPECT_EQ(value("{}"), true);
}

TEST(GatewayFlags, AreAllOffUnderASwitchOverEveryFlag) {
  GatewayHarness harness;
  configure(harness);
  (void)harness.kill("flag=*");
  const codec::Json all = json_of(harness.post(kFlags, kContext));
  ASSERT_FALSE(all["flags"].empty());
  for (const codec::Json& flag : all["flags"]) {
    EXPECT_EQ(flag["value"], false) << flag.dump();
  }
}

TEST(GatewayFlags, InBulkHaveATagThatChangesWithThem) {
  GatewayHarness harness;
  configure(harness);
  const auto first = harness.post(kFlags, kContext);
  EXPECT_EQ(first.status, 200) << first.body;
  ASSERT_EQ(json_of(first)["flags"].size(), 3U);
  EXPECT_EQ(json_of(first)["flags"][1]["key"], "beta");
  const std::string tag(first.header("etag"));
  ASSERT_GT(tag.size(), 2U);
  const auto again = [&](std::string_view with) {
    return harness.post(
        kFlags, kContext,
        {{"authorization", "Bearer key-acme"}, {"if-none-match", std::string(with)}});
  };
  const auto same = again(tag);
  EXPECT_EQ(same.status, 304);
  EXPECT_TRUE(same.body.empty());
  EXPECT_EQ(same.header("etag"), tag);
  EXPECT_EQ(again("\"other\", W/" + tag).status, 304);
  EXPECT_EQ(again("\"other\"").status, 200);
  // Another generation with the same flags is no change; a switch is.
  (void)harness.change([](model::Generation&) {});
  EXPECT_EQ(again(tag).status, 304);
  (void)harness.kill("flag=tools");
  const auto changed = again(tag);
  EXPECT_EQ(changed.status, 200);
  EXPECT_NE(changed.header("etag"), tag);
  (void)harness.release();
  EXPECT_EQ(again(tag).status, 304);
}

TEST(GatewayFlags, RefuseBadRequestsInTheProtocolsOwnForms) {
  GatewayHarness harness;
  configure(harness);
  const auto unknown = harness.post("/ofrep/v1/evaluate/flags/no%20such", kContext);
  expect_failure(unknown, 404, "FLAG_NOT_FOUND");
  EXPECT_EQ(json_of(unknown)["key"], "no such");
  expect_failure(harness.post("/ofrep/v1/evaluate/flags/", kContext), 404, "FLAG_NOT_FOUND");
  expect_failure(harness.post("/ofrep/v1/evaluate/flags/a%2", kContext), 400, "PARSE_ERROR");
  for (const std::string_view path : {kTools, kFlags}) {
    expect_failure(harness.post(path, "{"), 400, "PARSE_ERROR");
    expect_failure(harness.post(path, R"({"context":7})"), 400, "INVALID_CONTEXT");
    expect_failure(harness.post(path, R"({"context":{"targetingKey":7}})"), 400, "INVALID_CONTEXT");
    expect_failure(harness.post(path, kContext, as("nobody")), 401, "GENERAL");
    expect_failure(harness.post(path, kContext, {{"x-api-key", ""}}), 401, "GENERAL");
    expect_failure(harness.post(path, kContext, {{"x-api-key", "key-acme"}, {"api-key", "b"}}), 400,
                   "GENERAL");
    const auto get = harness.get(path, as("key-acme"));
    expect_failure(get, 405, "GENERAL");
    EXPECT_EQ(get.header("allow"), "POST");
    EXPECT_EQ(harness.post(path, std::string(65 * 1024, ' ')).status, 413);
  }
  EXPECT_EQ(json_of(harness.post(kTools, "{"))["key"], "tools");
  EXPECT_FALSE(json_of(harness.post(kFlags, "{")).contains("key"));
  // A route that the tenant may not use looks like one that is not there.
  const auto forbidden =
      harness.post(kTools, R"({"context":{"route":"support"}})", as("key-narrow"));
  const auto missing = harness.post(kTools, R"({"context":{"route":"nowhere"}})", as("key-narrow"));
  expect_failure(forbidden, 400, "INVALID_CONTEXT");
  EXPECT_EQ(forbidden.body, missing.body);
  expect_failure(harness.post(kTools, R"({"context":{"route":"nowhere"}})"), 400,
                 "INVALID_CONTEXT");
}

TEST(GatewayFlags, WaitForTheFirstGeneration) {
  HarnessOptions options;
  options.adopt = false;
  GatewayHarness harness(options);
  const auto early = harness.post(kTools, kContext);
  expect_failure(early, 503, "GENERAL");
  EXPECT_EQ(early.header("retry-after"), "1");
}

// Once the sweep of a switch is reported, no answer may say that the flag is on.
TEST(GatewayFlags, AreOffOnceTheSwitchIsAcknowledged) {
  GatewayHarness harness;
  configure(harness);
  std::atomic<bool> acknowledged{false};
  std::atomic<bool> done{false};
  std::atomic<int> late{0};
  std::atomic<int> asked{0};
  std::thread asker([&] {
    while (!done.load()) {
      const bool after = acknowledged.load();
      const auto answer = harness.post(kTools, kContext);
      if (after && answer.body.find("true") != std::string::npos) late.fetch_add(1);
      if (after) asked.fetch_add(1);
    }
  });
  (void)harness.kill("flag=tools");
  acknowledged.store(true);
  while (asked.load() < 20) std::this_thread::yield();
  done.store(true);
  asker.join();
  EXPECT_EQ(late.load(), 0);
}

}  // namespace
}  // namespace cordon::tests
