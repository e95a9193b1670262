// Reading strict text formats: lines that end in LF, decimal numbers, hashes in base64.
#pragma once

#include "base/result.h"
#include "evidence/merkle.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::evidence::internal {

/// Cuts the next line off `rest`, without its LF; nothing if no LF is left.
[[nodiscard]] std::optional<std::string_view> take_line(std::string_view& rest) noexcept;
/// Decimal digits without a leading zero, at most 2^63 - 1.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;
[[nodiscard]] std::optional<Hash> parse_base64_hash(std::string_view text);
/// 64 lower-case hexadecimal digits.
[[nodiscard]] std::optional<Hash> parse_hex_hash(std::string_view text);

}  // namespace cordon::evidence::internal
