#include "net/server.h"

#include "net/internal/loopback.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace cordon::net {
namespace {

using internal::Peer;
using internal::ServerThread;
using std::chrono::milliseconds;

/// Does what the path names, so that a test reads as a conversation.
class PathHandler final : public Handler {
 public:
  Task<void> handle(ServerExchange& exchange) override {
    const std::string_view path = exchange.request().path;
    if (path == "/echo") return echo(exchange, 1 << 20);
    if (path == "/small") return echo(exchange, 10);
    if (path == "/ignore") return answer(exchange, "ignored");
    if (path == "/stream") return stream(exchange);
    if (path == "/torn") return torn(exchange);
    if (path == "/unended") return unended(exchange);
    if (path == "/wait") return wait(exchange);
    if (path == "/cut-write") return cut_write(exchange);
    if (path == "/flood") return flood(exchange);
    if (path == "/bad-answer") return bad_answer(exchange);
    return nothing();
  }

  Watermark* release = nullptr;
  std::atomic<ServerExchange*> waiting = nullptr;
  std::atomic<bool> gone = false;
  std::string last_error;  // read after the server has stopped, or on its loop

 private:
  static Task<void> nothing() { co_return; }

  Task<void> echo(ServerExchange& exchange, std::size_t max) {
    const auto body = co_await exchange.read_body(max);
    if (!body) {
      last_error = body.error().detail;
      co_return;
    }
    for (std::size_t i = 0; i < 64; ++i) padding_ ^= body->data()[body->size() + i];
    const std::string_view text = *body;
    co_await answer(exchange, text);
  }

  static Task<void> answer(ServerExchange& exchange, std::string_view body) {
    const Header type[] = {{"Content-Type", "text/plain"}, {"Connection", "keep-alive"}};
    const std::span<const Header> headers(type);
    static_cast<void>(co_await exchange.respond(200, headers, body));
  }

  static Task<void> stream(ServerExchange& exchange) {
    const std::size_t max = 100;
    static_cast<void>(co_await exchange.read_body(max));
    const std::span<const Header> none;
    static_cast<void>(exchange.begin(200, none));
    exchange.forget_request();
    EXPECT_TRUE(exchange.request().headers.empty());
    EXPECT_TRUE(exchange.request().path.empty());
    const std::string_view one = "one";
    const std::string_view two = "two";
    const std::string_view empty;
    static_cast<void>(co_await exchange.write(one));
    static_cast<void>(co_await exchange.write(empty));
    static_cast<void>(co_await exchange.write(two));
    const std::string_view last = "three";
    static_cast<void>(co_await exchange.end(last));
  }

  static Task<void> torn(ServerExchange& exchange) {
    const std::span<const Header> none;
    static_cast<void>(exchange.begin(200, none));
    const std::string_view half = "half";
    static_cast<void>(co_await exchange.write(half));
    exchange.abort();
    const Status late = co_await exchange.end(half);
    EXPECT_FALSE(late.has_value());
  }

  static Task<void> unended(ServerExchange& exchange) {
    const std::span<const Header> none;
    static_cast<void>(exchange.begin(200, none));
    const std::string_view half = "half";
    static_cast<void>(co_await exchange.write(half));
  }

  /// Streams one piece, waits for something that does not come, and says how the wait ended.
  Task<void> wait(ServerExchange& exchange) {
    const std::span<const Header> none;
    static_cast<void>(exchange.begin(200, none));
    const std::string_view first = "first";
    static_cast<void>(co_await exchange.write(first));
    exchange.on_client_gone([this, &exchange] {
      gone = true;
      exchange.cut();
    });
    waiting = &exchange;
    Cancel* cancel = &exchange.cancel();
    const milliseconds long_time(60'000);
    const Status reached = co_await release->reach(1, long_time, cancel);
    waiting = nullptr;
    last_error = reached ? "reached" : reached.error().detail;
    const std::string last = "event: " + last_error;
    static_cast<void>(co_await exchange.end(last));
  }

  Task<void> cut_write(ServerExchange& exchange) {
    const std::span<const Header> none;
    static_cast<void>(exchange.begin(200, none));
    const std::string block(1 << 20, 'x');
    waiting = &exchange;
    Status written;
    while (written) written = co_await exchange.write(block);
    waiting = nullptr;
    last_error = written.error().detail;
    const std::string_view last = "last";
    const Status more = co_await exchange.write(last);
    if (!more) last_error += "; " + more.error().detail;
  }

  Task<void> flood(ServerExchange& exchange) {
    const std::span<const Header> none;
    static_cast<void>(exchange.begin(200, none));
    const std::string block(1 << 20, 'x');
    Status written;
    while (written) written = co_await exchange.write(block);
    last_error = written.error().detail;
  }

  Task<void> bad_answer(ServerExchange& exchange) {
    const Header split[] = {{"X", "a\r\nSet-Cookie: b"}};
    const std::span<const Header> headers(split);
    const std::string_view body = "never";
    const Status refused = co_await exchange.respond(200, headers, body);
    last_error = refused ? "" : to_string(refused.error().code);
  }

  char padding_ = 0;
};

std::string get(std::string_view path, std::string_view lines = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}
std::string post(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}
int status_of(std::string_view answer) {
  return answer.size() < 12 ? 0 : std::atoi(std::string(answer.substr(9, 3)).c_str());
}
ServerOptions quick() {
  ServerOptions options;
  options.head_timeout = milliseconds(150);
  options.body_timeout = milliseconds(150);
  options.write_timeout = milliseconds(150);
  return options;
}

TEST(NetServer, AnswersManyRequestsOnOneConnection) {
  PathHandler handler;
  ServerThread server(handler, ServerOptions());
  Peer peer = Peer::connect(server.port());
  for (int i = 0; i < 5; ++i) {
    const std::string body = "body " + std::to_string(i);
    peer.send(post("/echo", body));
    const std::string answer = peer.read_until(body);
    EXPECT_EQ(status_of(answer), 200) << answer;
    EXPECT_NE(answer.find("Content-Length: 6\r\n"), std::string::npos);
    EXPECT_EQ(answer.find("Connection"), std::string::npos) << "connection fields are net's";
  }
  EXPECT_EQ(server.counts().accepted, 1U);
  EXPECT_EQ(server.counts().requests, 5U);
}

TEST(NetServer, ReadsTheSameRequestsHoweverTheirBytesArrive) {
  PathHandler handler;
  ServerThread server(handler, ServerOptions());
  const std::string chunked =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: v\r\n\r\n";
  const std::string all = post("/echo", "first") + chunked + get("/stream") +
                          post("/stream", "forgotten") +
                          "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                          "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" +
                          post("/echo", "last!");
  std::string expected;
  for (const std::size_t step : {all.size(), std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
    Peer peer = Peer::connect(server.port());
    for (std::size_t at = 0; at < all.size(); at += step) {
      peer.send(std::string_view(all).substr(at, step));
    }
    std::string answers = peer.read_until("last!");
    for (std::size_t at; (at = answers.find("Date: ")) != std::string::npos;) {
      answers.erase(at, answers.find("\r\n", at) + 2 - at);
    }
    if (expected.empty()) expected = answers;
    EXPECT_EQ(answers, expected) << "in pieces of " << step;
  }
  EXPECT_NE(expected.find("first"), std::string::npos);
  EXPECT_NE(expected.find("abcdefg"), std::string::npos);
  EXPECT_NE(expected.find("3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"), std::string::npos);
}

TEST(NetServer, GoesOnAfterABodyThatNobodyReadIfItIsHere) {
  PathHandler handler;
  ServerThread server(handler, ServerOptions());
  Peer peer = Peer::connect(server.port());
  peer.send(post("/ignore", "unread body") + post("/echo", "last!"));
  const std::string answers = peer.read_until("last!");
  EXPECT_NE(answers.find("ignored"), std::string::npos);
  EXPECT_TRUE(answers.ends_with("last!")) << answers;
}

TEST(NetServer, RefusesWithTheStatusAndClosesWithoutReadingOn) {
  PathHandler handler;
  ServerThread server(handler, ServerOptions());
  const std::vector<std::pair<std::string, int>> cases = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n", 431},
      {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
      {post("/small", "more than ten bytes"), 413},
      {"POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n",
       413},
      {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
  };
  for (const auto& [bytes, status] : cases) {
    Peer peer = Peer::connect(server.port());
    peer.send(bytes + get("/smuggled"));
    peer.half_close();
    const std::string answers = peer.read_all();
    EXPECT_EQ(status_of(answers), status) << answers;
    EXPECT_EQ(answers.find("HTTP/1.1 ", 1), std::string::npos) << "a second answer: " << answers;
    EXPECT_NE(answers.find("Connection: close"), std::string::npos);
  }
  EXPECT_EQ(server.counts().refused, cases.size());
}

TEST(NetServer, SlowHeadsAndBodiesEndWith408AndIdleOnesSilently) {
  PathHandler handler;
  ServerOptions options = quick();
  options.idle_timeout = milliseconds(150);
  ServerThread server(handler, options);
  Peer idle = Peer::connect(server.port());
  Peer head = Peer::connect(server.port());
  head.send("GET / HTTP/1.1\r\nHo");
  Peer body = Peer::connect(server.port());
  body.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_EQ(status_of(head.read_all()), 408);
  EXPECT_EQ(status_of(body.read_all()), 408);
  EXPECT_EQ(idle.read_all(), "");
}

TEST(NetServer, OneByteNowAndThenDoesNotPutOffTheHeadsDeadline) {
  PathHandler handler;
  ServerThread server(handler, quick());
  Peer peer = Peer::connect(server.port());
  std::atomic<bool> ended = false;
  std::thread drip([&] {
    while (!ended) {
      peer.send("G");
      std::this_thread::sleep_for(milliseconds(20));
    }
  });
  const std::string answer = peer.read_until("\r\n\r\n");
  ended = true;
  drip.join();
  EXPECT_EQ(status_of(answer), 408);
}

TEST(NetServer, AClientThatDoesNotReadIsGivenUp) {
  PathHandler handler;
  {
    ServerThread server(handler, quick());
    Peer peer = Peer::connect(server.port());
    peer.receive_little();
    peer.send(get("/flood"));
    while (server.counts().requests == 0 || server.counts().open > 0) {
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  EXPECT_EQ(handler.last_error, "a write passed its timeout");
}

TEST(NetServer, AnAbortedOrUnendedStreamNeverLooksWhole) {
  PathHandler handler;
  ServerThread server(handler, ServerOptions());
  for (const std::string_view path : {"/torn", "/unended"}) {
    Peer peer = Peer::connect(server.port());
    peer.send(get(path));
    const std::string answer = peer.read_all();
    EXPECT_NE(answer.find("4\r\nhalf\r\n"), std::string::npos) << "what was written arrives";
    EXPECT_EQ(answer.find("0\r\n\r\n"), std::string::npos);
    Peer old = Peer::connect(server.port());
    old.send("GET " + std::string(path) + " HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(old.read_all().ends_with("<reset>")) << "close would be the end of the body";
  }
}

TEST(NetServer, EndsAnHttp10StreamByClosing) {
  PathHandler handler;
  ServerThread server(handler, ServerOptions());
  Peer peer = Peer::connect(server.port());
  peer.send("GET /stream HTTP/1.0\r\n\r\n");
  const std::string answer = peer.read_all();
  EXPECT_TRUE(answer.ends_with("\r\n\r\nonetwothree")) << answer;
}

TEST(NetServer, AHandlerThatSaysNothingAnswers500AndAMalformedAnswerIsNotSent) {
  PathHandler handler;
  {
    ServerThread server(handler, ServerOptions());
    Peer peer = Peer::connect(server.port());
    peer.send(get("/nothing"));
    EXPECT_EQ(status_of(peer.read_until("\r\n\r\n")), 500);
    peer.send(get("/bad-answer"));
    const std::string answer = peer.read_until("\r\n\r\n");
    EXPECT_EQ(status_of(answer), 500);
    EXPECT_EQ(answer.find("Set-Cookie"), std::string::npos);
  }
  EXPECT_EQ(handler.last_error, "invalid");
}

TEST(NetServer, SendsContinueOnlyIfTheBodyIsWanted) {
  PathHandler handler;
  ServerThread server(handler, ServerOptions());
  const std::string expecting =
      " HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
  Peer peer = Peer::connect(server.port());
  peer.send("POST /echo" + expecting);
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("hello");
  EXPECT_EQ(status_of(peer.read_until("hello")), 200);
  peer.send("POST /ignore" + expecting);
  const std::string answer = peer.read_all();
  EXPECT_EQ(status_of(answer), 200) << "and then the connection closes, the body being unread";
}

TEST(NetServer, NoticesAClientThatLeavesWhileTheHandlerWaits) {
  PathHandler handler;
  {
    ServerThread server(handler, ServerOptions());
    Watermark release(server.loop());
    handler.release = &release;
    Peer peer = Peer::connect(server.port());
    peer.send(get("/wait"));
    EXPECT_NE(peer.read_until("first\r\n"), "");
    peer.reset();
    while (server.counts().open > 0) std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_TRUE(handler.gone);
  EXPECT_EQ(handler.last_error, "cut");
}

TEST(NetServer, ACutEndsAWaitAndALastFrameStillArrives) {
  PathHandler handler;
  ServerThread server(handler, ServerOptions());
  Watermark release(server.loop());
  handler.release = &release;
  Peer peer = Peer::connect(server.port());
  peer.send(get("/wait"));
  EXPECT_NE(peer.read_until("first\r\n"), "");
  while (handler.waiting == nullptr) std::this_thread::yield();
  server.on_loop([&] { handler.waiting.load()->cut(); });
  EXPECT_EQ(peer.read_until("0\r\n\r\n"), "a\r\nevent: cut\r\n0\r\n\r\n");
}

TEST(NetServer, ACutInTheMiddleOfAWriteTearsTheStreamForGood) {
  PathHandler handler;
  {
    ServerThread server(handler, ServerOptions());
    Peer peer = Peer::connect(server.port());
    peer.receive_little();
    peer.send(get("/cut-write"));
    EXPECT_NE(peer.read_until("\r\n\r\n"), "");
    // The handler is suspended in a write as soon as the windows are full.
    std::uint64_t before = 1;
    std::uint64_t now = 0;
    while (before != now || now == 0) {
      before = now;
      std::this_thread::sleep_for(milliseconds(50));
      server.on_loop([&] { now = handler.waiting.load()->bytes_sent() + 1; });
    }
    server.on_loop([&] { handler.waiting.load()->cut(); });
    EXPECT_FALSE(peer.read_all().ends_with("0\r\n\r\n"));
  }
  EXPECT_EQ(handler.last_error, "cut; an earlier write failed or was cut");
}

TEST(NetServer, AcceptsNoMoreThanItsLimitAndGoesOnWhenThereIsRoom) {
  PathHandler handler;
  ServerOptions options;
  options.connections_max = 2;
  ServerThread server(handler, options);
  auto first = std::make_unique<Peer>(Peer::connect(server.port()));
  Peer second = Peer::connect(server.port());
  first->send(get("/ignore"));
  second.send(get("/ignore"));
  EXPECT_NE(first->read_until("ignored"), "");
  EXPECT_NE(second.read_until("ignored"), "");
  Peer third = Peer::connect(server.port());
  third.send(get("/ignore"));
  EXPECT_EQ(server.counts().accepted, 2U);
  first.reset();
  EXPECT_EQ(status_of(third.read_until("ignored")), 200);
  EXPECT_EQ(server.counts().accepted, 3U);
}

TEST(NetServer, TwoServersShareAPort) {
  PathHandler handler;
  ServerThread one(handler, ServerOptions());
  ServerOptions same;
  same.port = one.port();
  ServerThread two(handler, same);
  EXPECT_EQ(one.port(), two.port());
  for (int i = 0; i < 64; ++i) {
    Peer peer = Peer::connect(one.port());
    peer.send(get("/ignore"));
    EXPECT_EQ(status_of(peer.read_until("ignored")), 200);
  }
  EXPECT_GT(one.counts().accepted, 0U);
  EXPECT_GT(two.counts().accepted, 0U);
}

/// Wakes two exchanges in one turn: the first writes, and the second cuts it before that goes out.
class PairHandler final : public Handler {
 public:
  Task<void> handle(ServerExchange& exchange) override {
    const std::span<const Header> no_headers;
    if (!exchange.begin(200, no_headers)) co_return;
    ++waiting;
    const std::chrono::milliseconds long_enough(30'000);
    if (!co_await mark->reach(1, long_enough)) co_return;
    const std::string_view whole = "whole ";
    const std::string_view late = "late ";
    const std::string_view last = "last";
    if (first == nullptr) {
      first = &exchange;
      const Status written = co_await exchange.write(whole);
      went_out = written.has_value();
      const Status again = co_await exchange.write(late);
      was_cut = !again.has_value();
    } else {
      first->cut();
    }
    (void)co_await exchange.end(last);
  }
  Watermark* mark = nullptr;
  std::atomic<int> waiting{0};
  std::atomic<bool> went_out{false};
  std::atomic<bool> was_cut{false};

 private:
  ServerExchange* first = nullptr;
};

}  // namespace
// A write that waits for its turn was torn by a cut, and no last frame could follow it.
TEST(NetServer, AWriteThatWaitsForItsTurnGoesOutBeforeACut) {
  PairHandler handler;
  ServerThread server(handler, ServerOptions());
  Watermark mark(server.loop());
  handler.mark = &mark;
  Peer one = Peer::connect(server.port());
  Peer other = Peer::connect(server.port());
  one.send(get("/"));
  other.send(get("/"));
  while (handler.waiting < 2) std::this_thread::yield();
  server.on_loop([&] { mark.raise(1); });
  const std::string answers = one.read_until("0\r\n\r\n") + other.read_until("0\r\n\r\n");
  EXPECT_TRUE(handler.went_out);
  EXPECT_TRUE(handler.was_cut);
  EXPECT_NE(answers.find("whole "), std::string::npos) << answers;
  EXPECT_EQ(answers.find("late "), std::string::npos) << answers;
  EXPECT_NE(answers.find("last"), answers.rfind("last")) << "not both end: " << answers;
}

}  // namespace cordon::net
