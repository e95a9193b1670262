#include "sim/internal/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::sim {
namespace {

using codec::JsonValue;

constexpr std::int64_t kChoicesMax = 128;
constexpr std::size_t kModelBytesMax = 256;
constexpr std::size_t kToolsMax = 256;
constexpr std::size_t kTokensPerMessage = 3;
constexpr std::size_t kInputsMax = 2048;
constexpr std::uint64_t kDimensionsMax = 4096;

std::uint64_t hash_of(std::string_view text) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
  for (const char one : text) {
    hash = (hash ^ static_cast<unsigned char>(one)) * 0x100000001B3U;
  }
  return hash;
}

tl::unexpected<Fault> bad(std::string path, std::string what,
                          std::string_view code = "invalid_type") {
  return tl::make_unexpected(Fault{std::move(path), std::move(what), code});
}
tl::unexpected<Fault> missing(std::string path) {
  return bad(std::move(path), "is required", "missing_required_parameter");
}

tl::expected<bool, Fault> flag(const JsonValue& of, std::string_view key, const char* path) {
  const JsonValue value = of.find(key);
  if (!value || value.is_null()) return false;
  if (const auto known = value.boolean()) return *known;
  return bad(path, "expected true or false");
}

tl::expected<std::optional<std::uint64_t>, Fault> number(const JsonValue& of, const char* key,
                                                         std::int64_t least) {
  const JsonValue value = of.find(key);
  if (!value || value.is_null()) return std::nullopt;
  const auto known = value.integer();
  if (!known) return bad(key, "expected an integer");
  if (*known < least) {
    return bad(key, fmt::format("expected at least {}", least), "invalid_value");
  }
  return static_cast<std::uint64_t>(*known);
}

/// One reading of one body.
class Reader {
 public:
  explicit Reader(Ask& ask) : ask_(ask) {}

  Checked read(const JsonValue& root, Purpose purpose) {
    if (!root.is_object()) return bad({}, "expected an object");
    CORDON_CHECK(read_model(root));
    if (purpose == Purpose::embedding) return read_embedding(root);
    if (purpose != Purpose::count_tokens) {
      CORDON_TRY(ask_.stream, flag(root, "stream", "stream"));
    }
    if (purpose == Purpose::completion) return read_completion(root);
    CORDON_CHECK(read_tools(root.find("tools"), purpose));
    if (purpose == Purpose::response) return read_response(root);
    CORDON_CHECK(ask_.shape == Shape::openai ? read_openai(root) : read_anthropic(root, purpose));
    const JsonValue messages = root.find("messages");
    if (!messages) return missing("messages");
    if (!messages.is_array()) return bad("messages", "expected an array");
    if (messages.size() == 0)
      return bad("messages", "expected at least one message", "empty_array");
    std::size_t at = 0;
    for (JsonValue one = messages.first(); one; one = one.next()) {
      CORDON_CHECK(read_message(one, fmt::format("messages[{}]", at++)));
    }
    ask_.tokens_in = bytes_ / 4 + kTokensPerMessage * at + 1;
    return {};
  }

 private:
  Checked read_model(const JsonValue& root) {
    const JsonValue model = root.find("model");
    if (!model) return missing("model");
    if (!model.is_string()) return bad("model", "expected a string");
    ask_.model = model.text();
    if (ask_.model.empty() || ask_.model.size() > kModelBytesMax) {
      return bad("model", fmt::format("expected 1 to {} bytes", kModelBytesMax), "invalid_value");
    }
    return {};
  }

  Checked read_tools(const JsonValue& tools, Purpose purpose) {
    if (!tools || tools.is_null()) return {};
    if (!tools.is_array()) return bad("tools", "expected an array");
    if (tools.size() > kToolsMax) {
      return bad("tools", fmt::format("expected at most {}", kToolsMax), "array_above_max_length");
    }
    std::size_t at = 0;
    for (JsonValue one = tools.first(); one; one = one.next()) {
      const std::string path = fmt::format("tools[{}]", at++);
      if (!one.is_object()) return bad(path, "expected an object");
      const std::string_view type = one.find("type").text();
      const bool openai = ask_.shape == Shape::openai;
      // Tools that the provider runs itself are offered by type and are never called here.
      if (openai ? type != "function" : !type.empty() && type != "custom") continue;
      const bool nested = openai && purpose != Purpose::response;
      const JsonValue in = nested ? one.find("function") : one;
      const JsonValue name = in.find("name");
      if (!name.is_string() || name.text().empty()) {
        return missing(path + (nested ? ".function.name" : ".name"));
      }
      ask_.tools.push_back({name.text(), in.find(openai ? "parameters" : "input_schema")});
    }
    return {};
  }

  Checked name_tool(std::string_view name) {
    const auto offered = [&](const OfferedTool& tool) { return tool.name == name; };
    if (std::none_of(ask_.tools.begin(), ask_.tools.end(), offered)) {
      return bad("tool_choice", "names a tool that is not in tools", "invalid_value");
    }
    ask_.calling = Calling::named;
    ask_.named_tool = name;
    return {};
  }

  Checked choose(std::string_view word) {
    if (word == "none") ask_.calling = Calling::none;
    if (word == "required" || word == "any") ask_.calling = Calling::required;
    if (ask_.calling == Calling::automatic && word != "auto") {
      return bad("tool_choice", "expected a known choice", "invalid_value");
    }
    if (ask_.calling == Calling::required && ask_.tools.empty()) {
      return bad("tool_choice", "is only allowed when tools are given", "invalid_value");
    }
    return {};
  }

  Checked read_completion(const JsonValue& root) {
    CORDON_CHECK(read_openai(root));
    const JsonValue prompt = root.find("prompt");
    if (prompt && !prompt.is_null()) {
      CORDON_CHECK(read_inputs(prompt, "prompt"));
      // Each prompt is answered as often as `n` says.
      ask_.choices *= static_cast<std::uint32_t>(ask_.inputs.size());
    }
    ask_.tokens_in = bytes_ / 4 + 1;
    return {};
  }

  Checked read_embedding(const JsonValue& root) {
    const JsonValue input = root.find("input");
    if (!input) return missing("input");
    CORDON_CHECK(read_inputs(input, "input"));
    CORDON_TRY(const auto dimensions, number(root, "dimensions", 1));
    if (dimensions.value_or(1) > kDimensionsMax) {
      return bad("dimensions", fmt::format("expected at most {}", kDimensionsMax), "invalid_value");
    }
    if (dimensions) ask_.dimensions = static_cast<std::uint32_t>(*dimensions);
    const JsonValue format = root.find("encoding_format");
    ask_.base64 = format.text() == "base64";
    if (format && !ask_.base64 && format.text() != "float") {
      return bad("encoding_format", "expected float or base64", "invalid_value");
    }
    ask_.tokens_in = bytes_ / 4 + 1;
    return {};
  }

  /// This provider keeps no responses: an earlier one that is named adds nothing.
  Checked read_response(const JsonValue& root) {
    CORDON_TRY(ask_.tokens_max, number(root, "max_output_tokens", 1));
    ask_.parallel = root.find("parallel_tool_calls").boolean().value_or(true);
    ask_.thinking = root.find("reasoning").find("summary").is_string();
    const JsonValue instructions = root.find("instructions");
    if (instructions && !instructions.is_null()) {
      CORDON_CHECK(read_content(instructions, "instructions", nullptr));
    }
    if (const JsonValue choice = root.find("tool_choice"); choice.is_string()) {
      CORDON_CHECK(choose(choice.text()));
    } else if (choice.is_object()) {
      CORDON_CHECK(name_tool(choice.find("name").text()));
    }
    const JsonValue input = root.find("input");
    if (!input) return missing("input");
    std::size_t items = 1;
    if (input.is_array()) {
      items = 0;
      for (JsonValue item = input.first(); item; item = item.next()) {
        CORDON_CHECK(read_item(item, fmt::format("input[{}]", items++)));
      }
    } else {
      CORDON_CHECK(read_content(input, "input", &ask_.last_text));
    }
    ask_.tokens_in = bytes_ / 4 + kTokensPerMessage * items + 1;
    return {};
  }

  Checked read_item(const JsonValue& item, const std::string& path) {
    if (!item.is_object()) return bad(path, "expected an object");
    const std::string_view type = item.find("type").text();
    if (type.empty() || type == "message") return read_message(item, path);
    if (type == "function_call") {
      bytes_ += item.find("arguments").text().size();
    } else if (type == "function_call_output") {
      if (!item.find("call_id").is_string()) return missing(path + ".call_id");
      if (!ask_.from_tool) ask_.last_text.clear();
      ask_.from_tool = true;
      return read_content(item.find("output"), path + ".output", &ask_.last_text);
    }
    return {};
  }

  /// One text, texts, the tokens of one text, or of several.
  Checked read_inputs(const JsonValue& value, const std::string& path) {
    if (value.is_string()) return read_input(value, path);
    if (!value.is_array()) return bad(path, "expected a string or an array");
    if (value.size() == 0) return bad(path, "expected at least one", "invalid_value");
    if (value.first().kind() == JsonValue::Kind::number) return read_input(value, path);
    std::size_t at = 0;
    for (JsonValue one = value.first(); one; one = one.next()) {
      CORDON_CHECK(read_input(one, fmt::format("{}[{}]", path, at++)));
    }
    return {};
  }

  Checked read_input(const JsonValue& value, const std::string& path) {
    if (!value.is_string() && !value.is_array()) return bad(path, "expected a string or tokens");
    for (JsonValue token = value.first(); token; token = token.next()) {
      if (token.kind() != JsonValue::Kind::number) return bad(path, "expected tokens");
    }
    if (ask_.inputs.size() == kInputsMax) {
      return bad(path, fmt::format("expected at most {}", kInputsMax), "invalid_value");
    }
    const std::string_view text = value.is_string() ? value.text() : value.raw();
    ask_.inputs.push_back(hash_of(text));
    ask_.last_text = value.is_string() ? text : std::string_view();
    bytes_ += text.size();
    return {};
  }

  Checked read_openai(const JsonValue& root) {
    const JsonValue options = root.find("stream_options");
    if (options && !options.is_null()) {
      if (!options.is_object()) return bad("stream_options", "expected an object");
      if (!ask_.stream) {
        return bad("stream_options", "is only allowed when stream is set", "invalid_value");
      }
      CORDON_TRY(ask_.include_usage,
                 flag(options, "include_usage", "stream_options.include_usage"));
    }
    CORDON_TRY(const auto choices, number(root, "n", 1));
    if (choices.value_or(1) > kChoicesMax) {
      return bad("n", fmt::format("expected at most {}", kChoicesMax), "integer_above_max_value");
    }
    ask_.choices = static_cast<std::uint32_t>(choices.value_or(1));
    CORDON_TRY(const auto old_max, number(root, "max_tokens", 1));
    CORDON_TRY(ask_.tokens_max, number(root, "max_completion_tokens", 1));
    if (!ask_.tokens_max) ask_.tokens_max = old_max;
    if (const auto seed = root.find("seed").integer()) {
      ask_.seed = static_cast<std::uint64_t>(*seed);
    }
    if (const auto parallel = root.find("parallel_tool_calls").boolean()) {
      ask_.parallel = *parallel;
    }
    const JsonValue choice = root.find("tool_choice");
    if (!choice || choice.is_null()) return {};
    if (choice.is_string()) return choose(choice.text());
    if (!choice.is_object()) return bad("tool_choice", "expected a string or an object");
    return name_tool(choice.find("function").find("name").text());
  }

  Checked read_anthropic(const JsonValue& root, Purpose purpose) {
    CORDON_TRY(ask_.tokens_max, number(root, "max_tokens", 1));
    if (!ask_.tokens_max && purpose == Purpose::answer) return missing("max_tokens");
    if (const JsonValue system = root.find("system"); system && !system.is_null()) {
      CORDON_CHECK(read_content(system, "system", nullptr));
    }
    ask_.thinking = root.find("thinking").find("type").text() == "enabled";
    const JsonValue choice = root.find("tool_choice");
    if (!choice || choice.is_null()) return {};
    if (!choice.is_object()) return bad("tool_choice", "expected an object");
    ask_.parallel = !choice.find("disable_parallel_tool_use").boolean().value_or(false);
    const std::string_view type = choice.find("type").text();
    return type == "tool" ? name_tool(choice.find("name").text()) : choose(type);
  }

  [[nodiscard]] bool is_role(std::string_view role) const noexcept {
    constexpr std::array<std::string_view, 6> kRoles = {"user",      "assistant", "system",
                                                        "developer", "tool",      "function"};
    const std::size_t count = ask_.shape == Shape::openai ? kRoles.size() : 2;
    const auto* end = kRoles.begin() + count;
    return std::find(kRoles.begin(), end, role) != end;
  }

  Checked read_message(const JsonValue& message, const std::string& path) {
    if (!message.is_object()) return bad(path, "expected an object");
    const JsonValue role_value = message.find("role");
    if (!role_value) return missing(path + ".role");
    const std::string_view role = role_value.text();
    if (!is_role(role)) return bad(path + ".role", "expected a known role", "invalid_value");
    // A run of tool results is one turn; a new user message begins another.
    const bool tool = role == "tool" || role == "function";
    const bool heard = tool || role == "user";
    if (!tool) ask_.from_tool = false;
    if (heard && !ask_.from_tool) ask_.last_text.clear();
    if (tool) ask_.from_tool = true;
    for (JsonValue call = message.find("tool_calls").first(); call; call = call.next()) {
      bytes_ += call.find("function").find("arguments").text().size();
    }
    const JsonValue content = message.find("content");
    if (!content || content.is_null()) {
      return ask_.shape == Shape::openai ? Checked() : missing(path + ".content");
    }
    return read_content(content, path + ".content", heard ? &ask_.last_text : nullptr);
  }

  void hear(std::string_view text, std::string* into) {
    bytes_ += text.size();
    if (into == nullptr) return;
    if (!into->empty()) *into += '\n';
    *into += text;
  }

  Checked read_content(const JsonValue& content, const std::string& path, std::string* into) {
    if (content.is_string()) {
      hear(content.text(), into);
      return {};
    }
    if (!content.is_array()) return bad(path, "expected a string or an array");
    std::size_t at = 0;
    for (JsonValue part = content.first(); part; part = part.next()) {
      CORDON_CHECK(read_part(part, fmt::format("{}[{}]", path, at++), into));
    }
    return {};
  }

  Checked read_part(const JsonValue& part, const std::string& path, std::string* into) {
    const JsonValue type_value = part.find("type");
    if (!type_value.is_string()) return missing(path + ".type");
    const std::string_view type = type_value.text();
    if (type == "text" || type == "input_text" || type == "output_text") {
      const JsonValue text = part.find("text");
      if (!text.is_string()) return bad(path + ".text", "expected a string");
      hear(text.text(), into);
    } else if (type == "tool_result" && ask_.shape == Shape::anthropic) {
      ask_.from_tool = true;
      const JsonValue content = part.find("content");
      if (content) return read_content(content, path + ".content", into);
    } else if (type == "tool_use") {
      bytes_ += part.find("input").raw().size();
    } else if (type == "thinking") {
      const std::string_view text = part.find("thinking").text();
      bytes_ += text.size();
      if (part.find("signature").text() != sign_thinking(text)) {
        return bad(path, "invalid `signature` in `thinking` block", "invalid_value");
      }
    }
    return {};
  }

  Ask& ask_;
  std::size_t bytes_ = 0;
};

}  // namespace

Checked Ask::parse(Shape as, std::string_view body, Purpose for_what) {
  shape = as;
  purpose = for_what;
  stream = include_usage = thinking = from_tool = false;
  parallel = true;
  choices = 1;
  calling = Calling::automatic;
  named_tool = {};
  seed.reset();
  tokens_max.reset();
  tools.clear();
  last_text.clear();
  tokens_in = 0;
  inputs.clear();
  dimensions = 16;
  base64 = false;
  if (const auto parsed = index_.parse(body); !parsed) {
    return bad({}, "the body is not valid JSON: " + parsed.error().detail, "invalid_json");
  }
  return Reader(*this).read(index_.root(), purpose);
}

std::string sign_thinking(std::string_view text) {
  return fmt::format("c2ltLXNpZ25hdHVyZS0{:016x}", hash_of(text));
}

}  // namespace cordon::sim
