// Carries exchanges between applications and providers on one I/O thread: who calls, which route,
// what the policy says, what the evidence must hold before a byte may go on.
//
// One Gateway per I/O thread; they share a port, the journal and a Metrics, and nothing else. What
// is obeyed is a Live: immutable, adopted whole, swept for what it forbids. The HTTP surface is
// docs/formats/gateway-http.md.
#pragma once

#include "base/clock.h"
#include "containment/effective.h"
#include "containment/registry.h"
#include "gateway/capture.h"
#include "gateway/health.h"
#include "gateway/metrics.h"
#include "gateway/quota.h"
#include "journal/journal.h"
#include "net/server.h"
#include "net/tls.h"
#include "policy/engine.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace cordon::gateway {

/// What a provider needs besides its entry in the generation. Never logged, never in evidence.
struct ProviderAccess {
  std::string key;  ///< in the header that its protocol has for it; empty sends none
  std::shared_ptr<const net::Tls> tls;  ///< for an endpoint with TLS
};

/// Everything the gateway obeys, at one moment. Immutable; shared by all threads.
struct Live {
  std::shared_ptr<const containment::Effective> effective;
  /// By route name. A route of the generation that names rulepacks must have its engine here.
  std::map<std::string, std::shared_ptr<const policy::Engine>, std::less<>> engines;
  /// The same for the rulepacks that a route has while a fallback is in force, where it has its
  /// own.
  std::map<std::string, std::shared_ptr<const policy::Engine>, std::less<>> fallback_engines;
  /// By provider name.
  std::map<std::string, ProviderAccess, std::less<>> access;
  /// Of every target and fallback that a route names; see share_health().
  HealthByTarget health;
  /// Of every tenant and key that has limits; see quotas_of().
  Quotas quotas;
};

/// Gives `live` the health of its targets: what they have in `before` (null at the first), unless
/// their provider's breaker or budget differs. To be called before check(), by one thread.
void share_health(Live& live, const Live* before);

/// Refuses as `invalid` a route with rulepacks and no engine, or an engine whose digests are not
/// those of the generation, a provider with TLS and no settings for it, and a target without its
/// health. Never half a policy.
[[nodiscard]] Status check(const Live& live);

/// Fixed for the life of a gateway. References outlive it.
struct Options {
  net::ServerOptions server;  ///< `connections_max` is per thread
  std::string node;           ///< as in every journal entry
  std::string boot;
  std::array<std::byte, 32> commitment_key{};  ///< docs/formats/entry.md; never leaves the node
  std::uint32_t threads = 1;                   ///< gateways that share the generation's limits
  std::chrono::milliseconds durable_timeout{5'000};  ///< for the journal, then it fails closed
  CaptureSink* capture = nullptr;  ///< for routes with `capture: on`; outlives the gateway
  std::chrono::milliseconds cut_grace{200};  ///< for the last frame of an exchange that is cut
};

/// Is told, on the loop, when everything a change forbids has written its last byte.
using Swept = std::function<void(const containment::Sweep&)>;
/// Is told, on the loop, what runs in a scope.
using Counted = std::function<void(const containment::Touched&)>;

class Worker;

/// One I/O thread's share of the gateway. Made, used and destroyed on its loop's thread (or while
/// the loop does not run), except where it says otherwise; stopped before it is destroyed.
class Gateway {
 public:
  /// Binds the port and serves `/livez` at once; everything else is 503 until the first adopt().
  /// `unavailable` if the address is not to be had.
  [[nodiscard]] static Result<std::unique_ptr<Gateway>> open(net::Loop& loop, Options options,
                                                             const Clock& clock,
                                                             journal::Journal& journal,
                                                             std::shared_ptr<Metrics> metrics);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] net::Loop& loop() noexcept;

  /// Any thread. Obeys `live` from the loop's next turn on, which must have passed check(), and
  /// cuts what it forbids. `swept` is called on the loop once all that was cut has ended, within
  /// `cut_grace` and a tick; calls come in the order of adoption.
  void adopt(std::shared_ptr<const Live> live, Swept swept = {});

  /// Any thread. Who we are to connections from the loop's next turn on; see Server::use().
  void use(std::shared_ptr<const net::Tls> tls);

  /// Any thread: call from the journal's `on_durable`. Costs a post per turn of the loop, not
  /// per commit.
  void note_durable(std::uint64_t durable);
  /// Any thread: call from the journal's `on_failure`. From then on nothing is admitted and
  /// `/readyz` is 503.
  void note_journal_failed();

  /// Exchanges that run now.
  [[nodiscard]] std::size_t running() const noexcept;
  /// Any thread. `counted` is called on the loop's next turn.
  void count_running(model::Scope scope, Counted counted);
  /// Accepts no more, lets exchanges end within `grace`, then cuts them.
  [[nodiscard]] net::Task<void> stop(std::chrono::milliseconds grace);

  /// For open().
  explicit Gateway(std::unique_ptr<Worker> worker);

 private:
  std::unique_ptr<Worker> worker_;
};

}  // namespace cordon::gateway
