// A connected stream socket, plain or TLS: it tries without waiting, and waits without trying.
//
// Registered once, edge-triggered; the flags remember what the kernel last said, so that a
// message costs one recv and one send.
#pragma once

#include "net/internal/reactor.h"
#include "net/internal/tls_context.h"

#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace cordon::net::internal {

/// Told, from the loop, that the peer has closed or reset. May destroy the channel.
class HangupListener {
 public:
  virtual ~HangupListener() = default;
  virtual void on_hangup() = 0;
  /// Bytes arrived while nobody waited for them.
  virtual void on_unasked() {}
};

/// Up to four pieces for one send.
struct Gather {
  std::array<std::string_view, 4> pieces;
  bool lasting = false;  ///< they stay valid while the send waits
  [[nodiscard]] std::size_t size() const noexcept;
};

/// Owns its descriptor. Loop thread only; one task waits at a time.
class Channel final : public Source {
 public:
  static constexpr ssize_t kAgain = -1;   ///< wait, then try again
  static constexpr ssize_t kBroken = -2;  ///< the connection is of no use any more

  enum class Phase : std::uint8_t { connecting, connected };
  Channel(Reactor& reactor, int fd, Phase phase, HangupListener& listener);
  ~Channel() override;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// False if the kernel would not watch the descriptor.
  [[nodiscard]] bool registered() const noexcept { return registered_; }
  /// Bytes read (1 or more), 0 at the peer's orderly end, kAgain or kBroken.
  [[nodiscard]] ssize_t try_read(std::span<char> into);
  /// Bytes taken (1 or more), kAgain or kBroken.
  [[nodiscard]] ssize_t try_write(const Gather& what);

  /// Suspends until a read (a write) is worth trying.
  [[nodiscard]] Task<Wake> readable(MonoTime deadline, Cancel* cancel);
  [[nodiscard]] Task<Wake> writable(MonoTime deadline, Cancel* cancel);
  /// Writes all of it; copies what does not go out at once and does not last. `unavailable`
  /// otherwise, and then `sent` tells how much went out. While other tasks are ready it lets
  /// some of them run first: writes that follow each other at once wake the peers' processes once,
  /// not once each, and a wake costs more than the write.
  [[nodiscard]] Task<Status> write_all(const Gather& what, MonoTime deadline, Cancel* cancel,
                                       std::size_t& sent);
  /// After `connecting`: the error of the connect, or 0.
  [[nodiscard]] int connect_error() const noexcept;
  [[nodiscard]] Task<Status> handshake(const TlsContext& context, const std::string& host,
                                       MonoTime deadline, Cancel* cancel);

  [[nodiscard]] bool hung_up() const noexcept { return hung_up_; }
  /// Nothing more will be written; what was written arrives. TLS says goodbye first if asked to.
  enum class Goodbye : std::uint8_t { say, omit };
  void shutdown_write(Goodbye goodbye) noexcept;
  /// The close that follows will be a reset.
  void reset_on_close() noexcept;
  /// Makes both directions fail from now on.
  void shutdown_all() noexcept;

 private:
  void on_events(std::uint32_t events) override;
  [[nodiscard]] ssize_t read_plain(std::span<char> into);
  [[nodiscard]] ssize_t read_tls(std::span<char> into);
  [[nodiscard]] ssize_t write_plain(const Gather& what);
  [[nodiscard]] ssize_t write_tls(const Gather& what);

  HangupListener& listener_;
  Parking parking_;
  Reactor& reactor_;
  std::unique_ptr<SSL, SslFree> ssl_;
  int fd_;
  std::uint32_t wanted_ = 0;
  bool registered_ = false;
  bool readable_ = false;
  bool writable_ = false;
  bool hung_up_ = false;
  bool tls_more_ = false;  // OpenSSL may hold bytes that epoll knows nothing of
};

/// "cut", "too slow: what" and so on, for an operation that did not come about.
[[nodiscard]] Error wait_error(Wake why, std::string_view what);

}  // namespace cordon::net::internal
