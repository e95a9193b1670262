// What a caller of the Anthropic-shaped API is told when there is no answer.
//
// `{"type":"error","error":{"type","message"[,"cordon"]},"request_id"}`; `error.cordon` holds the
// code that OpenAI's form has beside the message, and names the decision.
#pragma once

#include "dialect/problem.h"

#include <span>
#include <string>
#include <string_view>

namespace cordon::dialect::anthropic {

[[nodiscard]] const Rejection& rejection_of(Problem problem) noexcept;
void append_error(std::string& out, Problem problem, const ErrorDetail& detail = {});
/// The same as the event that ends a stream without message_stop.
void append_error_frame(std::string& out, Problem problem, const ErrorDetail& detail = {});
/// Appends the answer to `GET /v1/models`.
void append_models(std::string& out, std::span<const std::string_view> names);

}  // namespace cordon::dialect::anthropic
