// An answer in the shape of OpenAI's Responses API.
#pragma once

#include "sim/internal/reply.h"

#include <string>

namespace cordon::sim {

/// One response as JSON: an item of reasoning, a message, calls of functions. `finish` is its
/// status: `completed`, `incomplete` or `failed`.
[[nodiscard]] std::string write_response(const Reply& reply);
/// The same as events, numbered from 0.
[[nodiscard]] Stream write_response_stream(const Reply& reply);

}  // namespace cordon::sim
