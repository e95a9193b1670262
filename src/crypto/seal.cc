#include "crypto/seal.h"

#include "base/assert.h"

#include <openssl/evp.h>

#include <memory>
#include <span>

namespace cordon::crypto {
namespace {

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const unsigned char* in(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* out(std::string& text, std::size_t at) {
  return reinterpret_cast<unsigned char*>(text.data() + at);
}
int length(std::string_view text) {
  CORDON_ASSERT(text.size() < std::size_t{1} << 30U);
  return static_cast<int>(text.size());
}
const unsigned char* key_of(const SealKey& key) {
  return reinterpret_cast<const unsigned char*>(key.data());
}

}  // namespace

std::string seal(const SealKey& key, std::string_view context, std::string_view text,
                 Random& random) {
  std::string sealed(kSealNonceBytes + text.size() + kSealTagBytes, '\0');
  random.fill(std::as_writable_bytes(std::span(sealed.data(), kSealNonceBytes)));
  const Cipher cipher(EVP_CIPHER_CTX_new());
  CORDON_ASSERT(cipher != nullptr);
  int written = 0;
  const bool good =
      EVP_EncryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), key_of(key), in(sealed), nullptr) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &written, in(context), length(context)) == 1 &&
      EVP_EncryptUpdate(cipher.get(), out(sealed, kSealNonceBytes), &written, in(text),
                        length(text)) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), out(sealed, kSealNonceBytes), &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kSealTagBytes),
                          out(sealed, kSealNonceBytes + text.size())) == 1;
  CORDON_ASSERT(good);
  return sealed;
}

Result<std::string> unseal(const SealKey& key, std::string_view context, std::string_view sealed) {
  if (sealed.size() < kSealNonceBytes + kSealTagBytes) {
    return fail(Errc::corrupt, "a sealed text that is too short to be one");
  }
  const std::size_t bytes = sealed.size() - kSealNonceBytes - kSealTagBytes;
  std::string tag(sealed.substr(kSealNonceBytes + bytes));
  const std::string_view hidden = sealed.substr(kSealNonceBytes, bytes);
  std::string text(bytes, '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new());
  CORDON_ASSERT(cipher != nullptr);
  int written = 0;
  const bool begun =
      EVP_DecryptInit_ex2(cipher.get(), EVP_aes_256_gcm(), key_of(key), in(sealed), nullptr) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &written, in(context), length(context)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), out(text, 0), &written, in(hidden), length(hidden)) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kSealTagBytes),
                          out(tag, 0)) == 1;
  CORDON_ASSERT(begun);
  unsigned char rest = 0;
  if (EVP_DecryptFinal_ex(cipher.get(), &rest, &written) != 1) {
    return fail(Errc::corrupt,
                "a sealed text that was changed, or sealed with another key or name");
  }
  return text;
}

}  // namespace cordon::crypto
