// OpenAI's Responses API: requests, whole responses, and the events of a stream.
//
// An answer is a list of output items: messages of content parts, reasoning, calls of tools. A
// stream says each text in pieces and then up to four times again, in the events that end the text,
// its part, its item and the response.
#pragma once

#include "dialect/answer.h"
#include "dialect/request.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cordon::dialect::openai {

/// Its texts: `instructions`, the contents of messages, results and arguments of tools, reasoning,
/// and every other string of an item that is no name. The parts of one content are one group. What
/// makes the provider bring in texts that are not in the body (`previous_response_id`,
/// `conversation`, `prompt`, references to items), or answer somewhere else (`background`,
/// `store`), is unread.
class ResponsesRequest final : public Request {
 private:
  Checked read(const codec::JsonValue& root) override;
  void read_references(const codec::JsonValue& root);
  Checked read_items(const codec::JsonValue& items, const std::string& param);
  Checked read_item(const codec::JsonValue& item, const std::string& param);
  Checked read_message(const codec::JsonValue& item, const std::string& param);
  Checked read_content(const codec::JsonValue& content, model::Role role, const std::string& param);
  Checked read_part(const codec::JsonValue& part, model::Role role, const std::string& param);
  Checked read_call(const codec::JsonValue& item, std::string_view key, const std::string& param);
  void add_alone(const codec::JsonValue& value, model::Role role);
  void add_leaves(const codec::JsonValue& value, model::Role role);

  /// Annotations of text parts, to be added when the content has been read.
  std::vector<codec::JsonValue> annotations_;
  bool group_open_ = false;
};

/// A whole response: the texts of its output items.
class ResponsesAnswer final : public Answer {
 private:
  Status read(const codec::JsonValue& root) override;
};

/// One named event. A text ends with the first event that says it again. Events of unknown types
/// are read as far as they hold an item, a part, a response, or a `delta` or `text`.
class ResponsesEvent final : public StreamEvent {
 private:
  Status read(std::string_view name, std::string_view data,
              const codec::JsonIndexLimits& limits) override;
  Status read_typed(std::string_view type);
  Status read_text_event(std::string_view type);
  Status read_part_event(std::string_view type);
  Status read_item_event(std::string_view type);
  Status read_unknown();
};

/// Keeps what has gone on of every text, at most kSaidBytesMax of it, and numbers its frames as the
/// provider would.
class ResponsesWriter final : public StreamWriter {
 public:
  static constexpr std::size_t kSaidBytesMax = 1024 * 1024;
  static constexpr std::size_t kSaidMax = 1024;

  explicit ResponsesWriter(std::uint64_t request_bytes) : request_bytes_(request_bytes) {}

  void learn(const StreamEvent& event) override;
  void note_opened(std::uint32_t index) override;
  void note_ended(const Ending& ending) override;
  void note_text(const Slot& slot, std::string_view text) override;
  void note_whole(const Slot& slot, std::string_view text) override;
  [[nodiscard]] bool has_said(const Slot& slot, std::string_view text) const override;
  [[nodiscard]] std::optional<std::uint64_t> number_for(const StreamEvent& event) override;
  [[nodiscard]] std::optional<std::uint64_t> next_number() const override { return next_; }
  void append_text(std::string& out, const Slot& slot, std::string_view text) override;
  /// Ends the messages that are open with what went on of them. Calls of tools stay open, so that
  /// nobody runs half of one.
  void append_block_end(std::string& out) override;
  /// `response.incomplete` with reason `content_filter` and, of the output, the messages. The
  /// provider tells its usage in its last event only, and there are clients that read no such event
  /// without one: it is an estimate, a token for four bytes, and says so.
  void append_terminal(std::string& out) override;

 private:
  struct Said {
    Slot slot;
    std::string text;
    bool whole = false;  ///< not in pieces
    bool ended = false;
    bool full = false;  ///< `text` is only its beginning
  };
  struct Item {
    std::uint32_t index = 0;
    std::string id = {};  ///< as JSON; empty if not known
    bool message = false;
    bool open = false;
  };
  [[nodiscard]] Item* item_at(std::uint32_t index);
  [[nodiscard]] bool keep(std::size_t bytes);
  void learn_item(const codec::JsonValue& item, std::uint32_t index);
  void learn_response(const codec::JsonValue& response);
  void append_event(std::string& out, std::string_view type, std::string_view members);
  void append_place(std::string& out, const Slot& slot);
  void append_part(std::string& out, const Said& said) const;
  void append_message(std::string& out, const Item& item) const;

  void append_usage(std::string& out) const;

  std::uint64_t request_bytes_;
  std::string head_;  ///< members of the response that stay the same, each with a comma at its end
  std::vector<Item> items_;
  std::vector<Said> said_;
  std::size_t said_bytes_ = 0;
  std::optional<std::uint64_t> next_;
  std::uint64_t added_ = 0;  ///< frames of our own so far
};

}  // namespace cordon::dialect::openai
