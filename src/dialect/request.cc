#include "dialect/request.h"

#include "dialect/internal/fields.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::dialect {
namespace {

using codec::JsonValue;

std::string_view name_of(JsonValue::Kind kind) noexcept {
  switch (kind) {
    case JsonValue::Kind::absent:
      return "nothing";
    case JsonValue::Kind::null:
      return "null";
    case JsonValue::Kind::boolean:
      return "a boolean";
    case JsonValue::Kind::number:
      return "a number";
    case JsonValue::Kind::string:
      return "a string";
    case JsonValue::Kind::array:
      return "an array";
    case JsonValue::Kind::object:
      return "an object";
  }
  return "nothing";
}

}  // namespace

namespace internal {

tl::unexpected<RequestFault> refuse(std::string message, std::string param, std::string_view code) {
  return tl::make_unexpected(RequestFault{std::move(message), std::move(param), code});
}

tl::unexpected<RequestFault> wrong_type(const JsonValue& found, std::string_view expected,
                                        const std::string& param) {
  if (!found)
    return refuse(fmt::format("Missing required parameter: '{}'.", param), param, kMissing);
  return refuse(fmt::format("Invalid type for '{}': expected {}, but got {}.", param, expected,
                            name_of(found.kind())),
                param, kType);
}

Request::Checked read_flag(const JsonValue& value, const std::string& param, bool& out) {
  out = false;
  if (!value || value.is_null()) return {};
  const auto flag = value.boolean();
  if (!flag) return wrong_type(value, "a boolean", param);
  out = *flag;
  return {};
}

std::string message_param(std::size_t at, std::string_view field) {
  return field.empty() ? fmt::format("messages[{}]", at)
                       : fmt::format("messages[{}].{}", at, field);
}

tl::expected<std::string_view, RequestFault> read_role(const JsonValue& message, std::size_t at) {
  if (!message.is_object()) return wrong_type(message, "an object", message_param(at, ""));
  const JsonValue role = message.find("role");
  if (!role.is_string()) return wrong_type(role, "a string", message_param(at, "role"));
  return role.text();
}

Request::Checked read_include_usage(const JsonValue& root, bool& out) {
  const JsonValue options = root.find("stream_options");
  if (!options || options.is_null()) return {};
  if (!options.is_object()) return wrong_type(options, "an object", "stream_options");
  return read_flag(options.find("include_usage"), "stream_options.include_usage", out);
}

}  // namespace internal

Request::Checked Request::parse(std::string_view body, const codec::JsonIndexLimits& limits) {
  texts_.clear();
  parts_without_text_ = 0;
  include_usage_ = false;
  unread_.clear();
  unread_advice_ = kSendText;
  stream_ = false;
  group_ = 0;
  model_ = {};
  if (const auto parsed = index_.parse(body, limits); !parsed) {
    const bool limit = parsed.error().code == Errc::exhausted;
    return internal::refuse(
        fmt::format("The body is not acceptable JSON: {}.", parsed.error().detail), {},
        limit ? internal::kValue : std::string_view("invalid_json"));
  }
  const JsonValue root = index_.root();
  if (!root.is_object()) {
    return internal::refuse("The body must be a JSON object.", {}, internal::kType);
  }
  model_value_ = {};
  if (names_ == Names::route) {
    CORDON_CHECK(read_model(root));
  }
  if (streams_ == Streams::possible) {
    CORDON_CHECK(internal::read_flag(root.find("stream"), "stream", stream_));
  }
  return read(root);
}

Request::Checked Request::read_model(const JsonValue& root) {
  model_value_ = root.find("model");
  const bool may_lack = !default_model().empty() && (!model_value_ || model_value_.is_null());
  if (!may_lack && !model_value_.is_string()) {
    return internal::wrong_type(model_value_, "a string", "model");
  }
  model_ = may_lack ? default_model() : model_value_.text();
  if (model_.empty() || model_.size() > kModelBytesMax) {
    return internal::refuse(fmt::format("'model' must have 1 to {} bytes.", kModelBytesMax),
                            "model", internal::kValue);
  }
  return {};
}

std::uint64_t Request::answer_tokens_asked() const {
  constexpr std::int64_t kTokensMax = 100'000'000;
  constexpr std::int64_t kChoicesMax = 128;
  const codec::JsonValue root = index_.root();
  for (const std::string_view key : {"max_completion_tokens", "max_tokens", "max_output_tokens"}) {
    const auto tokens = root.find(key).integer();
    if (!tokens || *tokens <= 0) continue;
    const std::int64_t choices = root.find("n").integer().value_or(1);
    return static_cast<std::uint64_t>(std::min(*tokens, kTokensMax) *
                                      std::clamp<std::int64_t>(choices, 1, kChoicesMax));
  }
  return 0;
}

ForwardPlan Request::plan() const {
  return {body(), std::string(model_), model_value_.begin_byte(), model_value_.end_byte(), {}};
}

void ForwardPlan::append_to(std::string& out, std::string_view target_model) const {
  std::vector<codec::Splice> all(splices);
  if (target_model != model) {
    codec::Splice name{model_begin, model_end, {}};
    codec::append_json_string(name.text, target_model);
    const auto after = std::find_if(all.begin(), all.end(), [&](const codec::Splice& splice) {
      return splice.begin > name.begin;
    });
    all.insert(after, std::move(name));
  }
  codec::append_spliced(out, body, all);
}

}  // namespace cordon::dialect
