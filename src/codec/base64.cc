#include "codec/base64.h"

#include <cstdint>

namespace cordon::codec {
namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode(std::span<const std::byte> bytes, std::string_view alphabet) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const std::byte b : bytes) {
    held = (held << 8U) | std::to_integer<std::uint32_t>(b);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += alphabet[(held >> bits) & 63U];
    }
  }
  if (bits > 0) text += alphabet[(held << (6 - bits)) & 63U];
  return text;
}

Result<std::vector<std::byte>> decode(std::string_view text, std::string_view alphabet) {
  if (text.size() % 4 == 1) return fail(Errc::invalid, "base64 text of an impossible length");
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const std::size_t value = alphabet.find(c);
    if (c == '\0' || value == alphabet.npos) return fail(Errc::invalid, "not base64");
    held = (held << 6U) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<std::byte>(held >> bits));
    }
    held &= (1U << bits) - 1;
  }
  if (held != 0) return fail(Errc::invalid, "base64 with unused bits that are not zero");
  return bytes;
}

}  // namespace

std::string to_base64(std::span<const std::byte> bytes) {
  std::string text = encode(bytes, kStandard);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string to_base64url(std::span<const std::byte> bytes) {
  return encode(bytes, kUrl);
}

Result<std::vector<std::byte>> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return fail(Errc::invalid, "base64 text without its padding");
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode(text, kStandard);
}

Result<std::vector<std::byte>> from_base64url(std::string_view text) {
  return decode(text, kUrl);
}

}  // namespace cordon::codec
