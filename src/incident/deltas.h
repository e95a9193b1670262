// How service was before the impact, during it, and after it was contained: latency, success,
// tokens. From the ends of exchanges in scope; a span with none says so.
#pragma once

#include "base/clock.h"
#include "model/exchange.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::incident {

enum class Span : std::uint8_t { baseline, incident, after };
inline constexpr std::size_t kSpanCount = 3;
[[nodiscard]] std::string_view to_string(Span span) noexcept;

/// The baseline reaches back this far before the impact began.
inline constexpr std::chrono::minutes kBaseline{60};
/// Latencies kept for each span; beyond it every further one replaces nothing and is counted.
inline constexpr std::size_t kLatenciesMax = 200'000;

/// Sums of one span.
struct SpanCounts {
  std::uint64_t exchanges = 0;
  std::uint64_t succeeded = 0;  ///< complete, as the client saw it
  std::uint64_t refused = 0;    ///< by a switch, a limit or lockdown: measures, not faults
  std::uint64_t tokens = 0;
  std::uint64_t without_usage = 0;          ///< exchanges whose tokens nobody told
  std::vector<std::uint64_t> latencies_us;  ///< of those that succeeded
};

/// A fold over ends. One thread's.
class Deltas {
 public:
  /// `contained_at`: where the incident's span ends, if it does.
  Deltas(WallTime impact_start, std::optional<WallTime> contained_at)
      : impact_start_(impact_start), contained_at_(contained_at) {}
  void add(const model::EndRecord& end, WallTime recorded);
  [[nodiscard]] const SpanCounts& of(Span span) const noexcept {
    return spans_[static_cast<std::size_t>(span)];
  }
  /// One sentence for each span, with n and method; `no_baseline` where there is none.
  [[nodiscard]] std::vector<std::string> lines() const;

 private:
  WallTime impact_start_;
  std::optional<WallTime> contained_at_;
  std::array<SpanCounts, kSpanCount> spans_;
};

}  // namespace cordon::incident
