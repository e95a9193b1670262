// An HTTP/1.1 client on one loop: a pool of connections to one origin.
//
// A body that was cut short is an error, never an end. An idle stream holds no read buffer: all
// connections of a loop read into one, so a piece is valid until its task next waits.
#pragma once

#include "base/result.h"
#include "net/http1.h"
#include "net/loop.h"
#include "net/tls.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::net {

namespace internal {
class UpstreamConnection;
class UpstreamState;
}  // namespace internal

/// Where an upstream is and how long it may take. Bounds are enforced.
struct UpstreamOptions {
  std::string host;  ///< a name, an IPv4 address, or an IPv6 one without brackets
  std::uint16_t port = 80;
  std::shared_ptr<const Tls> tls;  ///< null: plain. Else `host` is verified and sent as SNI
  std::string host_header;         ///< empty: host, with the port unless it is the scheme's
  HeadLimits head;
  std::size_t connections_max = 1024;  ///< open at once; one more is refused as `exhausted`
  std::size_t idle_max = 256;          ///< kept for reuse
  std::chrono::milliseconds idle_timeout{30'000};        ///< a kept connection's age limit
  std::chrono::milliseconds connect_timeout{5'000};      ///< name, TCP and TLS together
  std::chrono::milliseconds write_timeout{30'000};       ///< the whole request
  std::chrono::milliseconds first_byte_timeout{60'000};  ///< request sent to head complete
  std::chrono::milliseconds read_timeout{60'000};        ///< between two pieces of the body
};

/// What is sent. Views, used until `send` returns. Host, framing and connection fields are net's:
/// hop-by-hop `headers` are skipped.
struct Outgoing {
  std::string_view method = "POST";
  std::string_view target = "/";
  std::span<const Header> headers;
  std::string_view body;
  std::chrono::milliseconds first_byte_timeout{0};  ///< 0: the upstream's
  Outgoing() = default;
  Outgoing(std::string_view with, std::string_view to) : method(with), target(to) {}
};

/// How far a failed `send` got: whether the provider may have acted on it.
enum class SendStage : std::uint8_t { not_sent, maybe_sent };

/// An answer on its way. Moves, does not copy; loop thread only. Destroying it before the body is
/// complete closes its connection; after that the connection goes back to the pool.
class ClientExchange {
 public:
  explicit ClientExchange(std::unique_ptr<internal::UpstreamConnection> connection);
  ClientExchange(ClientExchange&&) noexcept;
  ClientExchange& operator=(ClientExchange&&) noexcept;
  ~ClientExchange();

  /// Valid as long as this exchange is, also after its end.
  [[nodiscard]] const ResponseHead& response() const noexcept;
  /// Gives back the memory of the answer's head: a stream may be idle for long. response() has no
  /// headers afterwards.
  void forget_headers() noexcept;
  /// The next piece of the decoded body, never empty; nullopt: the body is complete. The piece
  /// is valid until this task next waits (a ServerExchange::write may take it). `unavailable` if
  /// the body is cut short, malformed, or late, or when `cancel` cuts the wait; then the
  /// connection is closed and every later read fails.
  [[nodiscard]] Task<Result<std::optional<std::string_view>>> read_some(Cancel* cancel = nullptr);
  /// The rest of the body. `exhausted` over `max` bytes.
  [[nodiscard]] Task<Result<std::string>> read_all(std::size_t max, Cancel* cancel = nullptr);
  /// The body has been read to its end.
  [[nodiscard]] bool complete() const noexcept;
  /// The request went over a kept connection that was dead, and was sent again on a fresh one.
  [[nodiscard]] bool resent() const noexcept;
  /// Closes the connection now; a read fails afterwards.
  void abort() noexcept;

 private:
  std::unique_ptr<internal::UpstreamConnection> connection_;
};

/// Counts since the start.
struct UpstreamCounts {
  std::uint64_t connects = 0;
  std::uint64_t reused = 0;
  std::uint64_t resent = 0;
  std::uint64_t open = 0;  ///< connections now, in use or kept
  std::uint64_t kept = 0;  ///< of these, idle in the pool
};

/// A pool of connections to one origin. Loop thread only; outlives its exchanges.
class Upstream {
 public:
  Upstream(Loop& loop, UpstreamOptions options);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  /// Sends head and body in one send and reads the answer's head (interim answers are skipped).
  /// Fails as `unavailable` (name, connect, TLS, write, late or malformed answer, cut) or
  /// `exhausted` (connections_max), and as `invalid` if `request` cannot be written as HTTP.
  ///
  /// A kept connection may have been closed by the peer meanwhile. If it fails before any byte of
  /// an answer, and not by a deadline, the request is sent once more on a fresh connection.
  /// `stage`, if given, tells after a failure whether bytes may have reached the peer.
  [[nodiscard]] Task<Result<ClientExchange>> send(const Outgoing& request, Cancel* cancel = nullptr,
                                                  SendStage* stage = nullptr);
  /// Closes the kept connections. Those in use close at their end.
  void close_idle();
  [[nodiscard]] UpstreamCounts counts() const noexcept;
  [[nodiscard]] const UpstreamOptions& options() const noexcept;

 private:
  std::unique_ptr<internal::UpstreamState> state_;
};

}  // namespace cordon::net
