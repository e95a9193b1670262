#include "net/client.h"

#include "net/internal/upstream_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace cordon::net {
namespace internal {
namespace {

std::string host_header_of(const UpstreamOptions& options) {
  if (!options.host_header.empty()) return options.host_header;
  const bool v6 = options.host.find(':') != std::string::npos;
  std::string host = v6 ? "[" + options.host + "]" : options.host;
  const std::uint16_t usual = options.tls == nullptr ? 80 : 443;
  if (options.port != usual) host += ":" + std::to_string(options.port);
  return host;
}

std::chrono::milliseconds until(MonoTime deadline, MonoTime now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now);
}

}  // namespace

UpstreamState::UpstreamState(Loop& on, UpstreamOptions given)
    : loop(on), options(std::move(given)), resolver_(on, options.host, options.port) {
  options.host_header = host_header_of(options);
}

UpstreamState::~UpstreamState() {
  close_idle();
}

void UpstreamState::close_idle() {
  // Taken out first: closing one must not find the list in the middle of a change.
  const auto closing = std::move(kept_);
  kept_.clear();
  counts.kept = 0;
}

std::unique_ptr<UpstreamConnection> UpstreamState::take_kept() {
  while (!kept_.empty()) {
    std::unique_ptr<UpstreamConnection> connection = std::move(kept_.back());
    kept_.pop_back();
    counts.kept = kept_.size();
    connection->kept = false;
    if (loop.now() < connection->kept_until) return connection;
    close_idle();  // those below are older still
  }
  return nullptr;
}

void UpstreamState::give_back(std::unique_ptr<UpstreamConnection> connection) {
  if (!connection->reusable() || kept_.size() >= options.idle_max) return;
  connection->trim();
  connection->kept = true;
  connection->kept_until = loop.now() + options.idle_timeout;
  kept_.push_back(std::move(connection));
  counts.kept = kept_.size();
}

void UpstreamState::drop(UpstreamConnection& connection) {
  const auto at = std::find_if(kept_.begin(), kept_.end(),
                               [&](const auto& one) { return one.get() == &connection; });
  if (at == kept_.end()) return;
  const std::unique_ptr<UpstreamConnection> dying = std::move(*at);
  kept_.erase(at);
  counts.kept = kept_.size();
}

Task<Result<std::unique_ptr<UpstreamConnection>>> UpstreamState::connect_to(Address address,
                                                                            MonoTime deadline,
                                                                            Cancel* cancel) {
  const int fd = ::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return fail(Errc::exhausted, std::string("no socket: ") + std::strerror(errno));
  const int begun = ::connect(fd, reinterpret_cast<const sockaddr*>(&address.bytes), address.size);
  const int error = begun == 0 ? 0 : errno;
  auto connection = std::make_unique<UpstreamConnection>(*this, fd);
  if (error != 0 && error != EINPROGRESS) {
    co_return fail(Errc::unavailable, std::string("connect: ") + std::strerror(error));
  }
  CORDON_CO_CHECK(co_await connection->establish(deadline, cancel));
  ++counts.connects;
  co_return connection;
}

Task<Result<std::unique_ptr<UpstreamConnection>>> UpstreamState::connect(Cancel* cancel) {
  const MonoTime deadline = loop.reactor().after(options.connect_timeout);
  CORDON_CO_TRY(const Addresses addresses,
                co_await resolver_.resolve(options.connect_timeout, cancel));
  if (counts.open >= options.connections_max && !kept_.empty()) close_idle();
  if (counts.open >= options.connections_max) {
    co_return fail(Errc::exhausted, "connections_max of " + options.host_header + " are in use");
  }
  Error last{Errc::unavailable, "no address"};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // An address that does not answer leaves time for those after it.
    const auto left = until(deadline, loop.now());
    if (left.count() <= 0 || (cancel != nullptr && cancel->cancelled())) break;
    const auto share = left / static_cast<std::int64_t>(addresses.size() - i);
    const MonoTime by = loop.now() + share;
    const Address& address = addresses[i];
    auto connected = co_await connect_to(address, by, cancel);
    if (connected) co_return std::move(connected);
    last = std::move(connected).error();
  }
  last.detail = options.host_header + ": " + last.detail;
  co_return tl::make_unexpected(std::move(last));
}

Task<Result<ClientExchange>> UpstreamState::send(const Outgoing& request, Cancel* cancel,
                                                 SendStage* stage) {
  SendStage ignored = SendStage::not_sent;
  SendStage& reached = stage == nullptr ? ignored : *stage;
  reached = SendStage::not_sent;
  if (take_cut(cancel)) co_return tl::make_unexpected(wait_error(Wake::cut, ""));
  bool resending = false;
  if (auto kept = take_kept(); kept != nullptr) {
    ++counts.reused;
    Status done = co_await kept->exchange(request, cancel);
    if (kept->wrote()) reached = SendStage::maybe_sent;
    if (done) co_return ClientExchange(std::move(kept));
    const bool stale =
        !kept->answered() && !kept->timed_out() && done.error().code == Errc::unavailable;
    if (!stale) co_return tl::make_unexpected(std::move(done).error());
    resending = true;
  }
  auto connected = co_await connect(cancel);
  if (!connected) co_return tl::make_unexpected(std::move(connected).error());
  std::unique_ptr<UpstreamConnection> fresh = std::move(*connected);
  fresh->resent = resending;
  if (resending) ++counts.resent;
  Status done = co_await fresh->exchange(request, cancel);
  if (fresh->wrote()) reached = SendStage::maybe_sent;
  if (!done) co_return tl::make_unexpected(std::move(done).error());
  co_return ClientExchange(std::move(fresh));
}

}  // namespace internal

ClientExchange::ClientExchange(std::unique_ptr<internal::UpstreamConnection> connection)
    : connection_(std::move(connection)) {}
ClientExchange::ClientExchange(ClientExchange&&) noexcept = default;
ClientExchange& ClientExchange::operator=(ClientExchange&& other) noexcept {
  if (connection_ != nullptr && this != &other) {
    connection_->pool().give_back(std::move(connection_));
  }
  connection_ = std::move(other.connection_);
  return *this;
}
ClientExchange::~ClientExchange() {
  if (connection_ != nullptr) connection_->pool().give_back(std::move(connection_));
}

const ResponseHead& ClientExchange::response() const noexcept {
  return connection_->head;
}
void ClientExchange::forget_headers() noexcept {
  connection_->forget_headers();
}
bool ClientExchange::complete() const noexcept {
  return connection_->complete();
}
bool ClientExchange::resent() const noexcept {
  return connection_->resent;
}
void ClientExchange::abort() noexcept {
  connection_->abort();
}

Task<Result<std::optional<std::string_view>>> ClientExchange::read_some(Cancel* cancel) {
  return connection_->read_some(cancel);
}

Task<Result<std::string>> ClientExchange::read_all(std::size_t max, Cancel* cancel) {
  std::string body;
  for (;;) {
    CORDON_CO_TRY(const auto piece, co_await connection_->read_some(cancel));
    if (!piece) co_return body;
    if (body.size() + piece->size() > max) {
      abort();
      co_return fail(Errc::exhausted, "the answer's body is over its limit");
    }
    body.append(*piece);
  }
}

Upstream::Upstream(Loop& loop, UpstreamOptions options)
    : state_(std::make_unique<internal::UpstreamState>(loop, std::move(options))) {}
Upstream::~Upstream() = default;
void Upstream::close_idle() {
  state_->close_idle();
}
UpstreamCounts Upstream::counts() const noexcept {
  return state_->counts;
}
const UpstreamOptions& Upstream::options() const noexcept {
  return state_->options;
}
Task<Result<ClientExchange>> Upstream::send(const Outgoing& request, Cancel* cancel,
                                            SendStage* stage) {
  return state_->send(request, cancel, stage);
}

}  // namespace cordon::net
