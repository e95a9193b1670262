#include "net/tls.h"

#include "net/client.h"
#include "net/fetch.h"
#include "net/internal/loopback.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

namespace cordon::net {
namespace {

using internal::Peer;
using internal::ServerThread;

struct KeyFree {
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
};
struct CertFree {
  void operator()(X509* cert) const { ::X509_free(cert); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyFree>;
using Cert = std::unique_ptr<X509, CertFree>;

struct Wish {
  std::string name;  ///< subjectAltName, such as DNS:localhost; empty: none
  long from_seconds = -3600;
  long until_seconds = 3600;
  bool authority = false;
};

/// Signed by `issuer`, or by itself.
Cert make_cert(const Wish& wish, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  static long serial = 1;
  Cert cert(::X509_new());
  ::X509_set_version(cert.get(), 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(cert.get()), serial++);
  ::X509_gmtime_adj(::X509_getm_notBefore(cert.get()), wish.from_seconds);
  ::X509_gmtime_adj(::X509_getm_notAfter(cert.get()), wish.until_seconds);
  ::X509_set_pubkey(cert.get(), key);
  const std::string common = wish.authority ? "test authority" : "test leaf";
  ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(cert.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common.c_str()), -1, -1, 0);
  X509* signer = issuer == nullptr ? cert.get() : issuer;
  ::X509_set_issuer_name(cert.get(), ::X509_get_subject_name(signer));
  const auto extend = [&](int nid, const std::string& value) {
    X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    ::X509_add_ext(cert.get(), extension, -1);
    ::X509_EXTENSION_free(extension);
  };
  if (wish.authority) extend(NID_basic_constraints, "critical,CA:TRUE");
  if (!wish.name.empty()) extend(NID_subject_alt_name, wish.name);
  ::X509_sign(cert.get(), issuer == nullptr ? key : issuer_key, ::EVP_sha256());
  return cert;
}

/// More than a TLS record and more than a socket buffer.
std::string big_body() {
  std::string body;
  // Stretches of a length that divides no record, so that a lost or doubled one shows.
  for (int i = 0; body.size() < (std::size_t{3} << 20); ++i) {
    body += std::string(997, static_cast<char>('a' + i % 23));
  }
  return body;
}

class NetTls : public testing::Test {
 protected:
  NetTls()
      : folder_(std::filesystem::temp_directory_path() / ("net_tls_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    ca_key_.reset(::EVP_EC_gen("P-256"));
    key_.reset(::EVP_EC_gen("P-256"));
    Wish authority;
    authority.authority = true;
    ca_ = make_cert(authority, ca_key_.get(), nullptr, nullptr);
    write_cert("ca.pem", ca_.get());
    FILE* file = std::fopen(path("key.pem").c_str(), "w");
    ::PEM_write_PrivateKey(file, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }
  ~NetTls() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write_cert(const std::string& name, X509* cert) const {
    FILE* file = std::fopen(path(name).c_str(), "w");
    ::PEM_write_X509(file, cert);
    std::fclose(file);
  }
  /// A certificate that the authority signed.
  std::shared_ptr<const Tls> signed_for(const Wish& wish) {
    return serving(make_cert(wish, key_.get(), ca_.get(), ca_key_.get()).get());
  }
  std::shared_ptr<const Tls> serving(X509* cert) {
    write_cert("cert.pem", cert);
    return Tls::server(own("cert.pem")).value();
  }
  CertificateFiles own(const std::string& cert) const { return {path(cert), path("key.pem")}; }
  /// A server for localhost that trusts clients by the authority.
  std::shared_ptr<const Tls> asking_clients(ClientTrust::Need need) {
    Wish wish;
    wish.name = "DNS:localhost";
    write_cert("cert.pem", make_cert(wish, key_.get(), ca_.get(), ca_key_.get()).get());
    const ClientTrust clients{path("ca.pem"), need};
    return Tls::server(own("cert.pem"), clients).value();
  }
  /// Whether localhost answers a client that shows `cert`, or none.
  bool lets_in(std::uint16_t port, X509* cert) {
    Request request;
    request.url = "https://localhost:" + std::to_string(port) + "/big";
    CertificateFiles shown;
    if (cert != nullptr) {
      write_cert("client.pem", cert);
      shown = own("client.pem");
    }
    request.tls = Tls::client(path("ca.pem"), shown).value();
    const auto response = fetch(request);
    return response && response->body == big_body();
  }
  /// The body that `host` gives, or the error's detail.
  std::string ask(std::uint16_t port, const std::string& host) {
    Request request;
    request.url = "https://" + host + ":" + std::to_string(port) + "/big";
    request.tls = Tls::client(path("ca.pem")).value();
    const auto response = fetch(request);
    return response ? response->body : response.error().detail;
  }

  std::filesystem::path folder_;
  Key ca_key_;
  Key key_;
  Cert ca_;
};

class BigHandler final : public Handler {
 public:
  Task<void> handle(ServerExchange& exchange) override { return answer(exchange, body_); }

 private:
  static Task<void> answer(ServerExchange& exchange, std::string_view body) {
    const std::span<const Header> none;
    static_cast<void>(co_await exchange.respond(200, none, body));
  }
  std::string body_ = big_body();
};

ServerOptions with(std::shared_ptr<const Tls> tls) {
  ServerOptions options;
  options.tls = std::move(tls);
  return options;
}

TEST_F(NetTls, CarriesALargeAnswerForAVerifiedNameOrAddress) {
  BigHandler handler;
  Wish wish;
  wish.name = "DNS:localhost,IP:127.0.0.1";
  ServerThread server(handler, with(signed_for(wish)));
  EXPECT_EQ(ask(server.port(), "localhost"), big_body());
  EXPECT_EQ(ask(server.port(), "127.0.0.1"), big_body());
}

TEST_F(NetTls, ShowsAnotherCertificateToNewConnectionsAlone) {
  BigHandler handler;
  Wish wish;
  wish.name = "DNS:localhost";
  ServerThread server(handler, with(signed_for(wish)));
  const std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> any(
      ::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free);
  BIO* bio = ::BIO_new_connect(("127.0.0.1:" + std::to_string(server.port())).c_str());
  ASSERT_EQ(::BIO_do_connect(bio), 1);
  const std::unique_ptr<SSL, decltype(&::SSL_free)> ssl(::SSL_new(any.get()), &::SSL_free);
  ::SSL_set_bio(ssl.get(), bio, bio);
  ASSERT_EQ(::SSL_connect(ssl.get()), 1);

  wish.name = "IP:127.0.0.1";
  server.use(signed_for(wish));
  EXPECT_EQ(ask(server.port(), "127.0.0.1"), big_body());
  EXPECT_NE(ask(server.port(), "localhost").find("certificate refused"), std::string::npos);
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_EQ(::SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())),
            static_cast<int>(request.size()));
  char first = 0;
  EXPECT_EQ(::SSL_read(ssl.get(), &first, 1), 1) << "the connection that was there is gone";
  EXPECT_EQ(first, 'H');
  server.use(nullptr);
  EXPECT_EQ(ask(server.port(), "127.0.0.1"), big_body());
}

TEST_F(NetTls, RefusesAWrongHost) {
  BigHandler handler;
  Wish wish;
  wish.name = "DNS:elsewhere.test,DNS:*calhost";
  ServerThread server(handler, with(signed_for(wish)));
  EXPECT_NE(ask(server.port(), "localhost").find("certificate refused: hostname mismatch"),
            std::string::npos);
  EXPECT_NE(ask(server.port(), "127.0.0.1").find("certificate refused: IP address mismatch"),
            std::string::npos);
}

TEST_F(NetTls, RefusesASelfSignedAnExpiredAndAFutureCertificate) {
  BigHandler handler;
  Wish wish;
  wish.name = "DNS:localhost";
  const Cert self = make_cert(wish, key_.get(), nullptr, nullptr);
  Wish expired = wish;
  expired.until_seconds = -60;
  Wish future = wish;
  future.from_seconds = 600;
  for (const auto& tls : {serving(self.get()), signed_for(expired), signed_for(future)}) {
    ServerThread server(handler, with(tls));
    const std::string told = ask(server.port(), "localhost");
    EXPECT_NE(told.find("certificate refused: "), std::string::npos) << told.substr(0, 200);
  }
}

TEST_F(NetTls, RefusesAnAuthorityThatIsNotTrusted) {
  BigHandler handler;
  Wish wish;
  wish.name = "DNS:localhost";
  ServerThread server(handler, with(signed_for(wish)));
  Wish authority;
  authority.authority = true;
  const Key other(::EVP_EC_gen("P-256"));
  const Cert stranger = make_cert(authority, other.get(), nullptr, nullptr);
  write_cert("ca.pem", stranger.get());
  EXPECT_NE(ask(server.port(), "localhost").find("certificate refused: "), std::string::npos);
}

TEST_F(NetTls, RefusesTls11) {
  BigHandler handler;
  Wish wish;
  wish.name = "DNS:localhost";
  ServerThread server(handler, with(signed_for(wish)));
  const std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> old(
      ::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free);
  ::SSL_CTX_set_security_level(old.get(), 0);
  ::SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
  BIO* bio = ::BIO_new_connect(("127.0.0.1:" + std::to_string(server.port())).c_str());
  ASSERT_EQ(::BIO_do_connect(bio), 1);
  const std::unique_ptr<SSL, decltype(&::SSL_free)> ssl(::SSL_new(old.get()), &::SSL_free);
  ::SSL_set_bio(ssl.get(), bio, bio);
  EXPECT_NE(::SSL_connect(ssl.get()), 1);
}

TEST_F(NetTls, APlainClientAndASilentOneAreDropped) {
  BigHandler handler;
  Wish wish;
  wish.name = "DNS:localhost";
  ServerOptions options = with(signed_for(wish));
  options.head_timeout = std::chrono::milliseconds(150);
  ServerThread server(handler, options);
  Peer plain = Peer::connect(server.port());
  plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(plain.read_all().find("HTTP/1.1"), std::string::npos);
  Peer silent = Peer::connect(server.port());
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(server.counts().requests, 0U);
}

TEST_F(NetTls, RefusesUnreadableFilesAndAKeyOfAnotherCertificate) {
  EXPECT_FALSE(Tls::client(path("absent.pem")).has_value());
  EXPECT_FALSE(Tls::server(own("absent.pem")).has_value());
  const auto other = Tls::server(own("ca.pem"));
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, Errc::invalid);
  const auto shown = Tls::client(path("ca.pem"), own("ca.pem"));
  ASSERT_FALSE(shown.has_value());
  EXPECT_NE(shown.error().detail.find("cannot use the key"), std::string::npos);
  const Wish wish;
  write_cert("cert.pem", make_cert(wish, key_.get(), ca_.get(), ca_key_.get()).get());
  const ClientTrust absent{path("absent.pem")};
  const ClientTrust no_certificate{path("key.pem")};
  for (const ClientTrust& clients : {absent, no_certificate}) {
    const auto server = Tls::server(own("cert.pem"), clients);
    ASSERT_FALSE(server.has_value());
    EXPECT_EQ(server.error().code, Errc::invalid);
    EXPECT_NE(server.error().detail.find("cannot trust clients by"), std::string::npos);
  }
}

TEST_F(NetTls, LetsInClientsOfItsAuthorityAloneWhereACertificateIsRequired) {
  BigHandler handler;
  ServerThread server(handler, with(asking_clients(ClientTrust::Need::required)));
  Wish client;
  client.name = "DNS:app.test";
  Wish expired = client;
  expired.until_seconds = -60;
  Wish future = client;
  future.from_seconds = 600;
  Wish authority;
  authority.authority = true;
  const Key other(::EVP_EC_gen("P-256"));
  const Cert stranger = make_cert(authority, other.get(), nullptr, nullptr);
  const auto issued = [&](const Wish& wish) {
    return make_cert(wish, key_.get(), ca_.get(), ca_key_.get());
  };
  // Its issuer has the authority's name and not its key.
  const Cert forged = make_cert(client, key_.get(), stranger.get(), other.get());
  const Cert self = make_cert(client, key_.get(), nullptr, nullptr);
  EXPECT_TRUE(lets_in(server.port(), issued(client).get()));
  EXPECT_FALSE(lets_in(server.port(), nullptr));
  EXPECT_FALSE(lets_in(server.port(), issued(expired).get()));
  EXPECT_FALSE(lets_in(server.port(), issued(future).get()));
  EXPECT_FALSE(lets_in(server.port(), forged.get()));
  EXPECT_FALSE(lets_in(server.port(), self.get()));
  EXPECT_EQ(server.counts().requests, 1U);
  EXPECT_EQ(server.counts().refused, 5U);
}

TEST_F(NetTls, AnOptionalClientCertificateMayBeAbsentAndNotWrong) {
  BigHandler handler;
  ServerThread server(handler, with(asking_clients(ClientTrust::Need::optional)));
  Wish client;
  client.name = "DNS:app.test";
  EXPECT_TRUE(lets_in(server.port(), nullptr));
  EXPECT_TRUE(
      lets_in(server.port(), make_cert(client, key_.get(), ca_.get(), ca_key_.get()).get()));
  const Cert self = make_cert(client, key_.get(), nullptr, nullptr);
  EXPECT_FALSE(lets_in(server.port(), self.get()));
  EXPECT_EQ(server.counts().requests, 2U);
}

TEST_F(NetTls, AsksClientsThatComeAfterItsTrustChanged) {
  BigHandler handler;
  Wish wish;
  wish.name = "DNS:localhost";
  ServerThread server(handler, with(signed_for(wish)));
  EXPECT_TRUE(lets_in(server.port(), nullptr));
  server.use(asking_clients(ClientTrust::Need::required));
  EXPECT_FALSE(lets_in(server.port(), nullptr));
}

}  // namespace
}  // namespace cordon::net
