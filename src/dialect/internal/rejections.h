// How problems are told, but for what each dialect calls their types.
#pragma once

#include "dialect/problem.h"

#include <array>
#include <string>
#include <string_view>

namespace cordon::dialect::internal {

/// Without types. A dialect may have another status of its own.
inline constexpr std::array<Rejection, kProblemCount> kRejections = {{
    {400, "", "content_filter", "The policy of this route does not allow this content.", false, 0},
    {503, "", "switched_off", "This has been switched off by its operators.", true, 60},
    {503, "", "locked_down", "This is locked down by its operators.", true, 60},
    {401, "", "invalid_api_key", "No such API key.", false, 0},
    {404, "", "model_not_found", "The model does not exist or you have no access to it.", false, 0},
    {404, "", "unknown_url", "There is nothing at this URL.", false, 0},
    {405, "", "method_not_allowed", "This URL does not take this method.", false, 0},
    {400, "", "invalid_value", "The request is malformed.", false, 0},
    {415, "", "unsupported_media_type", "Send application/json, without a content encoding.", false,
     0},
    {413, "", "request_too_large", "The request is larger than this node allows.", false, 0},
    {429, "", "rate_limit_exceeded", "Too many requests.", false, 1},
    {503, "", "overloaded", "Too many exchanges are running on this node.", false, 1},
    {503, "", "evidence_unavailable",
     "The evidence log does not accept entries, so nothing is forwarded.", true, 5},
    {503, "", "not_ready", "This node is not ready yet.", false, 1},
    {502, "", "upstream_error", "The provider did not answer the request.", false, 0},
    {502, "", "upstream_cut", "The provider's answer ended before it was complete.", false, 0},
    {502, "", "upstream_unreadable", "The provider's answer could not be inspected.", false, 0},
    {504, "", "upstream_timeout", "The provider did not answer in time.", false, 0},
    {504, "", "exchange_timeout", "The exchange took longer than this node allows.", false, 0},
    {400, "", "wrong_dialect", "No target of this route speaks this API.", false, 0},
    {400, "", "uninspectable_content",
     "The request holds content that the rules of this route cannot inspect.", false, 0},
    {503, "", "upstream_unavailable", "No provider of this route is available for now.", false, 1},
    {400, "", "unsupported_parameter",
     "The request holds what no target of this route can be asked for.", false, 0},
}};
static_assert(kRejections.back().status != 0, "every problem has its row");

/// The same with the type that `type_of` has for each status.
template <class TypeOf>
constexpr std::array<Rejection, kProblemCount> typed(std::array<Rejection, kProblemCount> all,
                                                     TypeOf type_of) {
  for (Rejection& one : all) one.type = type_of(one.status);
  return all;
}

/// Appends a member of a JSON object; an empty value is left out.
void append_member(std::string& out, std::string_view key, std::string_view value);
/// The members that name the decision, those that apply.
void append_decision(std::string& out, const ErrorDetail& detail);

}  // namespace cordon::dialect::internal
