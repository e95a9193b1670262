#include "codec/yaml.h"
#include "model/internal/read_usage.h"

#include <array>
#include <set>
#include <tuple>

namespace cordon::model::internal {
namespace {

constexpr unsigned kPriceDigits = 6;
constexpr unsigned kCostDigits = 9;

Status read_decimal(const YamlNode& map, std::string_view key, unsigned digits, std::uint64_t min,
                    std::uint64_t max, std::string_view expected, std::uint64_t& out) {
  const YamlNode* const node = map.find(key);
  if (node == nullptr) return {};
  const auto value = node->is_scalar() ? parse_decimal(node->text(), digits, max)
                                       : Result<std::uint64_t>(fail(Errc::invalid, "no number"));
  if (!value || *value < min) return tl::make_unexpected(node->expected(expected));
  out = *value;
  return {};
}

Status read_money(const YamlNode& map, std::string_view key, const Prices& prices,
                  std::uint64_t& out) {
  const YamlNode* const node = map.find(key);
  if (node == nullptr) return {};
  if (prices.list.empty()) {
    return tl::make_unexpected(
        node->error("found a limit of cost and no prices, expected `prices.list`"));
  }
  return read_decimal(map, key, kCostDigits, 1, kCostMax,
                      "an amount of money above 0, at most 1000000000, like 12.50", out);
}

/// `2026-01-01`, which is its midnight in UTC, or a whole RFC 3339 time.
Status read_moment(const YamlNode& map, std::string_view key, WallTime& out) {
  const YamlNode* const node = map.find(key);
  if (node == nullptr) return {};
  const std::string text(node->text());
  const auto time = parse_rfc3339(text.size() == 10 ? text + "T00:00:00Z" : text);
  if (!time || *time < WallTime{}) {
    return tl::make_unexpected(
        node->expected("a date like 2026-01-31, or a time like 2026-01-31T08:00:00Z"));
  }
  out = *time;
  return {};
}

Result<std::string> read_model(const YamlNode& node) {
  if (node.text() == "*") return std::string("*");
  return as_name(node);
}

Result<Price> read_price(const YamlNode& node, Words providers) {
  static constexpr std::array<std::string_view, 7> kKeys = {
      "provider", "model", "effective_from", "input", "cached_input", "cache_write", "output"};
  static constexpr std::string_view kExpected =
      "a price of a million tokens like 2.50, of at most 6 decimals and at most 1000000";
  CORDON_CHECK(node.check_keys(kKeys));
  Price price;
  if (const YamlNode* provider = node.find("provider")) {
    CORDON_TRY(const std::size_t index, provider->as_one_of(providers));
    price.provider = providers[index];
  }
  if (const YamlNode* model = node.find("model")) {
    CORDON_TRY(price.model, read_model(*model));
  }
  CORDON_CHECK(read_moment(node, "effective_from", price.effective_from));
  CORDON_CHECK(node.require("input"));
  CORDON_CHECK(node.require("output"));
  CORDON_CHECK(read_decimal(node, "input", kPriceDigits, 0, kPriceMax, kExpected, price.input));
  CORDON_CHECK(read_decimal(node, "output", kPriceDigits, 0, kPriceMax, kExpected, price.output));
  price.cached_input = price.cache_write = price.input;
  CORDON_CHECK(read_decimal(node, "cached_input", kPriceDigits, 0, kPriceMax, kExpected,
                            price.cached_input));
  CORDON_CHECK(
      read_decimal(node, "cache_write", kPriceDigits, 0, kPriceMax, kExpected, price.cache_write));
  return price;
}

}  // namespace

Status read_usage_limits(const YamlNode& owner, const Prices& prices, UsageLimits& limits) {
  const YamlNode* const node = owner.find("limits");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 6> kKeys = {
      "requests_per_minute", "tokens_per_minute", "cost_per_minute",
      "requests_per_day",    "tokens_per_day",    "cost_per_day"};
  CORDON_CHECK(node->check_keys(kKeys));
  const auto count = [node](std::string_view key, std::uint64_t max, std::uint64_t& out) {
    return read_count(*node, key, 1, static_cast<std::int64_t>(max), out);
  };
  CORDON_CHECK(count("requests_per_minute", kRequestsMax, limits.requests_per_minute));
  CORDON_CHECK(count("tokens_per_minute", kTokensMax, limits.tokens_per_minute));
  CORDON_CHECK(count("requests_per_day", kRequestsMax * kPerDayTimes, limits.requests_per_day));
  CORDON_CHECK(count("tokens_per_day", kTokensMax * kPerDayTimes, limits.tokens_per_day));
  CORDON_CHECK(read_money(*node, "cost_per_minute", prices, limits.cost_per_minute));
  return read_money(*node, "cost_per_day", prices, limits.cost_per_day);
}

Status read_prices(const YamlNode& root, Config& config) {
  const YamlNode* const node = section(root, "prices");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 2> kKeys = {"currency", "list"};
  CORDON_CHECK(node->check_keys(kKeys));
  CORDON_TRY(const YamlNode* currency, node->require("currency"));
  CORDON_TRY(config.prices.currency, currency->as_nonempty_string());
  const std::string& name = config.prices.currency;
  if (name.size() != 3 ||
      !std::all_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return tl::make_unexpected(currency->expected("three capital letters of ISO 4217 like USD"));
  }
  CORDON_CHECK(node->require("list"));
  auto providers = views_of(config.providers, [](const ProviderConfig& provider) {
    return std::string_view(provider.provider.name);
  });
  providers.emplace_back("*");
  std::set<std::tuple<std::string, std::string, WallTime>> seen;
  return each(*node, "list", kPricesMax, [&](const YamlNode& item) -> Status {
    CORDON_TRY(Price price, read_price(item, providers));
    if (!seen.emplace(price.provider, price.model, price.effective_from).second) {
      return tl::make_unexpected(item.error(
          fmt::format("found a price of {}/{} from the same moment on a second time, expected each "
                      "once",
                      price.provider, price.model)));
    }
    config.prices.list.push_back(std::move(price));
    return {};
  });
}

}  // namespace cordon::model::internal
