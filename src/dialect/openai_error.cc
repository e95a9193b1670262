#include "dialect/openai_error.h"

#include "codec/json_index.h"
#include "dialect/answer.h"
#include "dialect/internal/rejections.h"

#include <array>

namespace cordon::dialect::openai {
namespace {

constexpr std::string_view type_of(int status) {
  if (status == 429) return "rate_limit_error";
  if (status < 500) return "invalid_request_error";
  return status == 503 ? "service_unavailable_error" : "upstream_error";
}
constexpr auto kRejections = internal::typed(internal::kRejections, type_of);

void append_or_null(std::string& out, std::string_view value) {
  if (value.empty()) {
    out += "null";
  } else {
    codec::append_json_string(out, value);
  }
}

}  // namespace

const Rejection& rejection_of(Problem problem) noexcept {
  return kRejections[static_cast<std::size_t>(problem)];
}

void append_error(std::string& out, Problem problem, const ErrorDetail& detail) {
  const Rejection& fixed = rejection_of(problem);
  out += R"({"error":{"message":)";
  codec::append_json_string(out, detail.message.empty() ? fixed.message : detail.message);
  out += R"(,"type":)";
  codec::append_json_string(out, fixed.type);
  out += R"(,"param":)";
  append_or_null(out, detail.param);
  out += R"(,"code":)";
  append_or_null(out, detail.code.empty() ? fixed.code : detail.code);
  std::string cordon = "{";
  internal::append_decision(cordon, detail);
  if (cordon.size() > 1) out += R"(,"cordon":)" + cordon + "}";
  out += "}}";
}

void append_error_frame(std::string& out, Problem problem, const ErrorDetail& detail) {
  out += "data: ";
  append_error(out, problem, detail);
  out += "\n\n";
}

void append_error_event(std::string& out, Problem problem, const ErrorDetail& detail) {
  const Rejection& fixed = rejection_of(problem);
  std::string data = R"({"type":"error","code":)";
  append_or_null(data, detail.code.empty() ? fixed.code : detail.code);
  data += R"(,"message":)";
  codec::append_json_string(data, detail.message.empty() ? fixed.message : detail.message);
  data += R"(,"param":)";
  append_or_null(data, detail.param);
  if (detail.event_number) {
    data += R"(,"sequence_number":)" + std::to_string(*detail.event_number);
  }
  std::string error;
  append_error(error, problem, detail);
  data += ',';
  data += std::string_view(error).substr(1);
  append_frame(out, "error", data);
}

void append_models(std::string& out, std::span<const std::string_view> names) {
  out += R"({"object":"list","data":[)";
  bool first = true;
  for (const std::string_view name : names) {
    if (!first) out += ',';
    first = false;
    out += R"({"id":)";
    codec::append_json_string(out, name);
    out += R"(,"object":"model","created":0,"owned_by":"cordon"})";
  }
  out += "]}";
}

}  // namespace cordon::dialect::openai
