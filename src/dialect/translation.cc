#include "dialect/translation.h"

#include "dialect/internal/translating.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::dialect {
namespace internal {

using codec::JsonValue;

void put_key(std::string& out, std::string_view key) {
  if (!out.ends_with('{')) out += ',';
  out += '"';
  out += key;
  out += "\":";
}

void put_raw(std::string& out, std::string_view key, std::string_view json) {
  put_key(out, key);
  out += json;
}

void put_text(std::string& out, std::string_view key, std::string_view text) {
  put_key(out, key);
  codec::append_json_string(out, text);
}

void put_item(std::string& out) {
  if (!out.ends_with('[')) out += ',';
}

bool is_nothing(const JsonValue& value) {
  if (!value || value.is_null()) return true;
  return (value.is_array() || value.is_object()) && value.size() == 0;
}

tl::unexpected<RequestFault> no_equal(std::string param, std::string_view why) {
  RequestFault fault;
  fault.message = fmt::format("The request would go to a provider of another dialect, and '{}' {}.",
                              param, why);
  fault.param = std::move(param);
  fault.code = "unsupported_parameter";
  return tl::make_unexpected(std::move(fault));
}

Checked only_keys(const JsonValue& object, const std::string& at,
                  std::initializer_list<std::string_view> keys) {
  for (JsonValue member = object.first(); member; member = member.next()) {
    const std::string_view key = member.key();
    if (std::find(keys.begin(), keys.end(), key) != keys.end() || is_nothing(member)) continue;
    return no_equal(fmt::format("{}.{}", at, key));
  }
  return {};
}

Checked need_text(const JsonValue& value, const std::string& param) {
  if (value.is_string()) return {};
  return no_equal(param, "is not a string");
}

std::string item_param(const std::string& at, std::size_t index) {
  return fmt::format("{}[{}]", at, index);
}

namespace {

void take(std::optional<std::int64_t>& count, const JsonValue& value) {
  const auto read = value.integer();
  if (read && *read >= 0) count = read;
}

struct Words {
  std::string_view stop_reason;
  std::string_view finish_reason;
};
/// The first row of a word is how it is told in the other dialect.
constexpr std::array<Words, 6> kReasons = {{{"end_turn", "stop"},
                                            {"stop_sequence", "stop"},
                                            {"max_tokens", "length"},
                                            {"model_context_window_exceeded", "length"},
                                            {"tool_use", "tool_calls"},
                                            {"refusal", "content_filter"}}};

std::string text_of(const std::optional<std::int64_t>& count) {
  return count ? std::to_string(*count) : "null";
}

}  // namespace

void Tokens::take_anthropic(const JsonValue& usage) {
  take(in, usage.find("input_tokens"));
  take(cache_read, usage.find("cache_read_input_tokens"));
  take(cache_written, usage.find("cache_creation_input_tokens"));
  take(out, usage.find("output_tokens"));
}

/// What was read from a cache is a part of what OpenAI counts as the prompt.
void Tokens::take_openai(const JsonValue& usage) {
  take(cache_read, usage.find("prompt_tokens_details").find("cached_tokens"));
  take(out, usage.find("completion_tokens"));
  std::optional<std::int64_t> prompt;
  take(prompt, usage.find("prompt_tokens"));
  if (prompt) in = std::max<std::int64_t>(*prompt - cache_read.value_or(0), 0);
}

Usage Tokens::usage() const noexcept {
  Usage usage;
  // Unsigned, so that numbers of a hostile provider that are too large together wrap.
  for (const auto& part : {in, cache_read, cache_written}) {
    if (part) usage.in = usage.in.value_or(0) + static_cast<std::uint64_t>(*part);
  }
  if (out) usage.out = static_cast<std::uint64_t>(*out);
  if (cache_read) usage.cached = static_cast<std::uint64_t>(*cache_read);
  if (cache_written) usage.cache_write = static_cast<std::uint64_t>(*cache_written);
  return usage;
}

void put_openai_usage(std::string& out, const Tokens& tokens) {
  if (!tokens.any()) return put_raw(out, "usage", "null");
  const std::uint64_t prompt = tokens.usage().in.value_or(0);
  const std::uint64_t answer = tokens.usage().out.value_or(0);
  put_raw(out, "usage",
          fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{})", prompt,
                      answer, prompt + answer));
  if (tokens.cache_read) {
    out += fmt::format(R"(,"prompt_tokens_details":{{"cached_tokens":{}}})", *tokens.cache_read);
  }
  out += '}';
}

void put_anthropic_usage(std::string& out, const Tokens& tokens) {
  put_raw(out, "usage",
          fmt::format(R"({{"input_tokens":{},"output_tokens":{})", text_of(tokens.in),
                      text_of(tokens.out)));
  if (tokens.cache_read) out += fmt::format(R"(,"cache_read_input_tokens":{})", *tokens.cache_read);
  out += '}';
}

std::optional<std::string_view> finish_of(std::string_view stop_reason) noexcept {
  for (const Words& words : kReasons) {
    if (words.stop_reason == stop_reason) return words.finish_reason;
  }
  return std::nullopt;
}

std::optional<std::string_view> stop_of(std::string_view finish_reason) noexcept {
  for (const Words& words : kReasons) {
    if (words.finish_reason == finish_reason) return words.stop_reason;
  }
  return std::nullopt;
}

std::optional<std::string> input_of(std::string_view arguments) {
  if (arguments.find_first_not_of(" \t\r\n") == arguments.npos) return "{}";
  codec::JsonIndex index;
  codec::JsonIndexLimits limits;
  limits.bytes_max = std::max(limits.bytes_max, arguments.size());
  if (!index.parse(arguments, limits) || !index.root().is_object()) return std::nullopt;
  return std::string(index.root().raw());
}

tl::unexpected<Error> untold(std::string_view what) {
  return fail(Errc::invalid, fmt::format("{} has no equal in the caller's dialect", what));
}

}  // namespace internal

bool is_translatable(Surface surface, model::Dialect into) noexcept {
  return (surface == Surface::chat && into == model::Dialect::anthropic) ||
         (surface == Surface::messages && into == model::Dialect::openai);
}

tl::expected<std::string, RequestFault> translate_request(Surface surface, std::string_view body) {
  codec::JsonIndex index;
  codec::JsonIndexLimits limits;
  limits.bytes_max = std::max(limits.bytes_max, body.size());
  if (!index.parse(body, limits) || !index.root().is_object()) {
    return internal::no_equal("the body", "is no JSON object");
  }
  const bool chat = surface == Surface::chat;
  const auto known = field_equals(surface);
  for (codec::JsonValue field = index.root().first(); field; field = field.next()) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const FieldEqual& one) {
      return one.field == field.key();
    });
    if (found == known.end() && !internal::is_nothing(field)) {
      return internal::no_equal(std::string(field.key()));
    }
  }
  std::string out;
  out.reserve(body.size() + 256);
  const auto done = chat ? internal::chat_into_messages(index.root(), out)
                         : internal::messages_into_chat(index.root(), out);
  if (!done) return tl::make_unexpected(done.error());
  return out;
}

}  // namespace cordon::dialect
