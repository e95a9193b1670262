// Randomness as a parameter, so that a run can be repeated from its seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cordon {

/// A source of random bytes. One thread at a time unless the kind says otherwise.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> out) noexcept = 0;
  /// Uniform over all 64-bit values.
  [[nodiscard]] std::uint64_t next() noexcept;
  /// Uniform over [0, bound); `bound` must not be 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept;
};

/// The kernel's generator. Any number of threads may use it; fit for keys.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) noexcept override;
};

/// SplitMix64: the same numbers for the same seed on every machine. Never for keys.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) noexcept : state_(seed) {}
  void fill(std::span<std::byte> out) noexcept override;

 private:
  std::uint64_t state_;
};

}  // namespace cordon
