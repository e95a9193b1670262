#include "model/config.h"

#include <gtest/gtest.h>

namespace cordon::model {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kHash =
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

TEST(PricesConfig, ReadsPricesAndTheDatesFromWhichTheyHold) {
  const auto config = Config::parse(
      "providers: [{name: a, base_url: 'http://a'}]\n"
      "prices:\n"
      "  currency: EUR\n"
      "  list:\n"
      "    - {provider: a, model: m, input: 2.50, cached_input: 0.25, cache_write: 3, output: 10}\n"
      "    - {provider: a, model: m, effective_from: 2026-12-01, input: 2, output: 8}\n"
      "    - {model: '*', effective_from: '2026-12-01T08:00:00Z', input: 0, output: 0.000001}\n",
      "cordon.yaml");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->prices.currency, "EUR");
  ASSERT_EQ(config->prices.list.size(), 3U);
  const Price first{"a", "m", WallTime{}, 2'500'000, 250'000, 3'000'000, 10'000'000};
  EXPECT_EQ(config->prices.list[0], first);
  EXPECT_EQ(config->prices.list[1].effective_from, parse_rfc3339("2026-12-01T00:00:00Z").value());
  EXPECT_EQ(config->prices.list[1].cached_input, 2'000'000U) << "as what is not cached";
  EXPECT_EQ(config->prices.list[2].provider, "*");
  EXPECT_EQ(config->prices.list[2].output, 1U);
}

TEST(LimitsConfig, ReadsLimitsOfTenantsAndOfKeys) {
  const auto config = Config::parse(
      "prices: {currency: USD, list: [{input: 1, output: 2}]}\n"
      "tenants:\n"
      "  - name: t\n"
      "    routes: ['*']\n"
      "    limits: {requests_per_minute: 1, tokens_per_minute: 2, cost_per_minute: 0.5,\n"
      "             requests_per_day: 10000000000, tokens_per_day: 4, cost_per_day: 12.000000001}\n"
      "    key_sha256: [{sha256: " +
          std::string(kHash) + ", limits: {requests_per_day: 7}}]\n",
      "cordon.yaml");
  ASSERT_TRUE(config) << config.error().detail;
  const UsageLimits limits{1, 2, 500'000'000, 10'000'000'000, 4, 12'000'000'001};
  EXPECT_EQ(config->tenants[0].limits, limits);
  EXPECT_EQ(config->tenants[0].key_sha256, std::vector<std::string>{std::string(kHash)});
  ASSERT_EQ(config->tenants[0].key_limits.size(), 1U);
  EXPECT_EQ(config->tenants[0].key_limits[0].sha256, kHash);
  EXPECT_EQ(config->tenants[0].key_limits[0].limits.requests_per_day, 7U);
}

struct Bad {
  const char* text;
  const char* error;
};
class RefusedUsage : public testing::TestWithParam<Bad> {};

TEST_P(RefusedUsage, SaysWhatWasFoundAndWhere) {
  const auto config = Config::parse(GetParam().text, "cordon.yaml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().detail, GetParam().error);
}

constexpr Bad kBad[] = {
    {"prices: {list: []}\n", "cordon.yaml:1:9: missing key 'currency'"},
    {"prices: {currency: usd, list: []}\n",
     "cordon.yaml:1:20: found 'usd', expected three capital letters of ISO 4217 like USD"},
    {"prices: {currency: USD}\n", "cordon.yaml:1:9: missing key 'list'"},
    {"prices: {currency: USD, list: [{input: 1}]}\n", "cordon.yaml:1:32: missing key 'output'"},
    {"prices: {currency: USD, list: [{input: -1, output: 1}]}\n",
     "cordon.yaml:1:40: found '-1', expected a price of a million tokens like 2.50, of at most 6 "
     "decimals and at most 1000000"},
    {"prices: {currency: USD, list: [{input: 1, output: 0.0000001}]}\n",
     "cordon.yaml:1:51: found '0.0000001', expected a price of a million tokens like 2.50, of at "
     "most 6 decimals and at most 1000000"},
    {"prices: {currency: USD, list: [{provider: b, input: 1, output: 1}]}\n",
     "cordon.yaml:1:43: found 'b', expected one of *"},
    {"prices: {currency: USD, list: [{input: 1, output: 1, effective_from: soon}]}\n",
     "cordon.yaml:1:70: found 'soon', expected a date like 2026-01-31, or a time like "
     "2026-01-31T08:00:00Z"},
    {"prices: {currency: USD, list: [{input: 1, output: 1}, {input: 2, output: 1}]}\n",
     "cordon.yaml:1:55: found a price of */* from the same moment on a second time, expected each "
     "once"},
    {"tenants: [{name: t, routes: [], limits: {cost_per_day: 5}}]\n",
     "cordon.yaml:1:56: found a limit of cost and no prices, expected `prices.list`"},
    {"prices: {currency: USD, list: [{input: 1, output: 1}]}\ntenants: [{name: t, routes: [], "
     "limits: {cost_per_day: 0}}]\n",
     "cordon.yaml:2:56: found '0', expected an amount of money above 0, at most 1000000000, like "
     "12.50"},
    {"tenants: [{name: t, routes: [], key_sha256: [{limits: {requests_per_day: 1}}]}]\n",
     "cordon.yaml:1:46: missing key 'sha256'"},
    {"tenants: [{name: t, routes: [], key_sha256: [{sha256: sk-secret}]}]\n",
     "cordon.yaml:1:55: found something else, expected the SHA-256 of a key: 64 lower-case hex "
     "digits"},
};
INSTANTIATE_TEST_SUITE_P(Table, RefusedUsage, testing::ValuesIn(kBad));

}  // namespace
}  // namespace cordon::model
