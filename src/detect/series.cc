#include "detect/internal/series.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cordon::detect::internal {
namespace {

constexpr Second kSlotSeconds = 10;

tl::unexpected<Unknown> not_kept() {
  return unknown("the window reaches back before what is kept");
}

void add_class(ClassBucket& to, const ClassBucket& one) noexcept {
  to.matches += one.matches;
  to.matches_delivered += one.matches_delivered;
  to.exchanges_hit += one.exchanges_hit;
  to.exchanges_delivered += one.exchanges_delivered;
}

void add_class(ClassCounts& to, const ClassBucket& one) noexcept {
  to.matches += one.matches;
  to.matches_delivered += one.matches_delivered;
  to.exchanges_hit += one.exchanges_hit;
  to.exchanges_delivered += one.exchanges_delivered;
}

Second slot_of(Second second) noexcept {
  return second - ((second % kSlotSeconds) + kSlotSeconds) % kSlotSeconds;
}

}  // namespace

Second second_of(WallTime time) noexcept {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

Seconds seconds_of(Window window) noexcept {
  const Second until = second_of(window.end);
  return {until - window.length.count(), until};
}

Bucket bucket_of(const model::EndRecord& end) noexcept {
  Bucket one;
  one.exchanges = 1;
  one.ends[static_cast<std::size_t>(end.end)] = 1;
  one.blocked = end.end == model::End::blocked || end.action == model::Action::block ? 1 : 0;
  one.errors = end.end == model::End::upstream_error || end.end == model::End::upstream_cut ||
                       end.end == model::End::timeout
                   ? 1
                   : 0;
  one.tokens_in = end.tokens_in;
  one.tokens_out = end.tokens_out;
  for (const model::Hit& hit : end.hits) {
    if (!hit.live || hit.count == 0) continue;
    ClassBucket& of = one.by_class[static_cast<std::size_t>(hit.of_class)];
    one.has_hits = true;
    of.matches += hit.count;
    of.matches_delivered += hit.delivered;
    of.exchanges_hit = 1;
    if (hit.delivered > 0) of.exchanges_delivered = 1;
  }
  return one;
}

std::size_t Histogram::index_of(std::uint64_t value) noexcept {
  if (value < 8) return value;
  const auto octave = static_cast<std::size_t>(std::bit_width(value)) - 4;  // 8..15 is octave 0
  const std::size_t within = (value >> octave) - 8;
  return std::min(8 + octave * 8 + within, kBuckets - 1);
}

std::uint64_t Histogram::value_of(std::size_t index) noexcept {
  if (index < 8) return index;
  const std::size_t octave = (index - 8) / 8;
  const std::uint64_t low = (std::uint64_t{8} + (index - 8) % 8) << octave;
  return low + ((std::uint64_t{1} << octave) >> 1U);
}

void ExchangeSeries::add(Second second, const Bucket& one, std::size_t seconds_max) {
  Bucket* to = buckets_.at(second, seconds_max);
  if (to == nullptr) return;
  to->exchanges += one.exchanges;
  for (std::size_t i = 0; i < kEndCount; ++i) to->ends[i] += one.ends[i];
  to->blocked += one.blocked;
  to->errors += one.errors;
  to->tokens_in += one.tokens_in;
  to->tokens_out += one.tokens_out;
  if (!one.has_hits) return;
  to->has_hits = true;
  for (std::size_t i = 0; i < one.by_class.size(); ++i) add_class(to->by_class[i], one.by_class[i]);
}

void ExchangeSeries::add_latency(Second second, std::uint64_t us, std::size_t seconds_max) {
  LatencySlot* slot = latencies_.at(slot_of(second), std::max<std::size_t>(seconds_max / 10, 1));
  if (slot == nullptr) return;
  if (!slot->histogram) slot->histogram = std::make_unique<Histogram>();
  ++slot->histogram->counts[Histogram::index_of(us)];
}

Known<Counts> ExchangeSeries::sum(Seconds seconds) const {
  if (!buckets_.holds(seconds)) return not_kept();
  Counts sums;
  buckets_.each(seconds, [&sums](const Bucket& bucket) {
    sums.exchanges += bucket.exchanges;
    for (std::size_t i = 0; i < kEndCount; ++i) sums.ends[i] += bucket.ends[i];
    sums.blocked += bucket.blocked;
    sums.errors += bucket.errors;
    sums.tokens_in += bucket.tokens_in;
    sums.tokens_out += bucket.tokens_out;
    if (!bucket.has_hits) return;
    for (std::size_t i = 0; i < bucket.by_class.size(); ++i) {
      add_class(sums.by_class[i], bucket.by_class[i]);
    }
  });
  return sums;
}

Known<std::uint64_t> ExchangeSeries::latency(Seconds seconds, double q) const {
  const Seconds slots{slot_of(seconds.after + 1) - 1, seconds.until};
  if (!latencies_.holds(slots)) return not_kept();
  auto sums = std::make_unique<std::array<std::uint64_t, Histogram::kBuckets>>();
  std::uint64_t total = 0;
  latencies_.each(slots, [&](const LatencySlot& slot) {
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
      (*sums)[i] += slot.histogram->counts[i];
      total += slot.histogram->counts[i];
    }
  });
  if (total == 0) return unknown("no exchanges in the window");
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(total)));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    below += (*sums)[i];
    if (below >= std::max<std::uint64_t>(rank, 1)) return Histogram::value_of(i);
  }
  return Histogram::value_of(Histogram::kBuckets - 1);
}

void RuleSeries::add(Second second, const model::Hit& hit, std::size_t seconds_max) {
  RuleBucket* to = buckets_.at(second, seconds_max);
  if (to == nullptr) return;
  of_class_ = hit.of_class;
  add_class(to->counts, ClassBucket{hit.count, hit.delivered, 1, hit.delivered > 0 ? 1U : 0U});
}

Known<Counts> RuleSeries::sum(Seconds seconds) const {
  if (!buckets_.holds(seconds)) return not_kept();
  Counts sums;
  ClassCounts& of = sums.by_class[static_cast<std::size_t>(of_class_)];
  buckets_.each(seconds, [&of](const RuleBucket& bucket) { add_class(of, bucket.counts); });
  sums.exchanges = of.exchanges_hit;
  return sums;
}

}  // namespace cordon::detect::internal
