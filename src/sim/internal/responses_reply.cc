#include "sim/internal/responses_reply.h"

#include "sim/internal/texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace cordon::sim {
namespace {

constexpr std::uint64_t kCreated = 1'767'225'600;

std::string json_text(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  return out;
}

std::string_view status_of(const Reply& reply) {
  if (!reply.finish.empty()) return reply.finish;
  return reply.ending == Ending::length ? "incomplete" : "completed";
}

/// How much of an answer has been said.
enum class Said : std::uint8_t { nothing, all };

/// One output item: what it is, and its text as it streams.
struct Item {
  enum class Of : std::uint8_t { reasoning, message, call };
  Of of;
  std::string id;
  std::string_view text;
  std::size_t call = 0;
};

std::vector<Item> items_of(const Reply& reply) {
  std::vector<Item> items;
  if (!reply.reasoning.empty()) {
    items.push_back({Item::Of::reasoning, fmt::format("rs_{:016x}", reply.id), reply.reasoning});
  }
  if (!reply.text.empty() || reply.calls.empty()) {
    items.push_back({Item::Of::message, fmt::format("msg_{:016x}", reply.id), reply.text});
  }
  for (std::size_t i = 0; i < reply.calls.size(); ++i) {
    items.push_back({Item::Of::call, fmt::format("fc_{:016x}{:04x}", reply.id, i),
                     reply.calls[i].arguments, i});
  }
  return items;
}

std::string part_of(const Item& item) {
  return item.of == Item::Of::reasoning
             ? fmt::format(R"({{"type":"summary_text","text":{}}})", json_text(item.text))
             : fmt::format(R"({{"type":"output_text","annotations":[],"logprobs":[],"text":{}}})",
                           json_text(item.text));
}

/// An item before its text has come, or with all of it.
std::string write_item(const Reply& reply, const Item& item, Said said) {
  const bool whole = said == Said::all;
  const std::string parts = whole ? "[" + part_of(item) + "]" : "[]";
  switch (item.of) {
    case Item::Of::reasoning:
      return fmt::format(R"({{"id":"{}","type":"reasoning","summary":{}}})", item.id, parts);
    case Item::Of::message:
      return fmt::format(
          R"({{"id":"{}","type":"message","status":"{}","content":{},"role":"assistant"}})",
          item.id,
          !whole                            ? "in_progress"
          : status_of(reply) == "completed" ? "completed"
                                            : "incomplete",
          parts);
    case Item::Of::call:
      break;
  }
  return fmt::format(R"({{"id":"{}","type":"function_call","status":"{}","arguments":{},)"
                     R"("call_id":"call_{:016x}{:04x}","name":{}}})",
                     item.id, whole ? "completed" : "in_progress",
                     json_text(whole ? item.text : std::string_view()), reply.id, item.call,
                     json_text(reply.calls[item.call].name));
}

/// A response with this status, with or without what was said.
std::string write_state(const Reply& reply, std::string_view status, Said said) {
  const bool ended = said == Said::all;
  std::string output;
  if (ended) {
    for (const Item& item : items_of(reply)) {
      if (!output.empty()) output += ',';
      output += write_item(reply, item, Said::all);
    }
  }
  const std::string_view details =
      status == "incomplete" ? R"({"reason":"max_output_tokens"})" : "null";
  const std::string_view error =
      status == "failed" ? R"({"code":"server_error","message":"Out of order."})" : "null";
  std::string usage = "null";
  if (ended) {
    usage = fmt::format(
        R"({{"input_tokens":{},"input_tokens_details":{{"cached_tokens":0}},"output_tokens":{},)"
        R"("output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}})",
        reply.tokens_in, reply.tokens_out,
        reply.reasoning.empty() ? 0 : count_tokens(reply.reasoning.size()),
        reply.tokens_in + reply.tokens_out);
  }
  return fmt::format(
      R"({{"id":"resp_{:016x}","object":"response","created_at":{},"status":"{}",)"
      R"("background":false,"error":{},"incomplete_details":{},"instructions":null,)"
      R"("max_output_tokens":null,"model":{},"output":[{}],"parallel_tool_calls":true,)"
      R"("previous_response_id":null,"reasoning":{{"effort":null,"summary":null}},"store":false,)"
      R"("temperature":1.0,"text":{{"format":{{"type":"text"}}}},"tool_choice":"auto","tools":[],)"
      R"("top_p":1.0,"truncation":"disabled","usage":{},"user":null,"metadata":{{}}}})",
      reply.id, kCreated, status, error, details, json_text(reply.model), output, usage);
}

/// Writes the events of one stream.
class ResponseStream {
 public:
  explicit ResponseStream(const Reply& reply) : reply_(reply) {}

  [[nodiscard]] Stream write() && {
    event("created", ",\"response\":" + write_state(reply_, "in_progress", Said::nothing));
    event("in_progress", ",\"response\":" + write_state(reply_, "in_progress", Said::nothing));
    for (const Item& item : items_of(reply_)) {
      write_one(item);
      ++index_;
    }
    event(status_of(reply_), ",\"response\":" + write_state(reply_, status_of(reply_), Said::all));
    stream_.ends.pop_back();
    return std::move(stream_);
  }

 private:
  void event(std::string_view type, std::string_view members) {
    stream_.bytes +=
        fmt::format("event: response.{}\ndata: {{\"type\":\"response.{}\",\"sequence_number\":{}{}",
                    type, type, number_++, members);
    stream_.bytes += "}\n\n";
    stream_.ends.push_back(stream_.bytes.size());
  }

  void write_one(const Item& item) {
    const bool call = item.of == Item::Of::call;
    const bool summary = item.of == Item::Of::reasoning;
    const std::string_view name = call      ? "function_call_arguments"
                                  : summary ? "reasoning_summary_text"
                                            : "output_text";
    const std::string_view part = summary ? "reasoning_summary_part" : "content_part";
    const std::string in_output = fmt::format(R"(,"output_index":{})", index_);
    std::string place = fmt::format(R"(,"item_id":"{}"{})", item.id, in_output);
    if (!call) place += summary ? R"(,"summary_index":0)" : R"(,"content_index":0)";
    const auto text_member = [&](std::string_view key, std::string_view text) {
      std::string members = place + fmt::format(R"(,"{}":)", key) + json_text(text);
      if (!call && !summary) members += R"(,"logprobs":[])";
      return members;
    };
    event("output_item.added", in_output + ",\"item\":" + write_item(reply_, item, Said::nothing));
    Item empty = item;
    empty.text = {};
    if (!call) event(fmt::format("{}.added", part), place + ",\"part\":" + part_of(empty));
    for (std::size_t at = 0; at < item.text.size();) {
      const std::size_t step = std::max<std::size_t>(reply_.chunk_bytes, 4);
      const std::size_t end = utf8_floor(item.text, at + step);
      event(fmt::format("{}.delta", name), text_member("delta", item.text.substr(at, end - at)));
      at = end;
    }
    event(fmt::format("{}.done", name), text_member(call ? "arguments" : "text", item.text));
    if (!call) event(fmt::format("{}.done", part), place + ",\"part\":" + part_of(item));
    event("output_item.done", in_output + ",\"item\":" + write_item(reply_, item, Said::all));
  }

  const Reply& reply_;
  Stream stream_;
  std::uint64_t number_ = 0;
  std::size_t index_ = 0;
};

}  // namespace

std::string write_response(const Reply& reply) {
  return write_state(reply, status_of(reply), Said::all);
}

Stream write_response_stream(const Reply& reply) {
  return ResponseStream(reply).write();
}

}  // namespace cordon::sim
