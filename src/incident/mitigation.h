// Did it help? A test declared before a containment is applied, judged by live numbers.
//
// Each exchange that began in scope after the containment was acknowledged is one sample: harmed
// or not. The test may be looked at after every sample. With limit p0 and a fixed mixture of
// rates q_j (weights w_j), after n samples of which s were harmed,
//
//     E_n = sum_j w_j * (q_j / p0)^s * ((1 - q_j) / (1 - p0))^(n - s)
//
// is a non-negative supermartingale under every true rate >= p0 if all q_j < p0 (and under every
// rate <= p0 if all q_j > p0), so P(E_n >= 1/alpha for any n) <= alpha: Ville's inequality
// (Ville 1939; Wald's likelihood ratio 1945; mixtures after Robbins, Ann. Math. Stat. 41, 1970).
// `effective` needs the first with q_j < p0, `ineffective` the mirror with q_j > p0.
#pragma once

#include "base/clock.h"
#include "codec/json.h"
#include "model/scope.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::incident {

enum class Verdict : std::uint8_t { inconclusive, effective, ineffective };
[[nodiscard]] std::string_view to_string(Verdict verdict) noexcept;
/// Refuses any other word as `invalid`.
[[nodiscard]] Result<Verdict> parse_verdict(std::string_view text);

/// What makes a sample bad.
enum class MitigationMetric : std::uint8_t {
  delivered_hit_rate,  ///< a match of the incident's class was delivered
  error_rate,          ///< upstream_error, upstream_cut or timeout
};
[[nodiscard]] std::string_view to_string(MitigationMetric metric) noexcept;
/// Refuses any other word as `invalid`.
[[nodiscard]] Result<MitigationMetric> parse_mitigation_metric(std::string_view text);

inline constexpr double kAlpha = 0.05;  ///< the chance that peeking may mislead, per verdict
inline constexpr std::uint64_t kMinSamplesMax = 1'000'000;

/// The declared test: the rate of bad exchanges must be below `limit`.
struct MitigationTest {
  std::string id;
  MitigationMetric metric = MitigationMetric::delivered_hit_rate;
  model::Scope scope;
  double limit = 0.01;
  std::chrono::milliseconds window{60'000};  ///< it must be watched at least this long
  std::uint64_t min_samples = 30;
  std::string containment;  ///< empty: the incident's containments set after the declaration
};

/// Refuses a limit outside (0, 1) (no number of samples shows a rate of zero), a window outside
/// 1 s to 7 days, and `min_samples` of 0 or above kMinSamplesMax, as `invalid`.
[[nodiscard]] Status check(const MitigationTest& test);

/// Both supermartingales of one limit, as logarithms. A value; a sample costs about 20 flops.
class SequentialTest {
 public:
  explicit SequentialTest(double limit) noexcept;
  enum class Sample : std::uint8_t { good, bad };
  void add(Sample sample) noexcept;
  [[nodiscard]] std::uint64_t samples() const noexcept { return samples_; }
  [[nodiscard]] std::uint64_t bad() const noexcept { return bad_; }
  /// Natural logarithm of the evidence for a rate below the limit, and above it.
  [[nodiscard]] double log_below() const noexcept;
  [[nodiscard]] double log_above() const noexcept;
  [[nodiscard]] Verdict verdict(double alpha = kAlpha) const noexcept;

 private:
  double limit_;
  std::uint64_t samples_ = 0;
  std::uint64_t bad_ = 0;
};

/// A verdict with its numbers.
struct Judgement {
  Verdict verdict = Verdict::inconclusive;
  std::uint64_t samples = 0;
  std::uint64_t bad = 0;
  std::uint64_t refused = 0;  ///< of the samples, refused by a switch, limit or lockdown
  double evidence = 0;        ///< the larger of the two logarithms; effective or not from ln 20
  std::chrono::milliseconds watched{};
  std::string reason;  ///< why it is not conclusive; empty if it is
};

/// One declared test and what was seen of it so far. Counting begins again whenever a further
/// containment takes hold, because that is another treatment.
struct Mitigation {
  MitigationTest test;
  WallTime declared_at{};
  std::uint64_t declared_sequence = 0;  ///< of the entry that declared it
  std::optional<WallTime> began;        ///< the containment was acknowledged by every node
  SequentialTest counted{0.5};
  std::uint64_t refused = 0;
  Judgement judged;  ///< the last one that was journalled

  [[nodiscard]] Judgement judge(WallTime now) const;
};

[[nodiscard]] codec::Json to_json(const Mitigation& mitigation, WallTime now);

}  // namespace cordon::incident
