// Messages requests, as requests for chat completions.
#include "dialect/internal/translating.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace cordon::dialect::internal {
namespace {

using codec::JsonValue;

/// Parts of one content. A text alone is written as a string, which every provider reads.
class Parts {
 public:
  void text(const JsonValue& value) {
    add(fmt::format(R"({{"type":"text","text":{}}})", value.raw()));
    alone_ = count_ == 1 ? value.raw() : std::string_view();
  }
  void add(std::string_view part) {
    put_item(list_);
    list_ += part;
    ++count_;
    alone_ = {};
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::string written() const {
    return alone_.empty() ? list_ + "]" : std::string(alone_);
  }

 private:
  std::string list_ = "[";
  std::string_view alone_;
  std::size_t count_ = 0;
};

class MessagesRequest {
 public:
  MessagesRequest(const JsonValue& root, std::string& out) : root_(root), out_(out) {}

  Checked write() {
    out_ += '{';
    put_raw(out_, "model", root_.find("model").raw());
    CORDON_CHECK(limits());
    CORDON_CHECK(messages());
    CORDON_CHECK(tools());
    CORDON_CHECK(format());
    const JsonValue metadata = root_.find("metadata");
    CORDON_CHECK(only_keys(metadata, "metadata", {"user_id"}));
    if (const JsonValue user = metadata.find("user_id"); !is_nothing(user)) {
      put_raw(out_, "user", user.raw());
    }
    if (root_.find("stream").boolean() == true) {
      put_raw(out_, "stream", "true");
      put_raw(out_, "stream_options", R"({"include_usage":true})");
    }
    out_ += '}';
    return {};
  }

 private:
  Checked limits() {
    const JsonValue thinking = root_.find("thinking");
    if (!is_nothing(thinking) && thinking.find("type").text() != "disabled") {
      return no_equal("thinking");
    }
    const JsonValue tier = root_.find("service_tier");
    if (!is_nothing(tier) && tier.text() != "auto") return no_equal("service_tier");
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kCarried = {
        {{"max_tokens", "max_completion_tokens"},
         {"temperature", "temperature"},
         {"top_p", "top_p"},
         {"stop_sequences", "stop"}}};
    for (const auto& [ours, theirs] : kCarried) {
      const JsonValue value = root_.find(ours);
      if (!is_nothing(value)) put_raw(out_, theirs, value.raw());
    }
    constexpr std::size_t kStopsMax = 4;
    if (root_.find("stop_sequences").size() > kStopsMax) {
      return no_equal("stop_sequences", "holds more than 4, the most there");
    }
    return {};
  }

  void put_message(std::string_view role, std::string_view members) {
    put_item(turns_);
    turns_ += fmt::format(R"({{"role":"{}",{}}})", role, members);
  }

  Checked messages() {
    if (const JsonValue system = root_.find("system"); !is_nothing(system)) {
      Parts parts;
      CORDON_CHECK(texts(system, "system", parts));
      put_message("system", fmt::format(R"("content":{})", parts.written()));
    }
    std::size_t at = 0;
    std::string_view role;
    for (JsonValue one = root_.find("messages").first(); one; one = one.next()) {
      const std::string where = item_param("messages", at++);
      CORDON_CHECK(only_keys(one, where, {"role", "content"}));
      role = one.find("role").text();
      if (role == "user") {
        CORDON_CHECK(user(one.find("content"), where + ".content"));
      } else if (role == "assistant") {
        CORDON_CHECK(assistant(one.find("content"), where + ".content"));
      } else {
        return no_equal(where + ".role");
      }
    }
    if (role == "assistant") {
      return no_equal(item_param("messages", at - 1),
                      "is the beginning of the answer, which there would be a new one");
    }
    put_raw(out_, "messages", turns_ + "]");
    return {};
  }

  static Checked text(const JsonValue& block, const std::string& at, Parts& parts) {
    CORDON_CHECK(only_keys(block, at, {"type", "text", "cache_control"}));
    CORDON_CHECK(need_text(block.find("text"), at + ".text"));
    parts.text(block.find("text"));
    return {};
  }

  static Checked texts(const JsonValue& content, const std::string& at, Parts& parts) {
    if (content.is_string()) {
      parts.text(content);
      return {};
    }
    std::size_t index = 0;
    for (JsonValue block = content.first(); block; block = block.next()) {
      const std::string where = item_param(at, index++);
      if (block.find("type").text() != "text") return no_equal(where + ".type");
      CORDON_CHECK(text(block, where, parts));
    }
    return {};
  }

  /// Results of tools are messages of their own; what stands between them is the user's.
  Checked user(const JsonValue& content, const std::string& at) {
    Parts parts;
    if (content.is_string()) parts.text(content);
    const auto put_parts = [&] {
      if (parts.empty()) return;
      put_message("user", fmt::format(R"("content":{})", parts.written()));
      parts = Parts();
    };
    std::size_t index = 0;
    for (JsonValue block = content.first(); block; block = block.next()) {
      const std::string where = item_param(at, index++);
      const std::string_view type = block.find("type").text();
      if (type == "text") {
        CORDON_CHECK(text(block, where, parts));
      } else if (type == "image") {
        CORDON_CHECK(image(block, where, parts));
      } else if (type == "tool_result") {
        put_parts();
        CORDON_CHECK(result(block, where));
      } else {
        return no_equal(where + ".type");
      }
    }
    put_parts();
    return {};
  }

  static Checked image(const JsonValue& block, const std::string& at, Parts& parts) {
    CORDON_CHECK(only_keys(block, at, {"type", "source", "cache_control"}));
    const JsonValue source = block.find("source");
    const std::string_view type = source.find("type").text();
    std::string url;
    if (type == "url") {
      url = source.find("url").text();
    } else if (type == "base64") {
      url = fmt::format("data:{};base64,{}", source.find("media_type").text(),
                        source.find("data").text());
    } else {
      return no_equal(at + ".source.type");
    }
    std::string part = R"({"type":"image_url","image_url":{)";
    put_text(part, "url", url);
    parts.add(part + "}}");
    return {};
  }

  Checked result(const JsonValue& block, const std::string& at) {
    CORDON_CHECK(
        only_keys(block, at, {"type", "tool_use_id", "content", "is_error", "cache_control"}));
    if (block.find("is_error").boolean() == true) return no_equal(at + ".is_error");
    CORDON_CHECK(need_text(block.find("tool_use_id"), at + ".tool_use_id"));
    Parts parts;
    CORDON_CHECK(texts(block.find("content"), at + ".content", parts));
    put_message("tool",
                fmt::format(R"("tool_call_id":{},"content":{})", block.find("tool_use_id").raw(),
                            parts.empty() ? R"("")" : parts.written()));
    return {};
  }

  Checked assistant(const JsonValue& content, const std::string& at) {
    Parts parts;
    if (content.is_string()) parts.text(content);
    std::string calls = "[";
    std::size_t index = 0;
    for (JsonValue block = content.first(); block; block = block.next()) {
      const std::string where = item_param(at, index++);
      const std::string_view type = block.find("type").text();
      if (type == "text") {
        if (calls != "[") return no_equal(where, "is a text after the call of a tool");
        CORDON_CHECK(text(block, where, parts));
      } else if (type == "tool_use") {
        CORDON_CHECK(tool_use(block, where, calls));
      } else {
        return no_equal(where + ".type");
      }
    }
    std::string members = R"("content":)" + (parts.empty() ? "null" : parts.written());
    if (calls != "[") members += fmt::format(R"(,"tool_calls":{}])", calls);
    put_message("assistant", members);
    return {};
  }

  static Checked tool_use(const JsonValue& block, const std::string& at, std::string& calls) {
    CORDON_CHECK(only_keys(block, at, {"type", "id", "name", "input", "cache_control"}));
    CORDON_CHECK(need_text(block.find("id"), at + ".id"));
    CORDON_CHECK(need_text(block.find("name"), at + ".name"));
    if (!block.find("input").is_object()) return no_equal(at + ".input", "is no object");
    put_item(calls);
    calls += fmt::format(R"({{"id":{},"type":"function","function":{{"name":{})",
                         block.find("id").raw(), block.find("name").raw());
    put_text(calls, "arguments", block.find("input").raw());
    calls += "}}";
    return {};
  }

  Checked tools() {
    const JsonValue tools = root_.find("tools");
    const JsonValue choice = root_.find("tool_choice");
    if (is_nothing(tools)) {
      return is_nothing(choice) ? Checked()
                                : no_equal("tool_choice", "names a tool where there are none");
    }
    std::string list = "[";
    std::size_t index = 0;
    for (JsonValue tool = tools.first(); tool; tool = tool.next()) {
      CORDON_CHECK(offered(tool, item_param("tools", index++), list));
    }
    put_raw(out_, "tools", list + "]");
    if (is_nothing(choice)) return {};
    CORDON_CHECK(only_keys(choice, "tool_choice", {"type", "name", "disable_parallel_tool_use"}));
    const std::string_view type = choice.find("type").text();
    if (type == "tool") {
      CORDON_CHECK(need_text(choice.find("name"), "tool_choice.name"));
      put_raw(out_, "tool_choice",
              fmt::format(R"({{"type":"function","function":{{"name":{}}}}})",
                          choice.find("name").raw()));
    } else if (type == "auto" || type == "none") {
      put_text(out_, "tool_choice", type);
    } else if (type == "any") {
      put_text(out_, "tool_choice", "required");
    } else {
      return no_equal("tool_choice.type");
    }
    if (choice.find("disable_parallel_tool_use").boolean() == true) {
      put_raw(out_, "parallel_tool_calls", "false");
    }
    return {};
  }

  static Checked offered(const JsonValue& tool, const std::string& at, std::string& list) {
    const JsonValue type = tool.find("type");
    if (!is_nothing(type) && type.text() != "custom") return no_equal(at + ".type");
    CORDON_CHECK(only_keys(
        tool, at, {"type", "name", "description", "input_schema", "strict", "cache_control"}));
    CORDON_CHECK(need_text(tool.find("name"), at + ".name"));
    put_item(list);
    list += R"({"type":"function","function":{)";
    put_raw(list, "name", tool.find("name").raw());
    if (const JsonValue words = tool.find("description"); !is_nothing(words)) {
      put_raw(list, "description", words.raw());
    }
    if (const JsonValue schema = tool.find("input_schema"); schema.is_object()) {
      put_raw(list, "parameters", schema.raw());
    }
    if (tool.find("strict").boolean() == true) put_raw(list, "strict", "true");
    list += "}}";
    return {};
  }

  Checked format() {
    const JsonValue config = root_.find("output_config");
    CORDON_CHECK(only_keys(config, "output_config", {"format"}));
    const JsonValue format = config.find("format");
    if (is_nothing(format)) return {};
    CORDON_CHECK(only_keys(format, "output_config.format", {"type", "schema"}));
    if (format.find("type").text() != "json_schema" || !format.find("schema").is_object()) {
      return no_equal("output_config.format");
    }
    put_raw(out_, "response_format",
            fmt::format(R"({{"type":"json_schema","json_schema":{{"name":"answer","schema":{},)"
                        R"("strict":true}}}})",
                        format.find("schema").raw()));
    return {};
  }

  const JsonValue root_;
  std::string& out_;
  std::string turns_ = "[";
};

}  // namespace

Checked messages_into_chat(const JsonValue& root, std::string& out) {
  return MessagesRequest(root, out).write();
}

}  // namespace cordon::dialect::internal
