#include "net/internal/upstream_connection.h"

#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>

namespace cordon::net::internal {
namespace {

constexpr int kInterimMax = 8;
constexpr std::size_t kKeptBytes = 16 * 1024;

Error malformed(std::string_view reason) {
  return Error{Errc::unavailable, "a malformed answer: " + std::string(reason)};
}

}  // namespace

UpstreamConnection::UpstreamConnection(UpstreamState& pool, int fd)
    : pool_(pool), channel_(pool.loop.reactor(), fd, Channel::Phase::connecting, *this) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ++pool_.counts.open;
}

UpstreamConnection::~UpstreamConnection() {
  --pool_.counts.open;
}

void UpstreamConnection::on_hangup() {
  if (kept) pool_.drop(*this);
}
void UpstreamConnection::on_unasked() {
  if (kept) pool_.drop(*this);
}

void UpstreamConnection::abort() noexcept {
  if (body_ == Body::complete) return;
  body_ = Body::failed;
  channel_.shutdown_all();
}

void UpstreamConnection::forget_headers() noexcept {
  Headers().swap(head.headers);
  std::string().swap(out_);
  forgotten_ = true;
}

bool UpstreamConnection::reusable() {
  if (body_ != Body::complete || !head.keep_alive || spoiled_ || channel_.hung_up()) return false;
  return channel_.try_read(pool_.loop.reactor().read_buffer()) == Channel::kAgain;
}

void UpstreamConnection::trim() {
  if (in_.capacity() > kKeptBytes) std::string().swap(in_);
  if (out_.capacity() > kKeptBytes) std::string().swap(out_);
}

tl::unexpected<Error> UpstreamConnection::broken(Error error) {
  abort();
  return tl::make_unexpected(std::move(error));
}

Task<Status> UpstreamConnection::establish(MonoTime deadline, Cancel* cancel) {
  if (!channel_.registered()) co_return fail(Errc::exhausted, "the kernel cannot watch a socket");
  const Wake why = co_await channel_.writable(deadline, cancel);
  if (why != Wake::ready) {
    timed_out_ = true;
    co_return tl::make_unexpected(wait_error(why, "connect"));
  }
  if (const int error = channel_.connect_error(); error != 0) {
    co_return fail(Errc::unavailable, std::string("connect: ") + std::strerror(error));
  }
  if (pool_.options.tls == nullptr) co_return Status();
  co_return co_await channel_.handshake(pool_.options.tls->context(), pool_.options.host, deadline,
                                        cancel);
}

Task<Status> UpstreamConnection::exchange(const Outgoing& request, Cancel* cancel) {
  answered_ = timed_out_ = wrote_ = false;
  body_ = Body::idle;
  forgotten_ = false;
  in_.clear();
  CORDON_CO_CHECK(co_await write_request(request, cancel));
  const auto timeout = request.first_byte_timeout.count() > 0 ? request.first_byte_timeout
                                                              : pool_.options.first_byte_timeout;
  const MonoTime deadline = pool_.loop.reactor().after(timeout);
  const InReplyTo method = request.method == "HEAD" ? InReplyTo::head : InReplyTo::other;
  for (int i = 0; i < kInterimMax; ++i) {
    CORDON_CO_CHECK(co_await read_head(method, deadline, cancel));
    if (head.status >= 200) {
      begin_body();
      co_return Status();
    }
    in_.erase(0, early_);
  }
  co_return broken(malformed("more interim answers than allowed"));
}

Task<Status> UpstreamConnection::write_request(const Outgoing& request, Cancel* cancel) {
  out_.clear();
  RequestLine line;
  line.method = request.method;
  line.target = request.target;
  line.host = pool_.options.host_header;
  if (!write_request_head(out_, line, request.headers, request.body.size())) {
    co_return fail(Errc::invalid, "a request with a malformed method, target or field");
  }
  Gather whole;
  whole.lasting = true;
  whole.pieces[0] = out_;
  whole.pieces[1] = request.body;
  const MonoTime deadline = pool_.loop.reactor().after(pool_.options.write_timeout);
  std::size_t sent = 0;
  Status written = co_await channel_.write_all(whole, deadline, cancel, sent);
  wrote_ = sent > 0;
  if (!written) {
    timed_out_ = deadline <= pool_.loop.now() || (cancel != nullptr && cancel->cancelled());
    co_return broken(std::move(written).error());
  }
  co_return Status();
}

Result<std::optional<std::span<char>>> UpstreamConnection::receive_now() {
  const std::span<char> buffer = pool_.loop.reactor().read_buffer();
  const ssize_t count = channel_.try_read(buffer);
  if (count >= 0) return buffer.first(static_cast<std::size_t>(count));
  if (count == Channel::kBroken) return broken(wait_error(Wake::ready, "a read from upstream"));
  return std::nullopt;
}

Status UpstreamConnection::take_wait(Wake why) {
  if (why == Wake::ready) return {};
  timed_out_ = true;
  return broken(wait_error(why, "a read from upstream"));
}

Task<Status> UpstreamConnection::read_head(InReplyTo method, MonoTime deadline, Cancel* cancel) {
  for (;;) {
    const Parsed size = parse_response(in_, method, head, pool_.options.head);
    if (!size) co_return broken(malformed(size.error().reason));
    if (*size > 0) {
      early_ = *size;
      co_return Status();
    }
    CORDON_CO_TRY(const auto piece, receive_now());
    if (!piece) {
      const Wake why = co_await channel_.readable(deadline, cancel);
      CORDON_CO_CHECK(take_wait(why));
      continue;
    }
    if (piece->empty()) co_return broken(wait_error(Wake::ready, "the wait for an answer"));
    answered_ = true;
    in_.append(piece->data(), piece->size());
  }
}

void UpstreamConnection::begin_body() {
  body_ = Body::reading;
  left_ = head.content_length;
  chunks_.reset();
  spoiled_ = false;
  if (head.framing == Framing::none || (head.framing == Framing::length && left_ == 0)) {
    body_ = Body::complete;
    spoiled_ = early_ < in_.size();
  }
}

Result<std::string_view> UpstreamConnection::take_piece(std::span<char> piece) {
  switch (head.framing) {
    case Framing::length: {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece.size()));
      left_ -= take;
      spoiled_ = take < piece.size();
      if (left_ == 0) body_ = Body::complete;
      return std::string_view(piece.data(), take);
    }
    case Framing::chunked: {
      const ChunkedDecoder::Step step = chunks_.decode(piece);
      if (chunks_.failed() && step.produced == 0) return broken(malformed(chunks_.error().reason));
      spoiled_ = step.consumed < piece.size();
      if (chunks_.done()) body_ = Body::complete;
      return std::string_view(piece.data(), step.produced);
    }
    case Framing::until_close:
    case Framing::none:
      break;
  }
  return std::string_view(piece.data(), piece.size());
}

Result<std::string_view> UpstreamConnection::next_piece() {
  while (body_ == Body::reading) {
    if (chunks_.failed()) return broken(malformed(chunks_.error().reason));
    std::span<char> raw(in_.data() + early_, in_.size() - early_);
    early_ = in_.size();
    if (raw.empty()) {
      if (forgotten_) {
        std::string().swap(in_);
        early_ = 0;
      }
      CORDON_TRY(const auto received, receive_now());
      if (!received) break;
      raw = *received;
      if (raw.empty() && head.framing != Framing::until_close) {
        return broken(Error{Errc::unavailable, "the answer was cut short by its sender"});
      }
      if (raw.empty()) {
        body_ = Body::complete;
        break;
      }
    }
    CORDON_TRY(const std::string_view piece, take_piece(raw));
    if (!piece.empty()) return piece;
  }
  return std::string_view();
}

Task<Result<std::optional<std::string_view>>> UpstreamConnection::read_some(Cancel* cancel) {
  using Piece = std::optional<std::string_view>;
  if (take_cut(cancel)) co_return broken(wait_error(Wake::cut, ""));
  const MonoTime deadline = pool_.loop.reactor().after(pool_.options.read_timeout);
  while (body_ == Body::reading) {
    const Result<std::string_view> piece = next_piece();
    if (!piece) co_return tl::make_unexpected(piece.error());
    if (!piece->empty()) co_return Piece(*piece);
    if (body_ != Body::reading) break;
    const Wake why = co_await channel_.readable(deadline, cancel);
    CORDON_CO_CHECK(take_wait(why));
  }
  if (body_ == Body::complete) co_return Piece();
  co_return fail(Errc::unavailable, "the answer has failed before");
}

}  // namespace cordon::net::internal
