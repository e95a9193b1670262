// What the exchanges of one I/O thread share: what is obeyed, who runs, the pools, the journal.
#pragma once

#include "base/random.h"
#include "dialect/protocol.h"
#include "gateway/gateway.h"
#include "gateway/internal/stream_inspector.h"
#include "model/entry.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/watermark.h"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::gateway {

class Exchange;

/// Serves many small requests from one large one, so that an id costs no system call.
class PooledRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) noexcept override;

 private:
  SystemRandom source_;
  std::array<std::byte, 4096> pool_{};
  std::size_t used_ = 4096;
};

/// A provider as this thread reaches it. Outlived by no exchange that uses it.
struct Pool {
  Pool(net::Loop& loop, const model::Provider& of, const ProviderAccess& with);

  model::Provider provider;
  ProviderAccess access;
  const dialect::Protocol& protocol;  ///< what the provider is there for
  std::string key;                    ///< the whole value of the key's header; empty sends none
  /// Where the exchanges of each surface go, if the provider's dialect has it.
  std::array<std::string, dialect::kSurfaceCount> paths;
  net::Upstream upstream;
};

/// A Live as this thread uses it. Immutable once made; exchanges keep theirs until they end.
struct Obeyed {
  struct Rules {
    std::shared_ptr<const policy::Engine> engine;  ///< null: no rules
    std::string policy;                            ///< the x-cordon-policy header
  };
  /// How a target is reached, and how it has done.
  struct Way {
    std::shared_ptr<Pool> pool;  ///< null if there is no such provider
    std::shared_ptr<TargetHealth> health;
    std::vector<model::Price> prices;  ///< see model::price_at(); mostly none or one
  };
  struct Route {
    Rules rules;
    std::optional<Rules> in_fallback;  ///< in their place while a fallback is in force
    std::vector<Way> targets;          ///< as the route has them
    std::vector<Way> fallback;         ///< likewise
  };
  std::shared_ptr<const Live> live;
  std::map<std::string, Route, std::less<>> routes;
  std::map<std::string, std::shared_ptr<Pool>, std::less<>> pools;

  [[nodiscard]] const containment::Effective& effective() const noexcept {
    return *live->effective;
  }
};

/// What reads one protocol.
struct Readers {
  explicit Readers(const dialect::Protocol& protocol)
      : request(protocol.make_request()), answer(protocol.make_answer()), stream(protocol) {}
  std::unique_ptr<dialect::Request> request;
  std::unique_ptr<dialect::Answer> answer;
  StreamScratch stream;
};

/// Buffers that are only used between two waits, so one set serves the whole thread.
struct Scratch {
  std::vector<Readers> readers;  ///< by surface
  [[nodiscard]] Readers& of(const dialect::Protocol& protocol) noexcept {
    return readers[static_cast<std::size_t>(protocol.surface())];
  }
  Commitment commitment;
  std::string entry;
  std::string out;
};

/// Belongs to its loop's thread, but for what Gateway says of any thread.
class Worker final : public net::Handler, public containment::SweepListener {
 public:
  Worker(net::Loop& loop, Options options, const Clock& clock, journal::Journal& journal,
         std::shared_ptr<Metrics> metrics);
  ~Worker() override;

  [[nodiscard]] Status listen();
  void obey(std::shared_ptr<const Live> live, Swept swept);
  [[nodiscard]] net::Task<void> stop(std::chrono::milliseconds grace);

  [[nodiscard]] net::Task<void> handle(net::ServerExchange& exchange) override;
  void swept(const containment::Sweep& sweep) noexcept override;

  /// Appends an entry; nothing if the journal does not take it, which is counted.
  [[nodiscard]] std::optional<std::uint64_t> append(std::string_view entry,
                                                    journal::Urgency urgency);
  /// Waits until an entry is on disk; false when it is not within durable_timeout, or when
  /// `cancel` cuts the wait.
  [[nodiscard]] net::Task<bool> reach_durable(std::uint64_t sequence, net::Cancel* cancel);
  /// Why nothing may be admitted now; nothing if all is well.
  [[nodiscard]] std::optional<dialect::Problem> unready() const noexcept;
  /// More exchanges run than this thread's share allows.
  [[nodiscard]] bool overloaded() const noexcept;
  /// Forces what is still there of an exchange that was cut, after cut_grace.
  void watch_cut(Exchange& exchange);
  void forget_cut(Exchange& exchange) noexcept;

  /// What Gateway's functions for any thread reach through; outlives the worker.
  struct Signals {
    std::atomic<std::uint64_t> durable{0};
    std::atomic<bool> posted{false};
    std::atomic<bool> journal_failed{false};
    Worker* worker = nullptr;  ///< loop thread only; null once it is gone
  };
  static void take_signals(const std::shared_ptr<Signals>& signals);

  net::Loop& loop;
  const Options options;
  const Hmac commitment_key{options.commitment_key};
  const Clock& clock;
  journal::Journal& journal;
  const std::shared_ptr<Metrics> metrics;
  ThreadMetrics& counters;
  PooledRandom random;
  const model::EntryWriter writer;
  net::Watermark durable;
  net::Scope scope;
  Scratch scratch;
  std::shared_ptr<const Obeyed> obeyed;             ///< null before the first adoption
  std::unique_ptr<containment::Registry> registry;  ///< likewise
  std::unique_ptr<net::Server> server;
  const std::shared_ptr<Signals> signals;
  std::size_t running = 0;

 private:
  [[nodiscard]] net::Task<void> serve_models(net::ServerExchange& exchange);
  [[nodiscard]] net::Task<void> serve_probe(net::ServerExchange& exchange);
  [[nodiscard]] net::Task<void> force_cuts();
  [[nodiscard]] std::shared_ptr<Pool> pool_for(const model::Provider& provider,
                                               const ProviderAccess& access) const;

  struct Due {
    Exchange* exchange;
    MonoTime at;
  };
  std::vector<Due> cuts_;
  bool forcing_ = false;
  std::deque<std::pair<std::uint64_t, Swept>> waiting_;  ///< by generation, in order
};

/// The key that a request presents, or why it cannot be told which one it is.
struct Presented {
  std::string_view key;
  std::string_view fault;  ///< static
};
/// `Authorization: Bearer`, `x-api-key` or `api-key`. Several that agree are one; two different
/// ones, and a repeated Authorization, are a fault, because two readers could choose differently.
[[nodiscard]] Presented key_of(const net::RequestHead& head) noexcept;

/// An error in the caller's protocol.
struct Refusal {
  const dialect::Protocol& protocol;
  dialect::Problem problem;
  dialect::ErrorDetail detail = {};
};
/// Answers with it, and counts it.
[[nodiscard]] net::Task<void> refuse(Worker& worker, net::ServerExchange& client, Refusal refusal,
                                     std::span<const net::Header> headers);

}  // namespace cordon::gateway
