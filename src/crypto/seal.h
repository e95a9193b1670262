// Authenticated encryption: AES-256-GCM (NIST SP 800-38D), through OpenSSL.
#pragma once

#include "base/random.h"
#include "base/result.h"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace cordon::crypto {

using SealKey = std::array<std::byte, 32>;
inline constexpr std::size_t kSealNonceBytes = 12;
inline constexpr std::size_t kSealTagBytes = 16;

/// Nonce, ciphertext and tag in one. `context` is authenticated and not stored: only the same
/// context opens it. Any thread, if the random source allows it; at most 2^32 texts a key.
[[nodiscard]] std::string seal(const SealKey& key, std::string_view context, std::string_view text,
                               Random& random);
/// Refuses as `corrupt` what another key, another context or a changed byte makes of it.
[[nodiscard]] Result<std::string> unseal(const SealKey& key, std::string_view context,
                                         std::string_view sealed);

}  // namespace cordon::crypto
