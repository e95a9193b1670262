#include "sim/internal/tool_calls.h"

#include "sim/internal/texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace cordon::sim {
namespace {

using codec::JsonValue;

constexpr std::size_t kCallsMax = 16;
constexpr std::size_t kPropertiesMax = 32;
constexpr int kDepthMax = 6;

bool is_name_byte(char one) noexcept {
  return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9') ||
         one == '_' || one == '-';
}

/// Where `name` stands in `text` as a word of its own, from `from` on; npos if nowhere.
std::size_t find_word(std::string_view text, std::string_view name, std::size_t from) {
  while ((from = text.find(name, from)) != std::string_view::npos) {
    const std::size_t end = from + name.size();
    const bool begins = from == 0 || !is_name_byte(text[from - 1]);
    if (begins && (end == text.size() || !is_name_byte(text[end]))) return from;
    ++from;
  }
  return from;
}

/// Every mention of an offered tool, in the order of the text.
std::vector<const OfferedTool*> find_mentions(const Ask& ask) {
  std::vector<std::pair<std::size_t, const OfferedTool*>> found;
  for (const OfferedTool& tool : ask.tools) {
    std::size_t at = find_word(ask.last_text, tool.name, 0);
    for (std::size_t count = 0; at != std::string_view::npos && count < kCallsMax; ++count) {
      found.emplace_back(at, &tool);
      at = find_word(ask.last_text, tool.name, at + tool.name.size());
    }
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  if (found.size() > kCallsMax) found.resize(kCallsMax);
  std::vector<const OfferedTool*> tools;
  for (const auto& mention : found) tools.push_back(mention.second);
  return tools;
}

std::vector<const OfferedTool*> choose_tools(const Ask& ask, Random& random) {
  if (ask.tools.empty() || ask.calling == Calling::none) return {};
  if (ask.calling == Calling::named) {
    const auto named =
        std::find_if(ask.tools.begin(), ask.tools.end(),
                     [&](const OfferedTool& tool) { return tool.name == ask.named_tool; });
    return {&*named};
  }
  // What a tool's result says is no order to call tools.
  std::vector<const OfferedTool*> tools;
  if (!ask.from_tool) tools = find_mentions(ask);
  if (tools.empty() && ask.calling == Calling::required) {
    tools.push_back(&ask.tools[random.below(ask.tools.size())]);
  }
  if (!ask.parallel && tools.size() > 1) tools.resize(1);
  return tools;
}

/// Writes a value that fits a JSON Schema, as far as providers' tools go.
class ArgumentWriter {
 public:
  ArgumentWriter(Random& random, std::string_view said) : random_(random), said_(said) {}

  void write_object(const JsonValue& schema, int depth) {
    out_ += '{';
    std::size_t count = 0;
    for (JsonValue one = schema.find("properties").first(); one && count < kPropertiesMax;
         one = one.next()) {
      if (count++ > 0) out_ += ',';
      codec::append_json_string(out_, one.key());
      out_ += ':';
      write(one, depth + 1);
    }
    out_ += '}';
  }

  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  void write(const JsonValue& schema, int depth) {
    if (depth > kDepthMax) {
      out_ += "null";
      return;
    }
    if (const JsonValue fixed = schema.find("const")) {
      out_ += fixed.raw();
      return;
    }
    if (const JsonValue values = schema.find("enum"); values.size() > 0) {
      JsonValue chosen = values.first();
      for (std::size_t skip = random_.below(values.size()); skip > 0; --skip) {
        chosen = chosen.next();
      }
      out_ += chosen.raw();
      return;
    }
    if (const JsonValue either = schema.find("anyOf").first()) return write(either, depth + 1);
    const JsonValue type = schema.find("type");
    write_type(schema, type.is_array() ? type.first().text() : type.text(), depth);
  }

  void write_type(const JsonValue& schema, std::string_view type, int depth) {
    if (type == "object") return write_object(schema, depth);
    if (type == "array") {
      out_ += '[';
      write(schema.find("items"), depth + 1);
      out_ += ']';
    } else if (type == "integer" || type == "number") {
      write_number(schema);
      if (type == "number") out_ += ".5";
    } else if (type == "boolean") {
      out_ += random_.below(2) == 0 ? "false" : "true";
    } else if (type == "null") {
      out_ += "null";
    } else {
      codec::append_json_string(out_, said_.empty() ? pick_word(random_) : said_);
      said_ = {};
    }
  }

  void write_number(const JsonValue& schema) {
    const std::int64_t least = schema.find("minimum").integer().value_or(1);
    const std::int64_t most =
        schema.find("maximum").integer().value_or(least < INT64_MAX - 9 ? least + 9 : least);
    const std::uint64_t room =
        most > least ? static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(least) : 1;
    // Below the largest, so that the half of a number stays within.
    const std::uint64_t value = static_cast<std::uint64_t>(least) + random_.below(room);
    out_ += std::to_string(static_cast<std::int64_t>(value));
  }

  Random& random_;
  std::string_view said_;
  std::string out_;
};

}  // namespace

std::string make_arguments(const codec::JsonValue& schema, Random& random, std::string_view said) {
  ArgumentWriter writer(random, said);
  writer.write_object(schema, 0);
  return std::move(writer).take();
}

std::vector<ToolCall> choose_calls(const Ask& ask, Random& random, std::string_view said) {
  std::vector<ToolCall> calls;
  for (const OfferedTool* tool : choose_tools(ask, random)) {
    calls.push_back({std::string(tool->name), make_arguments(tool->schema, random, said)});
  }
  return calls;
}

}  // namespace cordon::sim
