// Counts of one name by second, and its latencies by ten seconds.
#pragma once

#include "detect/windows.h"

#include <deque>
#include <memory>

namespace cordon::detect::internal {

/// Seconds since 1970, rounded down.
using Second = std::int64_t;
[[nodiscard]] Second second_of(WallTime time) noexcept;

/// The seconds above `after` up to `until`.
struct Seconds {
  Second after = 0;
  Second until = 0;
};
[[nodiscard]] Seconds seconds_of(Window window) noexcept;

/// Of one class in one second.
struct ClassBucket {
  std::uint32_t matches = 0;
  std::uint32_t matches_delivered = 0;
  std::uint32_t exchanges_hit = 0;
  std::uint32_t exchanges_delivered = 0;
};

/// One second of a series of exchanges.
struct Bucket {
  Second second = 0;
  std::uint32_t exchanges = 0;
  std::array<std::uint32_t, kEndCount> ends{};
  std::uint32_t blocked = 0;
  std::uint32_t errors = 0;
  std::uint64_t tokens_in = 0;
  std::uint64_t tokens_out = 0;
  std::array<ClassBucket, model::kIncidentClassCount> by_class{};
  bool has_hits = false;  ///< spares reading by_class
};

/// What one exchange adds.
[[nodiscard]] Bucket bucket_of(const model::EndRecord& end) noexcept;

/// Buckets in the order of their seconds. An active second is one bucket; the oldest go first.
template <class T>
class Ring {
 public:
  /// The bucket of a second, or null if it is older than all that are kept.
  T* at(Second second, std::size_t buckets_max) {
    if (!buckets_.empty() && buckets_.back().second == second) return &buckets_.back();
    auto place = buckets_.end();
    while (place != buckets_.begin() && std::prev(place)->second >= second) --place;
    if (place != buckets_.end() && place->second == second) return &*place;
    if (second <= dropped_until_) return nullptr;
    if (place == buckets_.begin() && buckets_.size() >= buckets_max) {
      dropped_until_ = second;
      return nullptr;
    }
    T fresh{};
    fresh.second = second;
    auto added = buckets_.insert(place, std::move(fresh));
    if (buckets_.size() <= buckets_max) return &*added;
    dropped_until_ = buckets_.front().second;
    buckets_.pop_front();
    return at(second, buckets_max);
  }
  template <class F>
  void each(Seconds seconds, F&& visit) const {
    for (auto at = buckets_.rbegin(); at != buckets_.rend() && at->second > seconds.after; ++at) {
      if (at->second <= seconds.until) visit(*at);
    }
  }
  /// True if nothing of it was dropped.
  [[nodiscard]] bool holds(Seconds seconds) const noexcept {
    return seconds.after >= dropped_until_;
  }

 private:
  std::deque<T> buckets_;
  Second dropped_until_ = INT64_MIN;
};

/// Log-linear: values below 8 exactly, then eight buckets for each doubling.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = 8 + 8 * 37;  ///< up to 2^40 us, 12 days
  [[nodiscard]] static std::size_t index_of(std::uint64_t value) noexcept;
  /// The middle of a bucket.
  [[nodiscard]] static std::uint64_t value_of(std::size_t index) noexcept;
  std::array<std::uint32_t, kBuckets> counts{};
};

/// Ten seconds of latencies.
struct LatencySlot {
  Second second = 0;  ///< the first of the ten
  std::unique_ptr<Histogram> histogram;
};

/// The exchanges of one route, target or tenant.
class ExchangeSeries {
 public:
  void add(Second second, const Bucket& one, std::size_t seconds_max);
  void add_latency(Second second, std::uint64_t us, std::size_t seconds_max);
  [[nodiscard]] Known<Counts> sum(Seconds seconds) const;
  [[nodiscard]] Known<std::uint64_t> latency(Seconds seconds, double q) const;

 private:
  Ring<Bucket> buckets_;
  Ring<LatencySlot> latencies_;
};

/// One second of one rule.
struct RuleBucket {
  Second second = 0;
  ClassBucket counts;
};

/// The matches of one rule.
class RuleSeries {
 public:
  void add(Second second, const model::Hit& hit, std::size_t seconds_max);
  [[nodiscard]] Known<Counts> sum(Seconds seconds) const;

 private:
  model::IncidentClass of_class_ = model::IncidentClass::data_leakage;
  Ring<RuleBucket> buckets_;
};

}  // namespace cordon::detect::internal
