#include "incident/deltas.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cordon::incident {
namespace {

/// The smallest value that at least the share `q` of all does not exceed.
std::uint64_t quantile(std::vector<std::uint64_t> values, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

std::string say_latency(const SpanCounts& counts) {
  if (counts.latencies_us.empty()) return "latency unknown, none succeeded";
  return fmt::format("p50 {:.1f} ms, p95 {:.1f} ms of those that succeeded",
                     static_cast<double>(quantile(counts.latencies_us, 0.5)) / 1000,
                     static_cast<double>(quantile(counts.latencies_us, 0.95)) / 1000);
}

std::string say_tokens(const SpanCounts& counts) {
  if (counts.without_usage == 0) return fmt::format("{} tokens", counts.tokens);
  return fmt::format("at least {} tokens, {} exchanges told none", counts.tokens,
                     counts.without_usage);
}

}  // namespace

std::string_view to_string(Span span) noexcept {
  constexpr std::string_view kWords[] = {"baseline", "incident", "after"};
  return kWords[static_cast<std::size_t>(span)];
}

void Deltas::add(const model::EndRecord& end, WallTime recorded) {
  Span span = Span::incident;
  if (recorded < impact_start_) {
    if (recorded < impact_start_ - kBaseline) return;
    span = Span::baseline;
  } else if (contained_at_ && recorded >= *contained_at_) {
    span = Span::after;
  }
  SpanCounts& counts = spans_[static_cast<std::size_t>(span)];
  ++counts.exchanges;
  if (end.end == model::End::refused) {
    ++counts.refused;
    return;
  }
  counts.tokens += end.tokens_in + end.tokens_out;
  if (end.usage == model::UsageSource::unknown) ++counts.without_usage;
  if (end.end != model::End::complete) return;
  ++counts.succeeded;
  if (counts.latencies_us.size() < kLatenciesMax) counts.latencies_us.push_back(end.total_us);
}

std::vector<std::string> Deltas::lines() const {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < kSpanCount; ++i) {
    const auto span = static_cast<Span>(i);
    const SpanCounts& counts = spans_[i];
    if (counts.exchanges == 0) {
      lines.push_back(span == Span::baseline
                          ? "baseline: no_baseline, no exchange in scope in the hour before"
                          : fmt::format("{}: no exchange in scope", to_string(span)));
      continue;
    }
    const std::uint64_t tried = counts.exchanges - counts.refused;
    lines.push_back(
        fmt::format("{}: n {}, success {} of {} tried, {} refused by measures, {}, {}; "
                    "cost unknown, no price is configured",
                    to_string(span), counts.exchanges, counts.succeeded, tried, counts.refused,
                    say_latency(counts), say_tokens(counts)));
  }
  return lines;
}

}  // namespace cordon::incident
