// The part of an exchange that carries a streamed answer.
#include "gateway/internal/exchange.h"

namespace cordon::gateway {

using dialect::Problem;
using model::End;

StreamContext Exchange::stream_context() {
  StreamContext context;
  context.protocol = &protocol_;
  context.wishes = wishes_;
  context.engine = engine_;
  context.mode = ruling_.mode;
  context.commit = commit_context();
  context.answer = &answer_commitment_;
  context.scratch = &worker_.scratch.of(protocol_).stream;
  return context;
}

net::Task<Exchange::Tried> Exchange::relay_stream(net::ClientExchange& answer) {
  answer_commitment_.begin(worker_.commitment_key, end_.head.exchange, "resp");
  StreamInspector inspector(stream_context());
  if (crosses()) {
    crossing_->stream = dialect::StreamTranslator::make(protocol_.surface(), wishes_, now_s());
  }
  pending_.clear();
  answer.forget_headers();
  MonoTime since = worker_.loop.now();
  while (true) {
    const auto piece = co_await answer.read_some(&client_.cancel());
    if (!client_.begun()) upstream_spent_ += worker_.clock.mono() - since;
    if (interrupted()) co_return co_await end_relay(inspector, Attempt::answered, last_problem_);
    if (!piece) {
      const bool late = worker_.loop.now() - since >= pool_->provider.timeouts.idle;
      co_return co_await end_relay(inspector, late ? Attempt::timeout : Attempt::cut,
                                   late ? Problem::upstream_timeout : Problem::upstream_cut);
    }
    // A body that ends without its terminal event is not a whole answer, however properly it was
    // framed.
    if (!*piece) co_return co_await end_relay(inspector, Attempt::cut, Problem::upstream_cut);
    std::string& out = worker_.scratch.out;
    out.clear();
    const auto bytes = crosses() ? retold(**piece) : std::optional<std::string_view>(**piece);
    if (!bytes) {
      co_return co_await end_relay(inspector, Attempt::failed, Problem::upstream_unreadable);
    }
    const StreamState state = inspector.feed(*bytes, out);
    if (!client_.begun()) out.insert(0, pending_);
    if (state != StreamState::open) {
      std::string last = std::move(out);
      co_return co_await settle(inspector, state, std::move(last), answer);
    }
    bool sent = true;
    if (may_wait(inspector, out.size())) {
      pending_ = out;
    } else if (!out.empty() && client_.begun()) {
      // What send_frames does, without a frame of its own for every chunk.
      begin_write();
      const Status written = co_await client_.write(out);
      sent = end_write(written, inspector);
    } else if (!out.empty()) {
      sent = co_await send_frames(out, inspector);
    }
    if (!sent) co_return co_await end_relay(inspector, Attempt::answered, last_problem_);
    if (out_of_time()) {
      co_return co_await end_relay(inspector, Attempt::timeout, Problem::exchange_timeout);
    }
    since = worker_.loop.now();
  }
}

/// Before the first text is let go there is nothing to read, and an answer that has not begun can
/// still be refused plainly, or be asked of the next target.
bool Exchange::may_wait(const StreamInspector& inspector, std::size_t bytes) const noexcept {
  constexpr std::size_t kPendingBytesMax = 16 * 1024;
  constexpr std::chrono::seconds kPendingMax{5};
  return !client_.begun() && !inspector.has_released() && bytes <= kPendingBytesMax &&
         worker_.loop.now() - started_ < kPendingMax;
}

/// The first byte waits for the admission record; after that frames go as they come.
net::Task<bool> Exchange::begin_stream() {
  if (client_.begun()) co_return true;
  if (durability() != model::Durability::deferred) {
    const bool recorded = co_await worker_.reach_durable(*decision_seq_, &client_.cancel());
    if (!recorded) {
      last_problem_ = interrupted() ? last_problem_ : Problem::evidence_unavailable;
      co_return false;
    }
  }
  headers_.clear();
  add_common_headers();
  headers_.push_back({"content-type", "text/event-stream; charset=utf-8"});
  headers_.push_back({"cache-control", "no-cache"});
  note_working();
  const Status begun = client_.begin(200, headers_);
  std::vector<net::Header>().swap(headers_);  // a stream may be idle for long
  if (!begun && !killed_) gone_ = true;
  if (begun) client_.forget_request();  // nobody else is asked any more
  co_return begun.has_value();
}

net::Task<bool> Exchange::send_frames(std::string_view frames, StreamInspector& inspector) {
  std::string kept;
  if (!client_.begun()) {
    // The wait for the journal lets other exchanges use the thread's buffer.
    kept = frames;
    frames = kept;
    if (!co_await begin_stream()) co_return false;
  }
  begin_write();
  const Status written = co_await client_.write(frames);
  co_return end_write(written, inspector);
}

void Exchange::begin_write() noexcept {
  Counter& waiting = worker_.counters.writes_waiting;
  waiting.set(waiting.value() + 1);
}

bool Exchange::end_write(const Status& written, StreamInspector& inspector) noexcept {
  Counter& waiting = worker_.counters.writes_waiting;
  waiting.set(waiting.value() - 1);
  if (written) {
    inspector.mark_delivered();
  } else if (!killed_) {
    gone_ = true;
  }
  return written.has_value();
}

/// A stream that came to an end of its own: complete, blocked, or not to be relayed.
net::Task<Exchange::Tried> Exchange::settle(StreamInspector& inspector, StreamState state,
                                            std::string last, net::ClientExchange& answer) {
  if (state == StreamState::provider_error || state == StreamState::unreadable) {
    // Before any text is let go there is nothing to lose, and another target may still answer.
    const bool told = client_.begun() || inspector.has_released();
    if (told && !last.empty()) (void)co_await send_frames(last, inspector);
    const Problem problem =
        state == StreamState::unreadable ? Problem::upstream_unreadable : Problem::upstream_error;
    co_return co_await end_relay(inspector, Attempt::failed, problem);
  }
  const bool failed = state == StreamState::failed;
  if (failed && !client_.begun() && !inspector.has_released()) {
    co_return co_await end_relay(inspector, Attempt::failed, Problem::upstream_error);
  }
  end_attempt(failed ? Attempt::failed : Attempt::answered);
  const bool blocked = state == StreamState::blocked;
  if (blocked) {
    answer.abort();
    take_blocked(inspector.blocked_by());
    // Nothing has been said yet, so the refusal can be a plain one.
    if (!client_.begun() && !inspector.has_released()) {
      take_stream_result(inspector);
      const bool recorded = co_await record_end(End::blocked, 400);
      co_await answer_error(recorded ? Problem::policy_block : Problem::evidence_unavailable);
      co_return Tried::ended;
    }
    inspector.append_block_end(last);
  }
  if (!co_await begin_stream()) {
    co_return co_await end_relay(inspector, Attempt::answered, last_problem_);
  }
  inspector.mark_delivered();
  take_stream_result(inspector);
  const End end = blocked ? End::blocked : failed ? End::upstream_error : End::complete;
  if (!co_await record_end(end, 200)) {
    std::string frame;
    protocol_.append_error_frame(frame, Problem::evidence_unavailable, error_detail());
    (void)co_await client_.write(frame);
    client_.abort();
    co_return Tried::ended;
  }
  inspector.append_terminal(last);
  if (!co_await client_.end(last)) {
    if (!blocked) amend_end();
  } else if (!blocked) {
    co_await drain(answer);
  }
  co_return Tried::ended;
}

/// Reads the end of the provider's body, so that its connection can be used again; usually it is
/// there already. A provider that does not end it in time loses the connection.
net::Task<void> Exchange::drain(net::ClientExchange& answer) {
  worker_.registry->remove(*this);
  worker_.watch_cut(*this);
  client_.cancel().reset();
  (void)co_await answer.read_some(&client_.cancel());
  worker_.forget_cut(*this);
}

/// A stream that broke: before its first byte the next target may be tried.
net::Task<Exchange::Tried> Exchange::end_relay(StreamInspector& inspector, Attempt how,
                                               Problem problem) {
  if (!interrupted() && !client_.begun() && problem != Problem::evidence_unavailable &&
      problem != Problem::exchange_timeout) {
    trial_.used = usage_of(inspector);
    const Tried next = failed(how, problem);
    if (ruling_.route->on_cut == model::OnCut::next_target) co_return next;
    take_stream_result(inspector);
    co_await end_broken(last_end_, problem);
    co_return Tried::ended;
  }
  take_stream_result(inspector);
  if (interrupted()) {
    co_await end_interrupted();
    co_return Tried::ended;
  }
  (void)failed(how, problem);
  co_await end_broken(problem == Problem::evidence_unavailable ? End::refused : last_end_, problem);
  co_return Tried::ended;
}

void Exchange::take_stream_result(StreamInspector& inspector) {
  answer_inspection_ = inspector.finish();
  end_.received_bytes = inspector.received_bytes();
  end_.released_bytes = inspector.released_bytes();
  end_.response_commit = answer_commitment_.finish();
  next_event_ = inspector.next_number();
  take_usage(usage_of(inspector));
}

}  // namespace cordon::gateway
