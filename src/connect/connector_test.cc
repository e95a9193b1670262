#include "connect/connector.h"

#include "net/server.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <utility>
#include <vector>

namespace cordon::connect {
namespace {

using model::DeliveryOutcome;
using std::chrono::milliseconds;

/// Answers with the next of its statuses, the last one for ever, and keeps what it heard.
class Receiver final : public net::Handler {
 public:
  explicit Receiver(std::vector<int> statuses, net::Scope* scope = nullptr)
      : statuses_(statuses.begin(), statuses.end()), scope_(scope) {}

  net::Task<void> handle(net::ServerExchange& exchange) override {
    keys.emplace_back(exchange.request().header("idempotency-key"));
    targets.emplace_back(exchange.request().target);
    const auto body = co_await exchange.read_body(1 << 20);
    if (!body) co_return;
    bodies.emplace_back(*body);
    const int status = statuses_.front();
    if (statuses_.size() > 1) statuses_.pop_front();
    if (status == 0) {  // says nothing until nobody listens any more
      const milliseconds longer_than_anybody_waits{500};
      (void)co_await net::sleep(*scope_, longer_than_anybody_waits);
      co_return;
    }
    const std::array<net::Header, 2> headers = {
        {{"location", "http://127.0.0.1:1/elsewhere"}, {"retry-after", "3600"}}};
    const std::span<const net::Header> sent(headers.data(), status / 100 == 3 ? 1U : 2U);
    (void)co_await exchange.respond(status, sent, "taken");
  }

  std::vector<std::string> keys;
  std::vector<std::string> targets;
  std::vector<std::string> bodies;

 private:
  std::deque<int> statuses_;
  net::Scope* scope_;
};

class ConnectorTest : public testing::Test {
 protected:
  ~ConnectorTest() override {
    net::run_blocking(loop_, scope_.join());
    if (server_) net::run_blocking(loop_, server_->stop(milliseconds(0)));
  }

  ConnectorOptions options(std::uint16_t port) {
    ConnectorOptions options;
    options.name = "chat";
    options.kind = model::ConnectorKind::slack;
    options.url = "http://127.0.0.1:" + std::to_string(port) + "/services/T0/SECRET";
    options.attempts_max = 3;
    options.timeout = timeout_;
    options.backoff = milliseconds(4);
    options.backoff_max = milliseconds(20);
    return options;
  }

  std::optional<model::Delivery> deliver(Receiver& receiver) {
    server_ = net::Server::listen(loop_, receiver, {}).value();
    return deliver_to(server_->port());
  }

  std::optional<model::Delivery> deliver_to(std::uint16_t port) {
    connector_ = *Connector::open(loop_, random_, options(port));
    model::Message message;
    message.key = "INC-2026-00001-U01/chat";
    message.title = "title";
    message.text = "text";
    return net::run_blocking(loop_, connector_->deliver(scope_, std::move(message)));
  }

  milliseconds timeout_{2'000};
  SystemClock clock_;
  SeededRandom random_{7};
  net::Loop loop_{clock_};
  net::Scope scope_{loop_};
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<Connector> connector_;
};

TEST_F(ConnectorTest, DeliversOnceToTheConfiguredAddressUnderItsKey) {
  Receiver receiver({200});
  const auto delivery = deliver(receiver);
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->outcome, DeliveryOutcome::sent);
  EXPECT_EQ(delivery->attempts, 1U);
  EXPECT_EQ(receiver.keys, std::vector<std::string>{"INC-2026-00001-U01/chat"});
  EXPECT_EQ(receiver.targets, std::vector<std::string>{"/services/T0/SECRET"});
}

TEST_F(ConnectorTest, TriesAgainAfter429And500UnderTheSameKey) {
  Receiver receiver({429, 503, 204});
  const auto delivery = deliver(receiver);
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->outcome, DeliveryOutcome::sent);
  EXPECT_EQ(delivery->attempts, 3U);
  EXPECT_EQ(receiver.keys, std::vector<std::string>(3, "INC-2026-00001-U01/chat"));
  EXPECT_EQ(receiver.bodies[0], receiver.bodies[2]);
  EXPECT_NE(delivery->reason.find("may have arrived too"), std::string::npos)
      << "a 503 may have been taken";
}

TEST_F(ConnectorTest, GivesUpAfterItsAttemptsAndSaysWhetherItMayHaveArrived) {
  Receiver refusing({429});
  auto delivery = deliver(refusing);
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->outcome, DeliveryOutcome::failed) << "429 means that it was not taken";
  EXPECT_EQ(delivery->attempts, 3U);
  EXPECT_EQ(delivery->status, 429);
}

TEST_F(ConnectorTest, AnAnswerThatNeverCameLeavesItInDoubt) {
  Receiver silent({0}, &scope_);
  timeout_ = milliseconds(100);
  const auto delivery = deliver(silent);
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->outcome, DeliveryOutcome::in_doubt);
  EXPECT_EQ(delivery->status, 0);
}

TEST_F(ConnectorTest, NeitherARefusalNorARedirectIsTriedAgainOrFollowed) {
  Receiver receiver({307});
  auto delivery = deliver(receiver);
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->outcome, DeliveryOutcome::failed);
  EXPECT_EQ(delivery->attempts, 1U);
  EXPECT_NE(delivery->reason.find("redirects are not followed"), std::string::npos);
}

TEST_F(ConnectorTest, NobodyListeningIsAFailureThatNamesNoUrl) {
  Receiver receiver({200});
  std::uint16_t port = 0;
  {
    const auto server = net::Server::listen(loop_, receiver, {}).value();
    port = server->port();
    net::run_blocking(loop_, server->stop(milliseconds(0)));
  }
  const auto delivery = deliver_to(port);
  ASSERT_TRUE(delivery.has_value());
  EXPECT_EQ(delivery->outcome, DeliveryOutcome::failed);
  EXPECT_EQ(delivery->attempts, 3U);
  EXPECT_EQ(delivery->reason.find("SECRET"), std::string::npos);
  EXPECT_TRUE(receiver.keys.empty());
}

TEST_F(ConnectorTest, AStoppedScopeEndsItWithoutAVerdict) {
  scope_.stop();
  Receiver receiver({429});
  EXPECT_FALSE(deliver(receiver).has_value());
}

TEST_F(ConnectorTest, RefusesAnAddressThatIsNoUrlWithoutRepeatingIt) {
  ConnectorOptions bad = options(1);
  bad.url = "ftp://user:SECRET@host/";
  const auto opened = Connector::open(loop_, random_, std::move(bad));
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().detail.find("SECRET"), std::string::npos);
}

}  // namespace
}  // namespace cordon::connect
