#include "net/internal/server_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>

namespace cordon::net::internal {
namespace {

/// A view of a body has this much behind it, so that a parser may read whole vectors.
constexpr std::size_t kPadding = 64;
/// Buffers larger than this are given back between requests.
constexpr std::size_t kKeptBytes = 16 * 1024;
constexpr std::chrono::milliseconds kLingerTime{1'000};
constexpr std::size_t kLingerBytes = std::size_t{1} << 20;

std::string name_of(const sockaddr_storage& peer) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (peer.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(peer);
    ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(address.sin6_port));
  }
  const auto& address = reinterpret_cast<const sockaddr_in&>(peer);
  ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  return std::string(text.data()) + ":" + std::to_string(ntohs(address.sin_port));
}

void give_back(std::string& buffer) {
  if (buffer.capacity() > kKeptBytes && buffer.empty()) std::string().swap(buffer);
}

}  // namespace

ServerConnection::ServerConnection(ServerState& server, int fd, const sockaddr_storage& peer)
    : server_(server),
      channel_(server.loop.reactor(), fd, Channel::Phase::connected, *this),
      peer_(name_of(peer)) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  server_.connection_opened(*this);
}

ServerConnection::~ServerConnection() {
  server_.connection_closed(*this);
}

void ServerConnection::on_hangup() {
  if (gone_) gone_();
}

void ServerConnection::on_client_gone(std::function<void()> notify) {
  gone_ = std::move(notify);
  if (channel_.hung_up() && gone_) gone_();
}

void ServerConnection::drain() noexcept {
  close_after_ = true;
  if (idle_) cancel.cancel();
}

void ServerConnection::force() noexcept {
  close_after_ = true;
  cancel.cancel();
  channel_.shutdown_all();
}

Task<void> ServerConnection::run(std::unique_ptr<ServerConnection> connection) {
  if (!connection->channel_.registered()) co_return;
  if (connection->server_.options.tls != nullptr) {
    const bool shaken = co_await connection->shake_hands();
    if (!shaken) co_return;
  }
  Next next = Next::request;
  while (next == Next::request) next = co_await connection->serve_one();
  if (next == Next::linger) co_await connection->linger();
}

Task<bool> ServerConnection::shake_hands() {
  const MonoTime deadline = server_.loop.reactor().after(server_.options.head_timeout);
  const std::string no_host;
  const std::shared_ptr<const Tls> tls = server_.options.tls;  // another may take its place
  const Status shaken = co_await channel_.handshake(tls->context(), no_host, deadline, &cancel);
  if (!shaken) {
    ++server_.counts.refused;
    server_.note_refused(peer_, shaken.error());
  }
  co_return shaken.has_value();
}

Task<ServerConnection::Next> ServerConnection::serve_one() {
  begin_exchange();
  const bool parsed = co_await read_head();
  if (!parsed) co_return next_;
  ++server_.counts.requests;
  ServerExchange exchange(*this);
  co_await server_.handler.handle(exchange);
  gone_ = nullptr;
  if (answer_ == Answer::none) {
    const std::span<const Header> no_headers;
    const std::string_view no_body;
    const Status answered = co_await respond(500, no_headers, no_body);
    if (!answered) co_return Next::close;
  }
  co_return end_exchange();
}

void ServerConnection::begin_exchange() noexcept {
  cancel.reset();
  answer_ = Answer::none;
  body_state_ = Body::unread;
  next_ = Next::close;
  bytes_sent = 0;
  continued_ = false;
}

bool ServerConnection::body_arrived() const noexcept {
  if (body_state_ == Body::read || request.framing == Framing::none) return true;
  return request.framing == Framing::length && in_.size() - head_size_ >= request.content_length;
}

bool ServerConnection::keeps_alive() const noexcept {
  return request.keep_alive && !close_after_ && !server_.draining && body_arrived();
}

ServerConnection::Next ServerConnection::end_exchange() {
  if (answer_ == Answer::streaming) abort();
  if (answer_ == Answer::broken) return next_;
  if (!keeps_alive()) return Next::linger;
  if (body_state_ == Body::unread && request.framing == Framing::length) {
    consumed_ = head_size_ + static_cast<std::size_t>(request.content_length);
  }
  in_.erase(0, consumed_);
  if (!carry_.empty()) {
    in_.reserve(in_.size() + carry_.size() + kPadding);
    in_.append(carry_);
    carry_.clear();
  }
  body_.clear();
  give_back(in_);
  give_back(body_);
  give_back(out_);
  give_back(carry_);
  return Next::request;
}

Task<Result<std::span<char>>> ServerConnection::receive(MonoTime deadline) {
  const std::span<char> buffer = server_.loop.reactor().read_buffer();
  for (;;) {
    const ssize_t count = channel_.try_read(buffer);
    if (count >= 0) co_return buffer.first(static_cast<std::size_t>(count));
    if (count == Channel::kBroken) {
      co_return tl::make_unexpected(wait_error(Wake::ready, "a read"));
    }
    const Wake why = co_await channel_.readable(deadline, &cancel);
    if (why != Wake::ready) co_return tl::make_unexpected(wait_error(why, "a read"));
  }
}

Task<bool> ServerConnection::read_head() {
  Reactor& reactor = server_.loop.reactor();
  idle_ = in_.empty();
  MonoTime deadline =
      reactor.after(idle_ ? server_.options.idle_timeout : server_.options.head_timeout);
  for (;;) {
    const Parsed size = parse_request(in_, request, server_.options.head);
    if (!size) {
      static_cast<void>(co_await refuse(size.error()));
      co_return false;
    }
    if (*size > 0) {
      head_size_ = consumed_ = *size;
      co_return true;
    }
    const bool was_idle = idle_;
    const Result<std::span<char>> piece = co_await receive(deadline);
    idle_ = false;
    if (!piece && !in_.empty() && !channel_.hung_up() && !cancel.cancelled()) {
      const HttpError late{408, "the head passed head_timeout"};
      static_cast<void>(co_await refuse(late));
    }
    if (!piece || piece->empty()) co_return false;
    if (was_idle) deadline = reactor.after(server_.options.head_timeout);
    in_.reserve(in_.size() + piece->size() + kPadding);
    in_.append(piece->data(), piece->size());
  }
}

Task<Result<std::string_view>> ServerConnection::read_body(std::size_t max) {
  if (body_state_ != Body::unread) co_return fail(Errc::invalid, "the body was read before");
  if (request.framing == Framing::none) {
    body_state_ = Body::read;
    co_return std::string_view();
  }
  if (take_cut(&cancel)) co_return fail(Errc::unavailable, "cut");
  if (request.framing == Framing::length && request.content_length > max) {
    body_state_ = Body::broken;
    const HttpError too_large{413, "a body over the limit of this route"};
    static_cast<void>(co_await refuse(too_large));
    co_return fail(Errc::exhausted, "the request body is over its limit");
  }
  if (request.framing == Framing::length && body_arrived()) {
    const auto length = static_cast<std::size_t>(request.content_length);
    body_state_ = Body::read;
    consumed_ = head_size_ + length;
    co_return std::string_view(in_).substr(head_size_, length);
  }
  if (request.expects_continue && in_.size() == head_size_ && !continued_) {
    continued_ = true;
    Gather interim;
    interim.pieces[0] = "HTTP/1.1 100 Continue\r\n\r\n";
    CORDON_CO_CHECK(co_await send(interim));
    bytes_sent = 0;  // an interim answer is not the answer
  }
  body_state_ = Body::broken;
  const MonoTime deadline = server_.loop.reactor().after(server_.options.body_timeout);
  Result<std::string_view> body;
  if (request.framing == Framing::length) {
    body = co_await read_length_body(deadline);
  } else {
    body = co_await read_chunked_body(max, deadline);
  }
  if (body) body_state_ = Body::read;
  if (!body && answer_ == Answer::none && !channel_.hung_up() && !cancel.cancelled()) {
    const HttpError late{408, "the body passed body_timeout"};
    static_cast<void>(co_await refuse(late));
  }
  co_return body;
}

void ServerConnection::forget_request() noexcept {
  // What comes of a HEAD request is still to be known.
  if (body_state_ != Body::read || request.method == "HEAD") return;
  request.method = request.target = request.path = request.query = request.host = {};
  Headers().swap(request.headers);
  in_.erase(0, consumed_);
  consumed_ = head_size_ = 0;
  if (in_.empty()) std::string().swap(in_);
  std::string().swap(body_);
}

Task<Result<std::string_view>> ServerConnection::read_length_body(MonoTime deadline) {
  const auto length = static_cast<std::size_t>(request.content_length);
  // As it comes, not as it is announced: a claim of much must not cost memory.
  body_.reserve(std::min(length, kKeptBytes) + kPadding);
  body_.assign(in_, head_size_, std::string::npos);
  while (body_.size() < length) {
    CORDON_CO_TRY(const std::span<char> piece, co_await receive(deadline));
    if (piece.empty()) co_return fail(Errc::unavailable, "the client ended within its body");
    const std::size_t take = std::min(piece.size(), length - body_.size());
    body_.append(piece.data(), take);
    carry_.append(piece.data() + take, piece.size() - take);
  }
  in_.resize(head_size_);
  body_.reserve(body_.size() + kPadding);
  co_return std::string_view(body_);
}

Task<Result<std::string_view>> ServerConnection::read_chunked_body(std::size_t max,
                                                                   MonoTime deadline) {
  ChunkedDecoder decoder;
  const std::span<char> early(in_.data() + head_size_, in_.size() - head_size_);
  std::span<char> piece = early;
  for (;;) {
    const ChunkedDecoder::Step step = decoder.decode(piece);
    body_.append(piece.data(), step.produced);
    if (body_.size() > max) {
      const HttpError too_large{413, "a body over the limit of this route"};
      static_cast<void>(co_await refuse(too_large));
      co_return fail(Errc::exhausted, "the request body is over its limit");
    }
    if (decoder.failed()) {
      static_cast<void>(co_await refuse(decoder.error()));
      co_return fail(Errc::invalid, std::string(decoder.error().reason));
    }
    if (decoder.done()) {
      carry_.append(piece.data() + step.consumed, piece.size() - step.consumed);
      break;
    }
    CORDON_CO_TRY(piece, co_await receive(deadline));
    if (piece.empty()) co_return fail(Errc::unavailable, "the client ended within its body");
  }
  in_.resize(head_size_);
  body_.reserve(body_.size() + kPadding);
  co_return std::string_view(body_);
}

Task<Status> ServerConnection::refuse(HttpError error) {
  ++server_.counts.refused;
  close_after_ = true;
  next_ = Next::linger;
  std::string body = R"({"type":"about:blank","title":")";
  body.append(reason_phrase(error.status)).append(R"(","status":)");
  body.append(std::to_string(error.status)).append(R"(,"detail":")");
  body.append(error.reason).append("\"}");
  const std::array<Header, 1> headers = {Header{"Content-Type", "application/problem+json"}};
  const std::span<const Header> given(headers);
  co_return co_await respond(error.status, given, body);
}

// The answer has left; what the client still sends is read and dropped for a while, because
// closing with unread bytes would reset the connection and take the answer away.
Task<void> ServerConnection::linger() {
  channel_.shutdown_write(answer_ == Answer::broken ? Channel::Goodbye::omit
                                                    : Channel::Goodbye::say);
  const MonoTime deadline = server_.loop.reactor().after(kLingerTime);
  cancel.reset();
  std::size_t dropped = 0;
  while (dropped < kLingerBytes) {
    const Result<std::span<char>> piece = co_await receive(deadline);
    if (!piece || piece->empty()) co_return;
    dropped += piece->size();
  }
}

}  // namespace cordon::net::internal
