// Names for things that are made: UUID version 7 (RFC 9562), sortable by time of making.
#pragma once

#include "base/clock.h"
#include "base/random.h"

#include <string>
#include <string_view>

namespace cordon {

/// 36 lower-case characters. Two made in one millisecond differ by 74 random bits.
[[nodiscard]] std::string make_uuid7(const Clock& clock, Random& random);
[[nodiscard]] bool is_uuid(std::string_view text) noexcept;

}  // namespace cordon
