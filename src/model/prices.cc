#include "model/prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace cordon::model {
namespace {

constexpr std::uint64_t kPicoPerNano = 1'000;
constexpr unsigned kNanoDigits = 9;

/// Adds `tokens` at `price` to a sum that is kept in two parts, so that no digit is lost.
class Sum {
 public:
  void add(std::uint64_t tokens, std::uint64_t price) noexcept {
    std::uint64_t whole = 0;
    std::uint64_t rest = 0;
    overflow_ |= __builtin_mul_overflow(tokens, price / kPicoPerNano, &whole);
    overflow_ |= __builtin_mul_overflow(tokens, price % kPicoPerNano, &rest);
    overflow_ |= __builtin_add_overflow(nano_, whole, &nano_);
    overflow_ |= __builtin_add_overflow(nano_, rest / kPicoPerNano, &nano_);
    pico_ += rest % kPicoPerNano;
  }
  [[nodiscard]] std::uint64_t nano() const noexcept {
    if (overflow_) return kNanoMax;
    return add_nano(nano_, (pico_ + kPicoPerNano - 1) / kPicoPerNano);
  }

 private:
  std::uint64_t nano_ = 0;
  std::uint64_t pico_ = 0;
  bool overflow_ = false;
};

int rank(const Price& price) noexcept {
  return (price.provider == "*" ? 2 : 0) + (price.model == "*" ? 1 : 0);
}

}  // namespace

std::uint64_t add_nano(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return kNanoMax;
  return std::min(sum, kNanoMax);
}

std::uint64_t cost_of(const Price& price, const TokensUsed& used) noexcept {
  const std::uint64_t cached = std::min(used.cached, used.in);
  const std::uint64_t written = std::min(used.cache_write, used.in - cached);
  Sum sum;
  sum.add(used.in - cached - written, price.input);
  sum.add(cached, price.cached_input);
  sum.add(written, price.cache_write);
  sum.add(used.out, price.output);
  return sum.nano();
}

std::vector<Price> prices_for(const Prices& prices, std::string_view provider,
                              std::string_view model) {
  std::vector<Price> found;
  for (const Price& price : prices.list) {
    const bool holds = (price.provider == "*" || price.provider == provider) &&
                       (price.model == "*" || price.model == model);
    if (holds) found.push_back(price);
  }
  std::sort(found.begin(), found.end(), [](const Price& a, const Price& b) {
    return std::tuple(rank(a), b.effective_from) < std::tuple(rank(b), a.effective_from);
  });
  return found;
}

const Price* price_at(std::span<const Price> list, WallTime time) noexcept {
  const auto found = std::find_if(list.begin(), list.end(), [time](const Price& price) {
    return price.effective_from <= time;
  });
  return found == list.end() ? nullptr : &*found;
}

Result<std::uint64_t> parse_decimal(std::string_view text, unsigned digits, std::uint64_t max) {
  const auto refuse = [&] {
    return fail(Errc::invalid, fmt::format("expected a number like 2.50, with at most {} decimals "
                                           "and not above the bound",
                                           digits));
  };
  std::uint64_t value = 0;
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view part = point == text.npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() || (point != text.npos && part.empty()) || part.size() > digits) {
    return refuse();
  }
  const auto take = [&value](char c) {
    return c >= '0' && c <= '9' && !__builtin_mul_overflow(value, std::uint64_t{10}, &value) &&
           !__builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value);
  };
  for (const char c : whole) {
    if (!take(c)) return refuse();
  }
  for (std::size_t i = 0; i < digits; ++i) {
    if (!take(i < part.size() ? part[i] : '0')) return refuse();
  }
  if (value > max) return refuse();
  return value;
}

std::string format_nano(std::uint64_t nano) {
  constexpr std::uint64_t kUnit = 1'000'000'000;
  std::string text = fmt::format("{}.{:0{}}", nano / kUnit, nano % kUnit, kNanoDigits);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace cordon::model
