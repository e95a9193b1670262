#include "crypto/ed25519.h"

#include "base/assert.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>

namespace cordon::crypto {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Bio = std::unique_ptr<BIO, FreeBio>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

unsigned char* raw_bytes(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}
const unsigned char* raw_bytes(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

std::string drain(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Bio read_only(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Key public_key_of(const PublicKeyBytes& raw) {
  return Key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw_bytes(raw.data()), raw.size()));
}

Result<PublicKeyBytes> raw_public(EVP_PKEY* key) {
  PublicKeyBytes raw;
  std::size_t size = raw.size();
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key, raw_bytes(raw.data()), &size) != 1 || size != raw.size()) {
    return fail(Errc::invalid, "not an Ed25519 key in PEM form");
  }
  return raw;
}

}  // namespace

Result<PublicKey> PublicKey::from_raw(std::span<const std::byte> raw) {
  PublicKeyBytes bytes;
  if (raw.size() != bytes.size()) return fail(Errc::invalid, "an Ed25519 key has 32 bytes");
  std::copy(raw.begin(), raw.end(), bytes.begin());
  if (!public_key_of(bytes)) return fail(Errc::invalid, "not an Ed25519 public key");
  return PublicKey(bytes);
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  const Bio bio = read_only(pem);
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  CORDON_TRY(const PublicKeyBytes raw, raw_public(key.get()));
  return PublicKey(raw);
}

std::string PublicKey::to_pem() const {
  const Key key = public_key_of(raw_);
  const Bio bio(BIO_new(BIO_s_mem()));
  CORDON_ASSERT(PEM_write_bio_PUBKEY(bio.get(), key.get()) == 1);
  return drain(bio.get());
}

bool PublicKey::verifies(std::span<const std::byte> message,
                         std::span<const std::byte> signature) const {
  const Key key = public_key_of(raw_);
  const Context context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), raw_bytes(signature.data()), signature.size(),
                          raw_bytes(message.data()), message.size()) == 1;
}

struct SigningKey::State {
  Key key;
};

SigningKey::SigningKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

SigningKey SigningKey::generate() {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  CORDON_ASSERT(key != nullptr);
  return SigningKey(std::make_unique<State>(State{std::move(key)}));
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  const Bio bio = read_only(pem);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  CORDON_CHECK(raw_public(key.get()));
  return SigningKey(std::make_unique<State>(State{std::move(key)}));
}

std::string SigningKey::to_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  CORDON_ASSERT(PEM_write_bio_PKCS8PrivateKey(bio.get(), state_->key.get(), nullptr, nullptr, 0,
                                              nullptr, nullptr) == 1);
  return drain(bio.get());
}

PublicKey SigningKey::public_key() const {
  const auto raw = raw_public(state_->key.get());
  CORDON_ASSERT(raw.has_value());
  return *PublicKey::from_raw(*raw);
}

Signature SigningKey::sign(std::span<const std::byte> message) const {
  Signature signature;
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  CORDON_ASSERT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, state_->key.get()) ==
                1);
  CORDON_ASSERT(EVP_DigestSign(context.get(), raw_bytes(signature.data()), &size,
                               raw_bytes(message.data()), message.size()) == 1);
  return signature;
}

}  // namespace cordon::crypto
