#include "app/gateway_threads.h"

#include "app/compile_job.h"
#include "base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace cordon::app {
namespace {

constexpr std::chrono::seconds kCompileWait{60};

/// What its engine is known by: the packs in their order.
std::string key_of(const std::vector<model::RulepackRef>& packs) {
  std::string key;
  for (const model::RulepackRef& ref : packs) key += ref.digest;
  return key;
}

/// Its own packs and those of its fallback, where there are any.
std::vector<const std::vector<model::RulepackRef>*> sets_of(const model::Route& route) {
  std::vector<const std::vector<model::RulepackRef>*> sets;
  if (!route.rulepacks.empty()) sets.push_back(&route.rulepacks);
  const auto& fallback = route.fallback_rulepacks;
  if (fallback && !fallback->empty()) sets.push_back(&*fallback);
  return sets;
}

}  // namespace

Result<std::unique_ptr<GatewayThread>> GatewayThread::make(
    const gateway::Options& options, const Clock& clock, journal::Journal& journal,
    std::shared_ptr<gateway::Metrics> metrics) {
  auto made = std::make_unique<GatewayThread>(clock);
  CORDON_TRY(made->gateway_,
             gateway::Gateway::open(made->loop_, options, clock, journal, std::move(metrics)));
  return made;
}

GatewayThread::~GatewayThread() {
  if (thread_.joinable()) stop(std::chrono::milliseconds(0));
}

void GatewayThread::start() {
  thread_ = std::thread([this] { loop_.run(); });
}

net::Task<void> GatewayThread::shut_down(std::chrono::milliseconds grace) {
  co_await gateway_->stop(grace);
  loop_.stop();
}

void GatewayThread::stop(std::chrono::milliseconds grace) {
  if (!thread_.joinable()) return;
  loop_.post([this, grace] { net::spawn(scope_, shut_down(grace)); });
  thread_.join();
  net::run_blocking(loop_, scope_.join());
}

/// One adoption under way: what the threads reported, gathered on the control thread.
struct GatewayThreads::Adoption {
  Adoption(net::Loop& loop) : reported(loop) {}
  net::Watermark reported;  ///< how many threads have
  std::uint32_t threads = 0;
  std::uint64_t streams_cut = 0;
  std::optional<WallTime> last_byte_at;
};

GatewayThreads::GatewayThreads(net::Loop& control, net::Worker& bench,
                               const store::Archive& archive, std::string node, Packs packs,
                               std::shared_ptr<const Credentials> secrets)
    : control_(control),
      bench_(bench),
      archive_(archive),
      node_(std::move(node)),
      packs_(std::move(packs)),
      credentials_(std::move(secrets)) {}

Status GatewayThreads::open(const gateway::Options& options, std::uint32_t threads,
                            const Clock& clock, journal::Journal& journal) {
  const auto metrics = std::make_shared<gateway::Metrics>(threads);
  gateway::Options each = options;
  each.threads = threads;
  for (std::uint32_t i = 0; i < threads; ++i) {
    CORDON_TRY(auto thread, GatewayThread::make(each, clock, journal, metrics));
    each.server.port = thread->gateway().port();
    threads_.push_back(std::move(thread));
  }
  return {};
}

void GatewayThreads::start() {
  for (const auto& thread : threads_) thread->start();
}

void GatewayThreads::stop(std::chrono::milliseconds grace) {
  for (const auto& thread : threads_) thread->stop(grace);
}

void GatewayThreads::on_used_today(std::function<gateway::UsedBefore()> used) {
  used_today_ = std::move(used);
}

void GatewayThreads::note_durable(std::uint64_t durable) {
  for (const auto& thread : threads_) thread->gateway().note_durable(durable);
}

std::uint16_t GatewayThreads::port() const noexcept {
  return threads_.empty() ? std::uint16_t{0} : threads_.front()->gateway().port();
}

net::Task<Result<api::Engines>> GatewayThreads::prepare(
    std::shared_ptr<const model::Generation> generation,
    std::shared_ptr<const policy::Rulepack> candidate) {
  const auto job = std::make_shared<CompileJob>(archive_);
  if (candidate) job->add_pack(std::move(candidate));
  for (const auto& [digest, pack] : packs_) job->add_pack(pack);
  for (const model::Route& route : generation->routes) {
    for (const auto* packs : sets_of(route)) {
      const std::string key = key_of(*packs);
      if (!engines_.contains(key)) job->want(key, *packs);
    }
  }
  if (!job->empty()) {
    std::function<Status()> work = [job] { return job->run(); };
    const Status ran = co_await bench_.run(std::move(work), kCompileWait);
    if (!ran) co_return tl::make_unexpected(ran.error());
    for (const auto& [key, engine] : job->engines()) engines_[key] = engine;
    for (const auto& [digest, pack] : job->packs()) packs_[digest] = pack;
  }
  api::Engines engines;
  for (const model::Route& route : generation->routes) {
    const auto& own = route.rulepacks;
    if (!own.empty()) engines.routes[route.name] = engines_.find(key_of(own))->second;
    const auto& fallback = route.fallback_rulepacks;
    if (fallback && !fallback->empty()) {
      engines.fallbacks[route.name] = engines_.find(key_of(*fallback))->second;
    }
  }
  co_return engines;
}

Result<std::shared_ptr<const gateway::Live>> GatewayThreads::make_live(
    std::shared_ptr<const model::Generation> generation, api::Engines engines) {
  auto live = std::make_shared<gateway::Live>();
  live->engines = std::move(engines.routes);
  live->fallback_engines = std::move(engines.fallbacks);
  live->access = credentials_->access;
  live->effective = std::make_shared<const containment::Effective>(std::move(generation));
  gateway::share_health(*live, live_.get());
  CORDON_CHECK(gateway::check(*live));
  live->quotas = gateway::quotas_of(live->effective->generation(), live_ ? &live_->quotas : nullptr,
                                    used_today_, control_.now());
  return live;
}

void GatewayThreads::forget_all_but(const model::Generation& generation) {
  std::set<std::string, std::less<>> engines;
  std::set<std::string, std::less<>> packs;
  for (const model::Route& route : generation.routes) {
    for (const auto* set : sets_of(route)) {
      engines.insert(key_of(*set));
      for (const model::RulepackRef& ref : *set) packs.insert(ref.digest);
    }
  }
  std::erase_if(engines_, [&](const auto& item) { return !engines.contains(item.first); });
  std::erase_if(packs_, [&](const auto& item) { return !packs.contains(item.first); });
}

net::Task<std::vector<containment::NodeReceipt>> GatewayThreads::adopt(
    std::shared_ptr<const model::Generation> generation) {
  constexpr std::chrono::milliseconds kAdoptionWait{5'000};
  std::vector<containment::NodeReceipt> receipts(1);
  containment::NodeReceipt& receipt = receipts.front();
  receipt.node = node_;
  const std::uint64_t number = generation->number;
  auto engines = co_await prepare(generation, nullptr);
  Result<std::shared_ptr<const gateway::Live>> live = fail(Errc::unavailable, "not compiled");
  if (engines) {
    live = make_live(generation, *std::move(engines));
  } else {
    live = tl::make_unexpected(std::move(engines).error());
  }
  if (!live) {
    log::error("generation_not_adopted", {{"generation", number}, {"detail", live.error().detail}});
    co_return receipts;
  }

  forget_all_but(*generation);
  live_ = *live;

  const auto adoption = std::make_shared<Adoption>(control_);
  net::Loop* const control = &control_;
  for (const auto& thread : threads_) {
    thread->gateway().adopt(*live, [adoption, control](const containment::Sweep& sweep) {
      control->post([adoption, sweep] {
        ++adoption->threads;
        adoption->streams_cut += sweep.streams_cut;
        if (sweep.last_byte_at &&
            (!adoption->last_byte_at || *sweep.last_byte_at > *adoption->last_byte_at)) {
          adoption->last_byte_at = sweep.last_byte_at;
        }
        adoption->reported.raise(adoption->threads);
      });
    });
  }
  const Status all = co_await adoption->reported.reach(threads_.size(), kAdoptionWait);
  receipt.acked = all.has_value();
  receipt.threads = adoption->threads;
  receipt.streams_cut = adoption->streams_cut;
  receipt.last_byte_at = adoption->last_byte_at;
  if (receipt.acked) receipt.acked_at = control_.clock().wall();
  co_return receipts;
}

namespace {

using Digests = std::map<std::string, std::string, std::less<>>;

bool same_for(const std::string& provider, const Digests& a, const Digests& b) {
  const auto in_a = a.find(provider);
  const auto in_b = b.find(provider);
  if (in_a == a.end() || in_b == b.end()) return in_a == a.end() && in_b == b.end();
  return in_a->second == in_b->second;
}

bool same_trust(const Credentials& a, const Credentials& b, const std::string& provider) {
  return same_for(provider, a.trusted, b.trusted) && same_for(provider, a.shown, b.shown);
}

}  // namespace

void GatewayThreads::use(std::shared_ptr<const api::Secrets> secrets) {
  auto next = std::make_shared<Credentials>(static_cast<const Credentials&>(*secrets));
  for (auto& [provider, access] : next->access) {
    // The same certificates stay the same settings, so that connections to the provider live on.
    const auto before = credentials_->access.find(provider);
    if (before == credentials_->access.end() || !same_trust(*credentials_, *next, provider))
      continue;
    access.tls = before->second.tls;
  }
  if (!credentials_->gateway.same(next->gateway)) {
    for (const auto& thread : threads_) thread->gateway().use(next->gateway.tls);
  }
  if (!credentials_->control.same(next->control) && use_control_) {
    use_control_(next->control.tls);
  }
  credentials_ = std::move(next);
}

void GatewayThreads::on_control_certificate(
    std::function<void(std::shared_ptr<const net::Tls>)> use) {
  use_control_ = std::move(use);
}

std::vector<std::string> GatewayThreads::differing(const api::Secrets& secrets) const {
  const auto& next = static_cast<const Credentials&>(secrets);
  std::vector<std::string> lines;
  if (credentials_->gateway.digest != next.gateway.digest) {
    lines.emplace_back("the gateway has another certificate");
  }
  if (credentials_->control.digest != next.control.digest) {
    lines.emplace_back("the control API has another certificate");
  }
  if (credentials_->gateway.clients != next.gateway.clients) {
    lines.emplace_back("the gateway trusts its clients by other certificates");
  }
  if (credentials_->control.clients != next.control.clients) {
    lines.emplace_back("the control API trusts its clients by other certificates");
  }
  for (const auto& [provider, access] : next.access) {
    const auto before = credentials_->access.find(provider);
    if (before == credentials_->access.end()) continue;  // it is new, which is said already
    if (before->second.key != access.key) {
      lines.push_back(fmt::format("provider {} has another key", provider));
    }
    if (!same_for(provider, credentials_->trusted, next.trusted)) {
      lines.push_back(fmt::format("provider {} is trusted by other certificates", provider));
    }
    if (!same_for(provider, credentials_->shown, next.shown)) {
      lines.push_back(fmt::format("provider {} is shown another certificate", provider));
    }
  }
  return lines;
}

std::vector<api::TargetStanding> GatewayThreads::targets() const {
  std::vector<api::TargetStanding> targets;
  if (!live_) return targets;
  const MonoTime now = control_.now();
  for (const auto& [name, health] : live_->health) {
    const gateway::Standing standing = health->standing(now);
    api::TargetStanding& target = targets.emplace_back();
    target.provider = name.first;
    target.model = name.second;
    target.breaker = to_string(standing.state);
    target.answered = standing.answered;
    target.failed = standing.failed;
    target.open_for_ms = standing.open_for.count();
    target.share_percent = standing.share_percent;
    target.opened = standing.opened;
    target.retries = standing.retries;
    target.retries_refused = standing.retries_refused;
    target.latency_us = standing.latency.count();
  }
  return targets;
}

/// One count under way.
struct GatewayThreads::Count {
  Count(net::Loop& loop) : reported(loop) {}
  net::Watermark reported;
  std::uint32_t threads = 0;
  containment::Touched touched;
};

net::Task<Result<containment::Touched>> GatewayThreads::running(model::Scope scope) {
  constexpr std::chrono::milliseconds kCountWait{2'000};
  const auto count = std::make_shared<Count>(control_);
  net::Loop* const control = &control_;
  for (const auto& thread : threads_) {
    thread->gateway().count_running(scope, [count, control](const containment::Touched& running) {
      control->post([count, running] {
        count->touched.add(running);
        count->reported.raise(++count->threads);
      });
    });
  }
  const Status all = co_await count->reported.reach(threads_.size(), kCountWait);
  if (!all) co_return fail(Errc::unavailable, "a gateway thread did not say what runs on it");
  co_return count->touched;
}

}  // namespace cordon::app
