// Ed25519 (RFC 8032) keys and signatures, through OpenSSL.
#pragma once

#include "base/result.h"

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace cordon::crypto {

using Signature = std::array<std::byte, 64>;
using PublicKeyBytes = std::array<std::byte, 32>;

/// What checks a signature. Immutable, so any thread may use it.
class PublicKey {
 public:
  [[nodiscard]] static Result<PublicKey> from_raw(std::span<const std::byte> raw);
  /// PEM, SubjectPublicKeyInfo, as `openssl pkey -pubout` writes it.
  [[nodiscard]] static Result<PublicKey> from_pem(std::string_view pem);
  [[nodiscard]] const PublicKeyBytes& raw() const noexcept { return raw_; }
  [[nodiscard]] std::string to_pem() const;
  [[nodiscard]] bool verifies(std::span<const std::byte> message,
                              std::span<const std::byte> signature) const;

 private:
  explicit PublicKey(const PublicKeyBytes& raw) : raw_(raw) {}
  PublicKeyBytes raw_;
};

/// What makes a signature. Held in memory only as long as this object lives.
class SigningKey {
 public:
  [[nodiscard]] static SigningKey generate();
  /// PEM, PKCS #8, unencrypted. Refuses any other kind of key as `invalid`.
  [[nodiscard]] static Result<SigningKey> from_pem(std::string_view pem);
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();
  [[nodiscard]] std::string to_pem() const;
  [[nodiscard]] PublicKey public_key() const;
  [[nodiscard]] Signature sign(std::span<const std::byte> message) const;

 private:
  struct State;
  explicit SigningKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cordon::crypto
