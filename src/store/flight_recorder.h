// The flight recorder: an encrypted ring of recent texts, bounded in time and size, so that an
// incident can be replayed from what happened before anybody noticed.
//
// Nothing rests on it: it is not synced, it may lose its end in a power cut, and all of it may be
// erased. Segments are `<dir>/<first time, 20 digits of ns>.seg`; a record is four bytes of
// length, little-endian, and that many bytes of AES-256-GCM under the context cordon/flight/v1.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/seal.h"
#include "journal/disk.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace cordon::store {

/// Places and bounds. `dir` exists.
struct FlightOptions {
  std::filesystem::path dir;
  std::chrono::milliseconds keep_for{std::chrono::hours(1)};
  std::uint64_t bytes_max = std::uint64_t{256} << 20U;
  std::uint64_t segment_bytes = std::uint64_t{4} << 20U;
  std::chrono::milliseconds segment_time{60'000};
  std::uint64_t record_bytes_max = std::uint64_t{1} << 20U;
};

/// Written by one thread. The clock, the disk and the random source outlive it.
class FlightRecorder {
 public:
  FlightRecorder(FlightOptions options, const crypto::SealKey& key, const Clock& clock,
                 journal::Disk& disk, Random& random);

  /// Keeps a record and forgets what is past the bounds. `exhausted` past `record_bytes_max`.
  [[nodiscard]] Status keep(std::string_view record);
  /// Forgets what is past the bounds, for when nothing comes in.
  [[nodiscard]] Status forget();

 private:
  [[nodiscard]] Status begin_segment();

  FlightOptions options_;
  crypto::SealKey key_;
  const Clock& clock_;
  journal::Disk& disk_;
  Random& random_;
  std::unique_ptr<journal::File> file_;
  WallTime begun_{};
  std::uint64_t written_ = 0;
};

/// Reads what a FlightRecorder wrote. Any thread, beside the writer. The disk outlives it.
class FlightReader {
 public:
  FlightReader(FlightOptions options, const crypto::SealKey& key, journal::Disk& disk);

  /// Every record that can be opened, oldest first, until `visit` answers false. What is being
  /// written or forgotten meanwhile is left out; so is what was changed, or sealed with another
  /// key, and the answer says how many those were.
  [[nodiscard]] Result<std::uint64_t> read(const std::function<bool(std::string)>& visit) const;

 private:
  FlightOptions options_;
  crypto::SealKey key_;
  journal::Disk& disk_;
};

}  // namespace cordon::store
