// UTF-8: is it valid, and if not, where does it stop being so.
#pragma once

#include <cstddef>
#include <string_view>

namespace cordon::codec {

/// True for well-formed UTF-8 (RFC 3629): no overlong form, no surrogate, nothing past U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// The offset of the first byte that is not part of well-formed UTF-8, or `text.size()`.
[[nodiscard]] std::size_t utf8_valid_bytes(std::string_view text) noexcept;

}  // namespace cordon::codec
