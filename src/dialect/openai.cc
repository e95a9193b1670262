#include "dialect/internal/protocols.h"
#include "dialect/openai_answer.h"
#include "dialect/openai_error.h"
#include "dialect/openai_request.h"
#include "dialect/openai_responses.h"

#include <array>

namespace cordon::dialect::openai {
namespace {

constexpr std::array<std::string_view, 1> kForwarded = {"openai-beta"};
constexpr std::array<std::string_view, 7> kReturned = {
    "openai-processing-ms",           "openai-version",
    "x-ratelimit-limit-requests",     "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests"};

ChunkWriter::UsageChunk usage_chunk(StreamWishes wishes) noexcept {
  return wishes.include_usage ? ChunkWriter::UsageChunk::asked : ChunkWriter::UsageChunk::unasked;
}

/// What all surfaces of the dialect have in common.
class OpenAi : public Protocol {
 public:
  model::Dialect dialect() const noexcept final { return model::Dialect::openai; }
  const Rejection& rejection_of(Problem problem) const noexcept final {
    return openai::rejection_of(problem);
  }
  void append_error(std::string& out, Problem problem, const ErrorDetail& detail) const final {
    openai::append_error(out, problem, detail);
  }
  void append_error_frame(std::string& out, Problem problem,
                          const ErrorDetail& detail) const override {
    openai::append_error_frame(out, problem, detail);
  }
  void append_models(std::string& out, std::span<const std::string_view> names) const final {
    openai::append_models(out, names);
  }

  std::span<const std::string_view> forwarded_headers() const noexcept final { return kForwarded; }
  std::span<const std::string_view> returned_headers() const noexcept final { return kReturned; }
  bool passes_query(std::string_view /*query*/) const noexcept final { return false; }
  std::string_view request_id_header() const noexcept final { return "x-request-id"; }
  std::string_view key_header() const noexcept final { return "authorization"; }
  std::string_view key_prefix() const noexcept final { return "Bearer "; }
};

class ChatProtocol final : public OpenAi {
 public:
  Surface surface() const noexcept override { return Surface::chat; }
  std::string_view upstream_path() const noexcept override { return "/chat/completions"; }
  std::string_view gateway_path() const noexcept override { return "/v1/chat/completions"; }
  std::unique_ptr<Request> make_request() const override { return std::make_unique<ChatRequest>(); }
  std::unique_ptr<Answer> make_answer() const override { return std::make_unique<ChatAnswer>(); }
  std::unique_ptr<StreamEvent> make_event() const override {
    return std::make_unique<StreamChunk>();
  }
  std::unique_ptr<StreamWriter> make_writer(StreamWishes wishes) const override {
    return std::make_unique<ChunkWriter>(usage_chunk(wishes));
  }
};

class CompletionsProtocol final : public OpenAi {
 public:
  Surface surface() const noexcept override { return Surface::completions; }
  std::string_view surface_name() const noexcept override { return "completions"; }
  std::string_view upstream_path() const noexcept override { return "/completions"; }
  std::string_view gateway_path() const noexcept override { return "/v1/completions"; }
  std::unique_ptr<Request> make_request() const override {
    return std::make_unique<InputRequest>(InputRequest::Of::completion);
  }
  std::unique_ptr<Answer> make_answer() const override {
    return std::make_unique<ChatAnswer>(ChoiceForm::text);
  }
  std::unique_ptr<StreamEvent> make_event() const override {
    return std::make_unique<StreamChunk>(ChoiceForm::text);
  }
  std::unique_ptr<StreamWriter> make_writer(StreamWishes wishes) const override {
    return std::make_unique<ChunkWriter>(usage_chunk(wishes), ChoiceForm::text);
  }
};

class EmbeddingsProtocol final : public OpenAi {
 public:
  Surface surface() const noexcept override { return Surface::embeddings; }
  std::string_view surface_name() const noexcept override { return "embeddings"; }
  std::string_view upstream_path() const noexcept override { return "/embeddings"; }
  std::string_view gateway_path() const noexcept override { return "/v1/embeddings"; }
  std::unique_ptr<Request> make_request() const override {
    return std::make_unique<InputRequest>(InputRequest::Of::embedding);
  }
  std::unique_ptr<Answer> make_answer() const override {
    return std::make_unique<EmbeddingsAnswer>();
  }
};

class ModerationsProtocol final : public OpenAi {
 public:
  Surface surface() const noexcept override { return Surface::moderations; }
  std::string_view surface_name() const noexcept override { return "moderations"; }
  AnsweredBy answered_by() const noexcept override { return AnsweredBy::rules; }
  std::string_view upstream_path() const noexcept override { return "/moderations"; }
  std::string_view gateway_path() const noexcept override { return "/v1/moderations"; }
  std::unique_ptr<Request> make_request() const override {
    return std::make_unique<InputRequest>(InputRequest::Of::moderation);
  }
  std::unique_ptr<Answer> make_answer() const override { return nullptr; }
};

class ResponsesProtocol final : public OpenAi {
 public:
  Surface surface() const noexcept override { return Surface::responses; }
  std::string_view surface_name() const noexcept override { return "responses"; }
  std::string_view upstream_path() const noexcept override { return "/responses"; }
  std::string_view gateway_path() const noexcept override { return "/v1/responses"; }
  std::unique_ptr<Request> make_request() const override {
    return std::make_unique<ResponsesRequest>();
  }
  std::unique_ptr<Answer> make_answer() const override {
    return std::make_unique<ResponsesAnswer>();
  }
  std::unique_ptr<StreamEvent> make_event() const override {
    return std::make_unique<ResponsesEvent>();
  }
  std::unique_ptr<StreamWriter> make_writer(StreamWishes wishes) const override {
    return std::make_unique<ResponsesWriter>(wishes.request_bytes);
  }
  /// An image, or the whole response, is one event.
  std::size_t event_bytes_max() const noexcept override { return 16 * 1024 * 1024; }
  void append_error_frame(std::string& out, Problem problem,
                          const ErrorDetail& detail) const override {
    openai::append_error_event(out, problem, detail);
  }
};

}  // namespace

const Protocol& protocol(Surface surface) noexcept {
  static const ChatProtocol kChat;
  static const CompletionsProtocol kCompletions;
  static const EmbeddingsProtocol kEmbeddings;
  static const ModerationsProtocol kModerations;
  static const ResponsesProtocol kResponses;
  switch (surface) {
    case Surface::completions:
      return kCompletions;
    case Surface::embeddings:
      return kEmbeddings;
    case Surface::moderations:
      return kModerations;
    case Surface::responses:
      return kResponses;
    default:
      return kChat;
  }
}

}  // namespace cordon::dialect::openai
