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
namespace callout {
[[nodiscard]] const Protocol& litellm() noexcept;
[[nodiscard]] const Protocol& portkey() noexcept;
[[nodiscard]] const Protocol& agentgateway_request() noexcept;
[[nodiscard]] const Protocol& agentgateway_response() noexcept;
[[nodiscard]] const Protocol& kong() noexcept;
}  // namespace callout
}  // namespace cordon::dialect
