#include "dialect/problem.h"

#include "codec/json_index.h"
#include "dialect/internal/rejections.h"

namespace cordon::dialect::internal {

void append_member(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  if (!out.ends_with('{')) out += ',';
  out += '"';
  out += key;
  out += "\":";
  codec::append_json_string(out, value);
}

void append_decision(std::string& out, const ErrorDetail& detail) {
  append_member(out, "decision_id", detail.decision_id);
  append_member(out, "rule_id", detail.rule_id);
  append_member(out, "policy_digest", detail.policy_digest);
  append_member(out, "measure_id", detail.measure_id);
}

}  // namespace cordon::dialect::internal
