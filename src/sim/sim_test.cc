#include "codec/base64.h"
#include "codec/json.h"
#include "codec/sse.h"
#include "net/client.h"
#include "net/fetch.h"
#include "sim/internal/reply.h"
#include "sim/provider.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace cordon::sim {
namespace {

/// A provider on a thread of its own; the test's thread is the client.
class Running {
 public:
  explicit Running(Options options) : loop_(clock_), scope_(loop_) {
    provider_ = *Provider::start(loop_, std::move(options));
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Running() {
    loop_.post([this] { net::spawn(scope_, stop()); });
    thread_.join();
  }

  net::Response ask(std::string_view body, net::OwnedHeaders headers = {}) {
    return post("/v1/chat/completions", body, std::move(headers));
  }
  net::Response post(std::string_view path, std::string_view body, net::OwnedHeaders headers = {}) {
    net::Request request;
    request.method = "POST";
    request.url = "http://127.0.0.1:" + std::to_string(provider_->port()) + std::string(path);
    request.body = body;
    request.headers = std::move(headers);
    const auto response = net::fetch(request);
    return response ? *response : net::Response{};
  }
  net::Response get(std::string_view path) {
    net::Request request;
    request.url = "http://127.0.0.1:" + std::to_string(provider_->port()) + std::string(path);
    return *net::fetch(request);
  }

 private:
  net::Task<void> stop() {
    co_await provider_->stop(std::chrono::milliseconds(100));
    loop_.stop();
  }

  SystemClock clock_;
  net::Loop loop_;
  net::Scope scope_;
  std::unique_ptr<Provider> provider_;
  std::thread thread_;
};

constexpr std::string_view kBody = R"({"model":"m","messages":[{"role":"user","content":"hi"}]})";
constexpr std::string_view kStream =
    R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,)"
    R"("stream_options":{"include_usage":true}})";

TEST(Sim, AnswersTheSameForTheSameSeed) {
  Options options;
  options.seed = 7;
  std::string first;
  for (int run = 0; run < 2; ++run) {
    Running provider(options);
    std::string all;
    for (int i = 0; i < 3; ++i) {
      all += provider.ask(kBody).body;
      all += provider.ask(kStream).body;
    }
    if (run == 0) first = all;
    EXPECT_EQ(all, first);
    EXPECT_NE(all.find("data: [DONE]\n\n"), std::string::npos);
    EXPECT_NE(all.find(R"("choices":[],"usage":{"prompt_tokens")"), std::string::npos);
  }
}

TEST(Sim, LeaksEveryKthAnswerOnceItIsSwitched) {
  Options options;
  options.leaks = {"LEAKED-TEXT"};
  Running provider(options);
  EXPECT_EQ(provider.ask(kBody).body.find("LEAKED-TEXT"), std::string::npos);
  const auto switched = provider.post("/sim/scenario", R"({"scenario":"leak","leak_every":3})");
  EXPECT_EQ(switched.status, 200);
  int leaked = 0;
  for (int i = 0; i < 9; ++i) {
    if (provider.ask(kBody).body.find("LEAKED-TEXT") != std::string::npos) ++leaked;
  }
  EXPECT_EQ(leaked, 3);
  EXPECT_NE(provider.get("/sim/counts").body.find(R"("leaked":3)"), std::string::npos);
  EXPECT_EQ(provider.post("/sim/scenario", R"({"scenario":"leek"})").status, 400);
  EXPECT_EQ(provider.post("/sim/scenario", R"({"scenarios":"leak"})").status, 400);
  EXPECT_NE(provider.get("/sim/scenario").body.find(R"("scenario":"leak")"), std::string::npos);
}

TEST(Sim, ObeysTheModelsNameAndTheHeader) {
  Running provider(Options{});
  EXPECT_EQ(provider.ask(R"({"model":"sim-error_500","messages":[{"role":"user"}]})").status, 500);
  const auto limited = provider.ask(kBody, {{"x-sim-scenario", "error_429"}});
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), "1");
  const auto echo = provider.ask(kBody, {{"x-sim-scenario", "echo"}});
  EXPECT_NE(echo.body.find(R"("content":"hi")"), std::string::npos);
  const auto broken = provider.ask(kBody, {{"x-sim-scenario", "malformed"}});
  EXPECT_FALSE(codec::parse_json(broken.body));
  EXPECT_EQ(provider.ask(kStream, {{"x-sim-scenario", "cut"}}).status, 0) << "a cut is no answer";
  EXPECT_EQ(provider.ask("{}").status, 400);
  EXPECT_EQ(provider.get("/nothing").status, 404);
  EXPECT_NE(provider.get("/v1/models").body.find("sim-small"), std::string::npos);
}

// --- Anthropic's shape
// ----------------------------------------------------------------------------

constexpr std::string_view kMessage =
    R"({"model":"m","max_tokens":1024,"messages":[{"role":"user","content":"hi"}]})";
const net::OwnedHeaders kVersion = {{"anthropic-version", "2023-06-01"}};

net::OwnedHeaders versioned(std::string_view name, std::string_view value) {
  return {kVersion[0], {std::string(name), std::string(value)}};
}

TEST(Sim, SpeaksAnthropicsMessages) {
  Running provider(Options{});
  const auto answer = provider.post("/v1/messages", kMessage, kVersion);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.header("request-id").starts_with("req_"));
  const auto json = codec::parse_json(answer.body);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["type"], "message");
  EXPECT_EQ((*json)["stop_reason"], "end_turn");
  EXPECT_GT((*json)["usage"]["output_tokens"].get<int>(), 10);
  const auto counted = provider.post("/v1/messages/count_tokens", kMessage, kVersion);
  EXPECT_EQ((*codec::parse_json(counted.body))["input_tokens"], (*json)["usage"]["input_tokens"]);
  EXPECT_NE(provider.get("/sim/counts").body.find(R"("messages":1,)"), std::string::npos);
}

TEST(Sim, CompletesAPromptWholeAndStreamed) {
  Running provider(Options{});
  const std::string body = R"({"model":"m","prompt":["once","upon"],"seed":1,"n":2)";
  const auto whole = codec::parse_json(provider.post("/v1/completions", body + "}").body);
  ASSERT_TRUE(whole);
  EXPECT_EQ((*whole)["object"], "text_completion");
  ASSERT_EQ((*whole)["choices"].size(), 4U) << "two of each prompt";
  const std::string text = (*whole)["choices"][0]["text"];
  EXPECT_GT(text.size(), 100U);
  const auto streamed = provider.post(
      "/v1/completions", body + R"(,"stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_TRUE(streamed.body.ends_with("data: [DONE]\n\n"));
  std::string joined;
  codec::SseFramer framer;
  framer.feed(streamed.body);
  for (auto event = framer.next(); event && *event; event = framer.next()) {
    const auto chunk = codec::parse_json((*event)->data);
    if (!chunk || (*chunk)["choices"].empty()) continue;
    if ((*chunk)["choices"][0]["index"] == 0) joined += (*chunk)["choices"][0]["text"];
  }
  EXPECT_EQ(joined, text);
  for (const char* bad : {R"({"model":"m","prompt":5})", R"({"model":"m","prompt":[]})",
                          R"({"model":"m","prompt":["a",true]})", R"({"prompt":"a"})"}) {
    EXPECT_EQ(provider.post("/v1/completions", bad).status, 400) << bad;
  }
}

TEST(Sim, EmbedsTheSameTextAlikeInEitherForm) {
  Running provider(Options{});
  const auto embed = [&](std::string_view rest) {
    const auto answer =
        provider.post("/v1/embeddings", R"({"model":"m",)" + std::string(rest) + "}");
    EXPECT_EQ(answer.status, 200) << answer.body;
    return *codec::parse_json(answer.body);
  };
  const auto one = embed(R"("input":["a","b","a"],"dimensions":4)");
  ASSERT_EQ(one["data"].size(), 3U);
  EXPECT_EQ(one["data"][0]["embedding"].size(), 4U);
  EXPECT_EQ(one["data"][0]["embedding"], one["data"][2]["embedding"]);
  EXPECT_NE(one["data"][0]["embedding"], one["data"][1]["embedding"]);
  const auto bytes = embed(R"("input":"a","dimensions":4,"encoding_format":"base64")");
  const auto raw = codec::from_base64(bytes["data"][0]["embedding"].get<std::string>());
  ASSERT_TRUE(raw);
  EXPECT_EQ(raw->size(), 16U);
  EXPECT_EQ(embed(R"("input":[1,2])")["data"].size(), 1U) << "the tokens of one text";
  EXPECT_EQ(embed(R"("input":[[1,2],[3]])")["data"].size(), 2U);
  for (const char* bad : {R"({"model":"m"})", R"({"model":"m","input":{}})",
                          R"({"model":"m","input":"a","dimensions":0})",
                          R"({"model":"m","input":"a","encoding_format":"text"})"}) {
    EXPECT_EQ(provider.post("/v1/embeddings", bad).status, 400) << bad;
  }
}

TEST(Sim, AnswersBadMessagesInAnthropicsShape) {
  Running provider(Options{});
  const auto no_version = provider.post("/v1/messages", kMessage);
  EXPECT_EQ(no_version.status, 400);
  EXPECT_NE(no_version.body.find("anthropic-version: header is required"), std::string::npos);
  const auto no_limit = provider.post("/v1/messages", kBody, kVersion);
  EXPECT_EQ(no_limit.status, 400);
  EXPECT_NE(no_limit.body.find(R"("type":"invalid_request_error","message":"max_tokens: is req)"),
            std::string::npos);
  EXPECT_EQ(provider.post("/v1/messages/batches", kMessage, kVersion).status, 404);
  EXPECT_EQ(provider.get("/v1/messages").status, 405);
  struct Case {
    const char* scenario;
    int status;
    const char* type;
  };
  for (const Case one : {Case{"error_401", 401, "authentication_error"},
                         {"error_429", 429, "rate_limit_error"},
                         {"error_500", 500, "api_error"},
                         {"error_frame", 500, "api_error"},
                         {"overloaded", 529, "overloaded_error"}}) {
    const auto answer =
        provider.post("/v1/messages", kMessage, versioned("x-sim-scenario", one.scenario));
    EXPECT_EQ(answer.status, one.status);
    const auto json = codec::parse_json(answer.body);
    ASSERT_TRUE(json) << answer.body;
    EXPECT_EQ((*json)["type"], "error");
    EXPECT_EQ((*json)["error"]["type"], one.type);
    EXPECT_EQ((*json)["request_id"], answer.header("request-id"));
    EXPECT_EQ(answer.header("retry-after").empty(), one.status != 429 && one.status != 529);
  }
}

// --- what is said
// ---------------------------------------------------------------------------------

std::string content_of(const net::Response& response) {
  const auto json = codec::parse_json(response.body);
  if (!json || !json->contains("choices")) return "no answer: " + response.body;
  return (*json)["choices"][0]["message"]["content"].get<std::string>();
}

std::string body_of(const codec::Json& more, std::string_view text = "hi") {
  codec::Json body = {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", text}}}}};
  if (more.is_object()) body.update(more);
  return codec::write_json(body);
}

TEST(Sim, SaysExactlyWhatItIsToldInHeaderMarkerOrBehaviour) {
  Running provider(Options{});
  EXPECT_EQ(content_of(provider.ask(kBody, {{"x-sim-answer", "Just this."}})), "Just this.");
  const auto marked = body_of({}, R"(before [[sim {"answer":"gr\u00fcn"}]] after)");
  EXPECT_EQ(content_of(provider.ask(marked)), "gr\u00fcn");
  const auto echo = provider.ask(body_of({}, R"(a [[sim {"scenario":"echo"}]]b)"));
  EXPECT_EQ(content_of(echo), "a b");
  const auto cut = provider.ask(body_of({}, R"([[sim {"answer":"x","finish":"length"}]])"));
  EXPECT_NE(cut.body.find(R"("finish_reason":"length")"), std::string::npos);
  EXPECT_EQ(provider.post("/sim/scenario", R"({"answer":"For all."})").status, 200);
  EXPECT_EQ(content_of(provider.ask(kBody)), "For all.");
  EXPECT_EQ(content_of(provider.ask(kBody, {{"x-sim-answer", "Just this."}})), "Just this.");
  EXPECT_EQ(provider.post("/sim/scenario", R"({"answer":""})").status, 200);
  EXPECT_NE(content_of(provider.ask(kBody)), "For all.");
  const auto bad = provider.ask(body_of({}, "[[sim {\"scenario\":\"leek\"}]]"));
  EXPECT_EQ(bad.status, 400);
  EXPECT_NE(bad.body.find("unknown scenario 'leek'"), std::string::npos);
  EXPECT_EQ(provider.ask(kBody, {{"x-sim-scenario", "leek"}}).status, 400);
}

TEST(Sim, AnswersAlikeForTheSameSeedInTheRequestWhateverCameBefore) {
  Running provider(Options{});
  const std::string seeded = body_of({{"seed", 42}});
  const std::string first = content_of(provider.ask(seeded));
  std::size_t others = 0;
  for (int i = 0; i < 8; ++i) {
    if (content_of(provider.ask(kBody)) != first) ++others;
  }
  EXPECT_GE(others, 6U);
  EXPECT_EQ(content_of(provider.ask(seeded)), first);
}

TEST(Sim, StopsAtTheTokensThatTheCallerAllows) {
  Running provider(Options{});
  const auto answer = codec::parse_json(provider.ask(body_of({{"max_tokens", 5}})).body);
  ASSERT_TRUE(answer);
  EXPECT_EQ((*answer)["choices"][0]["finish_reason"], "length");
  EXPECT_EQ((*answer)["usage"]["completion_tokens"], 5);
}

// The style changes at one moment: refusals before it, claims after it, as often.
TEST(Sim, DriftsFromRefusalsToClaimsAtTheGivenMoment) {
  Running provider(Options{});
  EXPECT_EQ(provider
                .post("/sim/scenario",
                      R"({"scenario":"policy_drift","drift_after":40,"drift_percent":50})")
                .status,
            200);
  const auto count = [&](const char* key) {
    const auto counts = codec::parse_json(provider.get("/sim/counts").body);
    return (*counts)[key].get<int>();
  };
  for (int i = 0; i < 40; ++i) (void)provider.ask(kBody);
  const int refused = count("refused");
  EXPECT_EQ(count("claimed"), 0);
  EXPECT_GT(refused, 8);
  for (int i = 0; i < 40; ++i) (void)provider.ask(kBody);
  EXPECT_EQ(count("refused"), refused);
  EXPECT_GT(count("claimed"), 8);
}

TEST(Sim, CallsToolsWithWhatTheScenarioWantsToSay) {
  Options options;
  options.leaks = {"LEAKED-TEXT"};
  Running provider(options);
  const codec::Json tools = {
      {"tools",
       {{{"type", "function"},
         {"function",
          {{"name", "send"}, {"parameters", {{"properties", {{"to", {{"type", "string"}}}}}}}}}}}}};
  const auto leak = provider.ask(body_of(tools, "send it"), {{"x-sim-scenario", "leak"}});
  const auto json = codec::parse_json(leak.body);
  ASSERT_TRUE(json);
  const codec::Json& message = (*json)["choices"][0]["message"];
  EXPECT_TRUE(message["content"].is_null());
  EXPECT_EQ(message["tool_calls"][0]["function"]["arguments"], R"({"to":"LEAKED-TEXT"})");
  EXPECT_NE(provider.get("/sim/counts").body.find(R"("leaked":1)"), std::string::npos);
  const auto exact = provider.ask(
      body_of({}, R"([[sim {"tool_calls":[{"name":"rm","arguments":{"path":"/"}}]}]])"));
  EXPECT_NE(exact.body.find(R"("name":"rm","arguments":"{\"path\":\"/\"}")"), std::string::npos)
      << exact.body;
}

// --- faults
// ---------------------------------------------------------------------------------------

TEST(Sim, MixesFaultsBySeedAsOftenAsItIsTold) {
  Options options;
  options.behaviour.mix[static_cast<std::size_t>(Scenario::error_500)] = 300;
  std::string first;
  for (int run = 0; run < 2; ++run) {
    Running provider(options);
    std::string statuses;
    for (int i = 0; i < 100; ++i) statuses += provider.ask(kBody).status == 200 ? '.' : 'x';
    if (run == 0) first = statuses;
    EXPECT_EQ(statuses, first);
    const auto faults = std::count(statuses.begin(), statuses.end(), 'x');
    EXPECT_GT(faults, 15);
    EXPECT_LT(faults, 45);
  }
}

TEST(Sim, FailsAsOftenAsAnOrderSaysAndThenAnswers) {
  Running provider(Options{});
  const std::string flaky =
      body_of({}, R"([[sim {"scenario":"error_429","times":2,"retry_after_s":0}]] one)");
  for (const int status : {429, 429, 200, 200}) {
    const auto answer = provider.ask(flaky);
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.header("retry-after"), status == 429 ? "0" : "");
  }
}

TEST(Sim, EndsAStreamWithAnErrorEventInEachShape) {
  Running provider(Options{});
  const auto openai = provider.ask(kStream, {{"x-sim-scenario", "error_frame"}});
  EXPECT_NE(openai.body.find("data: {\"error\":{\"message\":\"Overloaded.\""), std::string::npos);
  EXPECT_EQ(openai.body.find("[DONE]"), std::string::npos);
  const std::string stream =
      R"({"model":"m","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"hi"}]})";
  const auto anthropic =
      provider.post("/v1/messages", stream, versioned("x-sim-scenario", "error_frame"));
  EXPECT_NE(anthropic.body.find("event: error\ndata: {\"type\":\"error\""), std::string::npos);
  EXPECT_EQ(anthropic.body.find("message_stop"), std::string::npos);
  const auto broken =
      provider.post("/v1/messages", stream, versioned("x-sim-scenario", "malformed"));
  EXPECT_NE(broken.body.find("data: {\"type\":\n\n"), std::string::npos);
  EXPECT_EQ(provider.post("/v1/messages", stream, versioned("x-sim-scenario", "cut")).status, 0);
}

TEST(Sim, SaysNothingOrNothingWholeInEachShape) {
  Running provider(Options{});
  const std::string stream =
      R"({"model":"m","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"hi"}]})";
  for (const bool anthropic : {false, true}) {
    const auto ask = [&](std::string_view scenario) {
      const std::string name(scenario);
      return anthropic ? provider.post("/v1/messages", stream, versioned("x-sim-scenario", name))
                       : provider.ask(kStream, {{"x-sim-scenario", name}});
    };
    EXPECT_EQ(ask("reset").status, 0);
    const auto cut = ask("no_terminal");
    EXPECT_EQ(cut.status, 200);
    EXPECT_NE(cut.body.find("data: "), std::string::npos);
    EXPECT_EQ(cut.body.find(anthropic ? "message_stop" : "[DONE]"), std::string::npos);
    const auto late = ask("late");
    EXPECT_NE(late.body.find(anthropic ? "message_stop" : "[DONE]"), std::string::npos);
    for (const char* const scenario : {"context_length", "content_filter", "prefill"}) {
      const auto refused = ask(scenario);
      EXPECT_EQ(refused.status, 400) << scenario;
      EXPECT_NE(refused.body.find("invalid_request_error"), std::string::npos) << refused.body;
    }
  }
  EXPECT_NE(provider.ask(kBody, {{"x-sim-scenario", "context_length"}})
                .body.find(R"("code":"context_length_exceeded")"),
            std::string::npos);
}

TEST(Sim, SaysWhenToComeBackWordForWord) {
  Running provider(Options{});
  const auto said = [&](std::string_view text) {
    const auto answer = provider.ask(body_of(
        {}, R"([[sim {"scenario":"error_429","retry_after":")" + std::string(text) + R"("}]] hi)"));
    EXPECT_EQ(answer.status, 429);
    return std::string(answer.header("retry-after"));
  };
  EXPECT_EQ(said(""), "");
  EXPECT_EQ(said("Sun, 06 Nov 2094 08:49:37 GMT"), "Sun, 06 Nov 2094 08:49:37 GMT");
}

TEST(SimAnswer, IsTheSameTextWholeAndStreamedForEveryChoice) {
  Reply reply;
  reply.model = "m";
  reply.text = "Gr\u00fc\u00dfe \U0001F600 \"quoted\"\n";
  reply.choices = 2;
  const auto whole = codec::parse_json(write_whole(Shape::openai, reply));
  ASSERT_TRUE(whole);
  EXPECT_EQ((*whole)["choices"][1]["message"]["content"], reply.text);
  for (reply.chunk_bytes = 1; reply.chunk_bytes < 12; ++reply.chunk_bytes) {
    const Stream stream = write_stream(Shape::openai, reply);
    std::string joined[2];
    std::size_t begin = 0;
    for (const std::size_t end : stream.ends) {
      const std::string frame = stream.bytes.substr(begin, end - begin);
      begin = end;
      ASSERT_TRUE(frame.starts_with("data: ") && frame.ends_with("\n\n"));
      const auto json = codec::parse_json(std::string_view(frame).substr(6));
      ASSERT_TRUE(json) << frame;
      const auto& choice = (*json)["choices"][0];
      joined[choice["index"].get<int>()] += choice["delta"].value("content", "");
    }
    EXPECT_EQ(joined[0], reply.text);
    EXPECT_EQ(joined[1], reply.text);
  }
}

TEST(SimLeaks, ComeFromTheSeedOrFromLabelledRows) {
  EXPECT_EQ(make_leaks(5, 20), make_leaks(5, 20));
  EXPECT_NE(make_leaks(5, 20), make_leaks(6, 20));
  const auto rows = read_leaks(
      "{\"text\":\"a\",\"label\":\"secret\"}\n\n{\"text\":\"b\",\"label\":\"benign\"}\n"
      "{\"text\":\"c\"}\n");
  ASSERT_TRUE(rows);
  EXPECT_EQ(*rows, (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(read_leaks("{\"text\":\"a\"}\nnonsense").error().detail,
            "line 2: expected an object with a text");
  EXPECT_FALSE(read_leaks(""));
}

}  // namespace
}  // namespace cordon::sim
