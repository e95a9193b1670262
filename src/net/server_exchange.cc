#include "net/internal/server_connection.h"

#include <array>
#include <charconv>
#include <ctime>

namespace cordon::net {
namespace internal {
namespace {

/// What stands before a chunk's bytes is no longer.
constexpr std::size_t kChunkHeadBytes = 32;

void append_chunk_size(std::string& out, std::size_t size) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16);
  out.append(digits.data(), end.ptr).append("\r\n");
}

bool has_body(int status) noexcept {
  return status >= 200 && status != 204 && status != 304;
}

}  // namespace

Status ServerConnection::check_may_write() {
  if (take_cut(&cancel)) return fail(Errc::unavailable, "cut");
  if (answer_ == Answer::broken) {
    return fail(Errc::unavailable, "an earlier write failed or was cut");
  }
  return {};
}

Task<Status> ServerConnection::send(const Gather& what) {
  const MonoTime deadline = server_.loop.reactor().after(server_.options.write_timeout);
  std::size_t sent = 0;
  Status written = co_await channel_.write_all(what, deadline, &cancel, sent);
  take_written(written, sent);
  co_return written;
}

void ServerConnection::take_written(const Status& written, std::size_t sent) {
  bytes_sent += sent;
  if (written) return;
  // Bytes are missing from the middle of the stream: only a reset says so for certain.
  answer_ = Answer::broken;
  next_ = Next::close;
  channel_.reset_on_close();
}

Task<Status> ServerConnection::respond(int status, std::span<const Header> headers,
                                       std::string_view body) {
  CORDON_CO_CHECK(check_may_write());
  if (answer_ != Answer::none) co_return fail(Errc::invalid, "an answer has begun");
  ResponseFraming framing;
  framing.framing = has_body(status) ? Framing::length : Framing::none;
  framing.content_length = body.size();
  framing.keep_alive = keeps_alive();
  framing.date = server_.date();
  out_.clear();
  if (status < 200 || !write_response_head(out_, status, headers, framing)) {
    co_return fail(Errc::invalid, "an answer with a malformed status or field");
  }
  if (!framing.keep_alive) close_after_ = true;
  Gather whole;
  whole.lasting = true;
  whole.pieces[0] = out_;
  if (has_body(status) && request.method != "HEAD") whole.pieces[1] = body;
  CORDON_CO_CHECK(co_await send(whole));
  out_.clear();
  answer_ = Answer::ended;
  co_return Status();
}

Status ServerConnection::begin(int status, std::span<const Header> headers) {
  if (answer_ != Answer::none) return fail(Errc::invalid, "an answer has begun");
  answer_chunked_ = request.version == Version::http11 && has_body(status);
  ResponseFraming framing;
  framing.framing = answer_chunked_ ? Framing::chunked : Framing::none;
  framing.keep_alive = answer_chunked_ && keeps_alive();
  framing.date = server_.date();
  out_.clear();
  if (status < 200 || !write_response_head(out_, status, headers, framing)) {
    return fail(Errc::invalid, "an answer with a malformed status or field");
  }
  if (!framing.keep_alive) close_after_ = true;
  answer_ = Answer::streaming;
  return {};
}

Task<Status> ServerConnection::write(std::string_view piece) {
  CORDON_CO_CHECK(check_may_write());
  if (answer_ != Answer::streaming) co_return fail(Errc::invalid, "no streamed answer has begun");
  const bool bodiless = request.method == "HEAD";
  Gather chunk;
  if (!piece.empty() && !bodiless) {
    if (answer_chunked_) {
      append_chunk_size(out_, piece.size());
      chunk.pieces[2] = "\r\n";
    }
    chunk.pieces[1] = piece;
  }
  chunk.pieces[0] = out_;
  if (chunk.size() == 0) co_return Status();
  // As send does, without its frame: this is done for every chunk of every stream.
  const MonoTime deadline = server_.loop.reactor().after(server_.options.write_timeout);
  std::size_t sent = 0;
  Status written = co_await channel_.write_all(chunk, deadline, &cancel, sent);
  take_written(written, sent);
  if (!written) co_return written;
  if (out_.capacity() > kChunkHeadBytes) std::string().swap(out_);  // the head's: not needed again
  out_.clear();
  co_return Status();
}

Task<Status> ServerConnection::end(std::string_view last) {
  CORDON_CO_CHECK(check_may_write());
  if (answer_ != Answer::streaming) co_return fail(Errc::invalid, "no streamed answer has begun");
  const bool bodiless = request.method == "HEAD";
  Gather rest;
  if (!last.empty() && !bodiless) {
    if (answer_chunked_) append_chunk_size(out_, last.size());
    rest.pieces[1] = last;
  }
  rest.pieces[0] = out_;
  if (answer_chunked_ && !bodiless) {
    rest.pieces[2] = rest.pieces[1].empty() ? "0\r\n\r\n" : "\r\n0\r\n\r\n";
  }
  if (rest.size() > 0) CORDON_CO_CHECK(co_await send(rest));
  out_.clear();
  answer_ = Answer::ended;
  co_return Status();
}

void ServerConnection::abort() noexcept {
  if (answer_ == Answer::ended || answer_ == Answer::broken) return;
  // Without chunks the end of the connection is the end of the body, unless it is a reset.
  if (answer_ == Answer::streaming && !answer_chunked_) channel_.reset_on_close();
  next_ = answer_ == Answer::streaming && answer_chunked_ ? Next::linger : Next::close;
  answer_ = Answer::broken;
}

std::string_view ServerState::date() {
  const MonoTime now = loop.now();
  if (now < date_until_ && !date_.empty()) return date_;
  date_until_ = now + std::chrono::seconds(1);
  const std::time_t wall = std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(loop.clock().wall()));
  std::tm parts{};
  ::gmtime_r(&wall, &parts);
  std::array<char, 40> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  date_.assign(text.data(), size);
  return date_;
}

}  // namespace internal

const RequestHead& ServerExchange::request() const noexcept {
  return connection_.request;
}
std::string_view ServerExchange::peer() const noexcept {
  return connection_.peer();
}
Loop& ServerExchange::loop() noexcept {
  return connection_.server().loop;
}
Task<Result<std::string_view>> ServerExchange::read_body(std::size_t max) {
  return connection_.read_body(max);
}
void ServerExchange::forget_request() noexcept {
  connection_.forget_request();
}
Task<Status> ServerExchange::respond(int status, std::span<const Header> headers,
                                     std::string_view body) {
  return connection_.respond(status, headers, body);
}
Status ServerExchange::begin(int status, std::span<const Header> headers) {
  return connection_.begin(status, headers);
}
Task<Status> ServerExchange::write(std::string_view piece) {
  return connection_.write(piece);
}
Task<Status> ServerExchange::end(std::string_view last) {
  return connection_.end(last);
}
void ServerExchange::abort() noexcept {
  connection_.abort();
}
bool ServerExchange::begun() const noexcept {
  return connection_.begun();
}
bool ServerExchange::head_sent() const noexcept {
  return connection_.bytes_sent > 0;
}
std::uint64_t ServerExchange::bytes_sent() const noexcept {
  return connection_.bytes_sent;
}
bool ServerExchange::client_gone() const noexcept {
  return connection_.client_gone();
}
void ServerExchange::on_client_gone(std::function<void()> notify) {
  connection_.on_client_gone(std::move(notify));
}
Cancel& ServerExchange::cancel() noexcept {
  return connection_.cancel;
}

}  // namespace cordon::net
