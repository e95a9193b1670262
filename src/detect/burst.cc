#include "detect/burst.h"

#include <algorithm>
#include <cmath>

namespace cordon::detect {
namespace {

// A term smaller than this part of the sum changes no digit of it.
constexpr double kNegligible = 1e-17;
constexpr int kTermsMax = 100'000'000;

// log(n!) by Stirling's series (error below 1e-13 from n = 16 on) and by multiplication before
// that; std::lgamma writes a global.
double log_factorial(double n) noexcept {
  if (n < 16) {
    double product = 1;
    for (double i = 2; i <= n; ++i) product *= i;
    return std::log(product);
  }
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  const double inverse = 1 / n;
  const double square = inverse * inverse;
  const double series =
      inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680)));
  return (n + 0.5) * std::log(n) - n + kHalfLogTwoPi + series;
}

}  // namespace

double poisson_tail(std::uint64_t count, double mean) noexcept {
  if (count == 0) return 1;
  if (!(mean > 0)) return 0;
  const auto k = static_cast<double>(count);
  const auto term_at = [mean](double n) {
    return std::exp(n * std::log(mean) - mean - log_factorial(n));
  };
  double sum = 0;
  if (k > mean) {
    double term = term_at(k);
    for (double n = k; n < k + kTermsMax && term > sum * kNegligible; ++n) {
      sum += term;
      term *= mean / (n + 1);
    }
    return std::min(sum, 1.0);
  }
  double term = term_at(k - 1);
  for (double n = k - 1; n >= 0 && term > sum * kNegligible; --n) {
    sum += term;
    term *= n / mean;
  }
  return std::clamp(1 - sum, 0.0, 1.0);
}

double binomial_tail(std::uint64_t count, std::uint64_t trials, double share) noexcept {
  if (count == 0) return 1;
  if (count > trials || !(share > 0)) return 0;
  if (share >= 1) return 1;
  const auto n = static_cast<double>(trials);
  const auto k = static_cast<double>(count);
  const double odds = share / (1 - share);
  const auto term_at = [n, share](double i) {
    return std::exp(log_factorial(n) - log_factorial(i) - log_factorial(n - i) +
                    i * std::log(share) + (n - i) * std::log1p(-share));
  };
  double sum = 0;
  if (k > n * share) {
    double term = term_at(k);
    for (double i = k; i <= n && term > sum * kNegligible; ++i) {
      sum += term;
      term *= (n - i) / (i + 1) * odds;
    }
    return std::min(sum, 1.0);
  }
  double term = term_at(k - 1);
  for (double i = k - 1; i >= 0 && term > sum * kNegligible; --i) {
    sum += term;
    term *= i / ((n - i + 1) * odds);
  }
  return std::clamp(1 - sum, 0.0, 1.0);
}

double burst_p_value(const CountPair& pair) noexcept {
  if (!(pair.exposure > 0) || !(pair.baseline_exposure > 0)) return 1;
  const double share = pair.exposure / (pair.exposure + pair.baseline_exposure);
  return binomial_tail(pair.count, pair.count + pair.baseline_count, share);
}

}  // namespace cordon::detect
