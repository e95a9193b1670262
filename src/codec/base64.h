// Base64 (RFC 4648): the standard alphabet with padding, and the URL alphabet without.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::codec {

[[nodiscard]] std::string to_base64(std::span<const std::byte> bytes);
[[nodiscard]] std::string to_base64url(std::span<const std::byte> bytes);
/// Refuses as `invalid` any other alphabet, wrong padding, and unused bits that are not zero,
/// so that one value has one text.
[[nodiscard]] Result<std::vector<std::byte>> from_base64(std::string_view text);
[[nodiscard]] Result<std::vector<std::byte>> from_base64url(std::string_view text);

}  // namespace cordon::codec
