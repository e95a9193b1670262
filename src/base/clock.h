// Time as a parameter: whoever needs the time takes a Clock&, so a test can hold it.
#pragma once

#include "base/result.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace cordon {

/// Wall time, UTC, nanoseconds since 1970. Can jump; never used to measure a duration.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;
/// Nanoseconds since boot, including suspend. Never jumps back.
using MonoTime = std::chrono::duration<std::int64_t, std::nano>;

/// Any number of threads may ask.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime wall() const noexcept = 0;
  [[nodiscard]] virtual MonoTime mono() const noexcept = 0;
};

/// The machine's clocks: CLOCK_REALTIME and CLOCK_BOOTTIME.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const noexcept override;
  [[nodiscard]] MonoTime mono() const noexcept override;
};

/// A clock that a test moves. Not for sharing between threads while it moves.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start) : wall_(start) {}
  [[nodiscard]] WallTime wall() const noexcept override { return wall_; }
  [[nodiscard]] MonoTime mono() const noexcept override { return mono_; }
  void advance(std::chrono::nanoseconds by) noexcept {
    wall_ += by;
    mono_ += by;
  }
  /// Moves the wall alone, as an administrator or NTP would.
  void jump(std::chrono::nanoseconds by) noexcept { wall_ += by; }

 private:
  WallTime wall_;
  MonoTime mono_{1};
};

/// RFC 3339, UTC, nine decimals: 2026-01-05T10:12:03.114000000Z.
[[nodiscard]] std::string format_rfc3339(WallTime time);
/// Accepts RFC 3339 with any zone and up to nine decimals; refuses anything else as `invalid`.
[[nodiscard]] Result<WallTime> parse_rfc3339(std::string_view text);

/// "250ms", "2s", "15m", "1h", "7d": one integer, one unit. Refuses others as `invalid`.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The shortest such form that loses nothing.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

}  // namespace cordon
