#include "model/generation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

namespace cordon::model {
namespace {

Generation everything() {
  Generation generation;
  generation.number = 7;
  generation.providers = {{"sim", Dialect::openai, {false, "127.0.0.1", 4010, "/v1"}, "", {}},
                          {"big", Dialect::openai, {true, "::1", 443, ""}, "ca.pem", {}}};
  generation.routes = {{"support",
                        {{"sim", "small"}, {"big", "large"}},
                        {{"big", "safe"}},
                        {{"core-leakage", std::string(64, 'a')}},
                        Mode::emergency,
                        Durability::deferred},
                       {"sales", {{"big", "large"}}, {}, {}, Mode::standard, {}}};
  generation.routes[1].uninspected = Uninspected::pass;
  generation.tenants = {{"acme", {std::string(64, 'b')}, {"*"}}};
  generation.flags = {{"assistant", true}, {"agent", false}};
  generation.measures = {
      {"s1", Measure::kill_switch, Scope::parse("route=support").value(), Mode::standard},
      {"m1", Measure::mode, Scope::parse("tenant=acme").value(), Mode::lockdown},
      {"f1", Measure::fallback, Scope::parse("route=support").value(), Mode::standard}};
  return generation;
}

TEST(Generation, ReadsBackWhatItWrote) {
  for (const Generation& generation : {Generation{}, everything()}) {
    const std::string text = codec::write_json(generation.to_json());
    const auto json = codec::parse_json(text);
    ASSERT_TRUE(json) << json.error().detail;
    const auto back = Generation::from_json(*json);
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(*back, generation);
    EXPECT_EQ(codec::write_json(back->to_json()), text);
  }
}

TEST(Generation, ReadsBackPricesAndLimitsAndRefusesWhatIsOutOfRange) {
  Generation generation = everything();
  generation.tenants[0].limits = {1, 2, 3, 4, 5, 6};
  generation.tenants[0].key_limits = {{std::string(64, 'b'), {0, 0, 0, 7}}};
  generation.prices = {"USD", {{"sim", "*", WallTime{std::chrono::days(20'000)}, 1, 2, 3, 4}}};
  generation.keys = {{"k", "acme", std::string(64, 'c'), {"*"}, {}, {0, 0, 8}}};
  const codec::Json json = generation.to_json();
  const auto back = Generation::from_json(json);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(*back, generation);
  const auto refused = [](const codec::Json& value) { return !Generation::from_json(value); };
  for (const char* key :
       {"provider", "model", "effective_from", "input", "cached_input", "cache_write", "output"}) {
    codec::Json less = json;
    less["prices"]["list"][0].erase(key);
    EXPECT_TRUE(refused(less)) << key;
  }
  codec::Json bad = json;
  bad["prices"]["list"][0]["input"] = -1;
  EXPECT_TRUE(refused(bad));
  bad = json;
  bad["prices"].erase("currency");
  EXPECT_TRUE(refused(bad));
  bad = json;
  bad["tenants"][0]["limits"]["requests_per_day"] = -1;
  EXPECT_TRUE(refused(bad));
  bad["tenants"][0]["limits"]["requests_per_day"] = kRequestsMax * kPerDayTimes + 1;
  EXPECT_TRUE(refused(bad));
  bad = json;
  bad["tenants"][0]["key_limits"][0].erase("sha256");
  EXPECT_TRUE(refused(bad));
  bad = json;
  bad["keys"][0]["limits"]["colour"] = 1;
  EXPECT_TRUE(refused(bad));
}

// What is as the defaults have it is not written, so old generations keep their digests.
TEST(Generation, WritesWhatIsDoneAboutFailuresOnlyWhereItDiffers) {
  Generation generation = everything();
  const std::string plain = codec::write_json(generation.to_json());
  for (const char* key : {"breaker", "retry", "choice", "error_on_cut", "weight", "translate"}) {
    EXPECT_EQ(plain.find(std::string("\"") + key), plain.npos) << key;
  }
  generation.providers[0].breaker.samples_min = 7;
  generation.providers[1].retry_budget = {5, 0};
  generation.routes[0].retry.attempts_max = 1;
  generation.routes[0].choice = Choice::least_latency;
  generation.routes[0].on_cut = OnCut::error;
  generation.routes[1].translate = Translate::on;
  generation.routes[1].choice = Choice::weighted;
  generation.routes[1].targets[0].weight = 9;
  const codec::Json json = generation.to_json();
  const auto back = Generation::from_json(json);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(*back, generation);
  for (const auto& [object, keys] :
       {std::pair{"/providers/0/breaker", std::vector{"samples_min", "window_ms", "probes"}},
        {"/providers/1/retry_budget", {"percent", "floor"}},
        {"/routes/0/retry", {"attempts_max", "backoff_ms", "wait_max_ms"}}}) {
    for (const char* key : keys) {
      codec::Json less = json;
      less[codec::Json::json_pointer(object)].erase(key);
      EXPECT_FALSE(Generation::from_json(less)) << object << key;
      codec::Json negative = json;
      negative[codec::Json::json_pointer(object)][key] = "x";
      EXPECT_FALSE(Generation::from_json(negative)) << object << key;
    }
  }
  codec::Json other = json;
  other["routes"][0]["choice"] = "random";
  EXPECT_FALSE(Generation::from_json(other));
  other = json;
  other["routes"][1]["targets"][0]["weight"] = -1;
  EXPECT_FALSE(Generation::from_json(other));
}

// Every key matters: without it, or with one more, the value is refused.
TEST(Generation, RefusesAMissingKeyAtEveryLevel) {
  const codec::Json whole = everything().to_json();
  const auto refused = [](const codec::Json& value) {
    const auto back = Generation::from_json(value);
    return !back && back.error().code == Errc::corrupt;
  };
  for (const auto& [key, ignored] : whole.items()) {
    codec::Json less = whole;
    less.erase(key);
    EXPECT_TRUE(refused(less)) << key;
  }
  for (const char* list : {"providers", "routes", "tenants", "flags"}) {
    for (const auto& [key, ignored] : whole[list][0].items()) {
      codec::Json less = whole;
      less[list][0].erase(key);
      EXPECT_TRUE(refused(less)) << list << "." << key;
    }
  }
  for (const auto& [key, ignored] : whole["limits"].items()) {
    codec::Json less = whole;
    less["limits"].erase(key);
    EXPECT_TRUE(refused(less)) << key;
  }
  codec::Json more = whole;
  more["extra"] = 1;
  EXPECT_TRUE(refused(more));
}

TEST(Generation, RefusesAModeWithoutAModeAndASwitchWithOne) {
  codec::Json value = everything().to_json();
  value["measures"][1].erase("mode");
  EXPECT_FALSE(Generation::from_json(value));
  value = everything().to_json();
  value["measures"][0]["mode"] = "observe";
  EXPECT_FALSE(Generation::from_json(value));
}

TEST(Endpoint, ReadsItsPartsAndItsOwnText) {
  for (const auto& [url, expected] : {
           std::pair<std::string_view, Endpoint>{"http://a", {false, "a", 80, ""}},
           {"https://a.example", {true, "a.example", 443, ""}},
           {"https://a.example:8443/v1/", {true, "a.example", 8443, "/v1"}},
           {"http://[::1]:4010/v1/x", {false, "::1", 4010, "/v1/x"}},
       }) {
    const auto endpoint = Endpoint::parse(url);
    ASSERT_TRUE(endpoint) << url;
    EXPECT_EQ(*endpoint, expected) << url;
    EXPECT_EQ(Endpoint::parse(endpoint->text()).value(), expected) << endpoint->text();
  }
}

TEST(Endpoint, RefusesWhatIsNotABaseUrl) {
  for (const std::string_view url : {"",
                                     "a",
                                     "ftp://a",
                                     "http://",
                                     "http:///v1",
                                     "http://user@a",
                                     "http://user:pw@a/",
                                     "http://a:0",
                                     "http://a:65536",
                                     "http://a:",
                                     "http://a:8x",
                                     "http://a?b",
                                     "http://a/v1?b=c",
                                     "http://a/v1#f",
                                     "http://[::1",
                                     "http://[a]",
                                     "http://[::1]x",
                                     "http://a b",
                                     "HTTP://a",
                                     "http://a/v 1",
                                     "http://a/\x01",
                                     "http://a\\b"}) {
    EXPECT_FALSE(Endpoint::parse(url)) << url;
  }
  EXPECT_FALSE(Endpoint::parse("http://a/" + std::string(600, 'x')));
}

}  // namespace
}  // namespace cordon::model
