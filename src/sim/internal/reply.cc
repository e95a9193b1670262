#include "sim/internal/reply.h"

#include "base/random.h"
#include "codec/base64.h"
#include "sim/internal/responses_reply.h"
#include "sim/internal/texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <iterator>

namespace cordon::sim {
namespace {

using codec::append_json_string;

constexpr std::uint64_t kCreated = 1'767'225'600;

/// Calls `write` with pieces of about `step` bytes.
template <class Write>
void for_each_piece(std::string_view text, std::size_t step, Write&& write) {
  step = std::max<std::size_t>(step, 4);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = utf8_floor(text, at + step);
    write(text.substr(at, end - at));
    at = end;
  }
}

std::string_view openai_word(const Reply& reply) {
  if (!reply.finish.empty()) return reply.finish;
  switch (reply.ending) {
    case Ending::done:
      return "stop";
    case Ending::length:
      return "length";
    case Ending::tool_calls:
      return "tool_calls";
  }
  return "stop";
}

std::string_view anthropic_word(const Reply& reply) {
  if (!reply.finish.empty()) return reply.finish;
  switch (reply.ending) {
    case Ending::done:
      return "end_turn";
    case Ending::length:
      return "max_tokens";
    case Ending::tool_calls:
      return "tool_use";
  }
  return "end_turn";
}

std::string call_id(std::string_view prefix, const Reply& reply, std::size_t choice,
                    std::size_t call) {
  return fmt::format("{}{:016x}{:04x}{:04x}", prefix, reply.id, choice, call);
}

// --- OpenAI's shape
// -------------------------------------------------------------------------------

void append_openai_head(std::string& out, const Reply& reply, std::string_view object) {
  fmt::format_to(
      std::back_inserter(out), R"({{"id":"{}{:016x}","object":"{}","created":{},"model":)",
      reply.purpose == Purpose::completion ? "cmpl-" : "chatcmpl-", reply.id, object, kCreated);
  append_json_string(out, reply.model);
  out += R"(,"system_fingerprint":"fp_sim","choices":[)";
}

void append_openai_usage(std::string& out, const Reply& reply) {
  fmt::format_to(std::back_inserter(out),
                 R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                 R"("prompt_tokens_details":{{"cached_tokens":0}},)"
                 R"("completion_tokens_details":{{"reasoning_tokens":{}}}}})",
                 reply.tokens_in, reply.tokens_out, reply.tokens_in + reply.tokens_out,
                 reply.reasoning.empty() ? 0 : count_tokens(reply.reasoning.size()));
}

void append_openai_call(std::string& out, const Reply& reply, std::size_t choice, std::size_t call,
                        std::string_view arguments) {
  fmt::format_to(std::back_inserter(out), R"("id":"{}","type":"function","function":{{"name":)",
                 call_id("call_", reply, choice, call));
  append_json_string(out, reply.calls[call].name);
  out += R"(,"arguments":)";
  append_json_string(out, arguments);
  out += "}}";
}

/// What goes on with a prompt.
std::string write_completion(const Reply& reply) {
  std::string out;
  append_openai_head(out, reply, "text_completion");
  for (std::uint32_t choice = 0; choice < reply.choices; ++choice) {
    fmt::format_to(std::back_inserter(out), R"({}{{"index":{},"text":)", choice > 0 ? "," : "",
                   choice);
    append_json_string(out, reply.text);
    out += R"(,"logprobs":null,"finish_reason":)";
    append_json_string(out, openai_word(reply));
    out += '}';
  }
  out += R"(],"usage":)";
  append_openai_usage(out, reply);
  out += '}';
  return out;
}

/// A vector of an input: its floats, or their bytes.
void append_vector(std::string& out, const Reply& reply, std::uint64_t input) {
  SeededRandom random(input);
  std::vector<std::byte> bytes;
  if (!reply.base64) out += '[';
  for (std::uint32_t i = 0; i < reply.dimensions; ++i) {
    const float value = static_cast<float>(random.below(2'000'001)) / 1e6F - 1.0F;
    if (reply.base64) {
      const auto raw = std::bit_cast<std::array<std::byte, sizeof(float)>>(value);
      bytes.insert(bytes.end(), raw.begin(), raw.end());
    } else {
      fmt::format_to(std::back_inserter(out), "{}{:.6f}", i > 0 ? "," : "", value);
    }
  }
  if (reply.base64) {
    append_json_string(out, codec::to_base64(bytes));
  } else {
    out += ']';
  }
}

std::string write_embeddings(const Reply& reply) {
  std::string out = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < reply.inputs.size(); ++i) {
    fmt::format_to(std::back_inserter(out), R"({}{{"object":"embedding","index":{},"embedding":)",
                   i > 0 ? "," : "", i);
    append_vector(out, reply, reply.inputs[i]);
    out += '}';
  }
  out += R"(],"model":)";
  append_json_string(out, reply.model);
  fmt::format_to(std::back_inserter(out), R"(,"usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
                 reply.tokens_in, reply.tokens_in);
  return out;
}

std::string write_openai(const Reply& reply) {
  std::string out;
  append_openai_head(out, reply, "chat.completion");
  for (std::uint32_t choice = 0; choice < reply.choices; ++choice) {
    if (choice > 0) out += ',';
    fmt::format_to(std::back_inserter(out),
                   R"({{"index":{},"message":{{"role":"assistant","content":)", choice);
    if (reply.text.empty() && !reply.calls.empty()) {
      out += "null";
    } else {
      append_json_string(out, reply.text);
    }
    if (!reply.reasoning.empty()) {
      out += R"(,"reasoning_content":)";
      append_json_string(out, reply.reasoning);
    }
    out += R"(,"refusal":null)";
    for (std::size_t call = 0; call < reply.calls.size(); ++call) {
      out += call == 0 ? R"(,"tool_calls":[{)" : ",{";
      append_openai_call(out, reply, choice, call, reply.calls[call].arguments);
    }
    if (!reply.calls.empty()) out += ']';
    out += R"(},"logprobs":null,"finish_reason":)";
    append_json_string(out, openai_word(reply));
    out += '}';
  }
  out += R"(],"usage":)";
  append_openai_usage(out, reply);
  out += '}';
  return out;
}

/// Writes the chunks of one stream.
class OpenaiStream {
 public:
  explicit OpenaiStream(const Reply& reply) : reply_(reply) {
    head_ = "data: ";
    const bool text = reply.purpose == Purpose::completion;
    append_openai_head(head_, reply, text ? "text_completion" : "chat.completion.chunk");
    tail_ = reply.include_usage ? "],\"usage\":null}\n\n" : "]}\n\n";
    stream_.bytes.reserve((reply.text.size() / std::max(reply.chunk_bytes, 4U) + 4) *
                          reply.choices * (head_.size() + 96));
  }

  [[nodiscard]] Stream write() && {
    if (reply_.purpose == Purpose::completion) {
      text_frames();
      return finish();
    }
    for_each_choice(reply_.calls.empty() ? R"({"role":"assistant","content":"","refusal":null})"
                                         : R"({"role":"assistant","content":null,"refusal":null})");
    texts(R"({"reasoning_content":)", reply_.reasoning);
    texts(R"({"content":)", reply_.text);
    for (std::size_t call = 0; call < reply_.calls.size(); ++call) write_call(call);
    std::string word;
    append_json_string(word, openai_word(reply_));
    for_each_choice("{}", word);
    return finish();
  }

 private:
  [[nodiscard]] Stream finish() {
    if (reply_.include_usage) {
      stream_.bytes += head_;
      stream_.bytes += R"(],"usage":)";
      append_openai_usage(stream_.bytes, reply_);
      stream_.bytes += "}\n\n";
    }
    stream_.bytes += "data: [DONE]\n\n";
    return std::move(stream_);
  }
  void text_frames() {
    const auto frames = [&](std::string_view text, std::string_view finish) {
      for (std::uint32_t choice = 0; choice < reply_.choices; ++choice) {
        std::string& out = stream_.bytes;
        out += head_;
        out += fmt::format(R"({{"index":{},"text":)", choice);
        append_json_string(out, text);
        out += fmt::format(R"(,"logprobs":null,"finish_reason":{}}})", finish);
        out += tail_;
        stream_.ends.push_back(out.size());
      }
    };
    for_each_piece(reply_.text, reply_.chunk_bytes,
                   [&](std::string_view piece) { frames(piece, "null"); });
    std::string word;
    append_json_string(word, openai_word(reply_));
    frames({}, word);
  }
  void frame(std::uint32_t choice, std::string_view delta, std::string_view finish = "null") {
    std::string& out = stream_.bytes;
    out += head_;
    out += R"({"index":)";
    if (choice < 10) {
      out += static_cast<char>('0' + choice);
    } else {
      out += std::to_string(choice);
    }
    out += R"(,"delta":)";
    out += delta;
    out += R"(,"logprobs":null,"finish_reason":)";
    out += finish;
    out += '}';
    out += tail_;
    stream_.ends.push_back(out.size());
  }
  void for_each_choice(std::string_view delta, std::string_view finish = "null") {
    for (std::uint32_t choice = 0; choice < reply_.choices; ++choice) frame(choice, delta, finish);
  }
  void texts(std::string_view open, std::string_view text) {
    for_each_piece(text, reply_.chunk_bytes, [&](std::string_view piece) {
      delta_ = open;
      append_json_string(delta_, piece);
      delta_ += '}';
      for_each_choice(delta_);
    });
  }
  void write_call(std::size_t call) {
    for (std::uint32_t choice = 0; choice < reply_.choices; ++choice) {
      delta_ = fmt::format(R"({{"tool_calls":[{{"index":{},)", call);
      append_openai_call(delta_, reply_, choice, call, {});
      delta_ += "]}";
      frame(choice, delta_);
    }
    for_each_piece(reply_.calls[call].arguments, reply_.chunk_bytes, [&](std::string_view piece) {
      delta_ = fmt::format(R"({{"tool_calls":[{{"index":{},"function":{{"arguments":)", call);
      append_json_string(delta_, piece);
      delta_ += "}}]}";
      for_each_choice(delta_);
    });
  }

  const Reply& reply_;
  Stream stream_;
  std::string head_;
  std::string_view tail_;
  std::string delta_;
};

// --- Anthropic's shape
// ----------------------------------------------------------------------------

std::string write_anthropic(const Reply& reply) {
  std::string out = fmt::format(R"({{"id":"msg_{:016x}","type":"message","role":"assistant",)"
                                R"("model":)",
                                reply.id);
  append_json_string(out, reply.model);
  out += R"(,"content":[)";
  const char* separator = "";
  if (!reply.reasoning.empty()) {
    out += R"({"type":"thinking","thinking":)";
    append_json_string(out, reply.reasoning);
    out += fmt::format(R"(,"signature":"{}"}})", sign_thinking(reply.reasoning));
    separator = ",";
  }
  if (!reply.text.empty()) {
    out += separator;
    out += R"({"type":"text","text":)";
    append_json_string(out, reply.text);
    out += '}';
    separator = ",";
  }
  for (std::size_t call = 0; call < reply.calls.size(); ++call) {
    out += fmt::format(R"({}{{"type":"tool_use","id":"{}","name":)", separator,
                       call_id("toolu_", reply, 0, call));
    append_json_string(out, reply.calls[call].name);
    out += R"(,"input":)" + reply.calls[call].arguments + '}';
    separator = ",";
  }
  out += R"(],"stop_reason":)";
  append_json_string(out, anthropic_word(reply));
  out += fmt::format(R"(,"stop_sequence":null,"usage":{{"input_tokens":{},)"
                     R"("cache_creation_input_tokens":0,"cache_read_input_tokens":0,)"
                     R"("output_tokens":{}}}}})",
                     reply.tokens_in, reply.tokens_out);
  return out;
}

/// Writes the events of one stream.
class AnthropicStream {
 public:
  explicit AnthropicStream(const Reply& reply) : reply_(reply) {
    stream_.bytes.reserve((reply.text.size() / std::max(reply.chunk_bytes, 4U) + 8) * 160);
  }

  [[nodiscard]] Stream write() && {
    begin_message();
    if (!reply_.reasoning.empty()) {
      open_block(R"({"type":"thinking","thinking":"","signature":""})");
      deltas(R"({"type":"thinking_delta","thinking":)", reply_.reasoning);
      delta(fmt::format(R"({{"type":"signature_delta","signature":"{}"}})",
                        sign_thinking(reply_.reasoning)));
      close_block();
    }
    if (!reply_.text.empty()) {
      open_block(R"({"type":"text","text":""})");
      deltas(R"({"type":"text_delta","text":)", reply_.text);
      close_block();
    }
    for (std::size_t call = 0; call < reply_.calls.size(); ++call) {
      std::string block = fmt::format(R"({{"type":"tool_use","id":"{}","name":)",
                                      call_id("toolu_", reply_, 0, call));
      append_json_string(block, reply_.calls[call].name);
      open_block(block + R"(,"input":{}})");
      delta(R"({"type":"input_json_delta","partial_json":""})");
      deltas(R"({"type":"input_json_delta","partial_json":)", reply_.calls[call].arguments);
      close_block();
    }
    std::string word;
    append_json_string(word, anthropic_word(reply_));
    event("message_delta", fmt::format(R"(,"delta":{{"stop_reason":{},"stop_sequence":null}},)"
                                       R"("usage":{{"output_tokens":{}}})",
                                       word, reply_.tokens_out));
    stream_.bytes += "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    return std::move(stream_);
  }

 private:
  void event(std::string_view type, std::string_view rest) {
    std::string& out = stream_.bytes;
    ((((out += "event: ") += type) += "\ndata: {\"type\":\"") += type) += '"';
    (out += rest) += "}\n\n";
    stream_.ends.push_back(out.size());
  }
  void begin_message() {
    std::string message = fmt::format(R"(,"message":{{"id":"msg_{:016x}","type":"message",)"
                                      R"("role":"assistant","model":)",
                                      reply_.id);
    append_json_string(message, reply_.model);
    message += fmt::format(R"(,"content":[],"stop_reason":null,"stop_sequence":null,"usage":{{)"
                           R"("input_tokens":{},"cache_creation_input_tokens":0,)"
                           R"("cache_read_input_tokens":0,"output_tokens":1}}}})",
                           reply_.tokens_in);
    event("message_start", message);
  }
  void open_block(std::string_view block) {
    event("content_block_start", fmt::format(R"(,"index":{},"content_block":{})", block_, block));
    if (block_ == 0) event("ping", "");
  }
  void delta(std::string_view delta) {
    rest_ = R"(,"index":)";
    rest_ += std::to_string(block_);
    rest_ += R"(,"delta":)";
    rest_ += delta;
    event("content_block_delta", rest_);
  }
  void deltas(std::string_view open, std::string_view text) {
    for_each_piece(text, reply_.chunk_bytes, [&](std::string_view piece) {
      delta_ = open;
      append_json_string(delta_, piece);
      delta_ += '}';
      delta(delta_);
    });
  }
  void close_block() { event("content_block_stop", fmt::format(R"(,"index":{})", block_++)); }

  const Reply& reply_;
  Stream stream_;
  std::uint32_t block_ = 0;
  std::string delta_;
  std::string rest_;
};

// --- errors
// ---------------------------------------------------------------------------------------

/// The fixed words of one status.
struct Words {
  int status;
  std::string_view openai_type;
  std::string_view openai_code;
  std::string_view anthropic_type;
};
constexpr Words kWords[] = {
    {400, "invalid_request_error", "", "invalid_request_error"},
    {401, "invalid_request_error", "invalid_api_key", "authentication_error"},
    {404, "invalid_request_error", "unknown_url", "not_found_error"},
    {405, "invalid_request_error", "method_not_allowed", "invalid_request_error"},
    {429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error"},
    {500, "server_error", "", "api_error"},
    {503, "server_error", "overloaded", "overloaded_error"},
    {529, "server_error", "overloaded", "overloaded_error"},
};

const Words& words_of(int status) {
  const auto* found = std::find_if(std::begin(kWords), std::end(kWords),
                                   [&](const Words& one) { return one.status == status; });
  return found == std::end(kWords) ? kWords[0] : *found;
}

void append_nullable(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += "null";
  } else {
    append_json_string(out, text);
  }
}

/// `messages[0].content` as Anthropic writes it: `messages.0.content`.
std::string dotted(std::string_view path) {
  std::string out;
  for (const char one : path) {
    if (one != ']') out += one == '[' ? '.' : one;
  }
  return out;
}

}  // namespace

std::string write_whole(Shape shape, const Reply& reply) {
  switch (reply.purpose) {
    case Purpose::count_tokens:
      return fmt::format(R"({{"input_tokens":{}}})", reply.tokens_in);
    case Purpose::completion:
      return write_completion(reply);
    case Purpose::embedding:
      return write_embeddings(reply);
    case Purpose::response:
      return write_response(reply);
    case Purpose::answer:
      break;
  }
  return shape == Shape::openai ? write_openai(reply) : write_anthropic(reply);
}

Stream write_stream(Shape shape, const Reply& reply) {
  if (reply.purpose == Purpose::response) return write_response_stream(reply);
  return shape == Shape::openai ? OpenaiStream(reply).write() : AnthropicStream(reply).write();
}

std::string write_error(Shape shape, const Refusal& refusal) {
  const Words& words = words_of(refusal.status);
  std::string out;
  if (shape == Shape::anthropic) {
    out = fmt::format(R"({{"type":"error","error":{{"type":"{}","message":)", words.anthropic_type);
    append_json_string(out, refusal.path.empty()
                                ? std::string(refusal.message)
                                : fmt::format("{}: {}", dotted(refusal.path), refusal.message));
    out += R"(},"request_id":)";
    append_json_string(out, refusal.request_id);
    out += '}';
    return out;
  }
  out = R"({"error":{"message":)";
  append_json_string(out, refusal.path.empty()
                              ? std::string(refusal.message)
                              : fmt::format("'{}': {}.", refusal.path, refusal.message));
  out += fmt::format(R"(,"type":"{}","param":)", words.openai_type);
  append_nullable(out, refusal.path);
  out += R"(,"code":)";
  append_nullable(out, refusal.code.empty() ? words.openai_code : refusal.code);
  out += "}}";
  return out;
}

std::string write_error_frame(Shape shape, const Refusal& refusal) {
  const std::string error = write_error(shape, refusal);
  if (refusal.event_number) {
    const Words& words = words_of(refusal.status);
    std::string data = fmt::format(R"({{"type":"error","sequence_number":{},"param":null,"code":)",
                                   *refusal.event_number);
    append_nullable(data, words.openai_code);
    data += R"(,"message":)";
    append_json_string(data, refusal.message);
    return fmt::format("event: error\ndata: {},{}\n\n", data, std::string_view(error).substr(1));
  }
  return shape == Shape::openai ? fmt::format("data: {}\n\n", error)
                                : fmt::format("event: error\ndata: {}\n\n", error);
}

}  // namespace cordon::sim
