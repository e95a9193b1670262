// What a simulated provider answers, and its bytes in either shape.
#pragma once

#include "sim/internal/request.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::sim {

/// One call of a tool that the answer asks for.
struct ToolCall {
  std::string name;
  std::string arguments;  ///< one JSON object, as text
};

/// Why an answer ends; each shape has its own word.
enum class Ending : std::uint8_t { done, length, tool_calls };

/// An answer before it has a shape.
struct Reply {
  Purpose purpose = Purpose::answer;
  std::uint64_t id = 0;  ///< of the answer and its tool calls
  std::string_view model;
  std::string text;
  std::string reasoning;  ///< empty: none
  std::vector<ToolCall> calls;
  Ending ending = Ending::done;
  std::string finish;  ///< replaces the shape's word for `ending`, unless empty
  std::uint32_t choices = 1;
  std::uint32_t chunk_bytes = 24;
  std::uint64_t tokens_in = 0;
  std::uint64_t tokens_out = 0;            ///< of all choices
  bool include_usage = false;              ///< in an OpenAI stream
  std::vector<std::uint64_t> inputs = {};  ///< of an embedding
  std::uint32_t dimensions = 16;
  bool base64 = false;
};

/// Tokens as this provider counts them.
[[nodiscard]] constexpr std::uint64_t count_tokens(std::size_t bytes) noexcept {
  return bytes / 4 + 1;
}

/// A stream and where its frames end.
struct Stream {
  std::string bytes;
  std::vector<std::size_t> ends;  ///< of the frames before the terminal ones
  /// How many bytes the frames before the terminal ones have.
  [[nodiscard]] std::size_t body_bytes() const noexcept { return ends.empty() ? 0 : ends.back(); }
};

/// The whole answer as one JSON text.
[[nodiscard]] std::string write_whole(Shape shape, const Reply& reply);
/// The same as server-sent events. Every choice says the same; chunks never cut a UTF-8 sequence.
[[nodiscard]] Stream write_stream(Shape shape, const Reply& reply);

/// How a provider says no. The status decides type and code.
struct Refusal {
  int status = 400;
  std::string_view message;
  std::string_view path = {};  ///< of the field at fault, as in Fault
  std::string_view code = {};
  std::string_view request_id;
  /// Of the event, in a stream of a response.
  std::optional<std::uint64_t> event_number = {};
};
[[nodiscard]] std::string write_error(Shape shape, const Refusal& refusal);
/// The same as an event in a stream that has begun.
[[nodiscard]] std::string write_error_frame(Shape shape, const Refusal& refusal);

}  // namespace cordon::sim
