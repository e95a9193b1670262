// One connection to an origin, and the pool it comes from and goes back to.
#pragma once

#include "net/client.h"
#include "net/internal/channel.h"
#include "net/internal/resolver.h"

#include <memory>
#include <string>
#include <vector>

namespace cordon::net::internal {

class UpstreamState;

/// In use it belongs to a ClientExchange, kept it belongs to the pool.
class UpstreamConnection final : public HangupListener {
 public:
  UpstreamConnection(UpstreamState& pool, int fd);
  ~UpstreamConnection() override;

  /// Finishes connect and handshake.
  [[nodiscard]] Task<Status> establish(MonoTime deadline, Cancel* cancel);
  /// Sends the request and reads the head of its answer.
  [[nodiscard]] Task<Status> exchange(const Outgoing& request, Cancel* cancel);
  [[nodiscard]] Task<Result<std::optional<std::string_view>>> read_some(Cancel* cancel);

  [[nodiscard]] bool complete() const noexcept { return body_ == Body::complete; }
  void abort() noexcept;
  void forget_headers() noexcept;
  /// Complete, wanted by both sides, and nothing more has come: whatever came would be taken for
  /// the answer to the next request.
  [[nodiscard]] bool reusable();
  /// Gives large buffers back before it is kept.
  void trim();
  [[nodiscard]] bool answered() const noexcept { return answered_; }
  [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }
  [[nodiscard]] bool wrote() const noexcept { return wrote_; }
  [[nodiscard]] UpstreamState& pool() noexcept { return pool_; }

  ResponseHead head;
  bool resent = false;
  MonoTime kept_until{0};
  bool kept = false;  ///< in the pool

 private:
  enum class Body : std::uint8_t { idle, reading, complete, failed };

  void on_hangup() override;
  void on_unasked() override;
  [[nodiscard]] Task<Status> write_request(const Outgoing& request, Cancel* cancel);
  [[nodiscard]] Task<Status> read_head(InReplyTo method, MonoTime deadline, Cancel* cancel);
  /// The bytes that are here, in the loop's buffer; empty at the peer's end, nullopt if it is to be
  /// waited for.
  [[nodiscard]] Result<std::optional<std::span<char>>> receive_now();
  /// What a wait for the peer that ended as `why` comes to.
  [[nodiscard]] Status take_wait(Wake why);
  void begin_body();
  /// What is here of the body: a piece of it, or an empty one if there is nothing yet.
  [[nodiscard]] Result<std::string_view> next_piece();
  /// The decoded part of `piece`, which ends up at its front.
  [[nodiscard]] Result<std::string_view> take_piece(std::span<char> piece);
  [[nodiscard]] tl::unexpected<Error> broken(Error error);

  UpstreamState& pool_;
  Channel channel_;
  std::string in_;         // the answer's head, and what came with it
  std::string out_;        // the request's head
  std::size_t early_ = 0;  // where in in_ the undelivered start of the body is
  ChunkedDecoder chunks_;
  std::uint64_t left_ = 0;
  Body body_ = Body::idle;
  bool answered_ = false;   // a byte of an answer has come
  bool timed_out_ = false;  // a deadline or a cut ended it
  bool wrote_ = false;
  bool spoiled_ = false;    // more came than the answer holds
  bool forgotten_ = false;  // nobody needs the head: in_ goes once its part of the body is read
};

/// See Upstream.
class UpstreamState {
 public:
  UpstreamState(Loop& on, UpstreamOptions given);
  ~UpstreamState();

  [[nodiscard]] Task<Result<ClientExchange>> send(const Outgoing& request, Cancel* cancel,
                                                  SendStage* stage);
  /// Kept if it may be reused, else closed.
  void give_back(std::unique_ptr<UpstreamConnection> connection);
  /// The peer closed a kept connection, or spoke on it unasked. Destroys it.
  void drop(UpstreamConnection& connection);
  void close_idle();

  Loop& loop;
  UpstreamOptions options;
  UpstreamCounts counts;

 private:
  [[nodiscard]] std::unique_ptr<UpstreamConnection> take_kept();
  [[nodiscard]] Task<Result<std::unique_ptr<UpstreamConnection>>> connect(Cancel* cancel);
  [[nodiscard]] Task<Result<std::unique_ptr<UpstreamConnection>>> connect_to(Address address,
                                                                             MonoTime deadline,
                                                                             Cancel* cancel);
  Resolver resolver_;
  std::vector<std::unique_ptr<UpstreamConnection>> kept_;  // the latest at the back
};

}  // namespace cordon::net::internal
