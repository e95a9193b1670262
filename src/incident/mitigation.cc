#include "incident/mitigation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace cordon::incident {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

/// One rate of a mixture: for rates below the limit, a part of it; above, a multiple of its odds.
struct Part {
  double factor;
  double weight;
};
constexpr std::array<Part, 5> kBelow = {
    {{0.0, 0.5}, {0.0625, 0.125}, {0.125, 0.125}, {0.25, 0.125}, {0.5, 0.125}}};
constexpr std::array<Part, 4> kAbove = {{{2, 0.25}, {4, 0.25}, {16, 0.25}, {64, 0.25}}};

/// log((q / p)^bad * ((1 - q) / (1 - p))^good)
double log_ratio(double q, double p, double bad, double good) {
  if (q <= 0) return bad > 0 ? kNever : -good * std::log1p(-p);
  return bad * std::log(q / p) + good * (std::log1p(-q) - std::log1p(-p));
}

/// log(e^a + e^b) without overflow.
double log_add(double a, double b) {
  const double high = std::max(a, b);
  if (high == kNever) return kNever;
  return high + std::log1p(std::exp(std::min(a, b) - high));
}

}  // namespace

Status check(const MitigationTest& test) {
  if (!(test.limit > 0 && test.limit < 1)) {
    return fail(Errc::invalid,
                "a mitigation's value must lie above 0 and below 1: no number of samples shows "
                "that a rate is zero, so name the rate that would be good enough, like 0.01");
  }
  if (test.window < std::chrono::seconds(1) || test.window > std::chrono::hours(24 * 7)) {
    return fail(Errc::invalid, "a mitigation's window must be from 1s to 7d");
  }
  if (test.min_samples == 0 || test.min_samples > kMinSamplesMax) {
    return fail(Errc::invalid,
                fmt::format("a mitigation's min_samples must be from 1 to {}", kMinSamplesMax));
  }
  if (test.scope.named(model::Dimension::flag)) {
    return fail(Errc::invalid,
                "a mitigation cannot be measured by flag: which flags were on is not recorded");
  }
  return {};
}

SequentialTest::SequentialTest(double limit) noexcept : limit_(limit) {}

void SequentialTest::add(Sample sample) noexcept {
  ++samples_;
  if (sample == Sample::bad) ++bad_;
}

double SequentialTest::log_below() const noexcept {
  const auto bad = static_cast<double>(bad_);
  const auto good = static_cast<double>(samples_ - bad_);
  double sum = kNever;
  for (const Part& part : kBelow) {
    sum = log_add(sum, std::log(part.weight) + log_ratio(limit_ * part.factor, limit_, bad, good));
  }
  return sum;
}

double SequentialTest::log_above() const noexcept {
  const auto bad = static_cast<double>(bad_);
  const auto good = static_cast<double>(samples_ - bad_);
  const double odds = limit_ / (1 - limit_);
  double sum = kNever;
  for (const Part& part : kAbove) {
    const double q = part.factor * odds / (1 + part.factor * odds);
    sum = log_add(sum, std::log(part.weight) + log_ratio(q, limit_, bad, good));
  }
  return sum;
}

Verdict SequentialTest::verdict(double alpha) const noexcept {
  const double enough = -std::log(alpha);
  if (log_above() >= enough) return Verdict::ineffective;
  if (log_below() >= enough) return Verdict::effective;
  return Verdict::inconclusive;
}

Judgement Mitigation::judge(WallTime now) const {
  Judgement judgement;
  judgement.samples = counted.samples();
  judgement.bad = counted.bad();
  judgement.refused = refused;
  if (!began) {
    judgement.reason = "no containment that it judges has been acknowledged by every node";
    return judgement;
  }
  judgement.watched = std::max(std::chrono::floor<std::chrono::milliseconds>(now - *began),
                               std::chrono::milliseconds(0));
  judgement.evidence = std::max({counted.log_below(), counted.log_above(), 0.0});
  const Verdict verdict = counted.verdict();
  if (verdict == Verdict::ineffective) {
    judgement.verdict = verdict;
  } else if (counted.samples() < test.min_samples) {
    judgement.reason =
        fmt::format("{} samples of at least {}", counted.samples(), test.min_samples);
  } else if (judgement.watched < test.window) {
    judgement.reason =
        fmt::format("watched for {} ms of {} ms", judgement.watched.count(), test.window.count());
  } else if (verdict == Verdict::inconclusive) {
    judgement.reason = fmt::format("{} of {} samples were bad: too few to tell from a rate of {}",
                                   counted.bad(), counted.samples(), test.limit);
  } else {
    judgement.verdict = verdict;
  }
  return judgement;
}

codec::Json to_json(const Mitigation& mitigation, WallTime now) {
  const MitigationTest& test = mitigation.test;
  const Judgement judgement = mitigation.judge(now);
  codec::Json json = {{"id", test.id},
                      {"metric", to_string(test.metric)},
                      {"scope", test.scope.text()},
                      {"comparator", "<"},
                      {"value", test.limit},
                      {"window", format_duration(test.window)},
                      {"min_samples", test.min_samples}};
  if (!test.containment.empty()) json["containment"] = test.containment;
  json["declared_at"] = format_rfc3339(mitigation.declared_at);
  if (mitigation.began) json["began_at"] = format_rfc3339(*mitigation.began);
  json["verdict"] = to_string(judgement.verdict);
  json["samples"] = judgement.samples;
  json["refused"] = judgement.refused;
  if (judgement.samples > 0) {
    json["observed"] = static_cast<double>(judgement.bad) / static_cast<double>(judgement.samples);
  } else {
    json["observed"] = nullptr;
  }
  json["evidence"] = judgement.evidence;
  json["reason"] = judgement.reason;
  return json;
}

}  // namespace cordon::incident
