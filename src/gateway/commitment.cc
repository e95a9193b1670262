#include "gateway/internal/commitment.h"

#include "codec/base64.h"

namespace cordon::gateway {
namespace {
constexpr std::string_view kLabel("cordon/commit/v1\0", 17);
constexpr std::string_view kZero("\0", 1);
}  // namespace

Hmac::Hmac(std::span<const std::byte, 32> key) {
  std::array<std::byte, 64> inner{};
  std::array<std::byte, 64> outer{};
  for (std::size_t i = 0; i < inner.size(); ++i) {
    const std::byte byte = i < key.size() ? key[i] : std::byte{0};
    inner[i] = byte ^ std::byte{0x36};
    outer[i] = byte ^ std::byte{0x5C};
  }
  inner_.update(std::span<const std::byte>(inner));
  outer_.update(std::span<const std::byte>(outer));
}

crypto::Digest Hmac::finish() {
  const crypto::Digest inner = inner_.finish();
  outer_.update(std::span<const std::byte>(inner));
  return outer_.finish();
}

void Commitment::begin(const Hmac& node_key, std::string_view exchange, std::string_view field) {
  Hmac r = node_key;
  r.update(exchange);
  r.update(kZero);
  r.update(field);
  hmac_.emplace(r.finish());
  hmac_->update(kLabel);
  hmac_->update(field);
  hmac_->update(kZero);
}

std::string Commitment::finish() {
  return codec::to_base64url(hmac_->finish());
}

std::string Commitment::of(const Hmac& node_key, std::string_view exchange, std::string_view field,
                           std::string_view text) {
  begin(node_key, exchange, field);
  update(text);
  return finish();
}

}  // namespace cordon::gateway
