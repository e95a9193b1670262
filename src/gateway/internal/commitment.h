// Keyed commitments to texts, as docs/formats/entry.md has them.
#pragma once

#include "crypto/sha256.h"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace cordon::gateway {

/// A commitment to one field of one exchange whose text comes in pieces. Reusable, one at a time.
class Commitment {
 public:
  using Key = std::array<std::byte, 32>;

  /// Begins; whatever was begun before is dropped.
  void begin(const Key& node_key, std::string_view exchange, std::string_view field);
  void update(std::string_view text) { inner_.update(text); }
  /// Base64url without padding. Ends what begin() began.
  [[nodiscard]] std::string finish();
  /// All three for a text that is at hand.
  [[nodiscard]] std::string of(const Key& node_key, std::string_view exchange,
                               std::string_view field, std::string_view text);

 private:
  struct Pads {
    std::array<std::byte, 64> inner;
    std::array<std::byte, 64> outer;
  };
  [[nodiscard]] static Pads pads_of(std::span<const std::byte> key) noexcept;
  [[nodiscard]] crypto::Digest finish_hmac(const Pads& pads);

  Pads pads_{};
  crypto::Sha256 inner_;
  crypto::Sha256 outer_;
  bool begun_ = false;
};

}  // namespace cordon::gateway
