#include "codec/json_index.h"

#include "codec/json.h"
#include "codec/utf8.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

namespace cordon::codec {
namespace {

std::string refusal(std::string_view text, const JsonIndexLimits& limits = {}) {
  JsonIndex index;
  const auto parsed = index.parse(text, limits);
  EXPECT_FALSE(index.root()) << text;
  return parsed ? "accepted" : parsed.error().detail;
}

TEST(JsonIndex, FindsValuesAndWhereTheyStand) {
  JsonIndex index;
  const std::string text = R"( {"model" : "gpt", "n":-12,"stream":true, "x":null,
    "messages":[{"role":"user","content":"a\nb"},[] , {}], "f":1.5e3} )";
  ASSERT_TRUE(index.parse(text));
  const JsonValue root = index.root();
  EXPECT_EQ(root.size(), 6U);
  EXPECT_EQ(root.find("model").text(), "gpt");
  EXPECT_EQ(root.find("model").raw(), "\"gpt\"");
  EXPECT_EQ(text.substr(root.find("model").begin_byte(), 5), "\"gpt\"");
  EXPECT_EQ(root.find("n").integer(), -12);
  EXPECT_EQ(root.find("f").integer(), std::nullopt);
  EXPECT_EQ(root.find("stream").boolean(), true);
  EXPECT_TRUE(root.find("x").is_null());
  EXPECT_FALSE(root.find("absent").find("deeper").first().next());
  const JsonValue messages = root.find("messages");
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages.first().find("content").text(), "a\nb");
  EXPECT_TRUE(messages.first().next().is_array());
  EXPECT_EQ(messages.first().next().next().raw(), "{}");
  EXPECT_FALSE(messages.first().next().next().next());
  std::string keys;
  for (JsonValue value = root.first(); value; value = value.next()) {
    keys += std::string(value.key()) + ",";
  }
  EXPECT_EQ(keys, "model,n,stream,x,messages,f,");
}

TEST(JsonIndex, RefusesWhatTwoParsersCouldReadDifferently) {
  EXPECT_EQ(refusal(R"({"a":1,"b":2,"a":3})"), "duplicate key at byte 13");
  EXPECT_EQ(refusal(R"({"model":1,"mod\u0065l":2})"), "duplicate key at byte 11");
  EXPECT_EQ(refusal("{\"a\":\"x\xFFy\"}"), "invalid UTF-8 at byte 7");
  EXPECT_EQ(refusal("\"\xED\xA0\x80\""), "invalid UTF-8 at byte 1");
  EXPECT_EQ(refusal(R"(["\ud83d"])"), "lone surrogate at byte 2");
  EXPECT_EQ(refusal(R"(["\ude00\ud83d"])"), "lone surrogate at byte 2");
  EXPECT_EQ(refusal(R"(["\ud83d\u0041"])"), "lone surrogate at byte 2");
  EXPECT_EQ(refusal("{} {}"), "text after the value at byte 3");
  EXPECT_EQ(refusal("{}\x0C"), "text after the value at byte 2");
  EXPECT_EQ(refusal("[01]"), "expected a value at byte 1");
  EXPECT_EQ(refusal("[1.]"), "expected a value at byte 1");
  EXPECT_EQ(refusal("[+1]"), "expected a value at byte 1");
  EXPECT_EQ(refusal("[NaN]"), "expected a value at byte 1");
  EXPECT_EQ(refusal("[1,]"), "expected a value at byte 3");
  EXPECT_EQ(refusal("{\"a\":1,}"), "expected a key at byte 7");
  EXPECT_EQ(refusal("{a:1}"), "expected a key at byte 1");
  EXPECT_EQ(refusal("{\"a\" 1}"), "expected ':' at byte 5");
  EXPECT_EQ(refusal("[1 2]"), "expected ',' or ']' at byte 3");
  EXPECT_EQ(refusal("[\"a\"\"b\"]"), "expected ',' or ']' at byte 4");
  EXPECT_EQ(refusal("[1\"b\"]"), "expected a value at byte 1");
  EXPECT_EQ(refusal("// c\n1"), "expected a value at byte 0");
  EXPECT_EQ(refusal("\xEF\xBB\xBF{}"), "expected a value at byte 0");
  EXPECT_EQ(refusal(R"(["\x"])"), "unknown escape at byte 2");
  EXPECT_EQ(refusal("[\"a\tb\"]"), "control character in a string at byte 3");
  EXPECT_EQ(refusal("[\"abc]"), "string without an end at byte 1");
  EXPECT_EQ(refusal(""), "no value at byte 0");
  EXPECT_EQ(refusal("  "), "no value at byte 2");
  EXPECT_EQ(refusal("[1,{\"a\":2"), "value without an end at byte 9");
  EXPECT_EQ(refusal("[1}"), "expected ',' or ']' at byte 2");
  EXPECT_EQ(refusal(std::string_view("[\0]", 3)), "expected a value at byte 1");
}

TEST(JsonIndex, NamesTheLimitThatWasPassed) {
  EXPECT_EQ(refusal(std::string(65, '[')), "nested too deep (depth_max) at byte 64");
  EXPECT_EQ(refusal("[1,2,3]", {.bytes_max = 4}),
            "7 bytes of JSON, at most 4 are allowed (bytes_max)");
  EXPECT_EQ(refusal("[1,2,3]", {.values_max = 3}), "too many values (values_max) at byte 5");
  JsonIndex index;
  EXPECT_TRUE(index.parse(std::string(64, '[') + std::string(64, ']')));
}

// A duplicate among many keys is found without comparing every pair.
TEST(JsonIndex, FindsADuplicateAmongManyKeys) {
  std::string text = "{";
  for (int i = 0; i < 50'000; ++i) text += "\"k" + std::to_string(i) + "\":1,";
  JsonIndex index;
  EXPECT_TRUE(index.parse(text + "\"last\":1}"));
  EXPECT_EQ(refusal(text + "\"k777\":1}"), "duplicate key at byte " + std::to_string(text.size()));
}

// Keys are told apart by their ends and length first; these differ only in the middle.
TEST(JsonIndex, TellsKeysApartThatLookAlikeAtBothEnds) {
  std::string text = R"({"head-a-tail":1,"head-b-tail":2,"head\u002dc-tail":3,"":4,"he":5)";
  const std::size_t twice = text.size() + 1;
  JsonIndex index;
  const std::string whole = text + "}";
  ASSERT_TRUE(index.parse(whole));
  EXPECT_EQ(index.root().find("head-a-tail").integer(), 1);
  EXPECT_EQ(index.root().find("head-b-tail").integer(), 2);
  EXPECT_EQ(index.root().find("head-c-tail").integer(), 3);
  EXPECT_EQ(index.root().find("").integer(), 4);
  EXPECT_EQ(index.root().find("he").integer(), 5);
  EXPECT_FALSE(index.root().find("head-d-tail"));
  EXPECT_EQ(refusal(text + R"(,"head-c-tail":6})"),
            "duplicate key at byte " + std::to_string(twice));
  // The same among so many that they are sorted.
  for (int i = 0; i < 100; ++i) text += fmt::format(R"(,"head-{:03}-tail":7)", i);
  EXPECT_TRUE(index.parse(text + "}"));
  EXPECT_EQ(refusal(text + R"(,"head-042-tail":6})"),
            "duplicate key at byte " + std::to_string(text.size() + 1));
}

TEST(JsonIndex, DecodesEveryEscapeOnceAndKeepsEarlierViews) {
  JsonIndex index;
  const std::string text = R"(["\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00","plain","\u0000"])";
  ASSERT_TRUE(index.parse(text));
  const JsonValue first = index.root().first();
  const std::string_view decoded = first.text();
  EXPECT_EQ(first.next().text(), "plain");
  EXPECT_EQ(first.next().next().text(), std::string_view("\0", 1));
  EXPECT_EQ(decoded, "\"\\/\b\f\n\r\tA\u00e9\u20ac\U0001F600");
  EXPECT_EQ(first.text().data(), decoded.data());
}

TEST(JsonIndex, IsReusableAfterLargeSmallAndRefusedTexts) {
  JsonIndex index;
  const std::string large = "[\"" + std::string(100'000, 'x') + "\"]";
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(index.parse(large));
    ASSERT_TRUE(index.parse("{\"a\":[1,2]}"));
    EXPECT_EQ(index.root().find("a").size(), 2U);
    ASSERT_FALSE(index.parse("{\"a\":"));
    index.shrink_to(i == 1 ? 0 : 1'000'000);
  }
}

// The text of a request is a view into a network buffer: not one byte past it may be read.
TEST(JsonIndex, ReadsNothingPastTheText) {
  const auto page = static_cast<std::size_t>(4096);
  char* const memory = static_cast<char*>(
      mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(mprotect(memory + page, page, PROT_NONE), 0);
  JsonIndex index;
  for (std::size_t length = 2; length < 400; ++length) {
    char* const text = memory + page - length;
    std::memset(text, 'x', length);
    text[0] = text[length - 1] = '"';
    EXPECT_TRUE(index.parse({text, length}));
  }
  munmap(memory, 2 * page);
}

TEST(JsonString, IsReadBackAsItself) {
  std::string text = "plain \"quoted\" back\\slash \u00e9 \U0001F600";
  for (char c = 0; c < 0x20; ++c) text += c;
  std::string out;
  append_json_string(out, text);
  JsonIndex index;
  ASSERT_TRUE(index.parse(out)) << out;
  EXPECT_EQ(index.root().text(), text);
  EXPECT_EQ(parse_json(out)->get<std::string>(), text);
}

TEST(Splice, ChangesTheNamedBytesAndNothingElse) {
  std::string out;
  append_spliced(out, "0123456789", {{0, 1, "A"}, {3, 5, ""}, {9, 10, "XYZ"}});
  EXPECT_EQ(out, "A125678XYZ");
  out.clear();
  append_spliced(out, "abc", {});
  EXPECT_EQ(out, "abc");
}

TEST(Utf8, StopsAtTheFirstBadByte) {
  EXPECT_TRUE(is_utf8("a\u00e9\u20ac\U0001F600"));
  const std::pair<std::string_view, std::size_t> bad[] = {
      {"ab\xC0\xAF", 2},       {"\xE0\x80\xAF", 0}, {"x\xED\xA0\x80", 1},
      {"\xF4\x90\x80\x80", 0}, {"\xF0\x9F\x98", 0}, {"\x80", 0}};
  for (const auto& [text, valid] : bad) {
    EXPECT_FALSE(is_utf8(text));
    EXPECT_EQ(utf8_valid_bytes(text), valid);
  }
}

}  // namespace
}  // namespace cordon::codec
