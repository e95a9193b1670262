// A request for an answer as a provider reads it, in OpenAI's or Anthropic's shape.
//
// Read by the simulator's own parser, so that a mistake of the gateway's cannot hide behind the
// same mistake here.
#pragma once

#include "codec/json_index.h"

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::sim {

/// Whose wire format.
enum class Shape : std::uint8_t { openai, anthropic };

/// Why a body is refused with status 400.
struct Fault {
  std::string path;  ///< `messages[0].content`; empty for the whole body
  std::string what;
  std::string_view code;  ///< static: invalid_json, invalid_type, invalid_value, missing...
};
using Checked = tl::expected<void, Fault>;

/// A tool that the request offers.
struct OfferedTool {
  std::string_view name;
  codec::JsonValue schema;  ///< of its arguments; may be absent
};

/// What the request says about calling tools.
enum class Calling : std::uint8_t { none, automatic, required, named };

/// What the body is asked for: an answer to messages, how many tokens they are, the text that goes
/// on with a prompt, vectors for texts, or a response to items.
enum class Purpose : std::uint8_t { answer, count_tokens, completion, embedding, response };

/// A parsed request. Reuse one: once warm it allocates little. Views last until the next parse and
/// as long as the body does.
struct Ask {
  Shape shape = Shape::openai;
  Purpose purpose = Purpose::answer;
  std::string_view model;
  bool stream = false;
  bool include_usage = false;
  bool parallel = true;  ///< several tool calls in one answer are welcome
  bool thinking = false;
  bool from_tool = false;  ///< the last message is a tool's result
  std::uint32_t choices = 1;
  Calling calling = Calling::automatic;
  std::string_view named_tool;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> tokens_max;
  std::vector<OfferedTool> tools;
  /// The last user message or the tool results after it, parts joined by line feeds.
  std::string last_text;
  std::uint64_t tokens_in = 0;
  /// Of an embedding: a number for each input, the same for the same input.
  std::vector<std::uint64_t> inputs;
  std::uint32_t dimensions = 16;
  bool base64 = false;  ///< vectors are asked for as bytes

  /// Refuses what is not strict JSON, what lacks a field that the provider requires, and a field of
  /// the wrong type that is read here. Refuses a thinking block whose signature does not fit.
  [[nodiscard]] Checked parse(Shape as, std::string_view body, Purpose for_what = Purpose::answer);

 private:
  codec::JsonIndex index_;
};

/// The signature of a thinking block: binds its text, so that a changed block shows.
[[nodiscard]] std::string sign_thinking(std::string_view text);

}  // namespace cordon::sim
