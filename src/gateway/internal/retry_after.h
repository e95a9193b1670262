// How long a provider asks to be left alone.
#pragma once

#include "base/clock.h"
#include "net/http1.h"

#include <chrono>
#include <optional>
#include <string_view>

namespace cordon::gateway {

/// Reads a `Retry-After`: whole seconds, or a date in any of HTTP's three forms, which counts from
/// `now`. Nothing for any other text. At most a year; a date that has passed is no time at all.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text,
                                                                         WallTime now) noexcept;

/// What an answer says, by `retry-after-ms` (whole milliseconds) or `Retry-After`.
[[nodiscard]] std::optional<std::chrono::milliseconds> wait_asked_by(const net::ResponseHead& head,
                                                                     WallTime now) noexcept;

}  // namespace cordon::gateway
