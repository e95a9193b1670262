#include "net/internal/channel.h"

#include "base/assert.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace cordon::net::internal {
namespace {
/// Longer writes go out at once: what they cost outweighs a wake.
constexpr std::size_t kGatheredMax = 16 * 1024;
}  // namespace

Error wait_error(Wake why, std::string_view what) {
  switch (why) {
    case Wake::timeout:
      return Error{Errc::unavailable, std::string(what) + " passed its timeout"};
    case Wake::cut:
      return Error{Errc::unavailable, "cut"};
    case Wake::stopped:
      return Error{Errc::unavailable, "stopped"};
    case Wake::ready:
      break;
  }
  return Error{Errc::unavailable, std::string(what) + " failed: the peer closed the connection"};
}

std::size_t Gather::size() const noexcept {
  std::size_t total = 0;
  for (const std::string_view piece : pieces) total += piece.size();
  return total;
}

Channel::Channel(Reactor& reactor, int fd, Phase phase, HangupListener& listener)
    : listener_(listener),
      parking_(reactor),
      reactor_(reactor),
      fd_(fd),
      writable_(phase == Phase::connected) {
  registered_ = reactor.add(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, *this);
}

Channel::~Channel() {
  if (registered_) reactor_.remove(fd_, *this);
  ssl_.reset();
  ::close(fd_);
}

void Channel::on_events(std::uint32_t events) {
  constexpr std::uint32_t kDead = EPOLLHUP | EPOLLERR;
  const bool arrived = (events & (EPOLLIN | EPOLLRDHUP | kDead)) != 0;
  const bool drained = (events & (EPOLLOUT | kDead)) != 0;
  const bool hangup = !hung_up_ && (events & (EPOLLRDHUP | kDead)) != 0;
  readable_ = readable_ || arrived;
  writable_ = writable_ || drained;
  hung_up_ = hung_up_ || hangup;
  const bool waited = parking_.parked();
  if ((arrived && (wanted_ & EPOLLIN) != 0) || (drained && (wanted_ & EPOLLOUT) != 0)) {
    parking_.wake(Wake::ready);
  }
  if (hangup) {
    listener_.on_hangup();
  } else if (arrived && !waited) {
    listener_.on_unasked();
  }
}

ssize_t Channel::try_read(std::span<char> into) {
  return ssl_ == nullptr ? read_plain(into) : read_tls(into);
}

ssize_t Channel::read_plain(std::span<char> into) {
  while (readable_) {
    const ssize_t count = ::recv(fd_, into.data(), into.size(), 0);
    if (count > 0) {
      // Less than asked for: drained, and the next byte raises an event. The end after a hangup
      // has raised its event already.
      if (static_cast<std::size_t>(count) < into.size()) readable_ = hung_up_;
      return count;
    }
    if (count == 0) return 0;
    if (errno == EAGAIN) {
      readable_ = false;
    } else if (errno != EINTR) {
      return kBroken;
    }
  }
  return kAgain;
}

ssize_t Channel::read_tls(std::span<char> into) {
  if (!readable_ && !tls_more_) return kAgain;
  ::ERR_clear_error();
  const int count = ::SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
  tls_more_ = count > 0;
  if (count > 0) return count;
  switch (::SSL_get_error(ssl_.get(), count)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      readable_ = false;
      return kAgain;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    default:
      ::ERR_clear_error();
      return kBroken;
  }
}

ssize_t Channel::try_write(const Gather& what) {
  return ssl_ == nullptr ? write_plain(what) : write_tls(what);
}

ssize_t Channel::write_plain(const Gather& what) {
  std::array<iovec, 4> pieces{};
  std::size_t used = 0;
  for (const std::string_view piece : what.pieces) {
    if (piece.empty()) continue;
    pieces[used++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  while (writable_) {
    ssize_t count = 0;
    if (used == 1) {
      count = ::send(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = pieces.data();
      message.msg_iovlen = used;
      count = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    }
    if (count >= 0) return count;
    if (errno == EAGAIN) {
      writable_ = false;
    } else if (errno != EINTR) {
      return kBroken;
    }
  }
  return kAgain;
}

ssize_t Channel::write_tls(const Gather& what) {
  if (!writable_) return kAgain;
  std::string& whole = reactor_.scratch();
  whole.clear();
  for (const std::string_view piece : what.pieces) whole.append(piece);
  const int size = static_cast<int>(std::min<std::size_t>(whole.size(), 1U << 30));
  ::ERR_clear_error();
  const int count = ::SSL_write(ssl_.get(), whole.data(), size);
  if (whole.capacity() > Reactor::kReadBytes) std::string().swap(whole);
  if (count > 0) return count;
  switch (::SSL_get_error(ssl_.get(), count)) {
    case SSL_ERROR_WANT_WRITE:
      writable_ = false;
      return kAgain;
    default:
      // Also WANT_READ: renegotiation is off, so nothing can make a write wait for a read.
      ::ERR_clear_error();
      return kBroken;
  }
}

Task<Wake> Channel::readable(MonoTime deadline, Cancel* cancel) {
  wanted_ = EPOLLIN;
  return parking_.park(deadline, cancel);
}

Task<Wake> Channel::writable(MonoTime deadline, Cancel* cancel) {
  wanted_ = EPOLLOUT;
  return parking_.park(deadline, cancel);
}

Task<Status> Channel::write_all(const Gather& what, MonoTime deadline, Cancel* cancel,
                                std::size_t& sent) {
  sent = 0;
  std::string left;
  Gather now = what;
  std::size_t size = now.size();
  std::size_t offset = 0;
  if (reactor_.crowded() && size <= kGatheredMax) {
    if (!what.lasting) {
      left.reserve(size);
      for (const std::string_view piece : what.pieces) left.append(piece);
      now = Gather();
      now.pieces[0] = left;
    }
    wanted_ = 0;
    // A cut that comes meanwhile is for what follows: torn here, the answer could not end.
    (void)co_await parking_.yield();
  }
  while (size > 0) {
    const ssize_t count = try_write(now);
    if (count == kBroken) co_return tl::make_unexpected(wait_error(Wake::ready, "a write"));
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
      size -= static_cast<std::size_t>(count);
      if (size == 0) break;
    }
    if (left.empty()) {
      // The pieces may not outlive this turn, so the rest is ours from here on.
      left.reserve(size);
      std::size_t skip = sent;
      for (const std::string_view piece : what.pieces) {
        const std::size_t from = std::min(skip, piece.size());
        left.append(piece.substr(from));
        skip -= from;
      }
    } else if (count > 0) {
      offset += static_cast<std::size_t>(count);
    }
    now = Gather();
    now.pieces[0] = std::string_view(left).substr(offset);
    if (count > 0) continue;
    const Wake why = co_await writable(deadline, cancel);
    if (why != Wake::ready) co_return tl::make_unexpected(wait_error(why, "a write"));
  }
  co_return Status();
}

int Channel::connect_error() const noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

Task<Status> Channel::handshake(const TlsContext& context, const std::string& host,
                                MonoTime deadline, Cancel* cancel) {
  ssl_ = make_session(context, fd_, host);
  if (ssl_ == nullptr) co_return fail(Errc::invalid, "TLS cannot be set up for this host");
  for (;;) {
    ::ERR_clear_error();
    const int done = ::SSL_do_handshake(ssl_.get());
    if (done == 1) break;
    const int reason = ::SSL_get_error(ssl_.get(), done);
    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
      co_return fail(Errc::unavailable, "TLS handshake: " + tls_failure(ssl_.get()));
    }
    Wake why = Wake::ready;
    if (reason == SSL_ERROR_WANT_READ) {
      readable_ = false;
      why = co_await readable(deadline, cancel);
    } else {
      writable_ = false;
      why = co_await writable(deadline, cancel);
    }
    if (why != Wake::ready) co_return tl::make_unexpected(wait_error(why, "TLS handshake"));
  }
  tls_more_ = true;  // the last flight may have brought the first record along
  co_return Status();
}

void Channel::shutdown_write(Goodbye goodbye) noexcept {
  if (ssl_ != nullptr && goodbye == Goodbye::say) {
    ::ERR_clear_error();
    ::SSL_shutdown(ssl_.get());
    ::ERR_clear_error();
  }
  ::shutdown(fd_, SHUT_WR);
}

void Channel::reset_on_close() noexcept {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void Channel::shutdown_all() noexcept {
  ::shutdown(fd_, SHUT_RDWR);
}

}  // namespace cordon::net::internal
