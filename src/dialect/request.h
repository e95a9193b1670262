// A request of any protocol: what is asked for and which text is in it. The body stays the
// caller's bytes; what must change is spliced.
#pragma once

#include "codec/json_index.h"
#include "dialect/text.h"
#include "model/exchange.h"

#include <tl/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::dialect {

/// Why a body is refused: what the caller is told with status 400 (413 for `too_large`).
struct RequestFault {
  std::string message;
  std::string param;      ///< where it stands: `messages[0].content`; empty if nowhere
  std::string_view code;  ///< static: invalid_json, invalid_type, invalid_value, missing...
};

inline constexpr std::size_t kModelBytesMax = 128;

/// How a body is forwarded. Lives as long as the body does.
struct ForwardPlan {
  std::string_view body;
  std::string model;  ///< as the body names it
  std::size_t model_begin = 0;
  std::size_t model_end = 0;
  std::vector<codec::Splice> splices;  ///< in the order of the body; made from Request::texts()

  /// True if the body goes out as it came.
  [[nodiscard]] bool unchanged_for(std::string_view target_model) const noexcept {
    return splices.empty() && target_model == model;
  }
  /// Appends the body with the target's model in the place of the route's name and with the
  /// splices applied, everything else byte for byte.
  void append_to(std::string& out, std::string_view target_model) const;
};

/// One text of a request. Neighbours of one group are parts of one text to the model.
struct RequestText : TextValue {
  model::Role role = model::Role::user;
  std::uint32_t group = 0;
  bool sealed = false;  ///< signed by the provider: it may be refused and never rewritten
};

class CalloutRequest;

/// A parsed request. Reuse one per connection or thread: once warm it allocates nothing. Views
/// last until the next parse and as long as the body does.
class Request {
 public:
  static constexpr std::string_view kSendText = "send it as text";
  using Checked = tl::expected<void, RequestFault>;

  /// Whether `stream` is a field of the request. If not it passes unread, as others do.
  enum class Streams : std::uint8_t { no, possible };
  /// Whether a body names its route as `model`, or says nothing of it: then model() is empty.
  enum class Names : std::uint8_t { route, nothing };
  explicit Request(Streams streams = Streams::possible, Names names = Names::route)
      : streams_(streams), names_(names) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  virtual ~Request() = default;

  /// Refuses what is not strict JSON (duplicate keys, invalid UTF-8, lone surrogates, text after
  /// the value), what lacks `model` or `messages`, and fields of the wrong type that Cordon
  /// reads. Every other field passes unread.
  [[nodiscard]] Checked parse(std::string_view body, const codec::JsonIndexLimits& limits = {});

  [[nodiscard]] std::string_view model() const noexcept { return model_; }
  [[nodiscard]] bool stream() const noexcept { return stream_; }
  /// The caller wants a frame of a stream to tell the usage, where the protocol leaves a choice.
  [[nodiscard]] bool include_usage() const noexcept { return include_usage_; }
  /// How many tokens of answer the caller allows, of all choices together; 0 if it does not say.
  /// Holds until the next parse.
  [[nodiscard]] std::uint64_t answer_tokens_asked() const;
  /// Every text a model will read as a message, those of a group together. Tool definitions are
  /// the application's own and are not among them.
  [[nodiscard]] std::span<const RequestText> texts() const noexcept { return texts_; }
  /// Where text stands that no rule can read, such as token numbers, or what brings in such text;
  /// empty if nowhere.
  [[nodiscard]] std::string_view unread_param() const noexcept { return unread_; }
  /// What the caller can do about it.
  [[nodiscard]] std::string_view unread_advice() const noexcept { return unread_advice_; }
  /// Parts that hold no text: images, audio, files.
  [[nodiscard]] std::uint32_t parts_without_text() const noexcept { return parts_without_text_; }
  [[nodiscard]] std::string_view body() const noexcept { return index_.source(); }
  /// This, where another gateway asks what is to become of an exchange; else null.
  [[nodiscard]] virtual const CalloutRequest* as_callout() const noexcept { return nullptr; }

  /// How to forward this body, also after the next parse.
  [[nodiscard]] ForwardPlan plan() const;
  /// Frees what one unusually large body made it keep.
  void shrink_to(std::size_t bytes) { index_.shrink_to(bytes); }

 protected:
  /// Reads what the protocol has besides `model` and `stream`.
  virtual Checked read(const codec::JsonValue& root) = 0;

  /// Begins a text, or a run of parts that are one text.
  void open_group(model::Role role) noexcept {
    role_ = role;
    ++group_;
  }
  void add_text(const codec::JsonValue& value) { texts_.push_back({{value}, role_, group_}); }
  std::vector<RequestText> texts_;
  std::uint32_t parts_without_text_ = 0;
  std::string unread_;
  std::string_view unread_advice_ = kSendText;  ///< static
  bool include_usage_ = false;

 private:
  /// What a request without `model` means; empty if it must name one.
  [[nodiscard]] virtual std::string_view default_model() const noexcept { return {}; }
  [[nodiscard]] Checked read_model(const codec::JsonValue& root);

  codec::JsonIndex index_;
  codec::JsonValue model_value_;
  std::string_view model_;
  model::Role role_ = model::Role::user;
  std::uint32_t group_ = 0;
  Streams streams_;
  Names names_;
  bool stream_ = false;
};

}  // namespace cordon::dialect
