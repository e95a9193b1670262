#include "base/uuid.h"

#include <array>

namespace cordon {

std::string make_uuid7(const Clock& clock, Random& random) {
  std::array<std::byte, 16> raw;
  random.fill(raw);
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch())
          .count());
  for (std::size_t i = 0; i < 6; ++i) raw[i] = static_cast<std::byte>(ms >> (8 * (5 - i)));
  raw[6] = (raw[6] & std::byte{0x0f}) | std::byte{0x70};
  raw[8] = (raw[8] & std::byte{0x3f}) | std::byte{0x80};

  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[std::to_integer<std::size_t>(raw[i] >> 4)];
    text += kHex[std::to_integer<std::size_t>(raw[i] & std::byte{0x0f})];
  }
  return text;
}

bool is_uuid(std::string_view text) noexcept {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

}  // namespace cordon
