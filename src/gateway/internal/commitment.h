// Keyed commitments to texts, as docs/formats/entry.md has them.
#pragma once

#include "crypto/sha256.h"

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cordon::gateway {

/// HMAC-SHA-256 (RFC 2104) under one key, whose pads are hashed once. A copy takes one text.
class Hmac {
 public:
  explicit Hmac(std::span<const std::byte, 32> key);
  void update(std::string_view text) { inner_.update(text); }
  /// Ends it; of no use afterwards.
  [[nodiscard]] crypto::Digest finish();

 private:
  crypto::Sha256 inner_;
  crypto::Sha256 outer_;
};

/// A commitment to one field of one exchange whose text comes in pieces. Reusable, one at a time.
class Commitment {
 public:
  /// Begins; whatever was begun before is dropped.
  void begin(const Hmac& node_key, std::string_view exchange, std::string_view field);
  void update(std::string_view text) { hmac_->update(text); }
  /// Base64url without padding. Ends what begin() began.
  [[nodiscard]] std::string finish();
  /// All three for a text that is at hand.
  [[nodiscard]] std::string of(const Hmac& node_key, std::string_view exchange,
                               std::string_view field, std::string_view text);

 private:
  std::optional<Hmac> hmac_;
};

}  // namespace cordon::gateway
