// Requests for chat completions, as messages requests.
#include "dialect/internal/translating.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace cordon::dialect::internal {
namespace {

using codec::JsonValue;

/// The values of a field that are its default, as JSON.
struct Default {
  std::string_view field;
  std::array<std::string_view, 2> values;
};
constexpr std::array<Default, 8> kDefaults = {{
    {"frequency_penalty", {"0", "0.0"}},
    {"logit_bias", {"{}", "{}"}},
    {"logprobs", {"false", "false"}},
    {"metadata", {"{}", "{}"}},
    {"n", {"1", "1"}},
    {"presence_penalty", {"0", "0.0"}},
    {"service_tier", {R"("auto")", R"("default")"}},
    {"store", {"false", "false"}},
}};

class ChatRequest {
 public:
  ChatRequest(const JsonValue& root, std::string& out) : root_(root), out_(out) {}

  Checked write() {
    out_ += '{';
    put_raw(out_, "model", root_.find("model").raw());
    CORDON_CHECK(defaults());
    CORDON_CHECK(limits());
    CORDON_CHECK(messages());
    CORDON_CHECK(tools());
    CORDON_CHECK(format());
    if (const JsonValue user = root_.find("user"); !is_nothing(user)) {
      CORDON_CHECK(need_text(user, "user"));
      put_raw(out_, "metadata", fmt::format(R"({{"user_id":{}}})", user.raw()));
    }
    if (const JsonValue stream = root_.find("stream"); !is_nothing(stream)) {
      put_raw(out_, "stream", stream.raw());
    }
    out_ += '}';
    return {};
  }

 private:
  Checked defaults() {
    for (const Default& one : kDefaults) {
      const JsonValue value = root_.find(one.field);
      if (is_nothing(value) || value.raw() == one.values[0] || value.raw() == one.values[1]) {
        continue;
      }
      return no_equal(std::string(one.field));
    }
    const JsonValue modalities = root_.find("modalities");
    const bool text = modalities.size() == 1 && modalities.first().text() == "text";
    if (!is_nothing(modalities) && !text) return no_equal("modalities");
    const JsonValue options = root_.find("stream_options");
    for (JsonValue option = options.first(); option; option = option.next()) {
      const bool known = option.key() == "include_usage" ||
                         (option.key() == "include_obfuscation" && option.boolean() == false);
      if (!known && !is_nothing(option)) {
        return no_equal(fmt::format("stream_options.{}", option.key()));
      }
    }
    return {};
  }

  Checked limits() {
    const JsonValue older = root_.find("max_tokens");
    const JsonValue newer = root_.find("max_completion_tokens");
    if (!is_nothing(older) && !is_nothing(newer) && older.raw() != newer.raw()) {
      return no_equal("max_tokens", "says another number than 'max_completion_tokens'");
    }
    const JsonValue most = is_nothing(newer) ? older : newer;
    put_raw(out_, "max_tokens",
            is_nothing(most) ? std::to_string(kAnswerTokensDefault) : std::string(most.raw()));
    if (const JsonValue temperature = root_.find("temperature"); !is_nothing(temperature)) {
      const std::string_view raw = temperature.raw();
      double value = 0;
      const auto read = std::from_chars(raw.data(), raw.data() + raw.size(), value);
      if (read.ec != std::errc() || value > 1) {
        return no_equal("temperature", "is more than 1, the highest there");
      }
      put_raw(out_, "temperature", raw);
    }
    if (const JsonValue top_p = root_.find("top_p"); !is_nothing(top_p)) {
      put_raw(out_, "top_p", top_p.raw());
    }
    const JsonValue stop = root_.find("stop");
    if (is_nothing(stop)) return {};
    put_raw(out_, "stop_sequences",
            stop.is_string() ? fmt::format("[{}]", stop.raw()) : std::string(stop.raw()));
    return {};
  }

  /// Blocks of neighbouring messages of one role are one message, as results of parallel calls have
  /// to be.
  void open(std::string_view role) {
    if (role == role_) return;
    if (!role_.empty()) turns_ += "]}";
    role_ = role;
    put_item(turns_);
    turns_ += fmt::format(R"({{"role":"{}","content":[)", role);
  }

  static void put_text_block(std::string& out, const JsonValue& text) {
    put_item(out);
    out += R"({"type":"text","text":)";
    out += text.raw();
    out += '}';
  }

  Checked messages() {
    std::size_t at = 0;
    for (JsonValue one = root_.find("messages").first(); one; one = one.next()) {
      CORDON_CHECK(message(one, item_param("messages", at++)));
    }
    if (role_.empty()) return no_equal("messages", "holds nothing but instructions");
    if (role_ == "assistant") {
      return no_equal(item_param("messages", at - 1),
                      "is the assistant's: there it would be the beginning of the answer");
    }
    if (system_ != "[") put_raw(out_, "system", system_ + "]");
    put_raw(out_, "messages", turns_ + "]}]");
    return {};
  }

  Checked message(const JsonValue& one, const std::string& at) {
    const std::string_view role = one.find("role").text();
    if (role == "system" || role == "developer") return instruction(one, at);
    if (role == "user") {
      CORDON_CHECK(only_keys(one, at, {"role", "content"}));
      open("user");
      return content(one.find("content"), at + ".content");
    }
    if (role == "assistant") return assistant(one, at);
    if (role == "tool") return result(one, at);
    return no_equal(at + ".role");
  }

  Checked instruction(const JsonValue& one, const std::string& at) {
    CORDON_CHECK(only_keys(one, at, {"role", "content"}));
    if (!role_.empty()) return no_equal(at + ".role", "comes after other messages");
    return texts(one.find("content"), at + ".content", system_);
  }

  /// A text or text parts as blocks; an empty text is none, because there it is refused.
  Checked texts(const JsonValue& content, const std::string& at, std::string& out) {
    if (is_nothing(content)) return {};
    if (content.is_string()) {
      if (!content.text().empty()) put_text_block(out, content);
      return {};
    }
    std::size_t index = 0;
    for (JsonValue part = content.first(); part; part = part.next()) {
      const std::string where = item_param(at, index++);
      if (part.find("type").text() != "text") return no_equal(where + ".type");
      CORDON_CHECK(only_keys(part, where, {"type", "text"}));
      CORDON_CHECK(need_text(part.find("text"), where + ".text"));
      if (!part.find("text").text().empty()) put_text_block(out, part.find("text"));
    }
    return {};
  }

  Checked content(const JsonValue& content, const std::string& at) {
    const std::size_t before = turns_.size();
    if (!content.is_array()) {
      CORDON_CHECK(texts(content, at, turns_));
    }
    std::size_t index = 0;
    for (JsonValue part = content.first(); part; part = part.next()) {
      const std::string where = item_param(at, index++);
      const std::string_view type = part.find("type").text();
      if (type == "image_url") {
        CORDON_CHECK(image(part, where));
      } else if (type == "text") {
        CORDON_CHECK(only_keys(part, where, {"type", "text"}));
        CORDON_CHECK(need_text(part.find("text"), where + ".text"));
        if (!part.find("text").text().empty()) put_text_block(turns_, part.find("text"));
      } else {
        return no_equal(where + ".type");
      }
    }
    if (turns_.size() == before) return no_equal(at, "is empty");
    return {};
  }

  Checked image(const JsonValue& part, const std::string& at) {
    CORDON_CHECK(only_keys(part, at, {"type", "image_url"}));
    const JsonValue image = part.find("image_url");
    const std::string where = at + ".image_url";
    CORDON_CHECK(only_keys(image, where, {"url", "detail"}));
    const std::string_view detail = image.find("detail").text();
    if (!detail.empty() && detail != "auto") return no_equal(where + ".detail");
    const std::string_view url = image.find("url").text();
    put_item(turns_);
    turns_ += R"({"type":"image","source":{)";
    if (url.starts_with("https://") || url.starts_with("http://")) {
      turns_ += R"("type":"url")";
      put_text(turns_, "url", url);
    } else {
      constexpr std::string_view kScheme = "data:";
      constexpr std::string_view kEncoding = ";base64,";
      const std::size_t comma = url.find(kEncoding);
      if (!url.starts_with(kScheme) || comma == url.npos) {
        return no_equal(where + ".url", "is neither an http URL nor a data URL in base64");
      }
      turns_ += R"("type":"base64")";
      put_text(turns_, "media_type", url.substr(kScheme.size(), comma - kScheme.size()));
      put_text(turns_, "data", url.substr(comma + kEncoding.size()));
    }
    turns_ += "}}";
    return {};
  }

  Checked assistant(const JsonValue& one, const std::string& at) {
    CORDON_CHECK(only_keys(one, at, {"role", "content", "tool_calls"}));
    open("assistant");
    const std::size_t before = turns_.size();
    CORDON_CHECK(texts(one.find("content"), at + ".content", turns_));
    std::size_t index = 0;
    for (JsonValue call = one.find("tool_calls").first(); call; call = call.next()) {
      CORDON_CHECK(tool_call(call, item_param(at + ".tool_calls", index++)));
    }
    if (turns_.size() == before) return no_equal(at + ".content", "is empty");
    return {};
  }

  Checked tool_call(const JsonValue& call, const std::string& at) {
    CORDON_CHECK(only_keys(call, at, {"id", "type", "function"}));
    if (call.find("type").text() != "function") return no_equal(at + ".type");
    const JsonValue function = call.find("function");
    CORDON_CHECK(only_keys(function, at + ".function", {"name", "arguments"}));
    CORDON_CHECK(need_text(function.find("name"), at + ".function.name"));
    const JsonValue arguments = function.find("arguments");
    const auto input = input_of(arguments.text());
    if (!input || (arguments && !arguments.is_string())) {
      return no_equal(at + ".function.arguments", "is no JSON object");
    }
    put_item(turns_);
    turns_ += R"({"type":"tool_use")";
    CORDON_CHECK(tool_id("id", call.find("id"), at + ".id"));
    put_raw(turns_, "name", function.find("name").raw());
    put_raw(turns_, "input", *input);
    turns_ += '}';
    return {};
  }

  Checked tool_id(std::string_view key, const JsonValue& id, const std::string& at) {
    const std::string_view text = id.text();
    const bool fits = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    });
    if (!fits) return no_equal(at, "holds more than letters, digits, '_' and '-'");
    put_text(turns_, key, text);
    return {};
  }

  Checked result(const JsonValue& one, const std::string& at) {
    CORDON_CHECK(only_keys(one, at, {"role", "content", "tool_call_id"}));
    open("user");
    put_item(turns_);
    turns_ += R"({"type":"tool_result")";
    CORDON_CHECK(tool_id("tool_use_id", one.find("tool_call_id"), at + ".tool_call_id"));
    std::string blocks = "[";
    CORDON_CHECK(texts(one.find("content"), at + ".content", blocks));
    if (blocks != "[") put_raw(turns_, "content", blocks + "]");
    turns_ += '}';
    return {};
  }

  Checked tools() {
    const JsonValue tools = root_.find("tools");
    const JsonValue choice = root_.find("tool_choice");
    const JsonValue parallel = root_.find("parallel_tool_calls");
    if (is_nothing(tools)) {
      const bool none = is_nothing(choice) || choice.text() == "none" || choice.text() == "auto";
      return none ? Checked() : no_equal("tool_choice", "names a tool where there are none");
    }
    std::string list = "[";
    std::size_t index = 0;
    for (JsonValue tool = tools.first(); tool; tool = tool.next()) {
      CORDON_CHECK(offered(tool, item_param("tools", index++), list));
    }
    put_raw(out_, "tools", list + "]");
    const bool alone = parallel.boolean() == false;
    if (is_nothing(choice) && !alone) return {};
    std::string written = "{";
    CORDON_CHECK(chosen(choice, written));
    if (alone && written != R"({"type":"none")") {
      put_raw(written, "disable_parallel_tool_use", "true");
    }
    put_raw(out_, "tool_choice", written + "}");
    return {};
  }

  static Checked offered(const JsonValue& tool, const std::string& at, std::string& list) {
    if (tool.find("type").text() != "function") return no_equal(at + ".type");
    CORDON_CHECK(only_keys(tool, at, {"type", "function"}));
    const JsonValue function = tool.find("function");
    const std::string where = at + ".function";
    CORDON_CHECK(only_keys(function, where, {"name", "description", "parameters", "strict"}));
    CORDON_CHECK(need_text(function.find("name"), where + ".name"));
    put_item(list);
    list += '{';
    put_raw(list, "name", function.find("name").raw());
    if (const JsonValue words = function.find("description"); !is_nothing(words)) {
      put_raw(list, "description", words.raw());
    }
    const JsonValue schema = function.find("parameters");
    put_raw(list, "input_schema",
            is_nothing(schema) ? R"({"type":"object","properties":{}})" : schema.raw());
    if (function.find("strict").boolean() == true) put_raw(list, "strict", "true");
    list += '}';
    return {};
  }

  static Checked chosen(const JsonValue& choice, std::string& out) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kChoices = {
        {{"auto", "auto"}, {"required", "any"}, {"none", "none"}}};
    const std::string_view word = is_nothing(choice) ? "auto" : choice.text();
    for (const auto& [ours, theirs] : kChoices) {
      if (word != ours) continue;
      put_text(out, "type", theirs);
      return {};
    }
    if (choice.find("type").text() != "function") return no_equal("tool_choice");
    CORDON_CHECK(only_keys(choice, "tool_choice", {"type", "function"}));
    const JsonValue name = choice.find("function").find("name");
    CORDON_CHECK(need_text(name, "tool_choice.function.name"));
    put_text(out, "type", "tool");
    put_raw(out, "name", name.raw());
    return {};
  }

  Checked format() {
    const JsonValue format = root_.find("response_format");
    if (is_nothing(format) || format.find("type").text() == "text") return {};
    if (format.find("type").text() != "json_schema") return no_equal("response_format.type");
    CORDON_CHECK(only_keys(format, "response_format", {"type", "json_schema"}));
    const JsonValue named = format.find("json_schema");
    CORDON_CHECK(only_keys(named, "response_format.json_schema", {"name", "schema", "strict"}));
    const JsonValue schema = named.find("schema");
    if (!schema.is_object()) return no_equal("response_format.json_schema.schema", "is no object");
    put_raw(out_, "output_config",
            fmt::format(R"({{"format":{{"type":"json_schema","schema":{}}}}})", schema.raw()));
    return {};
  }

  const JsonValue root_;
  std::string& out_;
  std::string system_ = "[";
  std::string turns_ = "[";
  std::string_view role_;  ///< of the message that is open
};

}  // namespace

Checked chat_into_messages(const JsonValue& root, std::string& out) {
  return ChatRequest(root, out).write();
}

}  // namespace cordon::dialect::internal
