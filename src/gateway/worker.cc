#include "gateway/internal/worker.h"

#include "base/log.h"
#include "gateway/internal/exchange.h"
#include "gateway/internal/ofrep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace cordon::gateway {
namespace {

using dialect::Problem;
using dialect::Protocol;

constexpr std::array<net::Header, 1> kText = {{{"content-type", "text/plain; version=0.0.4"}}};
constexpr std::array<net::Header, 1> kJson = {{{"content-type", "application/json"}}};

net::UpstreamOptions upstream_options(const model::Provider& provider,
                                      const ProviderAccess& access) {
  net::UpstreamOptions options;
  options.host = provider.endpoint.host;
  options.port = provider.endpoint.port;
  if (provider.endpoint.tls) options.tls = access.tls;
  options.connections_max = 16'384;
  options.connect_timeout = provider.timeouts.connect;
  options.first_byte_timeout = provider.timeouts.first_byte;
  options.read_timeout = provider.timeouts.idle;
  return options;
}

constexpr std::string_view kModels = "/v1/models";

/// The protocol in which a caller is answered where no exchange is to be had: that of the path, and
/// where both have the same path, the one whose header is there.
const Protocol& spoken_at(const net::RequestHead& head) noexcept {
  const Protocol& anthropic = dialect::protocol_of(model::Dialect::anthropic);
  const std::string_view path = anthropic.gateway_path();
  const bool below = head.path.starts_with(path) &&
                     (head.path.size() == path.size() || head.path[path.size()] == '/');
  const bool lists = head.path == kModels && !head.header("anthropic-version").empty();
  return below || lists ? anthropic : dialect::protocol_of(model::Dialect::openai);
}

/// `core-leakage@3f2a91c0b7de, ...`: which bytes decided, short enough for a header.
std::string policy_header(const policy::Engine& engine) {
  std::string text;
  for (const policy::PackDigest& pack : engine.digests()) {
    if (!text.empty()) text += ", ";
    text += pack.name + "@" + pack.digest.substr(0, 12);
    if (text.size() > 512) break;
  }
  return text;
}

template <class Engines>
Obeyed::Rules rules_of(const Engines& engines, const std::string& route) {
  const auto engine = engines.find(route);
  if (engine == engines.end()) return {};
  return {engine->second, policy_header(*engine->second)};
}

}  // namespace

void PooledRandom::fill(std::span<std::byte> out) noexcept {
  for (std::byte& byte : out) {
    if (used_ == pool_.size()) {
      source_.fill(pool_);
      used_ = 0;
    }
    byte = pool_[used_++];
  }
}

Pool::Pool(net::Loop& loop, const model::Provider& of, const ProviderAccess& with)
    : provider(of),
      access(with),
      protocol(dialect::protocol_of(of.dialect)),
      upstream(loop, upstream_options(of, with)) {
  if (!access.key.empty()) key = std::string(protocol.key_prefix()) + access.key;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Protocol& spoken = dialect::protocol_of(static_cast<dialect::Surface>(i));
    if (spoken.dialect() != provider.dialect) continue;
    paths[i] = provider.endpoint.prefix + std::string(spoken.upstream_path());
  }
}

Worker::Worker(net::Loop& on, Options with, const Clock& with_clock, journal::Journal& with_journal,
               std::shared_ptr<Metrics> with_metrics)
    : loop(on),
      options(std::move(with)),
      clock(with_clock),
      journal(with_journal),
      metrics(std::move(with_metrics)),
      counters(metrics->next_block()),
      writer(options.node, options.boot, clock, random),
      durable(on),
      scope(on),
      signals(std::make_shared<Signals>()) {
  signals->worker = this;
  for (std::size_t i = 0; i < dialect::kSurfaceCount; ++i) {
    scratch.readers.emplace_back(dialect::protocol_of(static_cast<dialect::Surface>(i)));
  }
}

Worker::~Worker() {
  signals->worker = nullptr;
}

Status Worker::listen() {
  CORDON_TRY(server, net::Server::listen(loop, *this, options.server));
  return {};
}

std::shared_ptr<Pool> Worker::pool_for(const model::Provider& provider,
                                       const ProviderAccess& access) const {
  if (obeyed) {
    const auto before = obeyed->pools.find(provider.name);
    if (before != obeyed->pools.end() && before->second->provider == provider &&
        before->second->access.key == access.key && before->second->access.tls == access.tls) {
      return before->second;
    }
  }
  return std::make_shared<Pool>(loop, provider, access);
}

namespace {

std::vector<Obeyed::Way> ways_to(const std::vector<model::Target>& targets, const Obeyed& obeyed,
                                 const Live& live) {
  std::vector<Obeyed::Way> ways;
  for (const model::Target& target : targets) {
    Obeyed::Way& way = ways.emplace_back();
    const auto pool = obeyed.pools.find(target.provider);
    if (pool != obeyed.pools.end()) way.pool = pool->second;
    way.prices =
        model::prices_for(live.effective->generation().prices, target.provider, target.model);
    way.health = live.health.find(std::pair(target.provider, target.model))->second;
  }
  return ways;
}

}  // namespace

void Worker::obey(std::shared_ptr<const Live> live, Swept swept) {
  auto next = std::make_shared<Obeyed>();
  const model::Generation& generation = live->effective->generation();
  for (const model::Route& route : generation.routes) {
    Obeyed::Route& of = next->routes[route.name];
    of.rules = rules_of(live->engines, route.name);
    if (route.fallback_rulepacks) of.in_fallback = rules_of(live->fallback_engines, route.name);
  }
  for (const model::Provider& provider : generation.providers) {
    const auto access = live->access.find(provider.name);
    next->pools[provider.name] =
        pool_for(provider, access == live->access.end() ? ProviderAccess{} : access->second);
  }
  for (const model::Route& route : generation.routes) {
    Obeyed::Route& of = next->routes[route.name];
    of.targets = ways_to(route.targets, *next, *live);
    of.fallback = ways_to(route.fallback, *next, *live);
  }
  counters.generation.set(generation.number);
  next->live = live;
  obeyed = next;
  waiting_.emplace_back(generation.number, std::move(swept));
  if (!registry) {
    registry = std::make_unique<containment::Registry>(live->effective, *this);
    containment::Sweep first;
    first.generation = generation.number;
    this->swept(first);
    return;
  }
  counters.streams_cut.add(registry->sweep(live->effective));
}

void Worker::swept(const containment::Sweep& sweep) noexcept {
  // Reports come in the order of adoption, so the first that waits is the one that is done.
  if (waiting_.empty()) return;
  const Swept report = std::move(waiting_.front().second);
  waiting_.pop_front();
  if (report) report(sweep);
}

void Worker::take_signals(const std::shared_ptr<Signals>& signals) {
  signals->posted.store(false);
  Worker* const worker = signals->worker;
  if (worker == nullptr) return;
  worker->durable.raise(signals->durable.load());
  if (signals->journal_failed.load()) worker->durable.fail();
}

std::optional<std::uint64_t> Worker::append(std::string_view entry, journal::Urgency urgency) {
  const auto sequence = journal.append(entry, urgency);
  if (!sequence) {
    counters.journal_refused.add();
    return std::nullopt;
  }
  return *sequence;
}

net::Task<bool> Worker::reach_durable(std::uint64_t sequence, net::Cancel* cancel) {
  const auto reached = co_await durable.reach(sequence + 1, options.durable_timeout, cancel);
  co_return reached.has_value();
}

std::optional<Problem> Worker::unready() const noexcept {
  if (!obeyed) return Problem::not_ready;
  if (signals->journal_failed.load(std::memory_order_relaxed)) return Problem::evidence_unavailable;
  return std::nullopt;
}

bool Worker::overloaded() const noexcept {
  const std::uint32_t most = obeyed->effective().generation().limits.exchanges_max;
  const std::uint32_t share = std::max<std::uint32_t>(most / std::max(options.threads, 1U), 1);
  return running > share;
}

void Worker::watch_cut(Exchange& exchange) {
  cuts_.push_back({&exchange, loop.now() + options.cut_grace});
  if (forcing_) return;
  forcing_ = true;
  net::spawn(scope, force_cuts());
}

void Worker::forget_cut(Exchange& exchange) noexcept {
  std::erase_if(cuts_, [&](const Due& due) { return due.exchange == &exchange; });
}

net::Task<void> Worker::force_cuts() {
  while (!cuts_.empty()) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(cuts_.front().at - loop.now());
    if (wait.count() > 0 && !co_await net::sleep(scope, wait)) break;
    const MonoTime now = loop.now();
    std::vector<Exchange*> due;
    std::erase_if(cuts_, [&](const Due& cut) {
      if (cut.at > now) return false;
      due.push_back(cut.exchange);
      return true;
    });
    for (Exchange* const exchange : due) exchange->force();
  }
  forcing_ = false;
}

net::Task<void> Worker::stop(std::chrono::milliseconds grace) {
  co_await server->stop(grace);
  scope.stop();
  co_await scope.join();
}

net::Task<void> Worker::handle(net::ServerExchange& exchange) {
  const net::RequestHead& head = exchange.request();
  const Protocol* const asked = dialect::protocol_at(head.path);
  if (asked != nullptr && head.method == "POST") {
    Exchange one(*this, exchange, *asked);
    co_return co_await one.run();
  }
  if (is_flags_path(head.path)) co_return co_await serve_flags(*this, exchange);
  const bool get = head.method == "GET" || head.method == "HEAD";
  if (head.path == kModels && get) co_return co_await serve_models(exchange);
  const bool probe = head.path == "/livez" || head.path == "/readyz" || head.path == "/healthz" ||
                     head.path == "/metrics";
  if (probe && get) co_return co_await serve_probe(exchange);
  const bool known = asked != nullptr || probe || head.path == kModels;
  const std::string_view methods = asked != nullptr ? "POST" : "GET, HEAD";
  const std::array<net::Header, 1> allow = {{{"allow", methods}}};
  const std::span<const net::Header> headers =
      known ? std::span<const net::Header>(allow) : std::span<const net::Header>();
  const Refusal refusal{spoken_at(head), known ? Problem::wrong_method : Problem::unknown_path};
  co_await refuse(*this, exchange, refusal, headers);
}

net::Task<void> Worker::serve_probe(net::ServerExchange& exchange) {
  const std::string_view path = exchange.request().path;
  if (path == "/metrics") {
    std::string body = metrics->write();
    if (obeyed) {
      write_health(body, obeyed->live->health, loop.now());
      write_quotas(body, obeyed->live->quotas, {clock.mono(), clock.wall()});
    }
    (void)co_await exchange.respond(200, kText, body);
    co_return;
  }
  std::optional<Problem> problem;
  if (path != "/livez") {
    problem = unready();
    if (!problem && journal.health() >= journal::Health::full) {
      problem = Problem::evidence_unavailable;
    }
  }
  const std::string body =
      problem
          ? fmt::format("{}\n",
                        dialect::protocol_of(model::Dialect::openai).rejection_of(*problem).code)
          : "ok\n";
  (void)co_await exchange.respond(problem ? 503 : 200, kText, body);
}

net::Task<void> Worker::serve_models(net::ServerExchange& exchange) {
  const Protocol& protocol = spoken_at(exchange.request());
  const std::span<const net::Header> none;
  Refusal refusal{protocol, Problem::not_ready};
  if (!obeyed) co_return co_await refuse(*this, exchange, refusal, none);
  const containment::Effective& effective = obeyed->effective();
  const Presented presented = key_of(exchange.request());
  refusal.problem = presented.fault.empty() ? Problem::bad_key : Problem::malformed;
  refusal.detail.message = presented.fault;
  const containment::Caller caller = effective.caller_of(presented.key, clock);
  if (caller.tenant == nullptr) co_return co_await refuse(*this, exchange, refusal, none);
  std::vector<std::string_view> names;
  for (const model::Route& route : effective.generation().routes) {
    if (route.targets.empty()) continue;  // it only decides
    if (effective.may_use(caller, route.name)) names.push_back(route.name);
  }
  std::string body;
  protocol.append_models(body, names);
  (void)co_await exchange.respond(200, kJson, body);
}

Presented key_of(const net::RequestHead& head) noexcept {
  constexpr std::string_view kBearer = "Bearer ";
  Presented presented;
  bool authorized = false;
  for (const net::Header& header : head.headers) {
    std::string_view key = header.value;
    if (net::equal_ignoring_case(header.name, "authorization")) {
      if (authorized) return {{}, "'Authorization' is there more than once."};
      authorized = true;
      const bool bearer = key.size() > kBearer.size() &&
                          net::equal_ignoring_case(key.substr(0, kBearer.size()), kBearer);
      if (!bearer) continue;
      key.remove_prefix(kBearer.size());
    } else if (!net::equal_ignoring_case(header.name, "x-api-key") &&
               !net::equal_ignoring_case(header.name, "api-key")) {
      continue;
    }
    if (key.empty() || key == presented.key) continue;
    if (!presented.key.empty()) return {{}, "The request presents two different keys."};
    presented.key = key;
  }
  return presented;
}

net::Task<void> refuse(Worker& worker, net::ServerExchange& client, Refusal refusal,
                       std::span<const net::Header> headers) {
  const dialect::Rejection& rejection = refusal.protocol.rejection_of(refusal.problem);
  worker.counters.refused[static_cast<std::size_t>(refusal.problem)].add();
  std::string body;
  refusal.protocol.append_error(body, refusal.problem, refusal.detail);
  std::vector<net::Header> all(headers.begin(), headers.end());
  all.push_back({"content-type", "application/json"});
  const std::string seconds = std::to_string(rejection.retry_after_s);
  if (rejection.retry_after_s > 0 && net::find(headers, "retry-after") == nullptr) {
    all.push_back({"retry-after", seconds});
  }
  if (rejection.forbid_retry) all.push_back({"x-should-retry", "false"});
  (void)co_await client.respond(rejection.status, all, body);
}

}  // namespace cordon::gateway
