#include "gateway/gateway.h"

#include "codec/base64.h"
#include "codec/json.h"
#include "containment/generations.h"
#include "crypto/sha256.h"
#include "gateway/internal/stream_inspector.h"
#include "policy/rulepack.h"

#include <gtest/gtest.h>

namespace cordon::gateway {
namespace {

constexpr std::string_view kPack = R"(rulepack: unit
version: 1.0.0
rules:
  - id: u.card
    class: data_leakage
    data_kind: payment_card
    on: [response, tool_arguments]
    match: {pattern: '\b\d(?:[ -]?\d){12,18}\b', validate: luhn}
    action: redact
    rationale: A payment card number.
    tests: {match: ['card 4111 1111 1111 1111'], pass: ['order 4111 1111 1111 1112']}
  - id: u.secret
    class: data_leakage
    on: [response]
    match: {pattern: 'SECRET-\d{6}'}
    action: block
    rationale: A secret.
    tests: {match: ['SECRET-000000'], pass: ['SECRET-']}
)";

std::shared_ptr<const policy::Engine> engine() {
  static const auto kEngine = [] {
    const auto pack = policy::Rulepack::parse(kPack, "unit.yaml");
    EXPECT_TRUE(pack) << pack.error().detail;
    const std::array packs{*pack};
    return *policy::Engine::compile(packs);
  }();
  return kEngine;
}

/// One stream through an inspector, its bytes cut at `step`.
struct Relayed {
  std::string out;
  StreamState state;
  Inspection result;
};
Relayed run(std::string_view stream, std::size_t step,
            std::shared_ptr<const policy::Engine> with = engine()) {
  const dialect::Protocol& protocol = dialect::protocol_of(model::Dialect::openai);
  StreamScratch scratch(protocol);
  Commitment matches;
  Commitment answer;
  const Hmac key{std::array<std::byte, 32>{}};
  answer.begin(key, "x", "resp");
  StreamContext context;
  context.engine = with.get();
  context.commit = {&matches, &key, "x"};
  context.answer = &answer;
  context.protocol = &protocol;
  context.scratch = &scratch;
  StreamInspector inspector(context);
  Relayed done;
  for (std::size_t at = 0; at < stream.size() && inspector.state() == StreamState::open;
       at += step) {
    inspector.feed(stream.substr(at, step), done.out);
    inspector.mark_delivered();
  }
  done.state = inspector.state();
  done.result = inspector.finish();
  return done;
}

std::string frame(std::string_view delta, std::string_view reason = "null") {
  return R"(data: {"id":"c","choices":[{"index":0,"delta":)" + std::string(delta) +
         R"(,"finish_reason":)" + std::string(reason) + "}]}\n\n";
}

// RFC 2104 by the library's own words, piece by piece or whole.
TEST(Commitment, IsTheFormulaOfTheFormatPage) {
  std::array<std::byte, 32> key{};
  key.fill(std::byte{9});
  const std::string subject("exchange-id\0resp", 16);
  const auto r = crypto::hmac_sha256(key, std::as_bytes(std::span(subject.data(), 16)));
  const std::string message = std::string("cordon/commit/v1\0resp\0", 22) + "plain text";
  const std::string expected = codec::to_base64url(
      crypto::hmac_sha256(r, std::as_bytes(std::span(message.data(), message.size()))));
  const Hmac node_key(key);
  Commitment commitment;
  EXPECT_EQ(commitment.of(node_key, "exchange-id", "resp", "plain text"), expected);
  commitment.begin(node_key, "another", "resp");
  commitment.update("dropped");
  commitment.begin(node_key, "exchange-id", "resp");
  commitment.update("plain");
  commitment.update("");
  commitment.update(" text");
  EXPECT_EQ(commitment.finish(), expected);
  EXPECT_NE(commitment.of(node_key, "other-exchange", "resp", "plain text"), expected);
}

TEST(StreamInspector, SaysTheSameHoweverTheBytesAreCut) {
  const std::string stream =
      ": hi\n\n" + frame(R"({"role":"assistant","content":""})") +
      frame(R"({"content":"Card 4111 1111"})") + frame(R"({"content":" 1111 1111 is on file."})") +
      frame(R"({"tool_calls":[{"index":0,"function":{"arguments":"4111"}}]})") +
      frame("{}", R"("tool_calls")") + "data: [DONE]\n\n";
  const Relayed whole = run(stream, stream.size());
  EXPECT_EQ(whole.state, StreamState::done);
  EXPECT_EQ(whole.out.find("4111 1111"), std::string::npos);
  EXPECT_NE(whole.out.find("[redacted:payment_card]"), std::string::npos);
  ASSERT_EQ(whole.result.hits.size(), 1U);
  EXPECT_EQ(whole.result.hits[0].delivered, 0U);
  for (std::size_t step = 1; step < 40; ++step) {
    const Relayed pieces = run(stream, step);
    EXPECT_EQ(pieces.out, whole.out) << step;
    EXPECT_EQ(pieces.state, whole.state);
    EXPECT_EQ(pieces.result.hits[0].commit, whole.result.hits[0].commit);
  }
}

TEST(StreamInspector, HoldsWhatAMatchCouldReachUntilTheChoiceEnds) {
  const Relayed open = run(frame(R"({"content":"tail SECR"})"), 1000);
  EXPECT_EQ(open.out.find("SECR"), std::string::npos);
  const Relayed ended = run(frame(R"({"content":"tail SECR"})") + frame("{}", R"("stop")"), 1000);
  EXPECT_LT(ended.out.find("SECR"), ended.out.find("\"stop\""));
  const Relayed done = run(frame(R"({"content":"tail SECR"})") + "data: [DONE]\n\n", 1000);
  EXPECT_NE(done.out.find("SECR"), std::string::npos);
}

TEST(StreamInspector, BlocksAndLetsNothingOutAfterwards) {
  const Relayed blocked = run(frame(R"({"content":"x SECRET-1234567"})") +
                                  frame(R"({"content":"later"})") + frame("{}", R"("stop")"),
                              1000);
  EXPECT_EQ(blocked.state, StreamState::blocked);
  EXPECT_EQ(blocked.out.find("SECRET"), std::string::npos);
  EXPECT_EQ(blocked.out.find("later"), std::string::npos);
  EXPECT_EQ(blocked.result.blocked.rule, "u.secret");
  EXPECT_EQ(blocked.result.hits[0].delivered, 0U);
}

TEST(StreamInspector, DropsWhatCouldCarryTextPastTheRules) {
  const std::string sneaky =
      ": SECRET-123456\n\nid: SECRET-123456\n" + frame(R"({"content":"fine"})") +
      R"(data: {"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"t":"SECRET-123456"}}]})"
      "\n\ndata: [DONE]\n\n";
  EXPECT_EQ(run(sneaky, 1000).out.find("SECRET"), std::string::npos);
  EXPECT_NE(run(sneaky, 1000, nullptr).out.find("SECRET"), std::string::npos);
}

TEST(StreamInspector, BoundsTheTextsOfOneStream) {
  std::string stream;
  for (int tool = 0; tool < 300; ++tool) {
    stream += frame(R"({"tool_calls":[{"index":)" + std::to_string(tool) +
                    R"(,"function":{"arguments":"x"}}]})");
  }
  EXPECT_EQ(run(stream, 4096).state, StreamState::unreadable);
}

TEST(CheckLive, RefusesHalfAPolicy) {
  model::Generation generation;
  generation.number = 1;
  generation.routes.push_back({"r", {{"p", "m"}}, {}, {{"unit", "not the digest"}}, {}, {}});
  generation.providers.push_back({"p", model::Dialect::openai, {true, "h", 443, ""}, "", {}});
  Live live;
  EXPECT_FALSE(check(live));
  live.effective = std::make_shared<containment::Effective>(containment::seal(generation));
  EXPECT_EQ(check(live).error().detail, "route 'r' has rulepacks and no engine");
  live.engines["r"] = engine();
  EXPECT_EQ(check(live).error().detail, "the engine of route 'r' is not made of its rulepacks");
  generation.routes[0].rulepacks = {{"unit", engine()->digests()[0].digest}};
  live.effective = std::make_shared<containment::Effective>(containment::seal(generation));
  EXPECT_EQ(check(live).error().detail, "provider 'p' has no TLS settings");
  // What a fallback brings is policy too.
  generation.routes[0].fallback_rulepacks = generation.routes[0].rulepacks;
  live.effective = std::make_shared<containment::Effective>(containment::seal(generation));
  EXPECT_EQ(check(live).error().detail, "route 'r' has rulepacks and no engine");
  live.fallback_engines["r"] = engine();
  EXPECT_EQ(check(live).error().detail, "provider 'p' has no TLS settings");
  generation.providers[0].endpoint.tls = false;
  live.effective = std::make_shared<containment::Effective>(containment::seal(generation));
  EXPECT_EQ(check(live).error().detail, "target 'p/m' has no health");
  share_health(live, nullptr);
  EXPECT_TRUE(check(live));
}

TEST(Metrics, AddsThreadsUpAndBoundsItsLabels) {
  Metrics metrics(2);
  metrics.next_block().ended[0].add(2);
  ThreadMetrics& second = metrics.next_block();
  second.ended[0].add(3);
  second.duration.add(63);
  second.duration.add(1000);
  second.duration.add(UINT64_MAX / 2);
  const std::string text = metrics.write();
  EXPECT_NE(text.find("cordon_exchanges_total{end=\"complete\"} 5\n"), std::string::npos);
  EXPECT_NE(text.find("cordon_exchange_seconds_bucket{le=\"0.000064\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("cordon_exchange_seconds_bucket{le=\"0.001024\"} 2\n"), std::string::npos);
  EXPECT_NE(text.find("cordon_exchange_seconds_bucket{le=\"+Inf\"} 3\n"), std::string::npos);
  EXPECT_LT(text.size(), 20'000U);
}

}  // namespace
}  // namespace cordon::gateway
