#include "dialect/anthropic_answer.h"
#include "dialect/anthropic_error.h"
#include "dialect/anthropic_request.h"
#include "dialect/internal/protocols.h"

#include <array>

namespace cordon::dialect::anthropic {
namespace {

constexpr std::array<std::string_view, 2> kForwarded = {"anthropic-beta", "anthropic-version"};
constexpr std::array<std::string_view, 12> kReturned = {
    "anthropic-ratelimit-requests-limit",          "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",          "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",        "anthropic-ratelimit-tokens-reset",
    "anthropic-ratelimit-input-tokens-limit",      "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",      "anthropic-ratelimit-output-tokens-limit",
    "anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"};

/// What all surfaces of the dialect have in common.
class Anthropic : public Protocol {
 public:
  model::Dialect dialect() const noexcept final { return model::Dialect::anthropic; }
  const Rejection& rejection_of(Problem problem) const noexcept final {
    return anthropic::rejection_of(problem);
  }
  void append_error(std::string& out, Problem problem, const ErrorDetail& detail) const final {
    anthropic::append_error(out, problem, detail);
  }
  void append_error_frame(std::string& out, Problem problem,
                          const ErrorDetail& detail) const final {
    anthropic::append_error_frame(out, problem, detail);
  }
  void append_models(std::string& out, std::span<const std::string_view> names) const final {
    anthropic::append_models(out, names);
  }

  std::span<const std::string_view> forwarded_headers() const noexcept final { return kForwarded; }
  std::span<const std::string_view> returned_headers() const noexcept final { return kReturned; }
  /// What SDKs write to reach what `anthropic-beta` names.
  bool passes_query(std::string_view query) const noexcept final { return query == "beta=true"; }
  std::string_view request_id_header() const noexcept final { return "request-id"; }
  std::string_view key_header() const noexcept final { return "x-api-key"; }
  std::string_view key_prefix() const noexcept final { return ""; }
};

class MessagesProtocol final : public Anthropic {
 public:
  Surface surface() const noexcept override { return Surface::messages; }
  std::string_view upstream_path() const noexcept override { return "/messages"; }
  std::string_view gateway_path() const noexcept override { return "/v1/messages"; }
  std::unique_ptr<Request> make_request() const override {
    return std::make_unique<MessagesRequest>();
  }
  std::unique_ptr<Answer> make_answer() const override { return std::make_unique<MessageAnswer>(); }
  std::unique_ptr<StreamEvent> make_event() const override {
    return std::make_unique<MessageEvent>();
  }
  std::unique_ptr<StreamWriter> make_writer(StreamWishes /*wishes*/) const override {
    return std::make_unique<EventWriter>();
  }
};

/// How many tokens a message would be.
class CountProtocol final : public Anthropic {
 public:
  Surface surface() const noexcept override { return Surface::count_tokens; }
  std::string_view surface_name() const noexcept override { return "count_tokens"; }
  std::string_view upstream_path() const noexcept override { return "/messages/count_tokens"; }
  std::string_view gateway_path() const noexcept override { return "/v1/messages/count_tokens"; }
  std::unique_ptr<Request> make_request() const override {
    return std::make_unique<MessagesRequest>(Request::Streams::no);
  }
  std::unique_ptr<Answer> make_answer() const override { return std::make_unique<CountAnswer>(); }
};

}  // namespace

const Protocol& protocol(Surface surface) noexcept {
  static const MessagesProtocol kMessages;
  static const CountProtocol kCount;
  if (surface == Surface::count_tokens) return kCount;
  return kMessages;
}

}  // namespace cordon::dialect::anthropic
