#include "gateway/internal/commitment.h"

#include "codec/base64.h"

namespace cordon::gateway {
namespace {
constexpr std::string_view kLabel("cordon/commit/v1\0", 17);
constexpr std::string_view kZero("\0", 1);
}  // namespace

// HMAC by hand (RFC 2104): the text comes in pieces, and the contexts are reused.
Commitment::Pads Commitment::pads_of(std::span<const std::byte> key) noexcept {
  Pads pads{};
  for (std::size_t i = 0; i < pads.inner.size(); ++i) {
    const std::byte byte = i < key.size() ? key[i] : std::byte{0};
    pads.inner[i] = byte ^ std::byte{0x36};
    pads.outer[i] = byte ^ std::byte{0x5C};
  }
  return pads;
}

crypto::Digest Commitment::finish_hmac(const Pads& pads) {
  const crypto::Digest inner = inner_.finish();
  outer_.update(std::span<const std::byte>(pads.outer));
  outer_.update(std::span<const std::byte>(inner));
  return outer_.finish();
}

void Commitment::begin(const Key& node_key, std::string_view exchange, std::string_view field) {
  if (begun_) (void)inner_.finish();
  begun_ = true;
  const Pads of_node = pads_of(node_key);
  inner_.update(std::span<const std::byte>(of_node.inner));
  inner_.update(exchange);
  inner_.update(kZero);
  inner_.update(field);
  const crypto::Digest r = finish_hmac(of_node);
  pads_ = pads_of(r);
  inner_.update(std::span<const std::byte>(pads_.inner));
  inner_.update(kLabel);
  inner_.update(field);
  inner_.update(kZero);
}

std::string Commitment::finish() {
  begun_ = false;
  return codec::to_base64url(finish_hmac(pads_));
}

std::string Commitment::of(const Key& node_key, std::string_view exchange, std::string_view field,
                           std::string_view text) {
  begin(node_key, exchange, field);
  update(text);
  return finish();
}

}  // namespace cordon::gateway
