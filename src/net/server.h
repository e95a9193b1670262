// An HTTP/1.1 server on one loop: it reads requests strictly and hands each to a Handler.
//
// The connection's life is net's business: keep-alive, pipelining, deadlines, limits, TLS, error
// answers to what cannot be parsed. Several servers on several loops share one port (SO_REUSEPORT).
#pragma once

#include "base/result.h"
#include "net/http1.h"
#include "net/loop.h"
#include "net/tls.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace cordon::net {

namespace internal {
class ServerConnection;
struct ServerState;
}  // namespace internal

/// Bounds of one server. Every one of them is enforced; passing a time ends the connection.
struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: the kernel chooses, `Server::port` tells
  int backlog = 1024;
  std::size_t connections_max = 10'000;  ///< further ones wait in the backlog
  HeadLimits head;
  std::chrono::milliseconds idle_timeout{75'000};   ///< between requests
  std::chrono::milliseconds head_timeout{10'000};   ///< first byte to end of head; handshake too
  std::chrono::milliseconds body_timeout{60'000};   ///< the whole request body
  std::chrono::milliseconds write_timeout{30'000};  ///< one respond, write or end
  std::shared_ptr<const Tls> tls;                   ///< null: plain
};

/// One request and its answer. Made by net for the time of `Handler::handle`; loop thread only.
/// Operations run one at a time. After one has failed the connection is closed when the handler
/// returns; `unavailable` means that the client is gone, too slow, or that the exchange was cut.
class ServerExchange {
 public:
  explicit ServerExchange(internal::ServerConnection& connection) : connection_(connection) {}
  ServerExchange(const ServerExchange&) = delete;
  ServerExchange& operator=(const ServerExchange&) = delete;

  [[nodiscard]] const RequestHead& request() const noexcept;
  /// "127.0.0.1:5050", "[::1]:5050".
  [[nodiscard]] std::string_view peer() const noexcept;
  [[nodiscard]] Loop& loop() noexcept;

  /// The whole body, valid until the handler returns; 64 readable bytes lie behind its end.
  /// Sends 100 Continue if the client waits for it. Once `max` bytes are passed it answers 413
  /// itself and fails as `exhausted`; a malformed body is answered 400 and fails as `invalid`, a
  /// late one 408 and `unavailable`. Call once.
  [[nodiscard]] Task<Result<std::string_view>> read_body(std::size_t max);
  /// Gives back the memory of a request whose body was read: a stream may be idle for long. After
  /// it every view of request() is empty and the body's view is invalid.
  void forget_request() noexcept;

  /// The whole answer in one send. `headers` come without hop-by-hop ones and Content-Length,
  /// which net writes; such fields are skipped. `invalid`, with nothing sent, if a name or value
  /// is malformed or an answer has begun. The views are used until it returns.
  [[nodiscard]] Task<Status> respond(int status, std::span<const Header> headers,
                                     std::string_view body);

  /// Begins a streamed answer: chunked, or delimited by close for HTTP/1.0. The head leaves with
  /// the first piece. `invalid` as in `respond`.
  [[nodiscard]] Status begin(int status, std::span<const Header> headers);
  /// Sends one piece as one chunk, in one send if the client keeps up; suspends while it does
  /// not. What could not be sent at once is copied, so `piece` may be a view that the next read
  /// reuses. An empty piece sends the head alone if that has not left yet.
  [[nodiscard]] Task<Status> write(std::string_view piece);
  /// Ends a streamed answer; `last` goes out with the terminal chunk in one send.
  [[nodiscard]] Task<Status> end(std::string_view last = {});
  /// Gives the answer up: no terminal chunk, so that the client sees it is not whole. What was
  /// written still arrives, except where only a reset can say "not whole" (HTTP/1.0).
  void abort() noexcept;

  [[nodiscard]] bool begun() const noexcept;      ///< `begin` or `respond` was called
  [[nodiscard]] bool head_sent() const noexcept;  ///< the client has seen a byte of the answer
  [[nodiscard]] std::uint64_t bytes_sent() const noexcept;  ///< of this answer, framing included

  /// The client closed its side. A client that half-closes after its request counts as gone.
  [[nodiscard]] bool client_gone() const noexcept;
  /// Called once when that happens, from the loop and not from within an operation; at once if it
  /// has happened. Typically cuts the exchange. Forgotten when the handler returns.
  void on_client_gone(std::function<void()> notify);

  /// Makes the operation in progress fail: see Cancel. If that operation was a write, the stream
  /// is torn in the middle of a frame, and every later write fails.
  void cut() noexcept { cancel().cancel(); }
  /// Pass it to every other operation that this exchange waits for (upstream, watermark).
  [[nodiscard]] Cancel& cancel() noexcept;

 private:
  internal::ServerConnection& connection_;
};

/// What a server does with a request. Outlives the server; called on its loop.
class Handler {
 public:
  virtual ~Handler() = default;
  /// Answers one request. Returning without an answer sends 500; returning from a begun but
  /// unended stream aborts it. `exchange` lives until the returned task ends.
  [[nodiscard]] virtual Task<void> handle(ServerExchange& exchange) = 0;
};

/// Counts since the start.
struct ServerCounts {
  std::uint64_t accepted = 0;
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;  ///< unparseable, too large, too slow: answered or closed by net
  std::uint64_t open = 0;     ///< connections now
};

/// A listening socket and its connections. Loop thread only; must be stopped before destruction.
class Server {
 public:
  /// Binds and listens; accepts once the loop runs. `unavailable` if the address is not to be had.
  [[nodiscard]] static Result<std::unique_ptr<Server>> listen(Loop& loop, Handler& handler,
                                                              ServerOptions options);
  explicit Server(std::unique_ptr<internal::ServerState> state);
  ~Server();
  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] ServerCounts counts() const noexcept;
  /// Who we are to connections accepted from now on; those that are there keep theirs. A plain
  /// server stays plain.
  void use(std::shared_ptr<const Tls> tls);
  /// Stops accepting, closes idle connections, lets running exchanges end within `grace`, then
  /// cuts and closes the rest. Suspends until the last handler has returned.
  [[nodiscard]] Task<void> stop(std::chrono::milliseconds grace);

 private:
  std::unique_ptr<internal::ServerState> state_;
};

}  // namespace cordon::net
