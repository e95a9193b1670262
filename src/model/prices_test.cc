#include "model/prices.h"

#include <gtest/gtest.h>

namespace cordon::model {
namespace {

using namespace std::chrono_literals;

const Price kPrice{"p", "m", WallTime{}, 2'500'000, 1'250'000, 3'125'000, 10'000'000};

TEST(Prices, MakeAnExactCost) {
  EXPECT_EQ(cost_of(kPrice, {1'000'000, 0, 0, 0}), 2'500'000'000U) << "2.50 for a million";
  EXPECT_EQ(cost_of(kPrice, {0, 0, 0, 1'000'000}), 10'000'000'000U);
  EXPECT_EQ(cost_of(kPrice, {1'000, 400, 100, 10}),
            (500U * 2'500'000 + 400U * 1'250'000 + 100U * 3'125'000 + 10U * 10'000'000) / 1'000);
  EXPECT_EQ(cost_of(kPrice, {}), 0U);
}

// A part of a nano-unit is charged once, not once for each kind of token.
TEST(Prices, RoundUpOnceAndNeverLoseADigit) {
  const Price odd{"p", "m", WallTime{}, 1, 1, 1, 1};
  EXPECT_EQ(cost_of(odd, {1, 0, 0, 0}), 1U);
  EXPECT_EQ(cost_of(odd, {500, 0, 0, 500}), 1U);
  EXPECT_EQ(cost_of(odd, {500, 100, 100, 501}), 2U);
  std::uint64_t whole = 0;
  for (std::uint64_t tokens = 0; tokens < 5'000; ++tokens) {
    const std::uint64_t cost = cost_of(odd, {tokens, 0, 0, 0});
    EXPECT_EQ(cost, (tokens + 999) / 1'000);
    EXPECT_GE(cost, whole);
    whole = cost;
  }
}

TEST(Prices, DoNotTrustWhatAProviderSaysOfItsCache) {
  EXPECT_EQ(cost_of(kPrice, {100, 200, 300, 0}), 100U * 1'250) << "never more than went in";
  EXPECT_EQ(cost_of(kPrice, {100, 60, 300, 0}), 60U * 1'250 + 40U * 3'125);
}

TEST(Prices, StopAtTheMostThereIsAndDoNotWrap) {
  const Price dear{"p", "m", WallTime{}, kPriceMax, kPriceMax, kPriceMax, kPriceMax};
  EXPECT_EQ(cost_of(dear, {~0ULL, 0, 0, ~0ULL}), kNanoMax);
  EXPECT_EQ(cost_of(dear, {1, 0, 0, 0}), 1'000'000'000U) << "one unit for a token";
  EXPECT_EQ(add_nano(kNanoMax, 1), kNanoMax);
  EXPECT_EQ(add_nano(~0ULL, ~0ULL), kNanoMax);
}

TEST(Prices, OfTheNearestNameInForceAtTheTimeCount) {
  const auto at = [](int days) { return WallTime{std::chrono::days(days)}; };
  Prices prices{"USD",
                {{"*", "*", at(0), 1, 1, 1, 1},
                 {"p", "*", at(0), 2, 2, 2, 2},
                 {"*", "m", at(0), 3, 3, 3, 3},
                 {"p", "m", at(10), 4, 4, 4, 4},
                 {"p", "m", at(20), 5, 5, 5, 5}}};
  const auto input_at = [&](std::string_view provider, std::string_view model, int days) {
    const auto list = prices_for(prices, provider, model);
    const Price* const price = price_at(list, at(days));
    return price == nullptr ? 0U : price->input;
  };
  EXPECT_EQ(input_at("p", "m", 9), 2U) << "its own is not in force yet";
  EXPECT_EQ(input_at("p", "m", 10), 4U);
  EXPECT_EQ(input_at("p", "m", 19), 4U);
  EXPECT_EQ(input_at("p", "m", 20), 5U);
  EXPECT_EQ(input_at("p", "m", 2'000), 5U);
  EXPECT_EQ(input_at("p", "x", 20), 2U);
  EXPECT_EQ(input_at("q", "m", 20), 3U);
  EXPECT_EQ(input_at("q", "x", 20), 1U);
  prices.list.erase(prices.list.begin(), prices.list.begin() + 3);
  EXPECT_EQ(input_at("p", "m", 9), 0U) << "none is known, which is not a price of 0";
  EXPECT_TRUE(prices_for(prices, "q", "m").empty());
}

TEST(Prices, AreReadWithoutFloatingPoint) {
  EXPECT_EQ(parse_decimal("2.50", 6, kPriceMax), 2'500'000U);
  EXPECT_EQ(parse_decimal("0.000001", 6, kPriceMax), 1U);
  EXPECT_EQ(parse_decimal("1000000", 6, kPriceMax), kPriceMax);
  EXPECT_EQ(parse_decimal("0", 6, kPriceMax), 0U);
  for (const char* text : {"", ".", ".5", "1.", "-1", "+1", "1e3", "1,5", "0.0000001", "1 ",
                           "1000001", "99999999999999999999999999", "0x1", "nan", "1.2.3"}) {
    EXPECT_FALSE(parse_decimal(text, 6, kPriceMax)) << text;
  }
}

TEST(Prices, AreShownAsAmounts) {
  EXPECT_EQ(format_nano(0), "0");
  EXPECT_EQ(format_nano(1), "0.000000001");
  EXPECT_EQ(format_nano(1'250'000), "0.00125");
  EXPECT_EQ(format_nano(12'000'000'000), "12");
  EXPECT_EQ(format_nano(10'500'000'000), "10.5");
  EXPECT_EQ(format_nano(100'000'000'000), "100");
}

}  // namespace
}  // namespace cordon::model
