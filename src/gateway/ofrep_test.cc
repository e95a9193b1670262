#include "gateway/internal/ofrep.h"

#include <gtest/gtest.h>

namespace cordon::gateway {
namespace {

TEST(FlagRequests, ReadTheKeyOfAPathWithoutItsEncoding) {
  EXPECT_EQ(flag_of_path("/ofrep/v1/evaluate/flags/tools"), "tools");
  EXPECT_EQ(flag_of_path("/ofrep/v1/evaluate/flags/a%2Fb%20c"), "a/b c");
  EXPECT_EQ(flag_of_path("/ofrep/v1/evaluate/flags/"), "");
  for (const char* broken : {"%", "%4", "x%zz", "%4g", "ok%2"}) {
    EXPECT_FALSE(flag_of_path(std::string(kFlagsPath) + "/" + broken)) << broken;
  }
}

TEST(FlagRequests, AreOnlyThoseOfThePath) {
  EXPECT_TRUE(is_flags_path("/ofrep/v1/evaluate/flags"));
  EXPECT_TRUE(is_flags_path("/ofrep/v1/evaluate/flags/"));
  EXPECT_FALSE(is_flags_path("/ofrep/v1/evaluate/flagsx"));
  EXPECT_FALSE(is_flags_path("/ofrep/v1/evaluate"));
}

TEST(FlagRequests, ReadAContextAndRefuseWhatIsNone) {
  const auto none = read_flag_context("");
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->route.empty());
  EXPECT_TRUE(read_flag_context("{}"));
  const auto read = read_flag_context(
      R"({"context":{"targetingKey":"u-1","route":"support","use_case":"chat","age":7,"x":{}}})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->route, "support");
  EXPECT_EQ(read->use_case, "chat");
  for (const char* text : {"{", "[]", "null", "7", R"({"context":{},"context":{}})", "{} {}",
                           "\xff", R"({"context":{"a":"\ud800"}})"}) {
    const auto refused = read_flag_context(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, "PARSE_ERROR") << text;
  }
  const std::string deep = R"({"context":)" + std::string(200, '[') + std::string(200, ']') + "}";
  EXPECT_EQ(read_flag_context(deep).error().code, "PARSE_ERROR");
  const std::string wide = R"({"context":{"route":")" + std::string(129, 'r') + R"("}})";
  for (const std::string& text :
       {std::string(R"({"context":null})"), std::string(R"({"context":[]})"),
        std::string(R"({"context":"support"})"), std::string(R"({"context":{"route":7}})"),
        std::string(R"({"context":{"use_case":null}})"),
        std::string(R"({"context":{"targetingKey":{}}})"), wide}) {
    const auto refused = read_flag_context(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, "INVALID_CONTEXT") << text;
  }
}

TEST(FlagRequests, CompareEntityTagsWeakly) {
  EXPECT_TRUE(matches_etag(R"("a")", R"("a")"));
  EXPECT_TRUE(matches_etag(R"(W/"a")", R"("a")"));
  EXPECT_TRUE(matches_etag(R"("b" , W/"a")", R"("a")"));
  EXPECT_TRUE(matches_etag("*", R"("a")"));
  EXPECT_FALSE(matches_etag("", R"("a")"));
  EXPECT_FALSE(matches_etag("a", R"("a")"));
  EXPECT_FALSE(matches_etag(R"("ab")", R"("a")"));
  EXPECT_FALSE(matches_etag(",,,", R"("a")"));
}

}  // namespace
}  // namespace cordon::gateway
