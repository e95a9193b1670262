// What every match of a pattern must hold: bytes that most texts do not have.
//
// A text without such a byte cannot match, so a pattern that needs one is not looked for there.
// What cannot be told is answered with "nothing": that only costs time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cordon::policy {

/// A kind of byte of which a match must hold at least one.
enum class Need : std::uint8_t {
  nothing,       ///< may match any text
  digit,         ///< 0 to 9
  beyond_ascii,  ///< 0x80 and above
};
inline constexpr std::size_t kNeedCount = 3;

/// With which bytes matches may begin, and after which.
class Beginning {
 public:
  static constexpr std::size_t kBytes = 7;

  /// None may, until some are added.
  Beginning() noexcept = default;
  /// Any may.
  [[nodiscard]] static Beginning anywhere() noexcept;

  /// A match may have this byte at the place `place`.
  void add(std::size_t place, unsigned char byte) noexcept { set(place + 1, byte); }
  /// A match may follow this byte.
  void add_before(unsigned char byte) noexcept { set(0, byte); }
  void add(const Beginning& other) noexcept;
  /// The first place in [from, until) of `text` where a match may begin, as far as the bytes that
  /// tell are here; `until` when there is none.
  [[nodiscard]] std::size_t next(std::string_view text, std::size_t from,
                                 std::size_t until) const noexcept;

 private:
  void set(std::size_t bit, unsigned char byte) noexcept {
    bits_[byte] = static_cast<std::uint8_t>(bits_[byte] | 1U << bit);
  }
  // By byte: bit 0, whether it may stand before a match; bit n + 1, whether at the place n.
  std::array<std::uint8_t, 256> bits_{};
};

/// What can be told from a pattern.
struct Shape {
  Need need = Need::nothing;  ///< the rarest kind that every match holds
  Beginning beginning = Beginning::anywhere();
};

/// `pattern` is one that Hyperscan takes, without look-arounds. Flags are read as if each held in
/// all of it.
[[nodiscard]] Shape shape_of(std::string_view pattern);
[[nodiscard]] inline Need need_of(std::string_view pattern) {
  return shape_of(pattern).need;
}

/// Where bytes of each kind stand in a text: the first and just past the last.
struct Occurrence {
  std::size_t begin = 0;
  std::size_t end = 0;  ///< begin == end: none
};
using Occurrences = std::array<Occurrence, kNeedCount>;

/// One pass over `text`. For Need::nothing it is the whole text.
[[nodiscard]] Occurrences occurrences_in(std::string_view text) noexcept;

}  // namespace cordon::policy
