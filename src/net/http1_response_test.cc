#include "net/http1.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace cordon::net {
namespace {

using namespace std::string_view_literals;

std::string ok(std::string_view lines) {
  return "HTTP/1.1 200 OK\r\n" + std::string(lines) + "\r\n";
}

std::vector<std::string> bad_responses() {
  return {
      "\r\n\r\n",
      "hTTP/1.1 200 OK\r\n\r\n",
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.2 200 OK\r\n\r\n",
      "HTTP/1.1  200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 099 X\r\n\r\n",
      "HTTP/1.1 600 X\r\n\r\n",
      "HTTP/1.1 2x0 X\r\n\r\n",
      "HTTP/1.1 -20 X\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
      "HTTP/1.1 200 O\x01K\r\n\r\n",
      "HTTP/1.1 200 OK\n\r\n",
      "HTTP/1.1 200 OK\r\nX: a\n\n",
      ok("X : 1\r\n"),
      ok(" X: 1\r\n"),
      ok("X: 1\r\n 2\r\n"),
      ok("X: a\rb\r\n"),
      ok("X: a\0b\r\n"sv),
      ok("X\r\n"),
      ok("Content-Length: 5\r\nContent-Length: 5\r\n"),
      ok("Content-Length: 5\r\nContent-Length: 6\r\n"),
      ok("Content-Length: 5, 5\r\n"),
      ok("Content-Length: +5\r\n"),
      ok("Content-Length: 99999999999999999999\r\n"),
      ok("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
      ok("Transfer-Encoding: gzip, chunked\r\n"),
      ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
      ok("Transfer-Encoding: identity\r\n"),
      ok("Transfer_Encoding: chunked\r\n"),
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
      "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\nContent-Length: 1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(16 * 1024, 'a'),
  };
}

TEST(NetHttp1Response, RefusesEachMalformedHeadAs502) {
  for (const std::string& bytes : bad_responses()) {
    ResponseHead head;
    const Parsed parsed = parse_response(bytes, InReplyTo::other, head);
    ASSERT_FALSE(parsed.has_value()) << bytes;
    EXPECT_EQ(parsed.error().status, 502) << bytes;
  }
}

struct Framed {
  std::string bytes;
  InReplyTo method;
  Framing framing;
  bool keep_alive;
};

TEST(NetHttp1Response, FindsTheEndOfEachKindOfBody) {
  const std::vector<Framed> cases = {
      {ok("Content-Length: 5\r\n"), InReplyTo::other, Framing::length, true},
      {ok("Content-Length: 5\r\nConnection: Close\r\n"), InReplyTo::other, Framing::length, false},
      {ok("Transfer-Encoding: Chunked\r\n"), InReplyTo::other, Framing::chunked, true},
      {ok("Content-Length: 5\r\n"), InReplyTo::head, Framing::none, true},
      {ok("Transfer-Encoding: chunked\r\n"), InReplyTo::head, Framing::none, true},
      {ok(""), InReplyTo::other, Framing::until_close, false},
      {ok(""), InReplyTo::head, Framing::none, true},
      {"HTTP/1.1 204 No Content\r\n\r\n", InReplyTo::other, Framing::none, true},
      {"HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n", InReplyTo::other, Framing::none, true},
      {"HTTP/1.1 100 Continue\r\n\r\n", InReplyTo::other, Framing::none, true},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", InReplyTo::other, Framing::length, false},
      {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", InReplyTo::other,
       Framing::length, true},
      {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", InReplyTo::other, Framing::length, true},
  };
  for (const Framed& one : cases) {
    ResponseHead head;
    const Parsed parsed = parse_response(one.bytes, one.method, head);
    ASSERT_TRUE(parsed.has_value()) << one.bytes << parsed.error().reason;
    EXPECT_EQ(*parsed, one.bytes.size());
    EXPECT_EQ(head.framing, one.framing) << one.bytes;
    EXPECT_EQ(head.keep_alive, one.keep_alive) << one.bytes;
  }
}

TEST(NetHttp1Response, MeansTheSameHoweverItIsCut) {
  std::vector<std::string> all = bad_responses();
  all.push_back(ok("Content-Length: 5\r\n") + "hello");
  for (const std::string& bytes : all) {
    if (bytes.size() > 1024) continue;
    ResponseHead head;
    const Parsed whole = parse_response(bytes, InReplyTo::other, head);
    Parsed grown = 0;
    for (std::size_t size = 0; size <= bytes.size() && grown.has_value() && *grown == 0; ++size) {
      grown = parse_response(std::string_view(bytes).substr(0, size), InReplyTo::other, head);
    }
    ASSERT_EQ(grown.has_value(), whole.has_value()) << bytes;
    if (whole) {
      EXPECT_EQ(*grown, *whole);
    }
  }
}

/// Feeds `bytes` in pieces of `step` and gives the body, or "status reason", or "more".
std::string decode(std::string_view bytes, std::size_t step, std::size_t* consumed = nullptr) {
  ChunkedDecoder decoder;
  std::string body;
  std::size_t at = 0;
  while (at < bytes.size() && !decoder.done()) {
    std::string piece(bytes.substr(at, step));
    const ChunkedDecoder::Step taken = decoder.decode(piece);
    EXPECT_LE(taken.produced, taken.consumed);
    body.append(piece, 0, taken.produced);
    at += taken.consumed;
    if (decoder.failed()) {
      return std::to_string(decoder.error().status) + " after " + body + ": " +
             std::string(decoder.error().reason);
    }
  }
  if (consumed != nullptr) *consumed = at;
  return decoder.done() ? body : "more";
}

TEST(NetHttp1Chunked, DecodesTheSameHoweverItIsCut) {
  const std::string big = "400\r\n" + std::string(1024, 'x') + "\r\n0\r\n\r\n";
  const std::vector<std::pair<std::string, std::string>> good = {
      {"0\r\n\r\n", ""},
      {"5\r\nhello\r\n0\r\n\r\n", "hello"},
      {"5\r\nhello\r\n6;a=b\r\n world\r\n000\r\n\r\n", "hello world"},
      {"A;x=\"y z\";w\r\n0123456789\r\n0;last\r\nX: y\r\nZ:\r\n\r\n", "0123456789"},
      {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n"},
      {big, std::string(1024, 'x')},
  };
  for (const auto& [bytes, body] : good) {
    for (std::size_t step = 1; step <= bytes.size() + 3; ++step) {
      std::size_t consumed = 0;
      EXPECT_EQ(decode(bytes + "NEXT", step, &consumed), body) << bytes << " by " << step;
      EXPECT_EQ(consumed, bytes.size());
    }
  }
}

TEST(NetHttp1Chunked, RefusesWhatCouldBeReadInTwoWaysHoweverItIsCut) {
  std::string tiny;
  for (int i = 0; i < 200; ++i) tiny += "1;" + std::string(100, 'e') + "\r\nx\r\n";
  std::string trailers = "0\r\n";
  for (int i = 0; i < 400; ++i) trailers += "X: " + std::string(20, 'v') + "\r\n";
  const std::vector<std::string> bad = {
      "\r\n",
      ";a\r\n",
      "g\r\n",
      "-1\r\n",
      "+1\r\nx\r\n",
      "0x1\r\nx\r\n",
      " 1\r\nx\r\n",
      "1 \r\nx\r\n",
      "1\t;a\r\nx\r\n",
      "1\nx\r\n",
      "1\r\rx\r\n",
      "1;a\nx\r\n",
      "1;a\rb\r\nx\r\n",
      std::string("1;a\0\r\nx\r\n", 10),
      "1\r\nxy\r\n",
      "1\r\nx\n",
      "1\r\nx\rx",
      "5\r\nhello0\r\n\r\n",
      "00000000000000001\r\nx\r\n",
      "ffffffffffffffff\r\n",
      "1000000000000001\r\n",
      "0\r\n\n",
      "0\r\n\rX",
      "0\r\nX\r\n\r\n",
      "0\r\n: x\r\n\r\n",
      "0\r\nX : y\r\n\r\n",
      "0\r\nX: y\n\r\n",
      "0\r\nX: y\r\n z\r\n\r\n",
      "0\r\nX: \x01\r\n\r\n",
      "1;" + std::string(300, 'a') + "\r\nx\r\n",
      tiny,
      trailers,
  };
  for (const std::string& bytes : bad) {
    const std::string whole = decode(bytes, bytes.size());
    EXPECT_TRUE(whole.starts_with("4")) << bytes << " gave " << whole;
    for (const std::size_t step : {1U, 2U, 3U, 7U, 64U}) {
      EXPECT_EQ(decode(bytes, step), whole) << bytes << " by " << step;
    }
  }
}

}  // namespace
}  // namespace cordon::net
