// What the gateway counted: one block per I/O thread, added up when somebody asks.
//
// Cardinality is bounded by the enumerations below: no label holds what a caller sent.
#pragma once

#include "dialect/problem.h"
#include "gateway/health.h"
#include "model/action.h"
#include "model/exchange.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cordon::gateway {

/// A number one thread adds to and any thread reads.
class Counter {
 public:
  void add(std::uint64_t by = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void set(std::uint64_t to) noexcept { value_.store(to, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// How one attempt at a target ended.
using Attempt = model::AttemptEnd;
inline constexpr std::size_t kEndCount = 9;
inline constexpr std::size_t kActionCount = 4;

/// Durations in powers of two of a microsecond: 64 us, 128 us, ... 67 s, more.
class DurationCounter {
 public:
  static constexpr std::size_t kBuckets = 21;
  void add(std::uint64_t microseconds) noexcept;

  std::array<Counter, kBuckets> buckets;
  Counter count;
  Counter sum_us;
};

/// The counters of one I/O thread.
struct alignas(64) ThreadMetrics {
  std::array<Counter, kEndCount> ended;                 ///< exchanges by model::End
  std::array<Counter, kActionCount> on_request;         ///< admission decisions by model::Action
  std::array<Counter, kActionCount> on_answer;          ///< ended exchanges by model::Action
  std::array<Counter, dialect::kProblemCount> refused;  ///< answers that were an error
  std::array<Counter, model::kAttemptEndCount> attempts;
  Counter running;         ///< a gauge
  Counter writes_waiting;  ///< a gauge: frames that wait for their client to read
  Counter streams_cut;
  Counter journal_refused;  ///< appends the journal did not take
  Counter generation;       ///< a gauge: the number in force
  Counter request_bytes;
  Counter answer_bytes;
  Counter flags_on;          ///< evaluations of a feature flag that came out on
  Counter flags_off;         ///< likewise, off
  Counter flags_refused;     ///< requests about flags that were answered with an error
  DurationCounter overhead;  ///< time in Cordon until the first byte of an answer
  DurationCounter duration;
};

/// Samples of the breakers, as write() has the rest. Labels are names of the configuration; past
/// a thousand targets the others are left out.
void write_health(std::string& out, const HealthByTarget& health, MonoTime now);

/// All threads' counters. Outlives every gateway that was given it; any thread may write().
class Metrics {
 public:
  explicit Metrics(std::uint32_t threads);
  /// The block of the next thread. At most `threads` times.
  [[nodiscard]] ThreadMetrics& next_block();
  /// Prometheus text exposition, version 0.0.4. Names are in docs/formats/gateway-http.md.
  [[nodiscard]] std::string write() const;

 private:
  std::vector<std::unique_ptr<ThreadMetrics>> blocks_;
  std::atomic<std::size_t> taken_{0};
};

}  // namespace cordon::gateway
