// Decisions for other gateways through the real data path: what each peer is told, what stands in
// the journal by then, and what a switch, a mode and a failing journal make of it.
#include "codec/json.h"
#include "tests/integration/gateway_harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>

namespace cordon::tests {
namespace {

using model::Action;
using model::End;

std::string json_text(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  return out;
}

codec::Json json_of(const net::Response& response) {
  const auto json = codec::parse_json(response.body);
  EXPECT_TRUE(json) << response.body;
  return json ? *json : codec::Json();
}

/// What stands at a place in an answer; null if nothing does.
codec::Json in(const codec::Json& told, std::string_view first, std::string_view second = {}) {
  const codec::Json at = told.is_object() ? told.value(first, codec::Json()) : codec::Json();
  return second.empty() ? at : in(at, second);
}

/// How one peer asks about a text and is answered.
struct Peer {
  std::string name;
  std::string path_in;
  std::string path_out;
  std::function<std::string(std::string_view text)> asks_in;
  std::function<std::string(std::string_view text)> asks_out;
  std::function<bool(const codec::Json&)> passes;
  std::function<bool(const codec::Json&)> blocks;
  std::function<std::string(const codec::Json&)> reason;
  bool rewrites = true;
};

std::vector<Peer> peers() {
  const auto litellm = [](std::string_view type) {
    return [type](std::string_view text) {
      return fmt::format(R"({{"texts":["fine",{}],"input_type":"{}","litellm_call_id":"c"}})",
                         json_text(text), type);
    };
  };
  return {
      {"litellm", "/beta/litellm_basic_guardrail_api", "/beta/litellm_basic_guardrail_api",
       litellm("request"), litellm("response"),
       [](const codec::Json& told) { return in(told, "action") == "NONE"; },
       [](const codec::Json& told) { return in(told, "action") == "BLOCKED"; },
       [](const codec::Json& told) { return told.value("blocked_reason", ""); }},
      {"portkey", "/portkey", "/portkey",
       [](std::string_view text) {
         return R"({"eventType":"beforeRequestHook","request":{"json":{"model":"m","messages":[)"
                R"({"role":"user","content":)" +
                json_text(text) + "}]}}}";
       },
       [](std::string_view text) {
         return R"({"eventType":"afterRequestHook","response":{"json":{"choices":[{"message":)"
                R"({"role":"assistant","content":)" +
                json_text(text) + "}}]}}}";
       },
       [](const codec::Json& told) { return in(told, "verdict") == true && told.size() == 1; },
       [](const codec::Json& told) { return in(told, "verdict") == false; },
       [](const codec::Json& told) { return in(told, "data").value("reason", ""); }},
      {"agentgateway", "/request", "/response",
       [](std::string_view text) {
         return R"({"body":{"messages":[{"role":"user","content":)" + json_text(text) + "}]}}";
       },
       [](std::string_view text) {
         return R"({"body":{"choices":[{"message":{"role":"assistant","content":)" +
                json_text(text) + "}}]}}";
       },
       [](const codec::Json& told) { return in(told, "action") == codec::Json::object(); },
       [](const codec::Json& told) { return in(told, "action", "status_code") == 403; },
       [](const codec::Json& told) { return in(told, "action").value("body", ""); }},
      {"kong", "/kong", "/kong",
       [](std::string_view text) { return R"({"phase":"INPUT","text":)" + json_text(text) + "}"; },
       [](std::string_view text) { return R"({"phase":"OUTPUT","text":)" + json_text(text) + "}"; },
       [](const codec::Json& told) { return in(told, "block") == false; },
       [](const codec::Json& told) { return in(told, "block") == true; },
       [](const codec::Json& told) { return told.value("reason", ""); }, false},
  };
}

std::string at(std::string_view route, const std::string& path) {
  return "/callouts/" + std::string(route) + path;
}

TEST(GatewayCallouts, PassMaskAndBlockBothWaysInEachPeersForm) {
  for (const Peer& peer : peers()) {
    SCOPED_TRACE(peer.name);
    GatewayHarness harness;
    const std::string card = "card " + std::string(kCard);
    const auto ask = [&](const std::string& path, const std::string& body) {
      const auto response = harness.post(at("support", path), body);
      EXPECT_EQ(response.status, 200) << response.body;
      EXPECT_FALSE(response.header("x-cordon-decision-id").empty());
      return json_of(response);
    };
    EXPECT_TRUE(peer.passes(ask(peer.path_in, peer.asks_in("hello"))));
    EXPECT_TRUE(peer.passes(ask(peer.path_out, peer.asks_out("hello " + std::string(kWarn)))));
    for (const bool asked : {true, false}) {
      const codec::Json told =
          asked ? ask(peer.path_in, peer.asks_in(card)) : ask(peer.path_out, peer.asks_out(card));
      EXPECT_EQ(peer.blocks(told), !peer.rewrites) << told.dump();
      EXPECT_EQ(told.dump().find(kCard), std::string::npos) << told.dump();
      EXPECT_EQ(told.dump().find("card [redacted:payment_card]") != std::string::npos,
                peer.rewrites);
    }
    const codec::Json before = ask(peer.path_in, peer.asks_in(kSecret));
    const codec::Json after = ask(peer.path_out, peer.asks_out(kSecret));
    for (const codec::Json* told : {&before, &after}) {
      EXPECT_TRUE(peer.blocks(*told)) << told->dump();
      EXPECT_NE(peer.reason(*told).find("rule t.secret"), std::string::npos) << told->dump();
    }

    const auto ends = harness.ends(6);
    const auto decisions = harness.decisions();
    ASSERT_EQ(decisions.size(), 6U);
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(decisions[i].head.surface, peer.name);
      EXPECT_EQ(decisions[i].head.route, "support");
      EXPECT_EQ(decisions[i].head.tenant, "acme");
      EXPECT_EQ(ends[i].head.exchange, decisions[i].head.exchange);
      EXPECT_EQ(ends[i].status, 200);
      EXPECT_EQ(ends[i].attempts, 0U);
    }
    EXPECT_EQ(ends[0].end, End::complete);
    EXPECT_EQ(decisions[0].scanned.parts, peer.name == "litellm" ? 2U : 1U);
    EXPECT_EQ(decisions[1].scanned.parts, 0U) << "an answer is the end's matter";
    ASSERT_EQ(ends[1].hits.size(), 1U);
    EXPECT_EQ(ends[1].hits[0].delivered, 1U) << "it went on with what was only warned of";
    EXPECT_GT(ends[1].released_bytes, 0U);
    EXPECT_FALSE(ends[1].response_commit.empty());
    EXPECT_EQ(decisions[2].action, peer.rewrites ? Action::redact : Action::block);
    EXPECT_EQ(ends[3].action, peer.rewrites ? Action::redact : Action::block);
    EXPECT_EQ(decisions[4].action, Action::block);
    EXPECT_EQ(decisions[4].reason, "policy");
    EXPECT_EQ(ends[4].end, End::blocked);
    EXPECT_EQ(decisions[5].action, Action::allow);
    EXPECT_EQ(ends[5].end, End::blocked);
    EXPECT_EQ(ends[5].released_bytes, 0U);
    ASSERT_EQ(ends[5].hits.size(), 1U);
    EXPECT_EQ(ends[5].hits[0].delivered, 0U);
    EXPECT_EQ(harness.provider_counts().completions, 0U) << "nobody is asked";
    EXPECT_EQ(harness.journal_bytes().find(kSecret), std::string::npos);
  }
}

TEST(GatewayCallouts, CountAnInjectionThatWentOnAndWhoSaidIt) {
  GatewayHarness harness;
  const auto told = harness.post(
      at("support", "/beta/litellm_basic_guardrail_api"),
      R"({"texts":["hi","INJECT-123"],"structured_messages":[{"role":"user","content":"hi"},)"
      R"({"role":"tool","content":"INJECT-123"}],"input_type":"request"})");
  EXPECT_EQ(in(json_of(told), "action"), "NONE");
  const auto ends = harness.ends(1);
  ASSERT_EQ(ends[0].hits.size(), 1U);
  EXPECT_EQ(ends[0].hits[0].delivered, 1U);
  EXPECT_EQ(ends[0].hits[0].role, model::Role::tool);
}

TEST(GatewayCallouts, FindAMatchAcrossPartsAndBlockWhatCannotBeRewritten) {
  GatewayHarness harness;
  const std::string path = at("support", "/beta/litellm_basic_guardrail_api");
  const auto parts = harness.post(
      path, R"({"texts":["SECRET-","123456"],"structured_messages":[{"role":"user","content":[)"
            R"({"type":"text","text":"SECRET-"},{"type":"text","text":"123456"}]}],)"
            R"("input_type":"request"})");
  EXPECT_EQ(in(json_of(parts), "action"), "BLOCKED") << "one content is one text";
  for (const std::string_view type : {"request", "response"}) {
    const auto call =
        harness.post(path, fmt::format(R"({{"texts":["x"],"tool_calls":[{{"function":{{"name":"f",)"
                                       R"("arguments":"{}"}}}}],"input_type":"{}"}})",
                                       kCard, type));
    EXPECT_EQ(in(json_of(call), "action"), "BLOCKED") << "there is no place to put arguments back";
  }
  const auto beside = harness.post(
      path, fmt::format(R"({{"texts":["x"],"structured_messages":[{{"role":"user","content":[)"
                        R"({{"type":"text","text":"{}"}},{{"type":"text","text":"y"}}]}}],)"
                        R"("input_type":"request"}})",
                        kCard));
  EXPECT_EQ(in(json_of(beside), "action"), "BLOCKED");
}

TEST(GatewayCallouts, ObeySwitchesLockdownsAndModes) {
  for (const Peer& peer : peers()) {
    SCOPED_TRACE(peer.name);
    GatewayHarness harness;
    const std::string path = at("support", peer.path_in);
    const auto told = [&](GatewayHarness::Headers headers = {}) {
      const auto response = harness.post(path, peer.asks_in("hello"), std::move(headers));
      EXPECT_EQ(response.status, 200);
      return json_of(response);
    };
    for (const char* scope : {"route=support", "tenant=acme", "route=*", "model=gpt-4o",
                              "use_case=chat", "flag=agent"}) {
      SCOPED_TRACE(scope);
      const GatewayHarness::Headers named{
          {"x-cordon-model", "gpt-4o"}, {"x-cordon-use-case", "chat"}, {"x-cordon-flags", "agent"}};
      (void)harness.kill(scope);
      if (peer.name == "portkey" && scope == std::string_view("model=gpt-4o")) {
        EXPECT_TRUE(peer.passes(told(named))) << "its body says another model";
      } else {
        const codec::Json blocked = told(named);
        EXPECT_TRUE(peer.blocks(blocked)) << blocked.dump();
        EXPECT_NE(peer.reason(blocked).find("sw-1"), std::string::npos);
        EXPECT_EQ(harness.decisions().back().reason, "switch");
        EXPECT_EQ(harness.decisions().back().switch_id, "sw-1");
      }
      (void)harness.release();
      EXPECT_TRUE(peer.passes(told(named)));
    }
    (void)harness.kill("model=m");
    EXPECT_EQ(peer.passes(told()), peer.name != "portkey") << "the model stands in its body";
    (void)harness.release();
    (void)harness.change([](model::Generation& next) {
      next.measures.push_back({"md-1", model::Measure::mode, *model::Scope::parse("route=support"),
                               model::Mode::lockdown});
    });
    EXPECT_TRUE(peer.blocks(told()));
    EXPECT_EQ(harness.decisions().back().reason, "lockdown");
    (void)harness.change([](model::Generation& next) {
      next.measures = {{"md-2", model::Measure::mode, *model::Scope::parse("route=support"),
                        model::Mode::emergency}};
    });
    const auto strict = json_of(harness.post(path, peer.asks_in(kInjection)));
    EXPECT_TRUE(peer.blocks(strict)) << "emergency blocks what standard warns of";
    const auto observed =
        json_of(harness.post(at("observed", peer.path_in), peer.asks_in(kSecret)));
    EXPECT_TRUE(peer.passes(observed)) << "observe changes nothing";
    EXPECT_EQ(harness.decisions().back().verdict, Action::block);
    EXPECT_TRUE(peer.passes(json_of(harness.post(at("plain", peer.path_in), peer.asks_in("x")))))
        << "a route without rules still obeys switches, and passes the rest";
  }
}

TEST(GatewayCallouts, TakeTheRouteOfThePathOrTheOnlyOneOfTheKey) {
  GatewayHarness harness;
  for (const Peer& peer : peers()) {
    SCOPED_TRACE(peer.name);
    const std::string body = peer.asks_in("hello");
    const auto only = harness.post(peer.path_in, body, {{"x-api-key", "key-narrow"}});
    EXPECT_EQ(only.status, 200);
    EXPECT_TRUE(peer.passes(json_of(only)));
    EXPECT_EQ(harness.decisions().back().head.route, "plain");
    const auto several = harness.post(peer.path_in, body);
    EXPECT_EQ(several.status, 404);
    EXPECT_NE(several.body.find("/callouts/ROUTE" + peer.path_in), std::string::npos);
    const std::array<std::pair<const char*, const char*>, 2> others = {
        {{"nowhere", "key-acme"}, {"support", "key-narrow"}}};
    for (const auto& [route, key] : others) {
      const auto unknown = harness.post(at(route, peer.path_in), body, {{"x-api-key", key}});
      EXPECT_EQ(unknown.status, 404) << route;
      EXPECT_FALSE(peer.passes(json_of(unknown)));
      EXPECT_FALSE(peer.reason(json_of(unknown)).empty());
    }
    EXPECT_EQ(harness.post(at("%70lain", peer.path_in), body).status, 200);
  }
}

TEST(GatewayCallouts, AskOfARouteThatOnlyDecides) {
  GatewayHarness harness;
  (void)harness.change([](model::Generation& next) {
    model::Route decides = next.routes[0];
    decides.name = "decides";
    decides.targets.clear();
    next.routes.push_back(decides);
  });
  const Peer kong = peers().back();
  EXPECT_TRUE(kong.passes(json_of(harness.post(at("decides", "/kong"), kong.asks_in("hello")))));
  EXPECT_TRUE(kong.blocks(json_of(harness.post(at("decides", "/kong"), kong.asks_in(kSecret)))));
  (void)harness.kill("route=decides");
  EXPECT_TRUE(kong.blocks(json_of(harness.post(at("decides", "/kong"), kong.asks_in("hello")))));
  (void)harness.release();
  const auto moderated =
      harness.post("/v1/moderations", R"({"model":"decides","input":"SECRET-123456"})");
  EXPECT_EQ(json_of(moderated)["results"][0]["flagged"], true);
  const auto asked = harness.chat(GatewayHarness::body("decides", "hi"));
  EXPECT_EQ(asked.status, 400);
  EXPECT_EQ(json_of(asked)["error"]["code"], "wrong_dialect") << "there is nobody to ask";
  const auto listed = harness.get("/v1/models", {{"x-api-key", "key-acme"}});
  EXPECT_EQ(listed.body.find("decides"), std::string::npos);
  EXPECT_NE(listed.body.find("support"), std::string::npos);
}

TEST(GatewayCallouts, FollowTheRouteWhereNoRuleCanRead) {
  GatewayHarness harness;
  const std::string image =
      R"({"texts":["fine"],"images":["https://example.com/a.png"],"input_type":"request"})";
  const std::string tokens =
      R"({"eventType":"beforeRequestHook","request":{"json":{"input":[1,2]}}})";
  const std::string path = at("support", "/beta/litellm_basic_guardrail_api");
  const auto refused = json_of(harness.post(path, image));
  EXPECT_EQ(refused["action"], "BLOCKED");
  EXPECT_NE(refused["blocked_reason"].get<std::string>().find("'images'"), std::string::npos);
  EXPECT_EQ(harness.decisions().back().reason, "uninspected");
  EXPECT_EQ(in(json_of(harness.post(at("support", "/portkey"), tokens)), "verdict"), false);
  EXPECT_EQ(harness.decisions().back().uninspected, "request.json");
  EXPECT_EQ(in(json_of(harness.post(at("plain", "/portkey"), tokens)), "verdict"), true);
  (void)harness.change([](model::Generation& generation) {
    for (model::Route& route : generation.routes) route.uninspected = model::Uninspected::pass;
  });
  EXPECT_EQ(in(json_of(harness.post(path, image)), "action"), "NONE");
  EXPECT_EQ(harness.decisions().back().uninspected, "images");
}

TEST(GatewayCallouts, SayNothingBeforeItIsOnDisk) {
  GatewayHarness harness;
  const Peer kong = peers().back();
  for (const std::string_view text : {std::string_view("hello"), kSecret}) {
    for (const bool asked : {true, false}) {
      harness.disk().shut();
      RawClient client(harness.port());
      client.send_post(at("support", "/kong"), asked ? kong.asks_in(text) : kong.asks_out(text));
      while (harness.running() == 0) std::this_thread::yield();
      EXPECT_EQ(client.seen(), "");
      harness.disk().open_gate();
      EXPECT_NE(client.read_until("\"block\":").find("200"), std::string::npos);
    }
  }
  harness.fail_journal();
  for (const Peer& peer : peers()) {
    SCOPED_TRACE(peer.name);
    const auto failed = harness.post(at("support", peer.path_in), peer.asks_in("hello"));
    EXPECT_EQ(failed.status, 503) << "the peer's own setting for failures decides";
    EXPECT_FALSE(peer.passes(json_of(failed)));
    EXPECT_FALSE(peer.reason(json_of(failed)).empty());
  }
}

TEST(GatewayCallouts, RefuseBadInputInThePeersForm) {
  HarnessOptions options;
  options.limits.body_bytes_max = 4096;
  GatewayHarness harness(options);
  std::string deep = "{\"a\":";
  for (int i = 0; i < 100; ++i) deep += '[';
  for (const Peer& peer : peers()) {
    SCOPED_TRACE(peer.name);
    const std::string path = at("support", peer.path_in);
    const auto expect_refused = [&](const net::Response& response, int status) {
      EXPECT_EQ(response.status, status) << response.body;
      const codec::Json told = json_of(response);
      EXPECT_FALSE(peer.passes(told)) << response.body;
      EXPECT_FALSE(peer.reason(told).empty()) << response.body;
      EXPECT_EQ(response.body.find("SECRET"), std::string::npos);
    };
    for (const std::string& body :
         {std::string("{"), std::string("[]"), std::string("{}"), std::string("\xff"), deep,
          std::string(R"({"SECRET-123456":1,"SECRET-123456":2})")}) {
      expect_refused(harness.post(path, body), 400);
    }
    expect_refused(harness.post(path, peer.asks_in(std::string(5000, 'x'))), 413);
    expect_refused(harness.post(path, peer.asks_in("x"), {{"content-type", "text/plain"}}), 415);
    expect_refused(harness.post(path, peer.asks_in("x"), {{"x-api-key", "wrong"}}), 401);
    expect_refused(
        harness.post(path, peer.asks_in("x"),
                     {{"x-api-key", "key-acme"}, {"authorization", "Bearer key-narrow"}}),
        400);
    expect_refused(harness.post(path, peer.asks_in("x"), {{"x-cordon-use-case", "a b"}}), 400);
    const auto got = harness.get(path, {{"x-api-key", "key-acme"}});
    EXPECT_EQ(got.status, 405);
    EXPECT_EQ(got.header("allow"), "POST");
  }
  EXPECT_EQ(harness.post("/callouts/support/nothing", "{}").status, 404);
  EXPECT_TRUE(harness.decisions().empty()) << "no route was found, so nothing was decided";
}

}  // namespace
}  // namespace cordon::tests
