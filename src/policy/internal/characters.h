// Classes of bytes, and characters out of bytes, for the readers of views.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace cordon::policy {

[[nodiscard]] constexpr bool is_letter(unsigned char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
[[nodiscard]] constexpr bool is_digit(unsigned char c) noexcept {
  return c >= '0' && c <= '9';
}
[[nodiscard]] constexpr bool is_base64(unsigned char c) noexcept {
  return is_letter(c) || is_digit(c) || c == '+' || c == '/' || c == '-' || c == '_';
}
[[nodiscard]] constexpr int hex_value(unsigned char c) noexcept {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
[[nodiscard]] constexpr int base64_value(unsigned char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  return c == '+' || c == '-' ? 62 : 63;
}
/// The letter that a digit or sign stands for, or 0.
[[nodiscard]] constexpr char letter_for(unsigned char c) noexcept {
  switch (c) {
    case '0':
      return 'o';
    case '1':
      return 'i';
    case '3':
      return 'e';
    case '4':
    case '@':
      return 'a';
    case '5':
    case '$':
      return 's';
    case '7':
      return 't';
    default:
      return 0;
  }
}
/// A sign that joins words or parts letters.
[[nodiscard]] constexpr bool is_joint(unsigned char c) noexcept {
  return c == '.' || c == '-' || c == '_' || c == '*' || c == '|' || c == '/' || c == ',';
}

[[nodiscard]] constexpr bool is_tag(char32_t c) noexcept {
  return c >= 0xE0020 && c <= 0xE007E;
}
/// The byte that a variation selector can carry, or nothing for any other character.
[[nodiscard]] constexpr std::optional<unsigned char> carried_by(char32_t c) noexcept {
  if (c >= 0xFE00 && c <= 0xFE0F) return static_cast<unsigned char>(c - 0xFE00);
  if (c >= 0xE0100 && c <= 0xE01EF) return static_cast<unsigned char>(c - 0xE0100 + 16);
  return std::nullopt;
}

/// Puts the bytes of UTF-8 together. What is not UTF-8 comes out byte by byte.
class CharacterReader {
 public:
  struct Character {
    char32_t value;
    std::uint64_t begin;
    bool whole;  ///< false: a byte that belongs to no character
  };
  /// A character that is complete with this byte. A byte that breaks one off drops its beginning.
  [[nodiscard]] std::optional<Character> take(unsigned char byte, std::uint64_t at) noexcept {
    if (missing_ > 0 && (byte & 0xC0) == 0x80) {
      value_ = value_ << 6 | (byte & 0x3FU);
      if (--missing_ > 0) return std::nullopt;
      return Character{value_, begin_, true};
    }
    missing_ = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : byte >= 0xC2 ? 1 : 0;
    begin_ = at;
    if (missing_ == 0) return Character{byte, at, byte < 0x80};
    value_ = byte & (0x3FU >> missing_);
    return std::nullopt;
  }
  [[nodiscard]] bool inside() const noexcept { return missing_ > 0; }
  [[nodiscard]] std::uint64_t begin() const noexcept { return begin_; }

 private:
  char32_t value_ = 0;
  std::uint64_t begin_ = 0;
  std::uint32_t missing_ = 0;
};

}  // namespace cordon::policy
