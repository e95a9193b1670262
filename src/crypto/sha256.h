// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), through OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cordon::crypto {

using Digest = std::array<std::byte, 32>;

/// The digest of one piece of bytes. Any thread; about 0.2 us for 200 bytes.
[[nodiscard]] Digest sha256(std::span<const std::byte> bytes);
[[nodiscard]] Digest sha256(std::string_view text);
/// The digest of `head || a || b` without joining them, as tree hashing needs.
[[nodiscard]] Digest sha256(std::byte head, std::span<const std::byte> a,
                            std::span<const std::byte> b = {});

/// The digest of bytes that arrive in pieces. One thread at a time. A copy goes on from where the
/// original is: what many texts begin with is hashed once.
class Sha256 {
 public:
  Sha256();
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  /// The digest of all so far; the next update begins a new one.
  [[nodiscard]] Digest finish();

 private:
  static constexpr std::size_t kStateBytes = 112;
  alignas(8) std::array<std::byte, kStateBytes> state_;
};

[[nodiscard]] Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> bytes);

/// Takes the same time whatever differs. False for different sizes.
[[nodiscard]] bool equal_constant_time(std::span<const std::byte> a,
                                       std::span<const std::byte> b) noexcept;

[[nodiscard]] std::string hex(const Digest& digest);

}  // namespace cordon::crypto
