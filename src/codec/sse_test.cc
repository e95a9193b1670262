#include "codec/sse.h"

#include <gtest/gtest.h>

#include <vector>

namespace cordon::codec {
namespace {

struct Seen {
  std::string events;
  std::string raw;
  bool operator==(const Seen&) const = default;
};

Seen drain(SseFramer& framer, Seen seen = {}) {
  while (true) {
    const auto event = framer.next();
    if (!event) {
      seen.events += "!";
      return seen;
    }
    if (!*event) return seen;
    seen.raw += (*event)->raw;
    if ((*event)->has_data) {
      seen.events += "[" + std::string((*event)->name) + "|" + std::string((*event)->data) + "]";
    }
  }
}

Seen whole(std::string_view text) {
  SseFramer framer;
  framer.feed(text);
  Seen seen = drain(framer);
  seen.raw += framer.rest();
  return seen;
}

// The examples and rules of the WHATWG text.
TEST(SseFramer, ReadsEventsAsTheStandardSays) {
  EXPECT_EQ(whole("data: a\n\n").events, "[|a]");
  EXPECT_EQ(whole("data:a\r\rdata: b\r\n\r\n").events, "[|a][|b]");
  EXPECT_EQ(whole("data: YHOO\ndata: +2\ndata: 10\n\n").events, "[|YHOO\n+2\n10]");
  EXPECT_EQ(whole(": comment\n\ndata\n\ndata\ndata\n\ndata:").events, "[|][|\n]");
  EXPECT_EQ(whole("data:test\n\ndata: test\n\n").events, "[|test][|test]");
  EXPECT_EQ(whole("event: ping\nid: 7\nretry: 10\ndata:  x\n\n").events, "[ping| x]");
  EXPECT_EQ(whole("event: lost\n\ndata: x\n\n").events, "[|x]");
  EXPECT_EQ(whole("\xEF\xBB\xBF"
                  "data: x\n\n")
                .events,
            "[|x]");
  EXPECT_EQ(whole("data: never finished\n").events, "");
}

TEST(SseFramer, GivesTheSameEventsHoweverTheStreamIsCut) {
  const std::string text =
      "\xEF\xBB\xBF"
      "data: one\r\n\r\n: c\rdata: two\rdata: three\n\n\n"
      "event: e\ndata: \u20ac\r\n\r\n\r\ndata: [DONE]\n\nrest";
  const Seen expected = whole(text);
  EXPECT_EQ(expected.raw, text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    for (std::size_t again = cut; again <= text.size(); again += 7) {
      SseFramer framer;
      framer.feed(std::string_view(text).substr(0, cut));
      Seen seen = drain(framer);
      framer.feed(std::string_view(text).substr(cut, again - cut));
      seen = drain(framer, seen);
      framer.feed(std::string_view(text).substr(again));
      seen = drain(framer, seen);
      seen.raw += framer.rest();
      EXPECT_EQ(seen, expected) << "cut at " << cut << " and " << again;
    }
  }
}

TEST(SseFramer, RefusesAnEventPastItsLimitAndNamesIt) {
  for (const std::size_t piece : {1U, 3U, 64U}) {
    SseFramer framer(20);
    const std::string text = "data: 123456789\n\ndata: 123456789012345678\n\n";
    std::string error;
    int events = 0;
    for (std::size_t at = 0; at < text.size() && error.empty(); at += piece) {
      framer.feed(std::string_view(text).substr(at, piece));
      while (true) {
        const auto event = framer.next();
        if (!event) error = event.error().detail;
        if (!event || !*event) break;
        ++events;
      }
    }
    EXPECT_EQ(error, "an event of more than 20 bytes (event_bytes_max)");
    EXPECT_EQ(events, 1);
  }
}

TEST(SseFramer, StartsAnewAfterReset) {
  SseFramer framer;
  framer.feed("data: half");
  (void)framer.next();
  framer.reset();
  framer.feed("data: x\n\n");
  EXPECT_EQ(drain(framer).events, "[|x]");
}

}  // namespace
}  // namespace cordon::codec
