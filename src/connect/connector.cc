#include "connect/connector.h"

#include "base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace cordon::connect {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kAnswerBytesMax = 64 * 1024;

net::UpstreamOptions upstream_options(const ConnectorOptions& options, const net::Url& url) {
  net::UpstreamOptions upstream;
  upstream.host = url.host;
  upstream.port = url.port;
  if (url.tls) upstream.tls = options.tls;
  upstream.connections_max = 4;
  upstream.idle_max = 1;
  upstream.connect_timeout = std::min(options.timeout, milliseconds(5'000));
  upstream.write_timeout = options.timeout;
  upstream.first_byte_timeout = options.timeout;
  upstream.read_timeout = options.timeout;
  return upstream;
}

/// Seconds, the only form that chats send; 0 for anything else.
milliseconds retry_after(std::string_view value) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc() || end != value.data() + value.size()) return milliseconds(0);
  return std::chrono::seconds(seconds);
}

}  // namespace

Connector::Connector(net::Loop& loop, Random& random, ConnectorOptions options, const net::Url& url)
    : random_(random),
      options_(std::move(options)),
      target_(url.target),
      upstream_(loop, upstream_options(options_, url)) {}

Result<std::unique_ptr<Connector>> Connector::open(net::Loop& loop, Random& random,
                                                   ConnectorOptions options) {
  const auto url = net::parse_url(options.url);
  if (!url) {
    return fail(Errc::invalid,
                fmt::format("connector {}: its address is no http or https URL", options.name));
  }
  if (url->tls && options.tls == nullptr) {
    return fail(Errc::invalid,
                fmt::format("connector {}: https without certificates to trust", options.name));
  }
  return std::make_unique<Connector>(loop, random, std::move(options), *url);
}

milliseconds Connector::pause(std::uint32_t made, milliseconds asked) const {
  const auto doubled = options_.backoff * (1U << std::min(made - 1, 10U));
  const auto longest =
      std::max(std::min<milliseconds>(doubled, options_.backoff_max), milliseconds(2));
  // Half of it by chance, so that many senders do not come back together.
  const auto half = static_cast<std::uint64_t>(longest.count()) / 2;
  const milliseconds jittered(static_cast<std::int64_t>(half + random_.below(half + 1)));
  return std::max(jittered, std::min(asked, options_.backoff_max));
}

net::Task<Connector::Attempt> Connector::attempt(const Posted& posted, const std::string& key) {
  const std::array<net::Header, 3> headers = {
      {{"content-type", posted.content_type}, {"idempotency-key", key}, {"user-agent", "cordon"}}};
  net::Outgoing request("POST", target_);
  request.headers = headers;
  request.body = posted.body;
  Attempt made;
  net::SendStage stage = net::SendStage::not_sent;
  auto answer = co_await upstream_.send(request, &cancel_, &stage);
  if (!answer) {
    made.maybe_arrived = stage == net::SendStage::maybe_sent;
    made.reason = made.maybe_arrived ? "no answer came" : "the receiver could not be reached";
    co_return made;
  }
  made.status = answer->response().status;
  made.wait = retry_after(answer->response().header("retry-after"));
  const auto body = co_await answer->read_all(kAnswerBytesMax, &cancel_);
  if (!body) answer->abort();
  made.reason = fmt::format("the receiver answered {}", made.status);
  if (made.status >= 200 && made.status < 300) {
    made.verdict = Verdict::done;
  } else if (made.status == 429 || made.status >= 500) {
    made.maybe_arrived = made.status >= 500;
  } else {
    made.verdict = Verdict::never;
    if (made.status >= 300 && made.status < 400) made.reason += ", and redirects are not followed";
  }
  co_return made;
}

net::Task<std::optional<model::Delivery>> Connector::deliver(net::Scope& scope,
                                                             model::Message message) {
  const Posted posted = format(options_.kind, message, options_.routing_key);
  model::Delivery delivery;
  bool maybe_twice = false;
  while (true) {
    const Attempt made = co_await attempt(posted, message.key);
    ++delivery.attempts;
    delivery.status = made.status;
    delivery.reason = made.reason;
    log::info("delivery_attempt",
              {{"connector", options_.name},
               {"message", message.page.empty() ? message.update : message.page},
               {"attempt", delivery.attempts},
               {"status", made.status}});
    if (made.verdict == Verdict::done) {
      delivery.outcome = model::DeliveryOutcome::sent;
      if (maybe_twice) delivery.reason += "; an earlier attempt may have arrived too";
      co_return delivery;
    }
    if (scope.stopping()) co_return std::nullopt;
    maybe_twice = maybe_twice || made.maybe_arrived;
    if (made.verdict == Verdict::never || delivery.attempts >= options_.attempts_max) break;
    const milliseconds wait = pause(delivery.attempts, made.wait);
    const Status slept = co_await net::sleep(scope, wait);
    if (!slept) co_return std::nullopt;
  }
  if (maybe_twice) {
    delivery.outcome = model::DeliveryOutcome::in_doubt;
    delivery.reason += "; an attempt may have arrived";
  }
  co_return delivery;
}

}  // namespace cordon::connect
