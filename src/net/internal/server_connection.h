// One connection of a server: reads requests, has them handled, and ends well.
#pragma once

#include "net/internal/channel.h"
#include "net/server.h"

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::net::internal {

class ServerConnection;

/// What the connections of one server share.
struct ServerState {
  ServerState(Loop& on, Handler& with, ServerOptions given)
      : loop(on), handler(with), options(std::move(given)), scope(on) {}

  Loop& loop;
  Handler& handler;
  ServerOptions options;
  Scope scope;
  ServerCounts counts;
  std::uint16_t port = 0;
  bool draining = false;
  std::vector<ServerConnection*> connections;
  std::unique_ptr<Source> acceptor;

  /// "Tue, 03 Nov 2026 10:00:00 GMT", made once a second.
  [[nodiscard]] std::string_view date();
  void connection_opened(ServerConnection& connection);
  void connection_closed(ServerConnection& connection);
  std::function<void()> resume_accepting;
  /// Logs why a client with TLS was not let in; one line a second at most, with the count of those
  /// it stands for, so that nobody can fill the log.
  void note_refused(std::string_view peer, const Error& why);

 private:
  std::string date_;
  MonoTime date_until_{0};
  MonoTime refused_until_{0};
  std::uint64_t refused_unsaid_ = 0;
};

/// Lives in the frame of `run`. Everything `ServerExchange` promises is done here.
class ServerConnection final : public HangupListener {
 public:
  ServerConnection(ServerState& server, int fd, const sockaddr_storage& peer);
  ~ServerConnection() override;

  /// Until the connection is closed.
  [[nodiscard]] static Task<void> run(std::unique_ptr<ServerConnection> connection);
  /// Between requests: ends now. Otherwise: after this request.
  void drain() noexcept;
  /// Cuts what runs and breaks the connection.
  void force() noexcept;

  [[nodiscard]] Task<Result<std::string_view>> read_body(std::size_t max);
  void forget_request() noexcept;
  [[nodiscard]] Task<Status> respond(int status, std::span<const Header> headers,
                                     std::string_view body);
  [[nodiscard]] Status begin(int status, std::span<const Header> headers);
  [[nodiscard]] Task<Status> write(std::string_view piece);
  [[nodiscard]] Task<Status> end(std::string_view last);
  void abort() noexcept;
  void on_client_gone(std::function<void()> notify);

  // In the order of their use by ServerExchange.
  RequestHead request;
  Cancel cancel;
  std::uint64_t bytes_sent = 0;
  [[nodiscard]] ServerState& server() noexcept { return server_; }
  [[nodiscard]] std::string_view peer() const noexcept { return peer_; }
  [[nodiscard]] bool client_gone() const noexcept { return channel_.hung_up(); }
  [[nodiscard]] bool begun() const noexcept { return answer_ != Answer::none; }
  std::size_t index = 0;  ///< in the server's list

 private:
  enum class Answer : std::uint8_t { none, streaming, ended, broken };
  enum class Body : std::uint8_t { unread, read, broken };
  enum class Next : std::uint8_t { request, close, linger };

  void on_hangup() override;
  [[nodiscard]] Task<bool> shake_hands();
  [[nodiscard]] Task<Next> serve_one();
  /// True once `request` is parsed; else the connection is to be closed as `next_` says.
  [[nodiscard]] Task<bool> read_head();
  [[nodiscard]] Task<Result<std::string_view>> read_length_body(MonoTime deadline);
  [[nodiscard]] Task<Result<std::string_view>> read_chunked_body(std::size_t max,
                                                                 MonoTime deadline);
  /// The next bytes from the peer, in the loop's buffer; empty at its end.
  [[nodiscard]] Task<Result<std::span<char>>> receive(MonoTime deadline);
  [[nodiscard]] Task<Status> refuse(HttpError error);
  [[nodiscard]] Task<Status> send(const Gather& what);
  /// What comes of a write that ended like that.
  void take_written(const Status& written, std::size_t sent);
  [[nodiscard]] Status check_may_write();
  [[nodiscard]] bool body_arrived() const noexcept;
  void begin_exchange() noexcept;
  [[nodiscard]] Next end_exchange();
  [[nodiscard]] Task<void> linger();
  [[nodiscard]] bool keeps_alive() const noexcept;

  ServerState& server_;
  Channel channel_;
  std::string peer_;
  std::string in_;     // the head, then what came with it
  std::string body_;   // the body, if it did not come with the head
  std::string carry_;  // what came after a body in body_
  std::string out_;    // a head or a chunk line on its way out
  std::size_t head_size_ = 0;
  std::size_t consumed_ = 0;  // of in_, by this request
  std::function<void()> gone_;
  Answer answer_ = Answer::none;
  Body body_state_ = Body::unread;
  Next next_ = Next::request;
  bool answer_chunked_ = false;
  bool idle_ = false;
  bool close_after_ = false;
  bool continued_ = false;
};

}  // namespace cordon::net::internal
