#include "dialect/anthropic_error.h"

#include "codec/json_index.h"
#include "dialect/answer.h"
#include "dialect/internal/rejections.h"

#include <array>

namespace cordon::dialect::anthropic {
namespace {

constexpr std::string_view type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 504:
      return "timeout_error";
    case 529:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

/// An overload has a status of its own.
constexpr std::array<Rejection, kProblemCount> with_overload(
    std::array<Rejection, kProblemCount> all) {
  all[static_cast<std::size_t>(Problem::overloaded)].status = 529;
  return all;
}
constexpr auto kRejections = internal::typed(with_overload(internal::kRejections), type_of);

}  // namespace

const Rejection& rejection_of(Problem problem) noexcept {
  return kRejections[static_cast<std::size_t>(problem)];
}

void append_error(std::string& out, Problem problem, const ErrorDetail& detail) {
  const Rejection& fixed = rejection_of(problem);
  out += R"({"type":"error","error":{)";
  internal::append_member(out, "type", fixed.type);
  internal::append_member(out, "message", detail.message.empty() ? fixed.message : detail.message);
  out += R"(,"cordon":{)";
  internal::append_member(out, "code", detail.code.empty() ? fixed.code : detail.code);
  internal::append_member(out, "param", detail.param);
  internal::append_decision(out, detail);
  out += R"(}},"request_id":)";
  if (detail.request_id.empty()) {
    out += "null";
  } else {
    codec::append_json_string(out, detail.request_id);
  }
  out += '}';
}

void append_error_frame(std::string& out, Problem problem, const ErrorDetail& detail) {
  std::string data;
  append_error(data, problem, detail);
  append_frame(out, "error", data);
}

void append_models(std::string& out, std::span<const std::string_view> names) {
  out += R"({"data":[)";
  for (const std::string_view name : names) {
    if (!out.ends_with('[')) out += ',';
    out += R"({"type":"model","id":)";
    codec::append_json_string(out, name);
    out += R"(,"display_name":)";
    codec::append_json_string(out, name);
    out += R"(,"created_at":"1970-01-01T00:00:00Z"})";
  }
  out += R"(],"has_more":false,"first_id":)";
  const auto append_id = [&](std::string_view name) { codec::append_json_string(out, name); };
  if (names.empty()) {
    out += R"(null,"last_id":null})";
    return;
  }
  append_id(names.front());
  out += R"(,"last_id":)";
  append_id(names.back());
  out += '}';
}

}  // namespace cordon::dialect::anthropic
