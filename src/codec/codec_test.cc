#include "base/hex.h"
#include "codec/base64.h"
#include "codec/json.h"

#include <gtest/gtest.h>

namespace cordon::codec {
namespace {

TEST(ParseJson, RefusesWhatTwoParsersWouldReadDifferently) {
  for (const char* bad : {R"({"a":1,"a":2})", R"({"x":{"a":1,"b":2,"a":3}})", "\"\xff\"",
                          R"("\ud800")", "{} {}", "{a:1}", "[1,]", "", "// c\n1", "nul", "01"}) {
    EXPECT_FALSE(parse_json(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_json(R"({"a":1,"a":2})").error().detail,
            "the key 'a' stands twice in one object");
}

// The library takes a zero byte for the end of the text, so anything could follow it.
TEST(ParseJson, RefusesTextBehindAZeroByte) {
  EXPECT_EQ(parse_json(std::string_view("null\0{}", 7)).error().detail,
            "not JSON at byte 4: a zero byte");
}

TEST(ParseJson, NamesTheLimitThatWasPassed) {
  const std::string deep(100, '[');
  EXPECT_EQ(parse_json(deep).error().detail, "JSON nested deeper than 64");
  EXPECT_EQ(parse_json("[1,2,3]", {.bytes_max = 4}).error().code, Errc::exhausted);
}

TEST(ParseJson, SaysWhereButNeverQuotesTheText) {
  const auto refused = parse_json(R"({"secret-prompt": "hunter2 )");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().detail.find("hunter2"), std::string::npos) << refused.error().detail;
  EXPECT_NE(refused.error().detail.find("byte"), std::string::npos);
}

TEST(WriteJson, KeepsTheOrderOfKeys) {
  EXPECT_EQ(write_json(*parse_json(R"({"b":1,"a":[true,null,1.5]})")),
            R"({"b":1,"a":[true,null,1.5]})");
}

TEST(ObjectReader, RefusesUnknownMissingAndMistypedKeysByName) {
  const auto value = *parse_json(R"({"scope":"x","ttl":"soon","extra":1})");
  ObjectReader mistyped(value, "switch");
  EXPECT_EQ(mistyped.text("scope"), "x");
  (void)mistyped.integer("ttl");
  EXPECT_EQ(mistyped.finish().error().detail, "switch: 'ttl' is string, expected an integer");

  ObjectReader unknown(value, "switch");
  (void)unknown.text("scope");
  (void)unknown.text("ttl");
  EXPECT_EQ(unknown.finish().error().detail, "switch: unknown key 'extra', expected scope, ttl");

  ObjectReader missing(value, "switch");
  (void)missing.text("reason");
  EXPECT_EQ(missing.finish().error().detail, "switch: 'reason' is missing");
}

// RFC 4648 section 10.
TEST(Base64, AgreesWithThePublishedVectorsAndHasOneTextAValue) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(bytes_of(plain)), coded);
    EXPECT_EQ(text_of(*from_base64(coded)), plain);
  }
  for (const char* bad : {"Zg", "Zg=", "Zh==", "Zm9v=", "Z*==", "====", "Zg==Zg=="}) {
    EXPECT_FALSE(from_base64(bad).has_value()) << bad;
  }
  EXPECT_EQ(to_base64url(*from_base64("+/+/")), "-_-_");
  EXPECT_FALSE(from_base64url("+/").has_value());
}

}  // namespace
}  // namespace cordon::codec
