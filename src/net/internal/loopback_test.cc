#include "net/internal/loopback.h"

#include "base/assert.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>

namespace cordon::net::internal {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void be_patient(int fd) {
  const timeval patience{kPatience.count(), 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

}  // namespace

Peer::~Peer() {
  if (fd_ >= 0) ::close(fd_);
}

Peer Peer::connect(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  be_patient(fd);
  const sockaddr_in address = loopback(port);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return Peer(fd);
}

void Peer::receive_little() {
  const int bytes = 4096;
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

void Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the other side closed early, which its answer explains
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string Peer::read_until(std::string_view end) {
  for (;;) {
    if (const std::size_t at = ahead_.find(end); at != std::string::npos) {
      std::string out = ahead_.substr(0, at + end.size());
      ahead_.erase(0, at + end.size());
      return out;
    }
    std::array<char, 4096> buffer{};
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count <= 0) return std::exchange(ahead_, {});
    ahead_.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

std::string Peer::read_all() {
  std::string out = std::exchange(ahead_, {});
  for (;;) {
    std::array<char, 65536> buffer{};
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count == 0) return out;
    if (count < 0) return out + (errno == ECONNRESET ? "<reset>" : "<late>");
    out.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

void Peer::half_close() {
  ::shutdown(fd_, SHUT_WR);
}

void Peer::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(fd_, -1));
}

ScriptedServer::ScriptedServer(std::vector<Script> scripts)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  CORDON_ASSERT(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  CORDON_ASSERT(::listen(fd_, 16) == 0);
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([fd = fd_, plays = std::move(scripts)] {
    for (const Script& play : plays) {
      pollfd waiting{fd, POLLIN, 0};
      if (::poll(&waiting, 1, static_cast<int>(kPatience.count()) * 1000) <= 0) break;
      const int one = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (one < 0) break;
      be_patient(one);
      Peer peer(one);
      play(peer);
    }
    ::close(fd);
  });
}

ScriptedServer::~ScriptedServer() {
  thread_.join();
}

ServerThread::ServerThread(Handler& handler, ServerOptions options) : loop_(clock_), quit_(loop_) {
  auto listening = Server::listen(loop_, handler, std::move(options));
  CORDON_ASSERT(listening.has_value());
  server_ = *std::move(listening);
  thread_ = std::thread([this] { run_blocking(loop_, serve()); });
}

Task<void> ServerThread::serve() {
  const std::chrono::milliseconds for_ever = kNoDeadline;
  static_cast<void>(co_await quit_.reach(1, for_ever));
  const std::chrono::milliseconds grace(2'000);
  co_await server_->stop(grace);
}

ServerThread::~ServerThread() {
  loop_.post([this] { quit_.raise(1); });
  thread_.join();
}

void ServerThread::on_loop(const std::function<void()>& fn) {
  std::promise<void> done;
  loop_.post([&] {
    fn();
    done.set_value();
  });
  done.get_future().wait();
}

void ServerThread::use(std::shared_ptr<const Tls> tls) {
  on_loop([&] { server_->use(std::move(tls)); });
}

ServerCounts ServerThread::counts() {
  ServerCounts counts;
  on_loop([&] { counts = server_->counts(); });
  return counts;
}

}  // namespace cordon::net::internal
