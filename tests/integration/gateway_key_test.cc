// Issued keys through the real data path: who may ask for what, until when, and what a revocation
// cuts.
#include "crypto/sha256.h"
#include "tests/integration/gateway_harness.h"

#include <gtest/gtest.h>

namespace cordon::tests {
namespace {

using model::End;

constexpr std::string_view kLong = "Text that is certainly long enough to be let go at once.";
constexpr const char* kIssued = "ck-00112233445566aa-secret-part-of-a-key";

GatewayHarness::Headers with_key(const std::string& key) {
  return {{"authorization", "Bearer " + key}};
}

model::IssuedKey issued(std::vector<std::string> routes,
                        std::optional<WallTime> expires_at = std::nullopt) {
  return {"00112233445566aa", "acme", crypto::hex(crypto::sha256(std::string_view(kIssued))),
          std::move(routes), expires_at};
}

TEST(GatewayKey, IsNamedInTheRecordsAndHeldToItsRoutes) {
  GatewayHarness harness;
  const std::string plain = GatewayHarness::body("plain", "hi");
  EXPECT_EQ(harness.chat(plain, with_key(kIssued)).status, 401);
  (void)harness.change([](model::Generation& next) { next.keys = {issued({"plain"})}; });
  EXPECT_EQ(harness.chat(plain, with_key(kIssued)).status, 200);
  EXPECT_EQ(harness.chat(GatewayHarness::body("support", "hi"), with_key(kIssued)).status, 404);
  const auto models = harness.get("/v1/models", with_key(kIssued));
  EXPECT_NE(models.body.find(R"("plain")"), std::string::npos);
  EXPECT_EQ(models.body.find(R"("support")"), std::string::npos);
  EXPECT_EQ(harness.chat(plain).status, 200) << "a key of the configuration";
  const auto ends = harness.ends(2);
  EXPECT_EQ(ends[0].head.key, "00112233445566aa");
  EXPECT_EQ(ends[0].head.tenant, "acme");
  EXPECT_EQ(ends[1].head.key, "");
  EXPECT_EQ(harness.decisions()[0].head.key, "00112233445566aa");
  EXPECT_EQ(harness.journal_bytes().find("secret-part"), std::string::npos);
}

// A key for one route could ask for decisions under the rules of every route of its tenant.
TEST(GatewayKey, IsHeldToItsRoutesWhereNothingIsForwarded) {
  GatewayHarness harness;
  (void)harness.change([](model::Generation& next) {
    next.keys = {issued({"support"})};
    model::Route only = next.routes.front();
    only.name = "only-decides";
    only.targets.clear();
    only.fallback.clear();
    next.routes.push_back(only);
  });
  const auto ask = [&](const std::string& path, const std::string& body) {
    return harness.post(path, body, with_key(kIssued)).status;
  };
  const std::string kong = R"({"text":"hi","phase":"INPUT"})";
  EXPECT_EQ(ask("/callouts/support/kong", kong), 200);
  EXPECT_EQ(ask("/kong", kong), 200) << "the only route that the key may use";
  EXPECT_EQ(ask("/callouts/only-decides/kong", kong), 404);
  EXPECT_EQ(ask("/callouts/plain/kong", kong), 404);
  EXPECT_EQ(ask("/v1/moderations", R"({"model":"only-decides","input":"hi"})"), 404);
}

TEST(GatewayKey, ThatHasExpiredIsRefusedAndWhatRunsByItMayEnd) {
  GatewayHarness harness;
  (void)harness.change([](model::Generation& next) { next.keys = {issued({"*"})}; });
  harness.script(streamed({delta_frame(kLong)}, sim::Scripted::Then::stall));
  RawClient client(harness.port());
  const std::string body = GatewayHarness::body("plain", "hi", R"(,"stream":true)");
  client.send(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
      "authorization: Bearer " +
      std::string(kIssued) + "\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
      body);
  client.read_until("data:");
  const auto sweep = harness.change([](model::Generation& next) {
    next.keys = {issued({"*"}, SystemClock().wall() - std::chrono::seconds(1))};
  });
  EXPECT_EQ(sweep.streams_cut, 0U);
  EXPECT_EQ(harness.running(), 1U);
  const auto refused = harness.chat(GatewayHarness::body("plain", "hi"), with_key(kIssued));
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.body.find("secret-part"), std::string::npos);
}

TEST(GatewayKey, ThatIsRevokedIsRefusedAtOnceAndWhatRunsByItIsCut) {
  GatewayHarness harness;
  (void)harness.change([](model::Generation& next) { next.keys = {issued({"*"})}; });
  harness.script(streamed({delta_frame(kLong)}, sim::Scripted::Then::stall));
  const std::string body = GatewayHarness::body("plain", "hi", R"(,"stream":true)");
  RawClient revoked(harness.port());
  revoked.send(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
      "authorization: Bearer " +
      std::string(kIssued) + "\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
      body);
  revoked.read_until("data:");
  RawClient other(harness.port());
  other.send_chat(body);
  other.read_until("data:");
  const auto sweep = harness.change([](model::Generation& next) { next.keys.clear(); });
  EXPECT_EQ(sweep.streams_cut, 1U) << "not what runs by a key of the configuration";
  EXPECT_TRUE(revoked.read_to_end());
  EXPECT_NE(revoked.seen().find(R"("code":"invalid_api_key")"), std::string::npos);
  EXPECT_EQ(revoked.seen().find("[DONE]"), std::string::npos);
  EXPECT_EQ(harness.running(), 1U);
  EXPECT_EQ(harness.chat(body, with_key(kIssued)).status, 401);
  EXPECT_EQ(harness.ends(1)[0].end, End::killed);
}

}  // namespace
}  // namespace cordon::tests
