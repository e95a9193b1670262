#include "gateway/gateway.h"

#include "gateway/internal/worker.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::gateway {
namespace {

/// The engine is the policy that the generation names, or it is none at all.
Status check_engine(const model::Route& route, const std::vector<model::RulepackRef>& rulepacks,
                    const policy::Engine* engine) {
  if (rulepacks.empty() && engine == nullptr) return {};
  if (engine == nullptr) {
    return fail(Errc::invalid, fmt::format("route '{}' has rulepacks and no engine", route.name));
  }
  const auto digests = engine->digests();
  const bool same =
      digests.size() == rulepacks.size() &&
      std::all_of(rulepacks.begin(), rulepacks.end(), [&](const model::RulepackRef& ref) {
        return std::any_of(digests.begin(), digests.end(), [&](const policy::PackDigest& pack) {
          return pack.digest == ref.digest;
        });
      });
  if (!same) {
    return fail(Errc::invalid,
                fmt::format("the engine of route '{}' is not made of its rulepacks", route.name));
  }
  return {};
}

Status check_health(const Live& live) {
  for (const model::Route& route : live.effective->generation().routes) {
    for (const auto* targets : {&route.targets, &route.fallback}) {
      for (const model::Target& target : *targets) {
        if (live.health.contains(std::pair(target.provider, target.model))) continue;
        return fail(Errc::invalid,
                    fmt::format("target '{}/{}' has no health", target.provider, target.model));
      }
    }
  }
  return {};
}

}  // namespace

void share_health(Live& live, const Live* before) {
  live.health.clear();
  for (const model::Route& route : live.effective->generation().routes) {
    for (const auto* targets : {&route.targets, &route.fallback}) {
      for (const model::Target& target : *targets) {
        const model::Provider* const provider = live.effective->provider(target.provider);
        const model::Provider of = provider == nullptr ? model::Provider{} : *provider;
        auto& health = live.health[std::pair(target.provider, target.model)];
        if (health) continue;
        if (before != nullptr) {
          const auto known = before->health.find(std::pair(target.provider, target.model));
          if (known != before->health.end()) health = known->second;
        }
        if (health && health->breaker() == of.breaker && health->budget() == of.retry_budget) {
          continue;
        }
        health = std::make_shared<TargetHealth>(of.breaker, of.retry_budget);
      }
    }
  }
}

Status check(const Live& live) {
  if (!live.effective) return fail(Errc::invalid, "no generation");
  const model::Generation& generation = live.effective->generation();
  for (const model::Route& route : generation.routes) {
    const auto engine = live.engines.find(route.name);
    CORDON_CHECK(check_engine(route, route.rulepacks,
                              engine == live.engines.end() ? nullptr : engine->second.get()));
    if (!route.fallback_rulepacks) continue;
    const auto other = live.fallback_engines.find(route.name);
    CORDON_CHECK(
        check_engine(route, *route.fallback_rulepacks,
                     other == live.fallback_engines.end() ? nullptr : other->second.get()));
  }
  for (const model::Provider& provider : generation.providers) {
    const auto access = live.access.find(provider.name);
    const bool has_tls = access != live.access.end() && access->second.tls != nullptr;
    if (provider.endpoint.tls && !has_tls) {
      return fail(Errc::invalid, fmt::format("provider '{}' has no TLS settings", provider.name));
    }
  }
  return check_health(live);
}

Gateway::Gateway(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}
Gateway::~Gateway() = default;

Result<std::unique_ptr<Gateway>> Gateway::open(net::Loop& loop, Options options, const Clock& clock,
                                               journal::Journal& journal,
                                               std::shared_ptr<Metrics> metrics) {
  auto worker =
      std::make_unique<Worker>(loop, std::move(options), clock, journal, std::move(metrics));
  worker->durable.raise(journal.durable());
  CORDON_CHECK(worker->listen());
  return std::make_unique<Gateway>(std::move(worker));
}

std::uint16_t Gateway::port() const noexcept {
  return worker_->server->port();
}
net::Loop& Gateway::loop() noexcept {
  return worker_->loop;
}
std::size_t Gateway::running() const noexcept {
  return worker_->running;
}

void Gateway::adopt(std::shared_ptr<const Live> live, Swept swept) {
  worker_->loop.post(
      [signals = worker_->signals, live = std::move(live), swept = std::move(swept)]() mutable {
        if (signals->worker != nullptr) signals->worker->obey(std::move(live), std::move(swept));
      });
}

void Gateway::use(std::shared_ptr<const net::Tls> tls) {
  worker_->loop.post([signals = worker_->signals, tls = std::move(tls)]() mutable {
    if (signals->worker != nullptr) signals->worker->server->use(std::move(tls));
  });
}

void Gateway::count_running(model::Scope scope, Counted counted) {
  worker_->loop.post(
      [signals = worker_->signals, scope = std::move(scope), counted = std::move(counted)] {
        if (signals->worker == nullptr) return;
        const auto& registry = signals->worker->registry;
        counted(registry ? registry->running(scope) : containment::Touched{});
      });
}

void Gateway::note_durable(std::uint64_t durable) {
  const auto& signals = worker_->signals;
  signals->durable.store(durable);
  if (signals->posted.exchange(true)) return;
  worker_->loop.post([signals] { Worker::take_signals(signals); });
}

void Gateway::note_journal_failed() {
  const auto& signals = worker_->signals;
  signals->journal_failed.store(true);
  worker_->loop.post([signals] { Worker::take_signals(signals); });
}

net::Task<void> Gateway::stop(std::chrono::milliseconds grace) {
  return worker_->stop(grace);
}

}  // namespace cordon::gateway
