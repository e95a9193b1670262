// The protocols there are.
#pragma once

#include "dialect/protocol.h"

namespace cordon::dialect {
namespace openai {
/// Of a surface that OpenAI has.
[[nodiscard]] const Protocol& protocol(Surface surface) noexcept;
}  // namespace openai
namespace anthropic {
/// Of a surface that Anthropic has.
[[nodiscard]] const Protocol& protocol(Surface surface) noexcept;
}  // namespace anthropic
}  // namespace cordon::dialect
