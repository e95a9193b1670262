// TLS as a setting: who may be trusted, and who we are. TLS 1.2 or newer, always verified.
#pragma once

#include "base/result.h"

#include <memory>
#include <string>

namespace cordon::net {

namespace internal {
struct TlsContext;
}

/// Settings of one side, loaded once. Immutable after loading, so any thread may share it.
class Tls {
 public:
  /// To connect: trusts `ca_file` (PEM), or the system's store if empty. `invalid` if unreadable.
  [[nodiscard]] static Result<std::shared_ptr<const Tls>> client(const std::string& ca_file);
  /// To listen. `invalid` if a file is unreadable or the key does not fit the certificate.
  [[nodiscard]] static Result<std::shared_ptr<const Tls>> server(const std::string& cert_file,
                                                                 const std::string& key_file);
  explicit Tls(std::unique_ptr<internal::TlsContext> context);
  ~Tls();
  [[nodiscard]] const internal::TlsContext& context() const noexcept { return *context_; }

 private:
  std::unique_ptr<internal::TlsContext> context_;
};

}  // namespace cordon::net
