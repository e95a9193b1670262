// Is this count a burst? Exact tests of a Poisson count against a baseline.
//
// Declared rate: P[X >= k], X ~ Poisson(rate * exposure). Learned baseline of b events: given
// k + b events, k ~ Binomial(k + b, e / (e + E)) when both rates are one, so the p-value is
// P[K >= k] (the conditional test of Przyborowski and Wilenski, Biometrika 31, 1940); it
// accounts for how little a short baseline knows.
#pragma once

#include <cstdint>

namespace cordon::detect {

/// P[X >= count] for X ~ Poisson(mean). `mean` >= 0 and finite.
[[nodiscard]] double poisson_tail(std::uint64_t count, double mean) noexcept;
/// P[K >= count] for K ~ Binomial(trials, share). 0 <= share <= 1.
[[nodiscard]] double binomial_tail(std::uint64_t count, std::uint64_t trials,
                                   double share) noexcept;

/// Two counts and how much each looked at; exposure in seconds or exchanges, alike in both.
struct CountPair {
  std::uint64_t count = 0;
  double exposure = 0;
  std::uint64_t baseline_count = 0;
  double baseline_exposure = 0;
};
/// The learned-baseline p-value; 1 if there is no exposure to compare with.
[[nodiscard]] double burst_p_value(const CountPair& pair) noexcept;

}  // namespace cordon::detect
