// Delivers messages to one configured address, patiently and within bounds.
//
// Tried again: 429, 5xx and a network that failed, with the same idempotency key each time.
// Never followed: a redirect, because only what is configured is ever called. Never told or
// logged: the URL, because chats put their token into it.
#pragma once

#include "base/random.h"
#include "connect/format.h"
#include "net/client.h"
#include "net/fetch.h"
#include "net/loop.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace cordon::connect {

/// One connector. `url` is http or https.
struct ConnectorOptions {
  std::string name;
  model::ConnectorKind kind = model::ConnectorKind::webhook;
  std::string url;
  std::string routing_key;              ///< of a pagerduty; a secret like the URL
  std::shared_ptr<const net::Tls> tls;  ///< for https
  std::uint32_t attempts_max = 5;
  std::chrono::milliseconds timeout{10'000};      ///< of one attempt
  std::chrono::milliseconds backoff{500};         ///< before the second attempt; then doubled
  std::chrono::milliseconds backoff_max{30'000};  ///< also bounds what Retry-After may ask for
};

/// Loop thread only; outlives its deliveries. One delivery at a time keeps messages in order.
class Connector {
 public:
  /// Refuses as `invalid` a URL that is none, without repeating it.
  [[nodiscard]] static Result<std::unique_ptr<Connector>> open(net::Loop& loop, Random& random,
                                                               ConnectorOptions options);
  Connector(net::Loop& loop, Random& random, ConnectorOptions options, const net::Url& url);
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  /// Suspends until the receiver said yes or no, or the attempts are used up. Nothing if `scope`
  /// was stopped before that: then nobody knows.
  [[nodiscard]] net::Task<std::optional<model::Delivery>> deliver(net::Scope& scope,
                                                                  model::Message message);
  /// Cuts the attempt that is under way. The scope should be stopped in the same turn.
  void stop() noexcept { cancel_.cancel(); }

 private:
  /// One attempt, and what it means.
  enum class Verdict : std::uint8_t { done, again, never };
  struct Attempt {
    Verdict verdict = Verdict::again;
    bool maybe_arrived = false;
    int status = 0;
    std::string reason;
    std::chrono::milliseconds wait{0};  ///< asked for by the receiver
  };

  [[nodiscard]] net::Task<Attempt> attempt(const Posted& posted, const std::string& key);
  [[nodiscard]] std::chrono::milliseconds pause(std::uint32_t made,
                                                std::chrono::milliseconds asked) const;

  Random& random_;
  ConnectorOptions options_;
  std::string target_;
  net::Upstream upstream_;
  net::Cancel cancel_;
};

}  // namespace cordon::connect
