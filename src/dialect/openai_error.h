// What a caller of the OpenAI-shaped API is told when there is no answer.
//
// All four keys of `error` are always there and `message` is always a string, because clients
// depend on it. `error.cordon` names the decision. The table is docs/formats/gateway-http.md.
#pragma once

#include "dialect/problem.h"

#include <span>
#include <string>
#include <string_view>

namespace cordon::dialect::openai {

using dialect::ErrorDetail;
using dialect::kProblemCount;
using dialect::Problem;
using dialect::Rejection;

[[nodiscard]] const Rejection& rejection_of(Problem problem) noexcept;

/// Appends `{"error":{"message","type","param","code"[,"cordon"]}}`.
void append_error(std::string& out, Problem problem, const ErrorDetail& detail = {});
/// The same as the last frame of a stream that has no proper end.
void append_error_frame(std::string& out, Problem problem, const ErrorDetail& detail = {});
/// The same as an event of a stream of responses: what it says stands in the event, as it is
/// documented, and in `error`, where official SDKs look for it.
void append_error_event(std::string& out, Problem problem, const ErrorDetail& detail = {});
/// Appends the answer to `GET /v1/models`.
void append_models(std::string& out, std::span<const std::string_view> names);

}  // namespace cordon::dialect::openai
