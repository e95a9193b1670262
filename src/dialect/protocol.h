// A dialect: everything by which one provider API differs from another.
//
// The gateway carries every exchange through one pipeline and asks its Protocol how to read, what
// to write and how to refuse. Protocols have no state; what they make belongs to one thread.
#pragma once

#include "codec/sse.h"
#include "dialect/answer.h"
#include "dialect/problem.h"
#include "dialect/request.h"
#include "model/generation.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace cordon::dialect {

/// What is asked for, in either dialect.
enum class Surface : std::uint8_t {
  chat,
  messages,
  count_tokens,
  completions,
  embeddings,
  moderations,
  responses,
  litellm,
  portkey,
  agentgateway_request,
  agentgateway_response,
  kong,
};
inline constexpr std::size_t kSurfaceCount = 12;

/// Who answers: a provider, or the rules of the route alone. A decision is what another gateway
/// asks for about an exchange that it carries itself: see callout.h.
enum class AnsweredBy : std::uint8_t { provider, rules, decision };

/// What a caller wants of a stream's frames.
struct StreamWishes {
  bool include_usage = false;
  /// Of the request's body: what an end that must tell tokens guesses them by.
  std::uint64_t request_bytes = 0;
};

/// One protocol: a surface of a dialect. There is one object of each for the life of the process.
class Protocol {
 public:
  virtual ~Protocol() = default;

  [[nodiscard]] virtual model::Dialect dialect() const noexcept = 0;
  [[nodiscard]] virtual Surface surface() const noexcept = 0;
  /// As evidence names the surface; empty for that which the dialect is there for.
  [[nodiscard]] virtual std::string_view surface_name() const noexcept { return {}; }
  [[nodiscard]] virtual AnsweredBy answered_by() const noexcept { return AnsweredBy::provider; }
  /// Below a provider's base URL: `/chat/completions`.
  [[nodiscard]] virtual std::string_view upstream_path() const noexcept = 0;
  /// Where applications reach it on the gateway.
  [[nodiscard]] virtual std::string_view gateway_path() const noexcept = 0;

  [[nodiscard]] virtual std::unique_ptr<Request> make_request() const = 0;
  /// Null where no provider answers.
  [[nodiscard]] virtual std::unique_ptr<Answer> make_answer() const = 0;
  /// Null where nothing streams.
  [[nodiscard]] virtual std::unique_ptr<StreamEvent> make_event() const { return nullptr; }
  [[nodiscard]] virtual std::unique_ptr<StreamWriter> make_writer(StreamWishes /*wishes*/) const {
    return nullptr;
  }

  /// The largest event of a stream that is read.
  [[nodiscard]] virtual std::size_t event_bytes_max() const noexcept {
    return codec::SseFramer::kEventBytesMax;
  }

  [[nodiscard]] virtual const Rejection& rejection_of(Problem problem) const noexcept = 0;
  virtual void append_error(std::string& out, Problem problem, const ErrorDetail& detail) const = 0;
  /// The same as the last frame of a stream that has no proper end.
  virtual void append_error_frame(std::string& out, Problem problem,
                                  const ErrorDetail& detail) const = 0;
  /// The answer to `GET /v1/models`.
  virtual void append_models(std::string& out, std::span<const std::string_view> names) const = 0;

  /// Headers of a caller's request that a provider may see, and of a provider's answer that a
  /// caller may see, besides those that every protocol passes. In lower case.
  [[nodiscard]] virtual std::span<const std::string_view> forwarded_headers() const noexcept = 0;
  [[nodiscard]] virtual std::span<const std::string_view> returned_headers() const noexcept = 0;
  /// Whether a provider may see the query of a caller's URL.
  [[nodiscard]] virtual bool passes_query(std::string_view query) const noexcept = 0;
  /// The header in which an answer names itself.
  [[nodiscard]] virtual std::string_view request_id_header() const noexcept = 0;
  /// The header that takes a provider's key, and what stands before the key in it.
  [[nodiscard]] virtual std::string_view key_header() const noexcept = 0;
  [[nodiscard]] virtual std::string_view key_prefix() const noexcept = 0;
};

/// Chat completions or messages. Any thread.
[[nodiscard]] const Protocol& protocol_of(model::Dialect dialect) noexcept;
[[nodiscard]] const Protocol& protocol_of(Surface surface) noexcept;
/// The one that is reached at this path; null if none. A decision is asked for at its own path or
/// at `/callouts/ROUTE` and its own path; whether there is such a route is not looked at.
[[nodiscard]] const Protocol* protocol_at(std::string_view path) noexcept;

}  // namespace cordon::dialect
