// TLS as a setting: who may be trusted, and who we are. TLS 1.2 or newer, always verified.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <string>

namespace cordon::net {

namespace internal {
struct TlsContext;
}

/// A certificate chain and its key, as PEM files; both empty: none is shown.
struct CertificateFiles {
  std::string cert;
  std::string key;
};

/// What a server asks of its clients, by certificates. An empty `ca_file` asks for none.
struct ClientTrust {
  /// `optional` lets a client in that shows no certificate; one that is shown must hold.
  enum class Need : std::uint8_t { required, optional };
  std::string ca_file;  ///< PEM; nobody else is trusted, the system's store included
  Need need = Need::required;
};

/// Settings of one side, loaded once. Immutable after loading, so any thread may share it.
class Tls {
 public:
  /// To connect: trusts `ca_file` (PEM), or the system's store if empty, and shows `own` to a
  /// server that asks. `invalid` if a file is unreadable or the key does not fit the certificate.
  [[nodiscard]] static Result<std::shared_ptr<const Tls>> client(const std::string& ca_file,
                                                                 const CertificateFiles& own = {});
  /// To listen. `invalid` as in `client`. Where clients are asked, every connection shows its
  /// certificate: no session is resumed.
  [[nodiscard]] static Result<std::shared_ptr<const Tls>> server(const CertificateFiles& own,
                                                                 const ClientTrust& clients = {});
  explicit Tls(std::unique_ptr<internal::TlsContext> context);
  ~Tls();
  [[nodiscard]] const internal::TlsContext& context() const noexcept { return *context_; }

 private:
  std::unique_ptr<internal::TlsContext> context_;
};

}  // namespace cordon::net
