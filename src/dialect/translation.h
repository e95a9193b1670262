// Exchanges that cross from one dialect into the other: chat completions asked of a provider that
// speaks messages, and messages asked of one that speaks chat completions.
//
// What a request holds is carried to its equal or refused by name; nothing is left out in silence.
// The fields and their equals are docs/formats/translation.md. Pure: no sockets, no clock.
#pragma once

#include "base/result.h"
#include "codec/json_index.h"
#include "codec/sse.h"
#include "dialect/protocol.h"
#include "dialect/request.h"

#include <tl/expected.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace cordon::dialect {

/// Whether requests of this surface can be asked of a provider of that dialect, which is not the
/// surface's own.
[[nodiscard]] bool is_translatable(Surface surface, model::Dialect into) noexcept;

/// A field of a request, and its equal; empty: it may only say what is the default anyhow.
struct FieldEqual {
  std::string_view field;
  std::string_view equal;
};
/// Every field that a translatable surface's requests may hold.
[[nodiscard]] std::span<const FieldEqual> field_equals(Surface surface) noexcept;

/// Allowed for an answer where the caller of chat completions says nothing, because messages need
/// a number.
inline constexpr std::uint32_t kAnswerTokensDefault = 4'096;
/// The version of Anthropic's API whose form translated requests have.
inline constexpr std::string_view kAnthropicVersion = "2023-06-01";

/// The body for the other dialect; refuses with `unsupported_parameter` and the parameter's name
/// what has no equal there. `body` is one that the surface's Request has parsed, edited or not.
[[nodiscard]] tl::expected<std::string, RequestFault> translate_request(Surface surface,
                                                                        std::string_view body);

/// A whole answer of the other dialect, as callers of `surface` read it. `created_s` is when, in
/// seconds of Unix time. Refuses as `invalid` what has no equal: it must not be told in part.
[[nodiscard]] Result<std::string> translate_answer(Surface surface, std::string_view body,
                                                   std::int64_t created_s);

/// The same of an error body, whose `error` is an object.
[[nodiscard]] std::string translate_error(Surface surface, int status,
                                          const codec::JsonValue& root);

/// One stream. Belongs to one thread; keeps one event and the blocks that are open.
class StreamTranslator {
 public:
  /// For callers of `surface`.
  [[nodiscard]] static std::unique_ptr<StreamTranslator> make(Surface surface, StreamWishes wishes,
                                                              std::int64_t created_s);
  StreamTranslator() = default;
  StreamTranslator(const StreamTranslator&) = delete;
  StreamTranslator& operator=(const StreamTranslator&) = delete;
  virtual ~StreamTranslator() = default;

  /// Takes the next bytes of the provider and appends the frames that they become, each as soon as
  /// its event is whole. Refuses as `invalid` an event that has no equal or comes out of order, and
  /// as `exhausted` one that is too large; after a refusal the stream is unusable.
  [[nodiscard]] Status feed(std::string_view bytes, std::string& out);
  /// As the provider has told it, also where the caller's frames do not; they hold zeros where it
  /// has told nothing.
  [[nodiscard]] const Usage& usage() const noexcept { return usage_; }

 protected:
  virtual Status take(std::string_view name, std::string_view data, std::string& out) = 0;

  codec::JsonIndex index_;
  Usage usage_;
  bool ended_ = false;  ///< its last event has come; what follows is not read

 private:
  codec::SseFramer framer_;
};

}  // namespace cordon::dialect
