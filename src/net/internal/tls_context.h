// OpenSSL, kept in one place: a context per Tls, a session per connection.
#pragma once

#include "net/tls.h"

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace cordon::net::internal {

struct SslCtxFree {
  void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
};
struct SslFree {
  void operator()(SSL* ssl) const noexcept { ::SSL_free(ssl); }
};

struct TlsContext {
  enum class Side : std::uint8_t { client, server };
  Side side = Side::client;
  std::unique_ptr<SSL_CTX, SslCtxFree> context;
};

/// A session over a non-blocking socket that never raises SIGPIPE. Null if out of memory or if
/// `host` is no host. On the client's side the certificate must be valid for `host`.
[[nodiscard]] std::unique_ptr<SSL, SslFree> make_session(const TlsContext& context, int fd,
                                                         const std::string& host);
/// What failed, for the log: OpenSSL's words, or the reason for distrust.
[[nodiscard]] std::string tls_failure(const SSL* ssl);

}  // namespace cordon::net::internal
