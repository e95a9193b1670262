#include "crypto/sha256.h"

#include "base/assert.h"
#include "base/hex.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace cordon::crypto {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

// Fetched once: looking the algorithm up costs as much as hashing 200 bytes.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CORDON_ASSERT(fetched != nullptr);
  return fetched;
}

EVP_MD_CTX* thread_context() {
  thread_local const Context context(EVP_MD_CTX_new());
  CORDON_ASSERT(context != nullptr);
  return context.get();
}

void begin(EVP_MD_CTX* context) {
  CORDON_ASSERT(EVP_DigestInit_ex2(context, algorithm(), nullptr) == 1);
}
void add(EVP_MD_CTX* context, std::span<const std::byte> bytes) {
  CORDON_ASSERT(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
}
Digest end(EVP_MD_CTX* context) {
  Digest digest;
  CORDON_ASSERT(
      EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1);
  return digest;
}

}  // namespace

Digest sha256(std::span<const std::byte> bytes) {
  EVP_MD_CTX* const context = thread_context();
  begin(context);
  add(context, bytes);
  return end(context);
}

Digest sha256(std::string_view text) {
  return sha256(bytes_of(text));
}

Digest sha256(std::byte head, std::span<const std::byte> a, std::span<const std::byte> b) {
  EVP_MD_CTX* const context = thread_context();
  begin(context);
  add(context, {&head, 1});
  add(context, a);
  add(context, b);
  return end(context);
}

struct Sha256::State {
  Context context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  begin(state_->context.get());
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
void Sha256::update(std::span<const std::byte> bytes) {
  add(state_->context.get(), bytes);
}
void Sha256::update(std::string_view text) {
  update(bytes_of(text));
}
Digest Sha256::finish() {
  const Digest digest = end(state_->context.get());
  begin(state_->context.get());
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
  EVP_MD_CTX* const context = thread_context();
  begin(context);
  add(context, inner);
  add(context, bytes);
  const Digest first = end(context);
  begin(context);
  add(context, outer);
  add(context, first);
  return end(context);
}

bool equal_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hex(const Digest& digest) {
  return to_hex(digest);
}

}  // namespace cordon::crypto
