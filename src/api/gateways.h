// The gateway threads as the control plane sees them: somebody who obeys generations.
#pragma once

#include "containment/receipt.h"
#include "containment/recent.h"
#include "model/generation.h"
#include "net/task.h"
#include "policy/engine.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::api {

/// Compiled rules by the name of the route that obeys them: always, and while its fallback is in
/// force where that has its own.
struct Engines {
  using ByRoute = std::map<std::string, std::shared_ptr<const policy::Engine>, std::less<>>;
  ByRoute routes;
  ByRoute fallbacks;
};

/// How a target has done lately on this node; docs/formats/gateway-http.md says what the words
/// mean.
struct TargetStanding {
  std::string provider;
  std::string model;
  std::string_view breaker;      ///< `closed`, `half_open`, `open`; static
  std::uint64_t answered = 0;    ///< attempts of the breaker's window
  std::uint64_t failed = 0;      ///< likewise
  std::int64_t open_for_ms = 0;  ///< until the next probe may go
  std::uint32_t share_percent = 100;
  std::uint64_t opened = 0;           ///< since the start
  std::uint64_t retries = 0;          ///< likewise
  std::uint64_t retries_refused = 0;  ///< likewise
  std::int64_t latency_us = 0;        ///< until the head of an answer; 0: not measured
};

/// What providers are called with: keys, and certificates to trust. Only app can look inside.
class Secrets {
 public:
  virtual ~Secrets() = default;
};

/// Implemented by app, which knows the gateway's loops. Control thread only.
class Gateways {
 public:
  virtual ~Gateways() = default;
  /// Hands `generation` to every gateway thread. Answers when each has cut what it forbids and
  /// the last byte of what was cut has left, or after a bounded wait; a node that did not answer
  /// by then is not `acked`.
  [[nodiscard]] virtual net::Task<std::vector<containment::NodeReceipt>> adopt(
      std::shared_ptr<const model::Generation> generation) = 0;
  /// What runs in `scope` now, on every thread. `unavailable` if a thread did not answer in time.
  [[nodiscard]] virtual net::Task<Result<containment::Touched>> running(model::Scope scope) = 0;
  /// Compiles, beside the control thread, what `generation` needs and is not compiled yet, so that
  /// its adoption need not wait. `candidate`, if any, is a rulepack that it names and that is not
  /// in the archive yet. Refuses as `invalid` with the rulepack and the rule, as `not_found` a
  /// digest that nobody has.
  [[nodiscard]] virtual net::Task<Result<Engines>> prepare(
      std::shared_ptr<const model::Generation> generation,
      std::shared_ptr<const policy::Rulepack> candidate) = 0;
  /// Puts `secrets` in the place of those in use, from the next adoption on.
  virtual void use(std::shared_ptr<const Secrets> secrets) = 0;
  /// One sentence for each provider whose key or certificates are others in `secrets`.
  [[nodiscard]] virtual std::vector<std::string> differing(const Secrets& secrets) const = 0;
  /// Every target that a route of the generation in force names, by name. Does not wait.
  [[nodiscard]] virtual std::vector<TargetStanding> targets() const = 0;
};

}  // namespace cordon::api
