// The part of an exchange that speaks to a provider: one attempt, whole answers, errors.
#include "gateway/internal/exchange.h"
#include "gateway/internal/retry_after.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::gateway {
namespace {

using dialect::Problem;
using model::End;

/// What of a caller's request a provider may see, with what the protocol adds. Everything else
/// stays here: credentials, cookies, addresses, our own labels.
constexpr std::array<std::string_view, 4> kForwarded = {"accept", "traceparent", "tracestate",
                                                        "user-agent"};
constexpr std::string_view kJsonType = "application/json";
constexpr std::size_t kErrorBytesMax = 64 * 1024;

bool is_type(std::string_view content_type, std::string_view wanted) noexcept {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return net::equal_ignoring_case(type, wanted);
}

bool is_encoded(const net::ResponseHead& head) noexcept {
  const std::string_view encoding = head.header("content-encoding");
  return !encoding.empty() && !net::equal_ignoring_case(encoding, "identity");
}

bool is_one_of(std::span<const std::string_view> names, std::string_view name) noexcept {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view known) { return net::equal_ignoring_case(known, name); });
}

void pass_headers(const dialect::Protocol& protocol, const dialect::Protocol& spoken,
                  const net::ResponseHead& from, std::vector<net::Header>& to) {
  for (const net::Header& header : from.headers) {
    // What is said of the limits here is not mixed with what the provider says of its own.
    if (is_one_of(protocol.returned_headers(), header.name) &&
        net::find(to, header.name) == nullptr) {
      to.push_back(header);
    }
    if (net::equal_ignoring_case(header.name, spoken.request_id_header())) {
      to.push_back({"x-upstream-request-id", header.value});
    }
  }
}

/// Whether a provider that answers so may answer otherwise in a moment.
bool may_pass(int status) noexcept {
  constexpr std::array<int, 6> kPassing = {429, 500, 502, 503, 504, 529};
  return std::find(kPassing.begin(), kPassing.end(), status) != kPassing.end();
}

}  // namespace

/// From here on a switch reaches the exchange; false if it has ended.
net::Task<bool> Exchange::begin_running() {
  if (!append_decision()) {
    co_await answer_error(Problem::evidence_unavailable);
    co_return false;
  }
  if (const auto forbidden = worker_.registry->add(*this)) {
    measure_id_ = forbidden->measure_id;
    killed_ = true;
    last_problem_ = problem_of(*forbidden);
    co_await end_interrupted();
    co_return false;
  }
  client_.on_client_gone([this] { on_client_gone(); });
  co_return true;
}

void Exchange::collect_headers(std::vector<net::Header>& headers) const {
  const std::span<const std::string_view> own =
      crosses() ? std::span<const std::string_view>() : protocol_.forwarded_headers();
  for (const net::Header& header : client_.request().headers) {
    const bool forwarded = is_one_of(kForwarded, header.name) || is_one_of(own, header.name);
    if (forwarded) headers.push_back(header);
  }
  if (crosses() && pool_->provider.dialect == model::Dialect::anthropic) {
    headers.push_back({"anthropic-version", dialect::kAnthropicVersion});
  }
  headers.push_back({"content-type", "application/json"});
  headers.push_back({"accept-encoding", "identity"});
  headers.push_back({"x-request-id", request_id_.empty() ? end_.head.exchange : request_id_});
  if (!pool_->key.empty()) headers.push_back({pool_->protocol.key_header(), pool_->key});
}

/// A task of its own, so that what a request takes is gone before its answer is relayed, which may
/// take minutes.
net::Task<Result<net::ClientExchange>> Exchange::send_to(const model::Target& target,
                                                         net::SendStage& stage) {
  std::vector<net::Header> headers;
  headers.reserve(kHeadersUsual);
  collect_headers(headers);
  std::string changed;
  std::string with_query;
  const dialect::Protocol& spoken = crosses() ? pool_->protocol : protocol_;
  const std::string& path = pool_->paths[static_cast<std::size_t>(spoken.surface())];
  if (!crosses() && protocol_.passes_query(client_.request().query)) {
    with_query = path + "?" + std::string(client_.request().query);
  }
  net::Outgoing outgoing("POST", with_query.empty() ? path : with_query);
  outgoing.headers = headers;
  outgoing.body = plan_.body;
  if (crosses()) {
    changed = std::move(crossing_->body);
    outgoing.body = changed;
  } else if (!plan_.unchanged_for(target.model)) {
    plan_.append_to(changed, target.model);
    outgoing.body = changed;
  }
  co_return co_await pool_->upstream.send(outgoing, &client_.cancel(), &stage);
}

net::Task<Exchange::Tried> Exchange::attempt(const model::Target& target) {
  const bool crossing = way_to(target).pool->provider.dialect != protocol_.dialect();
  if (crossing && !translate(target)) co_return Tried::next;
  if (const auto forbidden = worker_.registry->choose(*this, target)) {
    // Forbidden since the ruling; another target may still be allowed.
    measure_id_ = forbidden->measure_id;
    co_return failed(Attempt::failed, problem_of(*forbidden));
  }
  pool_ = way_to(target).pool;
  served_by_ = target.provider + "/" + target.model;
  ++end_.attempts;
  end_.translated = crossing;
  end_.upstream_status = 0;
  trial_.sent = worker_.clock.mono();
  net::SendStage stage = net::SendStage::not_sent;
  Result<net::ClientExchange> answer = co_await send_to(target, stage);
  const MonoTime took = worker_.clock.mono() - trial_.sent;
  upstream_spent_ += took;
  if (interrupted()) co_return Tried::next;
  if (!answer) {
    const bool late =
        stage == net::SendStage::maybe_sent && took >= pool_->provider.timeouts.first_byte;
    trial_.again = !late && answer.error().code == Errc::unavailable;
    // A limit of our own, of sockets or connections, is no failure of the target's.
    if (answer.error().code == Errc::exhausted) close_attempt();
    co_return late ? failed(Attempt::timeout, Problem::upstream_timeout)
                   : failed(Attempt::unreachable, Problem::upstream_error);
  }
  // An error that comes at once is no short latency.
  if (answer->response().status < 300) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took);
    trial_.health->note_latency(us, worker_.loop.now());
  }
  co_return co_await take_answer(*answer);
}

net::Task<Exchange::Tried> Exchange::take_answer(net::ClientExchange& answer) {
  const net::ResponseHead& head = answer.response();
  end_.upstream_status = head.status;
  if (may_pass(head.status)) {
    trial_.again = !net::equal_ignoring_case(head.header("x-should-retry"), "false");
    trial_.asked_wait = wait_asked_by(head, worker_.clock.wall());
  }
  if (head.status == 429) {
    retry_after_ = head.header("retry-after");
    co_return failed(Attempt::overloaded, Problem::rate_limited);
  }
  // A key the provider does not take is our fault, not the caller's.
  const bool ours = head.status == 401 || head.status == 403 || head.status == 407;
  const bool answered = (head.status >= 200 && head.status < 300) ||
                        (head.status >= 400 && head.status < 500 && !ours);
  // A guard before the provider may object to what one caller wrote, and says so in a page.
  const bool guarded = head.status == 403 && !is_type(head.header("content-type"), kJsonType);
  if (guarded) close_attempt();
  if (!answered) co_return failed(Attempt::failed, Problem::upstream_error);
  if (is_encoded(head)) co_return failed(Attempt::failed, Problem::upstream_unreadable);
  if (head.status >= 400) co_return co_await relay_error(answer);
  const bool events = is_type(head.header("content-type"), "text/event-stream");
  if (events != stream_) co_return failed(Attempt::failed, Problem::upstream_unreadable);
  if (stream_) co_return co_await relay_stream(answer);
  co_return co_await relay_whole(answer);
}

net::Task<Exchange::Tried> Exchange::relay_whole(net::ClientExchange& answer) {
  const std::size_t most = obeyed_->effective().generation().limits.answer_bytes_max;
  const MonoTime began = worker_.clock.mono();
  auto body = co_await answer.read_all(most, &client_.cancel());
  upstream_spent_ += worker_.clock.mono() - began;
  if (interrupted()) co_return Tried::next;
  if (!body && body.error().code == Errc::exhausted) {
    // Longer than we read is no failure of the target's.
    close_attempt();
    co_return failed(Attempt::failed, Problem::upstream_unreadable);
  }
  if (!body) co_return failed_reading(began, pool_->provider.timeouts.idle);
  if (crosses()) body = dialect::translate_answer(protocol_.surface(), *body, now_s());
  auto& view = *worker_.scratch.of(protocol_).answer;
  codec::JsonIndexLimits limits;
  limits.bytes_max = std::max(most, body ? body->size() : 0);
  if (!body || !view.parse(*body, limits)) {
    co_return failed(Attempt::failed, Problem::upstream_unreadable);
  }
  end_attempt(Attempt::answered);
  std::string changed;
  const std::string_view out = inspect_whole(*body, changed);
  view.shrink_to(256 * 1024);
  const bool blocked = answer_inspection_.is_blocked();
  headers_.clear();
  const bool recorded =
      co_await record_end(blocked ? End::blocked : End::complete, blocked ? 400 : 200);
  if (!recorded) {
    co_await answer_error(Problem::evidence_unavailable);
  } else if (blocked) {
    co_await answer_error(Problem::policy_block);
  } else {
    add_common_headers();
    headers_.push_back({"content-type", "application/json"});
    pass_headers(protocol_, pool_->protocol, answer.response(), headers_);
    if (!co_await client_.respond(200, headers_, out)) amend_end();
  }
  co_return Tried::ended;
}

/// Puts a whole answer through the policy; the answer to send is the body itself or `changed`.
std::string_view Exchange::inspect_whole(std::string_view body, std::string& changed) {
  auto& view = *worker_.scratch.of(protocol_).answer;
  take_usage(view.usage());
  answer_commitment_.begin(worker_.commitment_key, end_.head.exchange, "resp");
  for (const auto& text : view.texts()) {
    const std::string_view decoded = text.text();
    end_.received_bytes += decoded.size();
    answer_commitment_.update(decoded);
  }
  end_.response_commit = answer_commitment_.finish();
  end_.released_bytes = end_.received_bytes;
  std::vector<codec::Splice> splices;
  if (engine_ != nullptr) {
    inspect_answer(answer_inspection_, *engine_, ruling_.mode, view.texts(), splices,
                   commit_context());
    if (answer_inspection_.is_blocked()) take_blocked(answer_inspection_.blocked);
  }
  if (answer_inspection_.is_blocked()) end_.released_bytes = 0;
  if (splices.empty()) return body;
  for (const codec::JsonValue& echo : view.echoes()) {
    splices.push_back(dialect::emptied(echo));
  }
  codec::sort_splices(splices);
  codec::append_spliced(changed, body, splices);
  return changed;
}

/// The provider refused the request itself: its own words go on, unless a rule objects to them.
net::Task<Exchange::Tried> Exchange::relay_error(net::ClientExchange& answer) {
  const MonoTime began = worker_.clock.mono();
  auto body = co_await answer.read_all(kErrorBytesMax, &client_.cancel());
  upstream_spent_ += worker_.clock.mono() - began;
  if (interrupted()) co_return Tried::next;
  if (!body) co_return failed_reading(began, pool_->provider.timeouts.idle);
  codec::JsonIndex index;
  const bool readable = index.parse(*body) && index.root().find("error").is_object();
  if (!readable) {
    // Whatever its form, it is an objection to this request.
    close_attempt();
    co_return failed(Attempt::failed, Problem::upstream_error);
  }
  // The caller's own fault: it says nothing of the target, but that it is there.
  if (trial_.pass == Pass::usual) close_attempt();
  end_attempt(Attempt::answered);
  const int status = answer.response().status;
  if (engine_ != nullptr) {
    const std::string_view text = index.root().find("error").find("message").text();
    const policy::Decision decision = engine_->scan(policy::Part::response, ruling_.mode, text);
    add_decision(answer_inspection_, {*engine_, decision, text}, kNothing, commit_context());
  }
  const bool clean = answer_inspection_.action < model::Action::redact;
  const bool recorded = co_await record_end(End::upstream_error, clean ? status : 502);
  if (!recorded || !clean) {
    co_await answer_error(recorded ? Problem::upstream_error : Problem::evidence_unavailable);
    co_return Tried::ended;
  }
  headers_.clear();
  add_common_headers();
  headers_.push_back({"content-type", "application/json"});
  pass_headers(protocol_, pool_->protocol, answer.response(), headers_);
  if (crosses()) *body = dialect::translate_error(protocol_.surface(), status, index.root());
  (void)co_await client_.respond(status, headers_, *body);
  co_return Tried::ended;
}

/// Ends an exchange that has no proper answer: as an error, or, if one had begun, as a last frame
/// that says so and no terminal frame.
net::Task<void> Exchange::end_broken(End end, Problem problem) {
  const int status = client_.begun() ? 200 : protocol_.rejection_of(problem).status;
  const bool recorded = co_await record_end(end, status);
  if (!recorded) problem = Problem::evidence_unavailable;
  if (!client_.begun()) co_return co_await answer_error(problem);
  std::string frame;
  protocol_.append_error_frame(frame, problem, error_detail());
  (void)co_await client_.write(frame);
  client_.abort();
}

/// Ends an exchange that a switch cut or whose client left. Told at once; the record is appended
/// first, and a caller who has seen nothing yet also waits for the admission record.
net::Task<void> Exchange::end_interrupted() {
  const bool begun = client_.begun();
  const int status = begun ? 200 : killed_ ? protocol_.rejection_of(last_problem_).status : 0;
  (void)append_end(killed_ ? End::killed : End::client_gone, status);
  if (!killed_) {
    client_.abort();
    co_return;
  }
  if (!begun) {
    const bool recorded = co_await worker_.reach_durable(*decision_seq_, &client_.cancel());
    if (!recorded) co_return client_.abort();
    co_return co_await answer_error(last_problem_);
  }
  std::string frame;
  protocol_.append_error_frame(frame, last_problem_, error_detail());
  (void)co_await client_.write(frame);
  client_.abort();
}

}  // namespace cordon::gateway
