#include "net/tls.h"

#include "net/internal/tls_context.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace cordon::net {
namespace internal {
namespace {

int descriptor_of(BIO* bio) noexcept {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(::BIO_get_data(bio)));
}

int finish(BIO* bio, ssize_t count, int retry) noexcept {
  ::BIO_clear_retry_flags(bio);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) ::BIO_set_flags(bio, retry);
  return static_cast<int>(count);
}

int bio_write(BIO* bio, const char* data, int size) {
  const ssize_t sent =
      ::send(descriptor_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  return finish(bio, sent, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY);
}

int bio_read(BIO* bio, char* data, int size) {
  const ssize_t received = ::recv(descriptor_of(bio), data, static_cast<std::size_t>(size), 0);
  return finish(bio, received, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
}

long bio_ctrl(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

int bio_create(BIO* bio) {
  ::BIO_set_init(bio, 1);
  return 1;
}

/// One table for the whole program; OpenSSL keeps pointers to it.
const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cordon");
    ::BIO_meth_set_write(method, bio_write);
    ::BIO_meth_set_read(method, bio_read);
    ::BIO_meth_set_ctrl(method, bio_ctrl);
    ::BIO_meth_set_create(method, bio_create);
    return method;
  }();
  return kMethod;
}

bool is_address(const std::string& host) noexcept {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool expect_host(SSL* ssl, const std::string& host) {
  if (is_address(host)) {
    return ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl), host.c_str()) == 1;
  }
  ::SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // What SSL_set_tlsext_host_name expands to, without its C cast.
  const long named = ::SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                const_cast<char*>(host.c_str()));
  return ::SSL_set1_host(ssl, host.c_str()) == 1 && named == 1;
}

}  // namespace

std::unique_ptr<SSL, SslFree> make_session(const TlsContext& context, int fd,
                                           const std::string& host) {
  std::unique_ptr<SSL, SslFree> ssl(::SSL_new(context.context.get()));
  BIO* bio = ssl == nullptr ? nullptr : ::BIO_new(socket_method());
  if (bio == nullptr) return nullptr;
  ::BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  ::SSL_set_bio(ssl.get(), bio, bio);
  if (context.side == TlsContext::Side::server) {
    ::SSL_set_accept_state(ssl.get());
    return ssl;
  }
  ::SSL_set_connect_state(ssl.get());
  if (!expect_host(ssl.get(), host)) return nullptr;
  return ssl;
}

std::string tls_failure(const SSL* ssl) {
  const long verdict = ssl == nullptr ? X509_V_OK : ::SSL_get_verify_result(ssl);
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  if (verdict != X509_V_OK) {
    return std::string("certificate refused: ") + ::X509_verify_cert_error_string(verdict);
  }
  if (code == 0) return "the peer closed the connection";
  std::array<char, 256> text{};
  ::ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

}  // namespace internal

namespace {

using internal::TlsContext;

std::unique_ptr<TlsContext> make_context(TlsContext::Side side) {
  auto made = std::make_unique<TlsContext>();
  made->side = side;
  made->context.reset(::SSL_CTX_new(side == TlsContext::Side::client ? ::TLS_client_method()
                                                                     : ::TLS_server_method()));
  SSL_CTX* context = made->context.get();
  if (context == nullptr) return nullptr;
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_read_ahead(context, 1);
  return made;
}

tl::unexpected<Error> refused(const char* what, const std::string& file) {
  return fail(Errc::invalid,
              std::string(what) + " '" + file + "': " + internal::tls_failure(nullptr));
}

Status show(SSL_CTX* context, const CertificateFiles& own) {
  if (::SSL_CTX_use_certificate_chain_file(context, own.cert.c_str()) != 1) {
    return refused("cannot use the certificate", own.cert);
  }
  if (::SSL_CTX_use_PrivateKey_file(context, own.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      ::SSL_CTX_check_private_key(context) != 1) {
    return refused("cannot use the key", own.key);
  }
  return {};
}

Status ask_clients(SSL_CTX* context, const ClientTrust& clients) {
  if (::SSL_CTX_load_verify_locations(context, clients.ca_file.c_str(), nullptr) != 1) {
    return refused("cannot trust clients by", clients.ca_file);
  }
  // Their names tell a client with several certificates which of them to show.
  STACK_OF(X509_NAME)* names = ::SSL_load_client_CA_file(clients.ca_file.c_str());
  if (names == nullptr) return refused("cannot trust clients by", clients.ca_file);
  ::SSL_CTX_set_client_CA_list(context, names);
  const int need =
      clients.need == ClientTrust::Need::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | need, nullptr);
  // A resumed session would let a client in by a certificate that has expired since.
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  ::SSL_CTX_set_num_tickets(context, 0);
  return {};
}

}  // namespace

Tls::Tls(std::unique_ptr<internal::TlsContext> context) : context_(std::move(context)) {}
Tls::~Tls() = default;

Result<std::shared_ptr<const Tls>> Tls::client(const std::string& ca_file,
                                               const CertificateFiles& own) {
  auto made = make_context(TlsContext::Side::client);
  if (made == nullptr) return fail(Errc::exhausted, "no memory for TLS");
  SSL_CTX* context = made->context.get();
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_file.empty()
                         ? ::SSL_CTX_set_default_verify_paths(context)
                         : ::SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  if (loaded != 1) return refused("cannot trust", ca_file);
  if (!own.cert.empty()) CORDON_CHECK(show(context, own));
  return std::make_shared<const Tls>(std::move(made));
}

Result<std::shared_ptr<const Tls>> Tls::server(const CertificateFiles& own,
                                               const ClientTrust& clients) {
  auto made = make_context(TlsContext::Side::server);
  if (made == nullptr) return fail(Errc::exhausted, "no memory for TLS");
  SSL_CTX* context = made->context.get();
  CORDON_CHECK(show(context, own));
  if (!clients.ca_file.empty()) CORDON_CHECK(ask_clients(context, clients));
  return std::make_shared<const Tls>(std::move(made));
}

}  // namespace cordon::net
