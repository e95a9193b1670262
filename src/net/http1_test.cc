#include "net/http1.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace cordon::net {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

struct Case {
  std::string_view why;
  std::string bytes;
  int status;
};

/// A request with these field lines after a good Host.
std::string with(std::string_view lines) {
  return "POST /v1/chat HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}
std::string line(std::string_view request_line) {
  return std::string(request_line) + "\r\nHost: a\r\n\r\n";
}

std::vector<Case> request_lines() {
  return {
      {"empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"empty head", "\r\n\r\n", 400},
      {"bare LF first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"NUL first", "\0GET / HTTP/1.1\r\n\r\n"s, 400},
      {"TLS hello", "\x16\x03\x01\x02", 400},
      {"blank first", line(" GET / HTTP/1.1"), 400},
      {"HTTP/0.9", line("GET /"), 400},
      {"method alone", line("GET"), 400},
      {"no target", line("GET HTTP/1.1"), 400},
      {"two blanks before the target", line("GET  / HTTP/1.1"), 400},
      {"two blanks before the version", line("GET /  HTTP/1.1"), 400},
      {"tab for a blank", line("GET\t/ HTTP/1.1"), 400},
      {"tab in the target", line("GET /a\tb HTTP/1.1"), 400},
      {"blank after the version", line("GET / HTTP/1.1 "), 400},
      {"blank in the target", line("GET /a b HTTP/1.1"), 400},
      {"colon in the method", line("G:T / HTTP/1.1"), 400},
      {"method in lower case", line("get / HTTP/1.1"), 501},
      {"unknown method", line("BREW / HTTP/1.1"), 501},
      {"CONNECT", line("CONNECT a:443 HTTP/1.1"), 501},
      {"TRACE", line("TRACE / HTTP/1.1"), 501},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"version 2", line("GET / HTTP/2.0"), 505},
      {"version 3", line("GET / HTTP/3.0"), 505},
      {"version 1.2", line("GET / HTTP/1.2"), 505},
      {"version 0.9", line("GET / HTTP/0.9"), 505},
      {"version 1.", line("GET / HTTP/1."), 400},
      {"version 1", line("GET / HTTP/1"), 400},
      {"version 1.10", line("GET / HTTP/1.10"), 400},
      {"version 01.1", line("GET / HTTP/01.1"), 400},
      {"version +1.1", line("GET / HTTP/+1.1"), 400},
      {"version lower case", line("GET / http/1.1"), 400},
      {"version HTTPS", line("GET / HTTPS/1.1"), 400},
      {"version with comma", line("GET / HTTP/1,1"), 400},
      {"bare LF after the line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"bare CR in the line", line("GET /\r HTTP/1.1"), 400},
      {"CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
      {"NUL in the target", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"DEL in the target", line("GET /a\x7f HTTP/1.1"), 400},
      {"byte beyond ASCII in the target", line("GET /\xc3\xa4 HTTP/1.1"), 400},
      {"fragment", line("GET /a#b HTTP/1.1"), 400},
      {"relative target", line("GET a HTTP/1.1"), 400},
      {"* outside OPTIONS", line("GET * HTTP/1.1"), 400},
      {"ftp target", line("GET ftp://a/ HTTP/1.1"), 400},
      {"absolute without host", line("GET http:/// HTTP/1.1"), 400},
      {"absolute with user", line("GET http://u@a/ HTTP/1.1"), 400},
      {"absolute without path", line("GET http://a?q HTTP/1.1"), 400},
      {"absolute with another host", line("GET http://b/ HTTP/1.1"), 400},
      {"authority form", line("GET a:443 HTTP/1.1"), 400},
  };
}

std::vector<Case> fields() {
  return {
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", with("Host: a\r\n"), 400},
      {"two different Hosts", with("Host: b\r\n"), 400},
      {"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
      {"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
      {"Host with blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"blank before the colon", with("X : 1\r\n"), 400},
      {"tab before the colon", with("X\t: 1\r\n"), 400},
      {"blank in the name", with("X Y: 1\r\n"), 400},
      {"no colon", with("X\r\n"), 400},
      {"empty name", with(": 1\r\n"), 400},
      {"NUL in the name", with("X\0Y: 1\r\n"sv), 400},
      {"control in the name", with("X\x01: 1\r\n"), 400},
      {"byte beyond ASCII in the name", with("X\xc3\xa4: 1\r\n"), 400},
      {"quote in the name", with("\"X\": 1\r\n"), 400},
      {"parenthesis in the name", with("X(Y): 1\r\n"), 400},
      {"slash in the name", with("X/Y: 1\r\n"), 400},
      {"at in the name", with("X@Y: 1\r\n"), 400},
      {"NUL in the value", with("X: a\0b\r\n"sv), 400},
      {"control in the value", with("X: a\x0b\r\n"), 400},
      {"DEL in the value", with("X: a\x7f\r\n"), 400},
      {"bare CR in the value", with("X: a\rb\r\n"), 400},
      {"bare CR that hides a field", with("X: a\rContent-Length: 5\r\n"), 400},
      {"bare LF after a field", with("X: a\nY: b\r\n"), 400},
      {"bare LF before the end", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
      {"bare LFs at the end", "GET / HTTP/1.1\r\nHost: a\n\n", 400},
      {"LF for the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"folded by a blank", with("X: a\r\n b\r\n"), 400},
      {"folded by a tab", with("X: a\r\n\tb\r\n"), 400},
      {"folded first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"folded length", with("Content-Length:\r\n 5\r\n"), 400},
      {"blank in the empty line", "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", 400},
      {"bad Connection", with("Connection: a b\r\n"), 400},
      {"empty Connection element", with("Connection: close,,x\r\n"), 400},
      {"Connection names the length", with("Connection: content-length\r\n"), 400},
      {"Connection names the coding", with("Connection: close, Transfer-Encoding\r\n"), 400},
      {"Connection names Host", with("Connection: host\r\n"), 400},
      {"Expect something else", with("Expect: 200-ok\r\nContent-Length: 1\r\n"), 417},
      {"Upgrade to websocket", with("Upgrade: websocket\r\nConnection: upgrade\r\n"), 501},
      {"Upgrade to h2c or more", with("Upgrade: h2c, websocket\r\n"), 501},
  };
}

std::vector<Case> framings() {
  return {
      {"both", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"both, other order", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
      {"both, length 0", with("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"), 400},
      {"same length twice", with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
      {"two lengths", with("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
      {"length list", with("Content-Length: 5, 5\r\n"), 400},
      {"length with plus", with("Content-Length: +5\r\n"), 400},
      {"length with minus", with("Content-Length: -5\r\n"), 400},
      {"negative zero", with("Content-Length: -0\r\n"), 400},
      {"hex length", with("Content-Length: 0x5\r\n"), 400},
      {"length with fraction", with("Content-Length: 5.0\r\n"), 400},
      {"length with exponent", with("Content-Length: 5e1\r\n"), 400},
      {"length with underscore", with("Content-Length: 5_0\r\n"), 400},
      {"length with blank", with("Content-Length: 5 0\r\n"), 400},
      {"length in quotes", with("Content-Length: \"5\"\r\n"), 400},
      {"length with a letter", with("Content-Length: 5a\r\n"), 400},
      {"no length", with("Content-Length:\r\n"), 400},
      {"length over 2^64", with("Content-Length: 18446744073709551617\r\n"), 400},
      {"length of 19 digits", with("Content-Length: 1000000000000000000\r\n"), 400},
      {"length with a vertical tab", with("Content-Length: \v5\r\n"), 400},
      {"length with Arabic digits", with("Content-Length: \xd9\xa5\r\n"), 400},
      {"chunked twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"two codings", with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"chunked, chunked", with("Transfer-Encoding: chunked, chunked\r\n"), 501},
      {"gzip, chunked", with("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {"chunked, gzip", with("Transfer-Encoding: chunked, gzip\r\n"), 501},
      {"gzip", with("Transfer-Encoding: gzip\r\n"), 501},
      {"identity", with("Transfer-Encoding: identity\r\n"), 501},
      {"xchunked", with("Transfer-Encoding: xchunked\r\n"), 501},
      {"chunked with parameter", with("Transfer-Encoding: chunked;q=1\r\n"), 400},
      {"chunked in quotes", with("Transfer-Encoding: \"chunked\"\r\n"), 400},
      {"empty element", with("Transfer-Encoding: ,chunked\r\n"), 400},
      {"trailing comma", with("Transfer-Encoding: chunked,\r\n"), 400},
      {"empty coding", with("Transfer-Encoding:\r\n"), 400},
      {"vertical tab before chunked", with("Transfer-Encoding: \vchunked\r\n"), 400},
      {"NUL after chunked", with("Transfer-Encoding: chunked\0\r\n"sv), 400},
      {"long s for s", with("Transfer-Encoding: chunk\xc5\xbf\r\n"), 400},
      {"blank before the colon", with("Transfer-Encoding : chunked\r\n"), 400},
      {"folded", with("Transfer-Encoding:\r\n chunked\r\n"), 400},
      {"underscore", with("Transfer_Encoding: chunked\r\n"), 400},
      {"length with underscore name", with("Content_Length: 5\r\n"), 400},
      {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
  };
}

std::vector<Case> over_the_limits() {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "X: 1\r\n";
  return {
      {"target over 8 KiB", line("GET /" + std::string(8192, 'a') + " HTTP/1.1"), 414},
      {"line without end", "GET /" + std::string(16 * 1024, 'a'), 414},
      {"head without end", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(16 * 1024, 'a'), 431},
      {"head over 16 KiB", with("X: " + std::string(16 * 1024, 'a') + "\r\n"), 431},
      {"101 fields", with(many), 431},
  };
}

std::vector<Case> all_bad_requests() {
  std::vector<Case> all;
  for (const auto& part : {request_lines(), fields(), framings(), over_the_limits()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

TEST(NetHttp1Request, RefusesEachMalformedHeadWithItsStatus) {
  const auto cases = all_bad_requests();
  EXPECT_GE(cases.size(), 130U);
  for (const Case& bad : cases) {
    RequestHead head;
    const Parsed parsed = parse_request(bad.bytes, head);
    ASSERT_FALSE(parsed.has_value()) << bad.why << ": took " << *parsed;
    EXPECT_EQ(parsed.error().status, bad.status) << bad.why << ": " << parsed.error().reason;
    EXPECT_FALSE(parsed.error().reason.empty()) << bad.why;
  }
}

/// The first answer other than "more" when the bytes come one at a time, and where it came.
struct Outcome {
  int status = 0;  // 0: parsed
  std::size_t size = 0;
  bool operator==(const Outcome&) const = default;
};
Outcome grow(std::string_view bytes) {
  RequestHead head;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const Parsed parsed = parse_request(bytes.substr(0, size), head);
    if (!parsed) return {parsed.error().status, 0};
    if (*parsed > 0) return {0, *parsed};
  }
  return {-1, 0};
}
Outcome whole(std::string_view bytes) {
  RequestHead head;
  const Parsed parsed = parse_request(bytes, head);
  if (!parsed) return {parsed.error().status, 0};
  return *parsed == 0 ? Outcome{-1, 0} : Outcome{0, *parsed};
}

std::vector<std::string> good_requests() {
  return {
      line("GET / HTTP/1.1"),
      line("OPTIONS * HTTP/1.1"),
      line("GET /a/b?c=d&e=%20{}|^ HTTP/1.1"),
      line("GET http://A/x HTTP/1.1"),
      line("GET HTTPS://a HTTP/1.1"),
      "GET / HTTP/1.0\r\n\r\n",
      with("Content-Length: 5\r\n") + "hello",
      with("content-LENGTH:\t 005 \t\r\n") + "hello",
      with("Transfer-Encoding: CHUNKED\r\n") + "0\r\n\r\n",
      with("X: \xc3\xa4\r\nY:\r\nZ: a\tb\r\n"),
      with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n"),
      with("Expect: 100-Continue\r\nContent-Length: 1\r\n"),
  };
}

TEST(NetHttp1Request, MeansTheSameHoweverItIsCut) {
  std::vector<std::string> all = good_requests();
  for (const Case& bad : all_bad_requests()) {
    if (bad.bytes.size() < 1024) all.push_back(bad.bytes);
  }
  for (const std::string& bytes : all) EXPECT_EQ(grow(bytes), whole(bytes)) << bytes;
}

TEST(NetHttp1Request, TakesGoodHeadsAndNothingBehindThem) {
  for (const std::string& bytes : good_requests()) {
    RequestHead head;
    const Parsed parsed = parse_request(bytes + "GARBAGE\n\n", head);
    ASSERT_TRUE(parsed.has_value()) << bytes << parsed.error().reason;
    EXPECT_EQ(*parsed, bytes.find("\r\n\r\n") + 4) << bytes;
  }
}

TEST(NetHttp1Request, SaysWhatTheHeadSays) {
  RequestHead head;
  const std::string bytes =
      "PUT http://A:81/p/q?r=s HTTP/1.1\r\nhost: a:81\r\nX-One:  1 2 \r\n"
      "content-length: 007\r\nExpect: 100-continue\r\n"
      "Connection: close, x-one\r\n\r\n";
  ASSERT_TRUE(parse_request(bytes, head).has_value());
  EXPECT_EQ(head.method, "PUT");
  EXPECT_EQ(head.target, "/p/q?r=s");
  EXPECT_EQ(head.path, "/p/q");
  EXPECT_EQ(head.query, "r=s");
  EXPECT_EQ(head.host, "a:81");
  EXPECT_EQ(head.framing, Framing::length);
  EXPECT_EQ(head.content_length, 7U);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_EQ(head.header("x-ONE"), "1 2");
  EXPECT_EQ(head.header("absent"), "");
  const Header one{"X-One", "1 2"};
  EXPECT_FALSE(may_forward(head.headers, one)) << "named by Connection";
  const Header other{"X-Other", ""};
  EXPECT_TRUE(may_forward(head.headers, other));

  ASSERT_TRUE(parse_request(line("GET / HTTP/1.1"), head).has_value());
  EXPECT_EQ(head.framing, Framing::none) << "nothing is left of the request before";
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.expects_continue);
  EXPECT_EQ(head.headers.size(), 1U);
}

TEST(NetHttp1Request, AcceptsExactlyUpToItsLimits) {
  RequestHead head;
  HeadLimits limits;
  limits.headers_max = 2;
  EXPECT_TRUE(parse_request(with("X: 1\r\n"), head, limits).has_value());
  EXPECT_FALSE(parse_request(with("X: 1\r\nY: 1\r\n"), head, limits).has_value());
  limits = HeadLimits();
  limits.target_bytes_max = 3;
  EXPECT_TRUE(parse_request(line("GET /ab HTTP/1.1"), head, limits).has_value());
  EXPECT_FALSE(parse_request(line("GET /abc HTTP/1.1"), head, limits).has_value());
  const std::string exact = line("GET / HTTP/1.1");
  limits = HeadLimits();
  limits.head_bytes_max = exact.size();
  EXPECT_TRUE(parse_request(exact, head, limits).has_value());
  limits.head_bytes_max = exact.size() - 1;
  const Parsed over = parse_request(exact, head, limits);
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().status, 431);
}

TEST(NetHttp1Write, WhatIsWrittenReadsBackAsItself) {
  const Header given[] = {{"X-A", "1"},          {"Connection", "x-b"},   {"X-B", "2"},
                          {"Host", "evil"},      {"Content-Length", "9"}, {"TE", "trailers"},
                          {"Authorization", "k"}};
  std::string out;
  RequestLine target;
  target.method = "POST";
  target.target = "/v1";
  target.host = "api.test:81";
  ASSERT_TRUE(write_request_head(out, target, given, 5));
  RequestHead head;
  const Parsed parsed = parse_request(out, head);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().reason;
  EXPECT_EQ(*parsed, out.size());
  EXPECT_EQ(head.host, "api.test:81");
  EXPECT_EQ(head.content_length, 5U);
  EXPECT_EQ(head.header("x-a"), "1");
  EXPECT_EQ(head.header("x-b"), "") << "Connection names it";
  EXPECT_EQ(head.header("te"), "");
  EXPECT_EQ(head.header("authorization"), "k");
}

TEST(NetHttp1Write, RefusesWhatWouldReadBackAsSomethingElse) {
  const std::string before = "kept";
  RequestLine good;
  good.method = "GET";
  good.target = "/";
  good.host = "a";
  for (const Header bad : {Header{"X", "a\r\nY: b"}, Header{"X", "a\nb"}, Header{"X", "a\0b"sv},
                           Header{"X Y", "a"}, Header{"", "a"}, Header{"X:", "a"}}) {
    std::string out = before;
    EXPECT_FALSE(write_request_head(out, good, {&bad, 1}, 0));
    EXPECT_FALSE(write_response_head(out, 200, {&bad, 1}, ResponseFraming()));
    EXPECT_EQ(out, before);
  }
  std::string out = before;
  for (const std::string_view target : {"", "/a b", "/a\r\nX: y", "/#f"}) {
    RequestLine bad = good;
    bad.target = target;
    EXPECT_FALSE(write_request_head(out, bad, {}, 0)) << target;
  }
  EXPECT_EQ(out, before);
}

}  // namespace
}  // namespace cordon::net
