#include "net/server.h"

#include "base/assert.h"
#include "base/log.h"
#include "net/internal/server_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace cordon::net {
namespace internal {

void ServerState::connection_opened(ServerConnection& connection) {
  connection.index = connections.size();
  connections.push_back(&connection);
  ++counts.accepted;
  counts.open = connections.size();
}

void ServerState::connection_closed(ServerConnection& connection) {
  connections.back()->index = connection.index;
  connections[connection.index] = connections.back();
  connections.pop_back();
  counts.open = connections.size();
  if (resume_accepting) resume_accepting();
}

void ServerState::note_refused(std::string_view peer, const Error& why) {
  const MonoTime now = loop.now();
  if (now < refused_until_) {
    ++refused_unsaid_;
    return;
  }
  refused_until_ = loop.reactor().after(std::chrono::seconds(1));
  log::warn("net.client_refused",
            {{"peer", peer}, {"detail", why.detail}, {"others", refused_unsaid_}});
  refused_unsaid_ = 0;
}

namespace {

/// Accepts while there is room. Level-triggered, so that a pause forgets nothing.
class Acceptor final : public Source, private Timer {
 public:
  static constexpr int kAcceptsPerTurn = 64;
  static constexpr std::chrono::milliseconds kPause{100};

  Acceptor(ServerState& server, int fd) : Timer(server.loop.reactor()), server_(server), fd_(fd) {
    registered_ = reactor_.add(fd_, EPOLLIN, *this);
  }
  ~Acceptor() override {
    reactor_.remove(fd_, *this);
    ::close(fd_);
  }
  [[nodiscard]] bool registered() const noexcept { return registered_; }
  void resume() {
    if (!paused_) return;
    paused_ = false;
    reactor_.change(fd_, EPOLLIN, *this);
  }

 private:
  void on_timer() override { resume(); }
  void pause() {
    paused_ = true;
    reactor_.change(fd_, 0, *this);
  }
  void on_events(std::uint32_t) override {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      if (server_.connections.size() >= server_.options.connections_max) {
        pause();
        return;
      }
      sockaddr_storage peer{};
      socklen_t size = sizeof peer;
      const int fd =
          ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == ECONNABORTED || errno == EINTR) continue;
        if (errno != EAGAIN) refused();
        return;
      }
      spawn(server_.scope,
            ServerConnection::run(std::make_unique<ServerConnection>(server_, fd, peer)));
    }
  }
  // Out of descriptors or memory: a level-triggered retry at once would only burn the processor.
  void refused() {
    log::warn("net.accept_failed", {{"error", std::strerror(errno)}});
    pause();
    arm(reactor_.after(kPause));
  }

  ServerState& server_;
  int fd_;
  bool registered_ = false;
  bool paused_ = false;
};

struct Bound {
  int fd = -1;
  std::uint16_t port = 0;
};

tl::unexpected<Error> cannot(const std::string& what, int fd) {
  const std::string why = std::strerror(errno);
  if (fd >= 0) ::close(fd);
  return fail(Errc::unavailable, what + ": " + why);
}

Result<Bound> bind_to(const ServerOptions& options) {
  sockaddr_storage address{};
  socklen_t size = 0;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
  if (::inet_pton(AF_INET, options.address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(options.port);
    size = sizeof v4;
  } else if (::inet_pton(AF_INET6, options.address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(options.port);
    size = sizeof v6;
  } else {
    return fail(Errc::invalid, "'" + options.address + "' is not an IP address");
  }
  const std::string where = options.address + " port " + std::to_string(options.port);
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return cannot("no socket for " + where, fd);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(fd, options.backlog) != 0) {
    return cannot("cannot listen on " + where, fd);
  }
  size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return Bound{fd, ntohs(address.ss_family == AF_INET ? v4.sin_port : v6.sin6_port)};
}

}  // namespace
}  // namespace internal

using internal::ServerConnection;

Server::Server(std::unique_ptr<internal::ServerState> state) : state_(std::move(state)) {}
Server::~Server() {
  CORDON_ASSERT(state_->connections.empty());
}
std::uint16_t Server::port() const noexcept {
  return state_->port;
}
ServerCounts Server::counts() const noexcept {
  return state_->counts;
}

Result<std::unique_ptr<Server>> Server::listen(Loop& loop, Handler& handler,
                                               ServerOptions options) {
  CORDON_TRY(const internal::Bound bound, internal::bind_to(options));
  auto state = std::make_unique<internal::ServerState>(loop, handler, std::move(options));
  state->port = bound.port;
  auto acceptor = std::make_unique<internal::Acceptor>(*state, bound.fd);
  if (!acceptor->registered()) return fail(Errc::exhausted, "the kernel cannot watch a listener");
  internal::Acceptor* accepting = acceptor.get();
  state->acceptor = std::move(acceptor);
  state->resume_accepting = [accepting] { accepting->resume(); };
  return std::make_unique<Server>(std::move(state));
}

void Server::use(std::shared_ptr<const Tls> tls) {
  if (state_->options.tls != nullptr && tls != nullptr) state_->options.tls = std::move(tls);
}

namespace {

/// Forces what has not ended within the grace.
Task<void> force_later(Scope& grace, std::chrono::milliseconds after,
                       internal::ServerState& state) {
  const Status slept = co_await sleep(grace, after);
  if (!slept) co_return;
  const std::vector<ServerConnection*> left = state.connections;
  for (ServerConnection* connection : left) connection->force();
}

}  // namespace

Task<void> Server::stop(std::chrono::milliseconds grace) {
  state_->resume_accepting = nullptr;
  state_->acceptor.reset();
  state_->draining = true;
  for (ServerConnection* connection : state_->connections) connection->drain();
  Scope timer(state_->loop);
  spawn(timer, force_later(timer, grace, *state_));
  co_await state_->scope.join();
  timer.stop();
  co_await timer.join();
}

}  // namespace cordon::net
