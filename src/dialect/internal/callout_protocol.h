// What every protocol of decisions has in common. A refusal is the peer's own word for a block; its
// status tells a decision (200) from a question that was not answered.
#pragma once

#include "dialect/callout.h"
#include "dialect/internal/rejections.h"

#include <memory>
#include <string>
#include <string_view>

namespace cordon::dialect::internal {

class CalloutProtocol : public Protocol {
 public:
  /// Static, as all of them are: evidence's name of the surface, and its path.
  CalloutProtocol(Surface surface, std::string_view name, std::string_view path) noexcept
      : surface_(surface), name_(name), path_(path) {}

  model::Dialect dialect() const noexcept final { return model::Dialect::openai; }
  Surface surface() const noexcept final { return surface_; }
  std::string_view surface_name() const noexcept final { return name_; }
  AnsweredBy answered_by() const noexcept final { return AnsweredBy::decision; }
  std::string_view upstream_path() const noexcept final { return {}; }
  std::string_view gateway_path() const noexcept final { return path_; }
  std::unique_ptr<Answer> make_answer() const final { return nullptr; }

  const Rejection& rejection_of(Problem problem) const noexcept final;
  void append_error(std::string& out, Problem problem, const ErrorDetail& detail) const final;
  void append_error_frame(std::string& out, Problem problem,
                          const ErrorDetail& detail) const final {
    append_error(out, problem, detail);
  }
  void append_models(std::string& /*out*/,
                     std::span<const std::string_view> /*names*/) const final {}
  std::span<const std::string_view> forwarded_headers() const noexcept final { return {}; }
  std::span<const std::string_view> returned_headers() const noexcept final { return {}; }
  bool passes_query(std::string_view /*query*/) const noexcept final { return false; }
  std::string_view request_id_header() const noexcept final { return "x-request-id"; }
  std::string_view key_header() const noexcept final { return "authorization"; }
  std::string_view key_prefix() const noexcept final { return "Bearer "; }

 protected:
  /// The peer's word for a block. `status` is that which the peer's own caller should see.
  virtual void append_block(std::string& out, std::string_view reason, int status) const = 0;

 private:
  Surface surface_;
  std::string_view name_;
  std::string_view path_;
};

}  // namespace cordon::dialect::internal
