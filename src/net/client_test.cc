#include "net/client.h"

#include "net/fetch.h"
#include "net/internal/loopback.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace cordon::net {
namespace {

using internal::Peer;
using internal::ScriptedServer;
using std::chrono::milliseconds;

/// One request and what came of it, as text.
struct Told {
  std::string body;
  std::string error;  ///< empty: complete
  int status = 0;
  int pieces = 0;
  bool resent = false;
  SendStage stage = SendStage::not_sent;
};

Task<Told> ask(Upstream& upstream, Cancel* cancel, std::string_view method, std::string_view body) {
  Told told;
  Outgoing outgoing(method, "/v1");
  outgoing.body = body;
  auto sent = co_await upstream.send(outgoing, cancel, &told.stage);
  if (!sent) {
    told.error = sent.error().detail;
    co_return told;
  }
  ClientExchange exchange = std::move(*sent);
  told.status = exchange.response().status;
  told.resent = exchange.resent();
  exchange.forget_headers();  // what came with them must still be read
  for (;;) {
    const auto piece = co_await exchange.read_some(cancel);
    if (!piece) {
      told.error = piece.error().detail;
      EXPECT_FALSE(exchange.complete());
      const auto again = co_await exchange.read_some(cancel);
      EXPECT_FALSE(again.has_value()) << "a failed answer stays failed";
      co_return told;
    }
    if (!*piece) break;
    told.body += **piece;
    ++told.pieces;
  }
  EXPECT_TRUE(exchange.complete());
  co_return told;
}

class NetClient : public testing::Test {
 protected:
  UpstreamOptions to(std::uint16_t port) {
    UpstreamOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    options.first_byte_timeout = milliseconds(5'000);
    options.read_timeout = milliseconds(5'000);
    return options;
  }
  Told get(Upstream& upstream, Cancel* cancel = nullptr) {
    const std::string_view method = "GET";
    const std::string_view body;
    return run_blocking(loop_, ask(upstream, cancel, method, body));
  }
  Told post(Upstream& upstream, std::string_view body) {
    const std::string_view method = "POST";
    return run_blocking(loop_, ask(upstream, nullptr, method, body));
  }
  /// Reads a request, then says `answer` and closes.
  static ScriptedServer::Script says(std::string answer) {
    return [answer](Peer& peer) {
      static_cast<void>(peer.read_until("\r\n\r\n"));
      peer.send(answer);
    };
  }

  SystemClock clock_;
  Loop loop_{clock_};
};

TEST_F(NetClient, ReadsEveryFramingHoweverTheServerCutsIt) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  const std::vector<std::string> answers = {
      head + "Content-Length: 11\r\n\r\nhello world",
      head + "Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5;x\r\nworld\r\n0\r\nT: v\r\n\r\n",
      head + "\r\nhello world",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + head +
          "Content-Length: 11\r\n\r\nhello world",
  };
  for (const std::string& answer : answers) {
    for (const std::size_t step : {answer.size(), std::size_t{1}, std::size_t{9}}) {
      ScriptedServer server({[&](Peer& peer) {
        static_cast<void>(peer.read_until("\r\n\r\n"));
        for (std::size_t at = 0; at < answer.size(); at += step) {
          peer.send(std::string_view(answer).substr(at, step));
        }
      }});
      Upstream upstream(loop_, to(server.port()));
      const Told told = get(upstream);
      EXPECT_EQ(told.error, "") << answer;
      EXPECT_EQ(told.body, "hello world") << answer;
      EXPECT_EQ(told.status, 200);
    }
  }
}

TEST_F(NetClient, NeverPresentsATruncatedBodyAsWhole) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {head + "Content-Length: 11\r\n\r\nhello", "hello"},
      {head + "Content-Length: 11\r\n\r\n", ""},
      {head + "Transfer-Encoding: chunked\r\n\r\n", ""},
      {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "hel"},
      {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello"},
      {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "hello"},
      {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r", "hello"},
  };
  for (const auto& [answer, body] : cases) {
    ScriptedServer server({says(answer)});
    Upstream upstream(loop_, to(server.port()));
    const Told told = get(upstream);
    EXPECT_EQ(told.error, "the answer was cut short by its sender") << answer;
    EXPECT_EQ(told.body, body);
    EXPECT_EQ(upstream.counts().open, 0U);
  }
}

TEST_F(NetClient, ABodyThatBreaksItsFramingFailsAfterWhatWasGood) {
  ScriptedServer server(
      {says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")});
  Upstream upstream(loop_, to(server.port()));
  const Told told = get(upstream);
  EXPECT_EQ(told.body, "hello");
  EXPECT_EQ(told.error, "a malformed answer: a chunk without a size");
}

TEST_F(NetClient, AResetIsAnErrorEvenWhereCloseWouldBeTheEnd) {
  ScriptedServer server({[](Peer& peer) {
    static_cast<void>(peer.read_until("\r\n\r\n"));
    peer.send("HTTP/1.1 200 OK\r\n\r\nhalf");
    peer.reset();
  }});
  Upstream upstream(loop_, to(server.port()));
  EXPECT_NE(get(upstream).error, "");
}

TEST_F(NetClient, FailsOnAMalformedOrEndlessOrMissingAnswer) {
  std::string interim;
  for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  const std::vector<std::string> answers = {
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
      "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'a'),
      "garbage",
      interim,
      "",
      "HTTP/1.1 200 OK\r\nContent-",
  };
  for (const std::string& answer : answers) {
    ScriptedServer server({says(answer)});
    Upstream upstream(loop_, to(server.port()));
    const Told told = get(upstream);
    EXPECT_NE(told.error, "") << answer;
    EXPECT_EQ(told.stage, SendStage::maybe_sent);
    EXPECT_EQ(upstream.counts().resent, 0U) << "nothing is sent twice on a fresh connection";
  }
}

std::string ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

TEST_F(NetClient, ReusesAConnectionOnlyAfterACompleteBody) {
  ScriptedServer server({[](Peer& peer) {
                           for (const char* body : {"one", "two"}) {
                             static_cast<void>(peer.read_until("\r\n\r\n"));
                             peer.send(ok(body));
                           }
                           static_cast<void>(peer.read_until("\r\n\r\n"));
                           peer.send(ok("three") + "unasked");
                           static_cast<void>(peer.read_all());
                         },
                         says(ok("four"))});
  Upstream upstream(loop_, to(server.port()));
  EXPECT_EQ(get(upstream).body, "one");
  EXPECT_EQ(upstream.counts().kept, 1U);
  EXPECT_EQ(get(upstream).body, "two");
  EXPECT_EQ(get(upstream).body, "three");
  EXPECT_EQ(upstream.counts().connects, 1U);
  EXPECT_EQ(upstream.counts().kept, 0U) << "more came than was asked for: not to be trusted";
  EXPECT_EQ(get(upstream).body, "four");
  EXPECT_EQ(upstream.counts().connects, 2U);
}

/// Reads the answer to its end and holds the exchange until the scope stops.
Task<void> hold(Upstream& upstream, Scope& scope) {
  const Outgoing outgoing("GET", "/");
  auto sent = co_await upstream.send(outgoing);
  EXPECT_TRUE(sent.has_value());
  const auto body = co_await sent->read_all(100);
  EXPECT_EQ(*body, "one");
  const milliseconds long_time(60'000);
  static_cast<void>(co_await sleep(scope, long_time));
}
Task<void> stop_later(Scope& holders) {
  Scope own(holders.loop());
  const milliseconds a_while(150);
  static_cast<void>(co_await sleep(own, a_while));
  holders.stop();
  co_await holders.join();
}

// A server that answers once too often must not have that taken for the next answer.
TEST_F(NetClient, DoesNotKeepAConnectionOnWhichMoreCameAfterTheEnd) {
  ScriptedServer server({[](Peer& peer) {
                           static_cast<void>(peer.read_until("\r\n\r\n"));
                           peer.send(ok("one"));
                           std::this_thread::sleep_for(milliseconds(40));
                           peer.send(ok("poison"));
                           static_cast<void>(peer.read_all());
                         },
                         says(ok("two"))});
  Upstream upstream(loop_, to(server.port()));
  Scope holders(loop_);
  spawn(holders, hold(upstream, holders));
  run_blocking(loop_, stop_later(holders));
  EXPECT_EQ(upstream.counts().kept, 0U);
  EXPECT_EQ(get(upstream).body, "two");
}

Task<void> wait_until_dropped(Upstream& upstream, Scope& scope) {
  for (int i = 0; i < 100 && upstream.counts().kept > 0; ++i) {
    const milliseconds tick(20);
    static_cast<void>(co_await sleep(scope, tick));
  }
}

TEST_F(NetClient, DropsAKeptConnectionWhenThePeerClosesIt) {
  ScriptedServer server({says(ok("one")), says(ok("two"))});
  Upstream upstream(loop_, to(server.port()));
  EXPECT_EQ(get(upstream).body, "one");
  Scope scope(loop_);
  run_blocking(loop_, wait_until_dropped(upstream, scope));
  EXPECT_EQ(upstream.counts().open, 0U);
  const Told told = get(upstream);
  EXPECT_EQ(told.body, "two");
  EXPECT_FALSE(told.resent);
}

TEST_F(NetClient, ResendsOnceWhenAKeptConnectionDiesBeforeAnyAnswer) {
  std::vector<std::string> seen;
  const auto answers_one_then_dies = [&seen](Peer& peer) {
    static_cast<void>(peer.read_until("\r\n\r\n"));
    peer.send(ok("one"));
    seen.push_back(peer.read_until("payload"));
  };
  const auto dies = [&seen](Peer& peer) { seen.push_back(peer.read_until("payload")); };
  {
    ScriptedServer server({answers_one_then_dies, [&seen](Peer& peer) {
                             seen.push_back(peer.read_until("payload"));
                             peer.send(ok("two"));
                           }});
    Upstream upstream(loop_, to(server.port()));
    EXPECT_EQ(get(upstream).body, "one");
    const Told told = post(upstream, "payload");
    EXPECT_EQ(told.body, "two") << told.error;
    EXPECT_TRUE(told.resent);
    EXPECT_EQ(upstream.counts().resent, 1U);
  }
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0], seen[1]) << "the same bytes";
  {
    ScriptedServer server({answers_one_then_dies, dies, dies});
    Upstream upstream(loop_, to(server.port()));
    EXPECT_EQ(get(upstream).body, "one");
    EXPECT_NE(post(upstream, "payload").error, "");
    EXPECT_EQ(upstream.counts().connects, 2U) << "once, not for ever";
    EXPECT_NE(post(upstream, "payload").error, "");
  }
}

TEST_F(NetClient, DoesNotResendOncePartOfAnAnswerWasRead) {
  ScriptedServer server({[](Peer& peer) {
    static_cast<void>(peer.read_until("\r\n\r\n"));
    peer.send(ok("one"));
    static_cast<void>(peer.read_until("\r\n\r\n"));
    peer.send("HTTP/1.1 2");
  }});
  Upstream upstream(loop_, to(server.port()));
  EXPECT_EQ(get(upstream).body, "one");
  EXPECT_NE(get(upstream).error, "");
  EXPECT_EQ(upstream.counts().connects, 1U);
}

TEST_F(NetClient, ASilentServerPassesTheDeadlineOfItsPhase) {
  const auto silent = [](Peer& peer) { static_cast<void>(peer.read_all()); };
  ScriptedServer server({silent, [](Peer& peer) {
                           static_cast<void>(peer.read_until("\r\n\r\n"));
                           peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
                           static_cast<void>(peer.read_all());
                         }});
  UpstreamOptions options = to(server.port());
  options.first_byte_timeout = milliseconds(100);
  options.read_timeout = milliseconds(100);
  Upstream upstream(loop_, options);
  const Told first = get(upstream);
  EXPECT_EQ(first.error, "a read from upstream passed its timeout");
  EXPECT_EQ(first.body, "");
  const Told later = get(upstream);
  EXPECT_EQ(later.error, "a read from upstream passed its timeout");
  EXPECT_EQ(later.body, "half");
}

Task<void> cut_soon(Scope& scope, Cancel& cancel) {
  const milliseconds soon(60);
  static_cast<void>(co_await sleep(scope, soon));
  cancel.cancel();
}
Task<void> join(Scope& scope) {
  co_await scope.join();
}

TEST_F(NetClient, ACutEndsTheWaitForTheHeadAndForTheBody) {
  for (const std::string& start : {std::string(), ok("123456789").substr(0, 42)}) {
    ScriptedServer server({[&start](Peer& peer) {
      static_cast<void>(peer.read_until("\r\n\r\n"));
      peer.send(start);
      static_cast<void>(peer.read_all());
    }});
    Upstream upstream(loop_, to(server.port()));
    Scope scope(loop_);
    Cancel cancel;
    spawn(scope, cut_soon(scope, cancel));
    EXPECT_EQ(get(upstream, &cancel).error, "cut");
    EXPECT_EQ(upstream.counts().open, 0U);
    run_blocking(loop_, join(scope));
  }
}

TEST_F(NetClient, SaysWhetherTheRequestMayHaveBeenSent) {
  std::uint16_t closed = 0;
  { closed = ScriptedServer({}).port(); }
  Upstream upstream(loop_, to(closed));
  const Told told = get(upstream);
  EXPECT_NE(told.error.find("connect"), std::string::npos) << told.error;
  EXPECT_EQ(told.stage, SendStage::not_sent);

  UpstreamOptions unknown = to(closed);
  unknown.host = "no-such-name.invalid";
  Upstream nowhere(loop_, unknown);
  EXPECT_NE(get(nowhere).error.find("resolving no-such-name.invalid"), std::string::npos);
}

TEST_F(NetClient, ResolvesALocalName) {
  ScriptedServer server({says(ok("by name"))});
  UpstreamOptions options = to(server.port());
  options.host = "localhost";
  Upstream upstream(loop_, options);
  const Told told = get(upstream);
  EXPECT_EQ(told.body, "by name") << told.error;
}

TEST_F(NetClient, RefusesMoreConnectionsThanItsLimitAndMalformedRequests) {
  UpstreamOptions none = to(1);
  none.connections_max = 0;
  Upstream full(loop_, none);
  EXPECT_NE(get(full).error.find("connections_max"), std::string::npos);

  ScriptedServer server({[](Peer& peer) { static_cast<void>(peer.read_all()); }});
  Upstream upstream(loop_, to(server.port()));
  const std::string_view split = "GET / HTTP/1.1\r\nX: ";
  const std::string_view body;
  const Told told = run_blocking(loop_, ask(upstream, nullptr, split, body));
  EXPECT_NE(told.error.find("malformed method"), std::string::npos);
  EXPECT_EQ(told.stage, SendStage::not_sent);
}

TEST(NetFetch, GivesTheAnswerOfAnyStatusAndRefusesWhatIsNoUrl) {
  ScriptedServer server({[](Peer& peer) {
    EXPECT_NE(peer.read_until("\r\n\r\n").find("POST /a?b HTTP/1.1\r\n"), std::string::npos);
    EXPECT_EQ(peer.read_until("body"), "body");
    peer.send("HTTP/1.1 404 Not Found\r\nX-Y: z\r\nContent-Length: 4\r\n\r\ngone");
  }});
  Request request;
  request.method = "POST";
  request.url = "http://127.0.0.1:" + std::to_string(server.port()) + "/a?b#c";
  request.body = "body";
  const auto response = fetch(request);
  ASSERT_TRUE(response.has_value()) << response.error().detail;
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->body, "gone");
  EXPECT_EQ(response->header("x-y"), "z");
  for (const char* bad : {"", "ftp://a/", "http://", "http://:80/", "http://u@a/", "http://a:0/",
                          "http://a:99999/", "http://a:x/", "http://[::1/", "http://a?b"}) {
    EXPECT_FALSE(parse_url(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_url("https://[::1]:8443")->host, "::1");
  EXPECT_EQ(parse_url("https://[::1]:8443")->port, 8443);
}

}  // namespace
}  // namespace cordon::net
