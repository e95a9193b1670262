// For tests of net: a blocking peer that says exactly the bytes it is told to, and a server whose
// loop runs on a thread of its own. Every wait of a peer ends after kPatience.
#pragma once

#include "net/server.h"
#include "net/watermark.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace cordon::net::internal {

inline constexpr std::chrono::seconds kPatience{10};

/// A connected TCP socket, blocking. Owns its descriptor.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {}
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Peer& operator=(Peer&&) = delete;
  ~Peer();
  [[nodiscard]] static Peer connect(std::uint16_t port);

  /// Tells with a small window, so that an unread answer soon blocks its writer.
  void receive_little();
  void send(std::string_view bytes);
  /// Everything up to and including `end`; what came until then if the peer closed or was late.
  [[nodiscard]] std::string read_until(std::string_view end);
  /// Everything until the peer closes. A reset appends "<reset>", lateness "<late>".
  [[nodiscard]] std::string read_all();
  void half_close();
  void reset();

 private:
  int fd_;
  std::string ahead_;
};

/// Listens on a port of the kernel's choice and plays one script per accepted connection, in
/// order, on a thread of its own. Scripts take a Peer; after the last the listener closes.
class ScriptedServer {
 public:
  using Script = std::function<void(Peer&)>;
  explicit ScriptedServer(std::vector<Script> scripts);
  ~ScriptedServer();
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// A server on its own loop and thread; stops in its destructor.
class ServerThread {
 public:
  ServerThread(Handler& handler, ServerOptions options);
  ~ServerThread();
  [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }
  [[nodiscard]] Loop& loop() noexcept { return loop_; }
  [[nodiscard]] ServerCounts counts();
  void use(std::shared_ptr<const Tls> tls);
  /// Runs `fn` on the loop and waits for it.
  void on_loop(const std::function<void()>& fn);

 private:
  Task<void> serve();
  SystemClock clock_;
  Loop loop_;
  Watermark quit_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace cordon::net::internal
