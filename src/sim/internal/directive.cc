#include "sim/internal/directive.h"

#include "codec/json.h"

#include <fmt/format.h>

namespace cordon::sim {
namespace {

constexpr std::string_view kOpen = "[[sim ";
constexpr std::string_view kClose = "]]";
constexpr std::size_t kCallsMax = 64;

/// The length of the JSON object at the front of `text`; npos if it does not end.
std::size_t object_length(std::string_view text) {
  bool in_string = false;
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char one = text[at];
    if (in_string) {
      if (one == '\\') ++at;
      if (one == '"') in_string = false;
    } else if (one == '"') {
      in_string = true;
    } else if (one == '{') {
      ++depth;
    } else if (one == '}') {
      if (depth <= 1) return at + 1;
      --depth;
    }
  }
  return std::string_view::npos;
}

Result<std::optional<std::uint32_t>> read_number(codec::ObjectReader& reader, std::string_view key,
                                                 std::int64_t most) {
  if (reader.any(key).is_null()) return std::nullopt;
  const std::int64_t value = reader.integer(key);
  if (value < 0 || value > most) {
    return fail(Errc::invalid, fmt::format("sim: {} is {}, expected 0 to {}", key, value, most));
  }
  return static_cast<std::uint32_t>(value);
}

Result<std::vector<ToolCall>> read_calls(const codec::Json& value) {
  std::vector<ToolCall> calls;
  if (value.is_null()) return calls;
  if (!value.is_array() || value.size() > kCallsMax) {
    return fail(Errc::invalid, fmt::format("sim: tool_calls is no array of at most {}", kCallsMax));
  }
  for (const codec::Json& one : value) {
    codec::ObjectReader reader(one, "sim: tool_calls");
    ToolCall call;
    call.name = reader.text("name");
    const codec::Json& arguments = reader.any("arguments");
    call.arguments = arguments.is_null()     ? "{}"
                     : arguments.is_string() ? arguments.get<std::string>()
                                             : codec::write_json(arguments);
    CORDON_CHECK(reader.finish());
    // Anthropic's shape holds them as an object, so nothing else may stand there.
    const auto parsed = codec::parse_json(call.arguments);
    if (!parsed || !parsed->is_object()) {
      return fail(Errc::invalid, "sim: tool_calls: arguments is no object");
    }
    calls.push_back(std::move(call));
  }
  return calls;
}

}  // namespace

Result<Directive> parse_directive(std::string_view json) {
  CORDON_TRY(const codec::Json value, codec::parse_json(json));
  codec::ObjectReader reader(value, "sim");
  Directive directive;
  if (const auto name = reader.optional_text("scenario")) {
    CORDON_TRY(directive.scenario, parse_scenario(*name));
  }
  directive.answer = reader.optional_text("answer");
  directive.reasoning = reader.text_or("reasoning", "");
  directive.finish = reader.text_or("finish", "");
  CORDON_TRY(directive.calls, read_calls(reader.any("tool_calls")));
  CORDON_TRY(const auto seed, read_number(reader, "seed", UINT32_MAX));
  if (seed) directive.seed = *seed;
  CORDON_TRY(const auto times, read_number(reader, "times", 1'000'000));
  directive.times = times.value_or(0);
  CORDON_TRY(directive.chunk_bytes, read_number(reader, "chunk_bytes", 1024 * 1024));
  CORDON_TRY(directive.chunk_delay_ms, read_number(reader, "chunk_delay_ms", 60'000));
  CORDON_TRY(directive.retry_after_s, read_number(reader, "retry_after_s", 86'400));
  directive.retry_after = reader.optional_text("retry_after");
  CORDON_CHECK(reader.finish());
  return directive;
}

Result<Marked> split_marker(std::string_view text) {
  const std::size_t open = text.find(kOpen);
  if (open == std::string_view::npos) return Marked{{}, std::string(text)};
  const std::string_view inside = text.substr(open + kOpen.size());
  const std::size_t length = object_length(inside);
  if (length == std::string_view::npos || !inside.substr(length).starts_with(kClose)) {
    return fail(Errc::invalid, "sim: expected [[sim {...}]]");
  }
  Marked marked{inside.substr(0, length), std::string(text.substr(0, open))};
  marked.rest += inside.substr(length + kClose.size());
  return marked;
}

}  // namespace cordon::sim
