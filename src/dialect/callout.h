// What another gateway asks about an exchange that it carries itself: may this request, or this
// answer, go on, and if so, as it is or with something redacted.
//
// Each peer has its own form; what they have in common is here. The forms, and how each peer is
// configured, are docs/formats/callouts.md.
#pragma once

#include "dialect/protocol.h"
#include "dialect/request.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::dialect {

inline constexpr std::string_view kCalloutPrefix = "/callouts/";

/// The route that a path names, as it stands there: what is between kCalloutPrefix and the path of
/// `protocol`. Empty if it names none, or is no path of that protocol.
[[nodiscard]] std::string_view callout_route(std::string_view path,
                                             const Protocol& protocol) noexcept;

/// A parsed question. texts() are those of a request; answers() those of an answer; only one of the
/// two holds any. Names no route.
class CalloutRequest : public Request {
 public:
  /// Which way the texts go.
  enum class Side : std::uint8_t { request, response };

  [[nodiscard]] const CalloutRequest* as_callout() const noexcept final { return this; }
  [[nodiscard]] Side side() const noexcept { return side_; }
  [[nodiscard]] std::span<const SlotText> answers() const noexcept { return answers_; }
  /// What the peer says of where the exchange goes; empty if it does not say. Not checked.
  [[nodiscard]] std::string_view provider() const noexcept { return provider_; }
  [[nodiscard]] std::string_view asked_model() const noexcept { return asked_model_; }

  /// Appends what lets the peer go on. `splices` are edits of texts that are not sealed, in order;
  /// with none the exchange goes on as it is.
  void append_pass(std::string& out, std::vector<codec::Splice> splices) const;

 protected:
  CalloutRequest() : Request(Streams::no, Names::nothing) {}
  Checked read(const codec::JsonValue& root) final;
  /// Reads one question; what it found before is forgotten.
  virtual Checked read_question(const codec::JsonValue& root) = 0;
  /// The peer's word that nothing changes.
  virtual void append_unchanged(std::string& out) const = 0;
  /// The peer's word that `value` takes the place of what set_rewritable() took.
  virtual void append_changed(std::string& out, std::string_view value) const = 0;

  void set_side(Side side) noexcept { side_ = side; }
  void set_asked(std::string_view provider, std::string_view model) noexcept {
    provider_ = provider;
    asked_model_ = model;
  }
  /// Texts within this value may be rewritten, all others are sealed. To be called before any is
  /// read.
  void set_rewritable(const codec::JsonValue& value) noexcept { rewritable_ = value; }

  /// The prompts of a body as providers take them: messages of any known shape, prompts, inputs. A
  /// body that has none of these is read whole. `param` says where it stands.
  void read_prompt(const codec::JsonValue& body, std::string_view param);
  /// Messages, each with its role; a text, or texts, in the place of messages.
  void read_messages(const codec::JsonValue& messages, std::string_view param);
  /// The texts of an answer of any known shape; the texts of one choice that are shown are one.
  void read_reply(const codec::JsonValue& body, std::string_view param);
  /// Calls of tools, each a text of its own.
  void read_calls(const codec::JsonValue& calls, std::string_view param);
  void add_prompt(const codec::JsonValue& text, model::Role role);
  void add_answer(const codec::JsonValue& text, std::uint32_t choice);
  void note_unread(std::string_view param);

 private:
  struct Place;
  [[nodiscard]] bool is_sealed(const codec::JsonValue& value) const noexcept;
  void read_message(const codec::JsonValue& message, std::string_view param);
  void read_leaves(const codec::JsonValue& value, std::string_view param);
  void read_shown(const codec::JsonValue& value, Place place);
  void add_text_of_group(const codec::JsonValue& value);

  Side side_ = Side::request;
  codec::JsonValue rewritable_;
  std::string_view provider_;
  std::string_view asked_model_;
  std::vector<SlotText> answers_;
  std::vector<codec::JsonValue> echoes_;  ///< spell the texts of an answer once more
  std::uint32_t next_slot_ = 0;
};

}  // namespace cordon::dialect
