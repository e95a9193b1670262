// Which tools an answer calls, and with what arguments.
//
// A model calls a tool because the request made it: here because it must (`tool_choice`), or
// because the user's words name the tool, once for each time they do.
#pragma once

#include "base/random.h"
#include "sim/internal/reply.h"
#include "sim/internal/request.h"

#include <string_view>
#include <vector>

namespace cordon::sim {

/// The calls that the request asks for; empty if it is to be answered with text. Arguments follow
/// each tool's schema; the first string among them is `said` unless that is empty.
[[nodiscard]] std::vector<ToolCall> choose_calls(const Ask& ask, Random& random,
                                                 std::string_view said);

/// One JSON object that fits `schema`.
[[nodiscard]] std::string make_arguments(const codec::JsonValue& schema, Random& random,
                                         std::string_view said);

}  // namespace cordon::sim
