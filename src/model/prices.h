// What providers take for tokens, and what an exchange cost by it. Money is whole numbers: prices
// in millionths of a currency's unit for a million tokens, which is one pico-unit a token, and
// costs in nano-units. docs/reference/usage.md says how they are reckoned.
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::model {

/// Of one target, or of several where `*` stands, from a moment on. Pico-units a token.
struct Price {
  std::string provider = "*";
  std::string model = "*";
  WallTime effective_from{};  ///< 1970: always
  std::uint64_t input = 0;
  std::uint64_t cached_input = 0;  ///< read from a prompt cache
  std::uint64_t cache_write = 0;   ///< written to one
  std::uint64_t output = 0;        ///< reasoning included
  friend bool operator==(const Price&, const Price&) = default;
};

/// All of a node, in one currency.
struct Prices {
  std::string currency;  ///< three capital letters; empty where there are no prices
  std::vector<Price> list;
  friend bool operator==(const Prices&, const Prices&) = default;
};
inline constexpr std::size_t kPricesMax = 10'000;
inline constexpr std::uint64_t kPriceMax = 1'000'000'000'000;  ///< a million units a million tokens
/// More than any cost; what would overflow is this.
inline constexpr std::uint64_t kNanoMax = 9'000'000'000'000'000'000;

/// Tokens of one attempt. What was read from a cache or written to it is a part of `in`.
struct TokensUsed {
  std::uint64_t in = 0;
  std::uint64_t cached = 0;
  std::uint64_t cache_write = 0;
  std::uint64_t out = 0;
};

/// In nano-units: exact, and rounded up once. Never more than kNanoMax.
[[nodiscard]] std::uint64_t cost_of(const Price& price, const TokensUsed& used) noexcept;
/// The sum, or kNanoMax where it would be more.
[[nodiscard]] std::uint64_t add_nano(std::uint64_t a, std::uint64_t b) noexcept;

/// The prices that may hold for a target. Those for its provider and model come before those for
/// either (the provider's first), these before those for all; among equals the latest first.
[[nodiscard]] std::vector<Price> prices_for(const Prices& prices, std::string_view provider,
                                            std::string_view model);
/// The one in force at that time, of a list as prices_for() gives it; null when there is none.
[[nodiscard]] const Price* price_at(std::span<const Price> list, WallTime time) noexcept;

/// A decimal number without sign and exponent, of at most `digits` decimals, times ten to the
/// power of `digits`. Refuses as `invalid` another text and what is above `max`.
[[nodiscard]] Result<std::uint64_t> parse_decimal(std::string_view text, unsigned digits,
                                                  std::uint64_t max);
/// Nano-units as a decimal number of units, without zeros at its end: `0.00125`.
[[nodiscard]] std::string format_nano(std::uint64_t nano);

}  // namespace cordon::model
