// What readers of requests have in common: refusals that name the parameter and what it holds.
#pragma once

#include "dialect/request.h"

#include <string>
#include <string_view>

namespace cordon::dialect::internal {

inline constexpr std::string_view kMissing = "missing_required_parameter";
inline constexpr std::string_view kType = "invalid_type";
inline constexpr std::string_view kValue = "invalid_value";

[[nodiscard]] tl::unexpected<RequestFault> refuse(std::string message, std::string param,
                                                  std::string_view code);
/// `Missing required parameter: 'x'.` or `Invalid type for 'x': expected E, but got F.`
[[nodiscard]] tl::unexpected<RequestFault> wrong_type(const codec::JsonValue& found,
                                                      std::string_view expected,
                                                      const std::string& param);
/// Absent and null are the default, as OpenAI has it.
[[nodiscard]] Request::Checked read_flag(const codec::JsonValue& value, const std::string& param,
                                         bool& out);

/// Where a field of a message stands, `messages[2].content`; made only when it is needed.
[[nodiscard]] std::string message_param(std::size_t at, std::string_view field);
/// The role that a message names; refuses one that is no object or names none.
[[nodiscard]] tl::expected<std::string_view, RequestFault> read_role(
    const codec::JsonValue& message, std::size_t at);
/// Calls `take` with each of at least one message and its place, until one is refused.
template <class Take>
[[nodiscard]] Request::Checked for_each_message(const codec::JsonValue& messages, Take&& take) {
  if (!messages.is_array()) return wrong_type(messages, "an array", "messages");
  if (messages.size() == 0) {
    return refuse("'messages' must hold at least one message.", "messages", kValue);
  }
  std::size_t at = 0;
  for (codec::JsonValue message = messages.first(); message; message = message.next()) {
    CORDON_CHECK(take(message, at++));
  }
  return {};
}

/// `stream_options.include_usage`, as OpenAI has it.
[[nodiscard]] Request::Checked read_include_usage(const codec::JsonValue& root, bool& out);

}  // namespace cordon::dialect::internal
