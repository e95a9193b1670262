// Other ways to read a text: what a model sees in it although a pattern would not.
//
// A view is made as the text streams, from the bytes so far and nothing else, so that where a text
// was cut cannot change it. Each of its bytes knows which bytes of the text it stands for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cordon::policy {

/// A way to read a text. Every match names the first in which it showed.
enum class View : std::uint8_t {
  raw,       ///< as it was written
  folded,    ///< compatibility letters made plain, lower case beyond ASCII, invisible ones dropped
  skeleton,  ///< and letters that look Latin made Latin, accents dropped
  hidden,    ///< what tag characters and variation selectors say
  decoded,   ///< base64, hexadecimal, percent, character references and escapes, decoded once
  squeezed,  ///< s p a c e d letters joined, words.joined.by.dots parted, digits for letters undone
};
inline constexpr std::size_t kViewCount = 6;
[[nodiscard]] constexpr std::string_view to_string(View view) noexcept {
  constexpr std::array<std::string_view, kViewCount> kNames = {"raw",    "folded",  "skeleton",
                                                               "hidden", "decoded", "squeezed"};
  return kNames[static_cast<std::size_t>(view)];
}

/// A set of views.
using ViewSet = std::uint8_t;
[[nodiscard]] constexpr ViewSet in(View view) noexcept {
  return static_cast<ViewSet>(1U << static_cast<unsigned>(view));
}
inline constexpr ViewSet kEveryView = (1U << kViewCount) - 1;

}  // namespace cordon::policy
