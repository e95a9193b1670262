#include "app/node.h"

#include "base/hex.h"
#include "base/log.h"
#include "base/uuid.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::app {
namespace {

constexpr std::chrono::seconds kDrainWait{10};

/// The node's commitment key: 32 random bytes that never leave it.
Result<std::array<std::byte, 32>> commitment_key(journal::Disk& disk,
                                                 const std::filesystem::path& file,
                                                 Random& random) {
  std::array<std::byte, 32> key;
  const auto known = store::read_file(disk, file, key.size());
  if (!known) {
    if (known.error().code != Errc::not_found) return tl::make_unexpected(known.error());
    random.fill(key);
    CORDON_CHECK(store::replace_file(disk, file, text_of(key)));
    std::error_code error;
    std::filesystem::permissions(file, std::filesystem::perms::owner_read, error);
    if (error)
      return fail(Errc::unavailable, fmt::format("{}: {}", file.string(), error.message()));
    return key;
  }
  if (known->size() != key.size()) {
    return fail(Errc::corrupt,
                fmt::format("{}: {} bytes, expected {}", file.string(), known->size(), key.size()));
  }
  std::copy_n(bytes_of(*known).begin(), key.size(), key.begin());
  return key;
}

/// Classes that some live rule of a route can see.
std::set<model::IncidentClass> classes_seen_by(const Packs& packs, const model::Config& config) {
  std::set<model::IncidentClass> classes;
  std::set<std::string, std::less<>> used;
  for (const model::RouteConfig& route : config.routes) {
    used.insert(route.rulepacks.begin(), route.rulepacks.end());
  }
  for (const auto& [digest, pack] : packs) {
    if (!used.contains(pack->name)) continue;
    for (const policy::Rule& rule : pack->rules) {
      if (rule.state == policy::RuleState::live) classes.insert(rule.incident_class);
    }
  }
  return classes;
}

std::string address_text(const std::string& address, std::uint16_t port) {
  const bool ipv6 = address.find(':') != address.npos;
  return ipv6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

/// What the journal says of today, as the gateway counts it.
gateway::UsedBefore used_before(const detect::Usage::Today& today) {
  gateway::UsedBefore used;
  used.day = today.day;
  const auto copy = [](const auto& from, auto& to) {
    for (const auto& [name, day] : from) to[name] = {day.requests, day.tokens, day.cost};
  };
  copy(today.tenants, used.tenants);
  copy(today.keys, used.keys);
  return used;
}

}  // namespace

Node::Node(const Clock& clock, Random& random)
    : clock_(clock), random_(random), loop_(clock), scope_(loop_), bench_(loop_) {}

Node::~Node() {
  const Status stopped = stop();
  if (!stopped) log::error("stop_failed", {{"detail", stopped.error().detail}});
}

Status Node::open(Loaded loaded, std::shared_ptr<const api::ConfigSource> source) {
  source_ = std::move(source);
  config_ = std::move(loaded.config);
  dir_ = config_.data_dir;
  boot_ = make_uuid7(clock_, random_);
  writer_ = std::make_unique<model::EntryWriter>(config_.node, boot_, clock_, random_);
  CORDON_CHECK(open_storage());
  measured_ = classes_seen_by(loaded.packs, config_);
  CORDON_CHECK(open_gateways(std::move(loaded.packs), std::move(loaded.secrets)));
  CORDON_CHECK(connectors_.open(loop_, random_, std::move(loaded.connectors)));
  return open_control(std::move(loaded.texts));
}

Status Node::open_storage() {
  for (const char* name : {"journal", "archive", "log", "keys", "evidence", "vault", "flight"}) {
    std::error_code error;
    std::filesystem::create_directories(dir_ / name, error);
    if (error) {
      return fail(Errc::unavailable,
                  fmt::format("{}: {}", (dir_ / name).string(), error.message()));
    }
  }
  journal::Options options{.dir = dir_ / "journal",
                           .segment_bytes = config_.journal.segment_bytes,
                           .queue_bytes_max = config_.journal.queue_bytes_max,
                           .lazy_window = config_.journal.lazy_window};
  CORDON_TRY(journal_, journal::Journal::open(std::move(options), disk_, random_));
  entries_ = std::make_unique<evidence::JournalEntries>(journal_->reader(0));
  archive_ =
      std::make_unique<store::DirectoryArchive>(store::ArchiveOptions{dir_ / "archive"}, disk_);
  CORDON_TRY(const crypto::SealKey vault_key,
             store::load_or_create_seal_key(disk_, dir_ / "keys" / "vault.key", random_));
  vault_ = std::make_unique<store::Vault>(store::VaultOptions{dir_ / "vault"}, vault_key, disk_,
                                          random_);
  const store::FlightOptions flight{.dir = dir_ / "flight"};
  flight_ = std::make_unique<store::FlightReader>(flight, vault_key, disk_);
  flight_thread_ = std::make_unique<FlightThread>(flight, vault_key, clock_, disk_, random_);
  CORDON_TRY(auto key, evidence::load_or_create_key(dir_ / "keys" / "log.pem"));
  evidence::LogOptions log{dir_ / "log", fmt::format("cordon.local/{}/log", config_.node)};
  CORDON_TRY(log_, evidence::Log::open(std::move(log), std::move(key.key), *entries_, disk_));
  return {};
}

Status Node::open_gateways(Packs packs, std::shared_ptr<const Credentials> secrets) {
  control_tls_ = secrets->control.tls;
  gateways_ = std::make_unique<GatewayThreads>(loop_, bench_, *archive_, config_.node,
                                               std::move(packs), secrets);
  const std::uint32_t cores = std::max(1U, std::thread::hardware_concurrency());
  const std::uint32_t threads = config_.threads == 0 ? cores : config_.threads;
  gateway::Options options;
  options.server.address = config_.gateway.address;
  options.server.port = config_.gateway.port;
  options.server.connections_max =
      std::max<std::size_t>(1, config_.limits.connections_max / threads);
  options.server.tls = secrets->gateway.tls;
  options.capture = flight_thread_.get();
  options.node = config_.node;
  options.boot = boot_;
  CORDON_TRY(options.commitment_key,
             commitment_key(disk_, dir_ / "keys" / "commitment.key", random_));
  CORDON_CHECK(gateways_->open(options, threads, clock_, *journal_));
  journal_->on_durable([this](std::uint64_t durable) { gateways_->note_durable(durable); });
  journal_->on_durable([this](std::uint64_t) { follow_journal(); });
  return {};
}

void Node::follow_journal() {
  // One post for each turn of the control loop, however many commits there were.
  if (durable_posted_.exchange(true)) return;
  loop_.post([this] {
    durable_posted_.store(false);
    control_->on_durable();
  });
}

Status Node::open_control(std::map<std::string, api::LoadedRulepack, std::less<>> texts) {
  worker_ = std::make_unique<net::Worker>(loop_);
  api::Parts parts{loop_,    *journal_, *archive_, *log_,   *gateways_,
                   *writer_, *worker_,  bench_,    *vault_, *flight_};
  api::ControlOptions options;
  options.config = config_;
  options.rulepacks = std::move(texts);
  options.source = source_;
  options.evidence_dir = std::filesystem::absolute(dir_ / "evidence");
  CORDON_TRY(options.watch.desk.severity, incident::SeverityOptions::from(config_.severity));
  options.watch.desk.updates = config_.updates;
  options.watch.detectors = detect::DetectorsOptions::from(config_.detectors);
  options.watch.desk.measured = measured_;
  options.watch.desk.people = {config_.escalation.rota, config_.escalation.accept,
                               config_.escalation.contain};
  control_ = std::make_unique<api::ControlPlane>(parts, std::move(options));
  CORDON_CHECK(control_->recover());
  CORDON_CHECK(note_recovery());

  outbox_ = std::make_unique<api::Outbox>(*control_, connectors_);
  pager_ = std::make_unique<api::Pager>(*control_, connectors_);
  api_ = std::make_unique<api::Server>(*control_);
  net::ServerOptions server;
  server.address = config_.control.address;
  server.port = config_.control.port;
  server.connections_max = 1'000;
  server.tls = control_tls_;
  CORDON_TRY(server_, net::Server::listen(loop_, *api_, std::move(server)));
  gateways_->on_used_today([this] { return used_before(control_->usage().today()); });
  gateways_->on_control_certificate(
      [this](std::shared_ptr<const net::Tls> tls) { server_->use(std::move(tls)); });
  return {};
}

Status Node::note_recovery() {
  const journal::RecoveryReport& report = journal_->recovered();
  if (report.torn_bytes == 0 && report.missing_bytes == 0) return {};
  log::warn(
      "journal_tail_cut",
      {{"file", report.torn_file}, {"offset", report.torn_offset}, {"bytes", report.torn_bytes}});
  const std::string entry =
      writer_->write(model::EntryKind::recovery, {{"entries", report.entries},
                                                  {"torn_bytes", report.torn_bytes},
                                                  {"missing_bytes", report.missing_bytes},
                                                  {"segment", report.torn_file},
                                                  {"offset", report.torn_offset}});
  CORDON_CHECK(journal_->append(entry, journal::Urgency::eager));
  return {};
}

Result<std::string> Node::start() {
  gateways_->start();
  const auto done = std::make_shared<std::promise<Result<std::string>>>();
  auto begun = done->get_future();
  loop_.post([this, done] { net::spawn(scope_, begin(done)); });
  thread_ = std::thread([this] { loop_.run(); });
  return begun.get();
}

net::Task<void> Node::begin(std::shared_ptr<std::promise<Result<std::string>>> done) {
  auto secret = co_await control_->begin();
  const bool ok = secret.has_value();
  done->set_value(std::move(secret));
  if (!ok) co_return;
  net::spawn(scope_, control_->keep_log(scope_));
  net::spawn(scope_, outbox_->run(scope_));
  net::spawn(scope_, pager_->run(scope_));
  co_await control_->keep_time(scope_);
}

void Node::reload() {
  loop_.post([this] { net::spawn(scope_, reload_now()); });
}

net::Task<void> Node::reload_now() {
  api::ReloadOrder order;
  order.by = {model::ActorKind::service, "sighup"};
  const auto done = co_await control_->reload(std::move(order));
  if (!done) {
    log::error("config_not_reloaded", {{"detail", done.error().detail}});
    co_return;
  }
  log::info("config_reloaded", {{"digest", done->digest}, {"changes", done->changed.size()}});
}

net::Task<void> Node::shut_down() {
  co_await server_->stop(std::chrono::milliseconds(500));
  loop_.stop();
}

Status Node::stop() {
  if (gateways_) gateways_->stop(kDrainWait);
  if (thread_.joinable()) {
    loop_.post([this] {
      scope_.stop();
      connectors_.stop();
      net::spawn(scope_, shut_down());
    });
    thread_.join();
    net::run_blocking(loop_, scope_.join());
  } else if (server_) {
    net::run_blocking(loop_, server_->stop(std::chrono::milliseconds(0)));
  }
  server_.reset();
  worker_.reset();
  if (!journal_) return {};
  const Status closed = journal_->close();
  gateways_.reset();
  return closed;
}

std::string Node::gateway_address() const {
  return address_text(config_.gateway.address, gateways_->port());
}

std::string Node::control_address() const {
  return address_text(config_.control.address, server_->port());
}

}  // namespace cordon::app
