// Percent-encoding (RFC 3986, 2.1), undone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cordon {

/// `text` with every `%XX` as the byte that it stands for; nothing if one of them is broken.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace cordon
