#include "codec/utf8.h"

#include <simdjson.h>

#include <cstdint>

namespace cordon::codec {
namespace {

/// The length of the well-formed sequence that `text` begins with, or 0.
std::size_t sequence_bytes(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto tail = [&](std::size_t i, std::uint8_t low, std::uint8_t high) {
    return i < text.size() && at(i) >= low && at(i) <= high;
  };
  const std::uint8_t head = at(0);
  if (head < 0x80) return 1;
  if (head >= 0xC2 && head <= 0xDF) return tail(1, 0x80, 0xBF) ? 2 : 0;
  if (head >= 0xE0 && head <= 0xEF) {
    const std::uint8_t low = head == 0xE0 ? 0xA0 : 0x80;
    const std::uint8_t high = head == 0xED ? 0x9F : 0xBF;
    return tail(1, low, high) && tail(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (head >= 0xF0 && head <= 0xF4) {
    const std::uint8_t low = head == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t high = head == 0xF4 ? 0x8F : 0xBF;
    return tail(1, low, high) && tail(2, 0x80, 0xBF) && tail(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::size_t utf8_valid_bytes(std::string_view text) noexcept {
  std::size_t offset = 0;
  while (offset < text.size()) {
    const std::size_t length = sequence_bytes(text.substr(offset));
    if (length == 0) return offset;
    offset += length;
  }
  return offset;
}

}  // namespace cordon::codec
