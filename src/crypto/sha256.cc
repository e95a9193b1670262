// The functions for SHA-256 alone: OpenSSL 3 calls them old, but its EVP_DigestInit allocates and
// wipes a state for every digest, which costs as much as hashing 200 bytes. Both run the same code.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/sha256.h"

#include "base/assert.h"
#include "base/hex.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <new>

namespace cordon::crypto {
namespace {

void begin(SHA256_CTX& state) {
  CORDON_ASSERT(SHA256_Init(&state) == 1);
}
void add(SHA256_CTX& state, std::span<const std::byte> bytes) {
  CORDON_ASSERT(SHA256_Update(&state, bytes.data(), bytes.size()) == 1);
}
Digest end(SHA256_CTX& state) {
  Digest digest;
  CORDON_ASSERT(SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &state) == 1);
  return digest;
}

}  // namespace

Digest sha256(std::span<const std::byte> bytes) {
  SHA256_CTX state;
  begin(state);
  add(state, bytes);
  return end(state);
}

Digest sha256(std::string_view text) {
  return sha256(bytes_of(text));
}

Digest sha256(std::byte head, std::span<const std::byte> a, std::span<const std::byte> b) {
  SHA256_CTX state;
  begin(state);
  add(state, {&head, 1});
  add(state, a);
  add(state, b);
  return end(state);
}

namespace {

SHA256_CTX& in(std::byte* state) noexcept {
  return *std::launder(reinterpret_cast<SHA256_CTX*>(state));
}

}  // namespace

Sha256::Sha256() {
  static_assert(sizeof(SHA256_CTX) == kStateBytes && alignof(SHA256_CTX) <= 8);
  begin(*new (state_.data()) SHA256_CTX);
}
void Sha256::update(std::span<const std::byte> bytes) {
  add(in(state_.data()), bytes);
}
void Sha256::update(std::string_view text) {
  update(bytes_of(text));
}
Digest Sha256::finish() {
  const Digest digest = end(in(state_.data()));
  begin(in(state_.data()));
  return digest;
}

// Built from the digest, because OpenSSL's HMAC object costs four times as much to set up.
Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> bytes) {
  constexpr std::size_t kBlock = 64;
  std::array<std::byte, kBlock> inner{};
  std::array<std::byte, kBlock> outer{};
  Digest shortened;
  if (key.size() > kBlock) {
    shortened = sha256(key);
    key = shortened;
  }
  for (std::size_t i = 0; i < kBlock; ++i) {
    const std::byte k = i < key.size() ? key[i] : std::byte{0};
    inner[i] = k ^ std::byte{0x36};
    outer[i] = k ^ std::byte{0x5c};
  }
  SHA256_CTX state;
  begin(state);
  add(state, inner);
  add(state, bytes);
  const Digest first = end(state);
  begin(state);
  add(state, outer);
  add(state, first);
  return end(state);
}

bool equal_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hex(const Digest& digest) {
  return to_hex(digest);
}

}  // namespace cordon::crypto
