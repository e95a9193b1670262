#include "api/routes.h"

#include <gtest/gtest.h>

#include <set>

namespace cordon::api {

namespace embedded {
std::string_view openapi_json();
}  // namespace embedded

namespace {

using Row = std::pair<std::string, std::string>;  // method and path

std::map<Row, std::string> rows_of_document() {
  std::map<Row, std::string> rows;
  const auto document = codec::parse_json(embedded::openapi_json());
  EXPECT_TRUE(document.has_value()) << document.error().detail;
  for (const auto& [path, methods] : (*document)["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      rows[{method == "get" ? "GET" : "POST", path}] =
          operation["x-cordon-role"].get<std::string>();
    }
  }
  return rows;
}

TEST(Routes, AreTheOnesOfTheDocumentWithTheSameRoles) {
  std::map<Row, std::string> rows;
  for (const Route& route : routes()) {
    const std::string role =
        route.needs ? std::string(containment::to_string(*route.needs)) : "none";
    EXPECT_TRUE(rows.emplace(Row(route.method, route.pattern), role).second) << route.pattern;
  }
  EXPECT_EQ(rows, rows_of_document());
}

TEST(Routes, OfTheDocumentHaveDistinctOperationIdsAndResolvableSchemas) {
  const auto document = *codec::parse_json(embedded::openapi_json());
  std::set<std::string> ids;
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      EXPECT_TRUE(ids.insert(operation["operationId"].get<std::string>()).second) << path;
      EXPECT_TRUE(operation["responses"].contains("default")) << path;
    }
  }
  const std::string text = codec::write_json(document);
  constexpr std::string_view kRef = "#/components/schemas/";
  for (std::size_t at = text.find(kRef); at != text.npos; at = text.find(kRef, at + 1)) {
    const std::size_t begin = at + kRef.size();
    const std::string name = text.substr(begin, text.find('"', begin) - begin);
    EXPECT_TRUE(document["components"]["schemas"].contains(name)) << name;
  }
}

TEST(FindRoute, FillsTheHoleWithOneSegmentOnly) {
  const Found found = find_route("GET", "/api/v1/incidents/INC-2026-00001/timeline");
  ASSERT_NE(found.route, nullptr);
  EXPECT_EQ(found.route->pattern, "/api/v1/incidents/{id}/timeline");
  EXPECT_EQ(found.id, "INC-2026-00001");
  EXPECT_EQ(find_route("GET", "/api/v1/incidents/").route, nullptr);
  EXPECT_EQ(find_route("GET", "/api/v1/incidents/a/b/timeline").route, nullptr);
  EXPECT_EQ(find_route("GET", "/api/v1/incidents/a/timeline/").route, nullptr);
}

TEST(FindRoute, TellsAWrongMethodFromAWrongPath) {
  EXPECT_TRUE(find_route("DELETE", "/api/v1/state").path_known);
  EXPECT_FALSE(find_route("GET", "/api/v1/nothing").path_known);
}

TEST(ParseQuery, DecodesAndRefusesWhatIsAmbiguous) {
  const auto query = parse_query("window=60s&route=a%20b+c&flag");
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->at("route"), "a b c");
  EXPECT_EQ(query->at("flag"), "");
  EXPECT_FALSE(parse_query("a=1&a=2").has_value());
  EXPECT_FALSE(parse_query("a=%zz").has_value());
  EXPECT_FALSE(parse_query("a=%2").has_value());
  std::string many;
  for (int i = 0; i < 40; ++i) many += "k" + std::to_string(i) + "=1&";
  EXPECT_FALSE(parse_query(many).has_value());
}

}  // namespace
}  // namespace cordon::api
