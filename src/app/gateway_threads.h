// The gateway's I/O threads, and the bridge from a generation to what each of them obeys.
#pragma once

#include "api/gateways.h"
#include "base/clock.h"
#include "gateway/gateway.h"
#include "journal/journal.h"
#include "model/config.h"
#include "net/loop.h"
#include "net/watermark.h"
#include "net/worker.h"
#include "policy/engine.h"
#include "policy/rulepack.h"
#include "store/archive.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace cordon::app {

/// By digest.
using Packs = std::map<std::string, std::shared_ptr<const policy::Rulepack>, std::less<>>;
using Access = std::map<std::string, gateway::ProviderAccess, std::less<>>;

/// What the providers of a configuration are called with, and who its listeners are.
struct Credentials final : api::Secrets {
  Access access;
  /// SHA-256 of the certificates that a provider with TLS is trusted by; empty: the system's.
  std::map<std::string, std::string, std::less<>> trusted;
  /// SHA-256 of the certificate and key that are shown to a provider with TLS; empty: none.
  std::map<std::string, std::string, std::less<>> shown;
  /// A listener's certificate and key, and the certificates that its clients are trusted by; the
  /// digests tell one from another. Null: plain. An empty `clients` asks them for nothing.
  struct Listener {
    std::shared_ptr<const net::Tls> tls;
    std::string digest;
    std::string clients;
    [[nodiscard]] bool same(const Listener& other) const noexcept {
      return digest == other.digest && clients == other.clients;
    }
  };
  Listener gateway;
  Listener control;
};

/// One I/O thread with its loop and its gateway. Made and destroyed on the main thread.
class GatewayThread {
 public:
  [[nodiscard]] static Result<std::unique_ptr<GatewayThread>> make(
      const gateway::Options& options, const Clock& clock, journal::Journal& journal,
      std::shared_ptr<gateway::Metrics> metrics);
  explicit GatewayThread(const Clock& clock) : loop_(clock), scope_(loop_) {}
  ~GatewayThread();

  [[nodiscard]] gateway::Gateway& gateway() noexcept { return *gateway_; }
  void start();
  /// Lets exchanges end within `grace`, cuts the rest, and joins the thread.
  void stop(std::chrono::milliseconds grace);

 private:
  net::Task<void> shut_down(std::chrono::milliseconds grace);

  net::Loop loop_;
  net::Scope scope_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::thread thread_;
};

/// All of them. adopt() belongs to the control thread, the rest to the main thread.
class GatewayThreads final : public api::Gateways {
 public:
  /// `control`, `bench` and `archive`, where rulepacks lie by their digests, outlive it.
  GatewayThreads(net::Loop& control, net::Worker& bench, const store::Archive& archive,
                 std::string node, Packs packs, std::shared_ptr<const Credentials> secrets);

  /// Opens `threads` gateways on one address; a port of 0 is chosen once for all.
  [[nodiscard]] Status open(const gateway::Options& options, std::uint32_t threads,
                            const Clock& clock, journal::Journal& journal);
  void start();
  void stop(std::chrono::milliseconds grace);
  /// Before start(). `use` is called on the control thread when the control API is to show another
  /// certificate.
  void on_control_certificate(std::function<void(std::shared_ptr<const net::Tls>)> use);
  /// Before start(). What the journal says was used today: asked on the control thread with a
  /// generation that has tenants or keys whose use is not counted yet.
  void on_used_today(std::function<gateway::UsedBefore()> used);
  /// Any thread.
  void note_durable(std::uint64_t durable);
  [[nodiscard]] std::uint16_t port() const noexcept;

  [[nodiscard]] net::Task<std::vector<containment::NodeReceipt>> adopt(
      std::shared_ptr<const model::Generation> generation) override;
  [[nodiscard]] net::Task<Result<containment::Touched>> running(model::Scope scope) override;
  [[nodiscard]] net::Task<Result<api::Engines>> prepare(
      std::shared_ptr<const model::Generation> generation,
      std::shared_ptr<const policy::Rulepack> candidate) override;
  void use(std::shared_ptr<const api::Secrets> secrets) override;
  [[nodiscard]] std::vector<std::string> differing(const api::Secrets& secrets) const override;
  [[nodiscard]] std::vector<api::TargetStanding> targets() const override;

 private:
  struct Adoption;
  struct Count;

  [[nodiscard]] Result<std::shared_ptr<const gateway::Live>> make_live(
      std::shared_ptr<const model::Generation> generation, api::Engines engines);
  /// Forgets what this generation does not need.
  void forget_all_but(const model::Generation& generation);

  net::Loop& control_;
  net::Worker& bench_;
  const store::Archive& archive_;
  std::string node_;
  Packs packs_;
  std::shared_ptr<const Credentials> credentials_;
  std::function<void(std::shared_ptr<const net::Tls>)> use_control_;
  std::function<gateway::UsedBefore()> used_today_;
  /// By the digests of their packs. Compiled once for each set; a change of measures compiles none.
  std::map<std::string, std::shared_ptr<const policy::Engine>, std::less<>> engines_;
  std::shared_ptr<const gateway::Live> live_;  ///< the latest that was adopted
  std::vector<std::unique_ptr<GatewayThread>> threads_;
};

}  // namespace cordon::app
