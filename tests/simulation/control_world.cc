#include "tests/simulation/control_world.h"

#include "base/uuid.h"
#include "containment/moment.h"
#include "policy/rulepack.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cordon::simulation {

net::Task<std::vector<containment::NodeReceipt>> ObedientGateways::adopt(
    std::shared_ptr<const model::Generation> generation) {
  obeyed_ = std::move(generation);
  containment::NodeReceipt receipt;
  receipt.node = "node-1";
  receipt.acked = true;
  receipt.threads = 1;
  receipt.acked_at = clock_.wall();
  co_return std::vector<containment::NodeReceipt>{receipt};
}

net::Task<Result<containment::Touched>> ObedientGateways::running(model::Scope /*scope*/) {
  co_return containment::Touched{};
}

net::Task<Result<api::Engines>> ObedientGateways::prepare(
    std::shared_ptr<const model::Generation> /*generation*/,
    std::shared_ptr<const policy::Rulepack> /*candidate*/) {
  co_return api::Engines{};
}

void TextSource::add_pack(const std::string& text) {
  const auto pack = *policy::Rulepack::parse(text, "pack.yaml");
  packs_.emplace(pack->name, api::LoadedRulepack{pack->version, pack->digest, text});
}

Result<api::Reread> TextSource::read() const {
  api::Reread read;
  CORDON_TRY(read.config, model::Config::parse(text_, "test.yaml"));
  for (const auto& [name, pack] : packs_) {
    for (const model::RouteConfig& route : read.config.routes) {
      const auto& named = route.rulepacks;
      if (std::find(named.begin(), named.end(), name) != named.end()) read.rulepacks[name] = pack;
    }
  }
  read.digest = crypto::hex(crypto::sha256(text_));
  read.secrets = std::make_shared<const api::Secrets>();
  return read;
}

ControlWorld::ControlWorld(journal::Disk& disk, ManualClock& clock, std::uint64_t seed,
                           std::string config)
    : clock_(clock),
      random_(seed),
      loop_(clock),
      gateways_(clock),
      writer_("node-1", make_uuid7(clock, random_), clock, random_),
      worker_(loop_),
      bench_(loop_) {
  for (const char* dir :
       {"/data/archive", "/data/log", "/data/keys", "/data/vault", "/data/flight"}) {
    EXPECT_TRUE(disk.make_directory(dir));
  }
  journal::Options options{.dir = "/data/journal", .segment_bytes = 1U << 20U};
  journal_ = *journal::Journal::open(std::move(options), disk, random_);
  entries_ = std::make_unique<evidence::JournalEntries>(journal_->reader(0));
  archive_ =
      std::make_unique<store::DirectoryArchive>(store::ArchiveOptions{"/data/archive"}, disk);
  log_ = *evidence::Log::open({"/data/log", "cordon.local/node-1/log"},
                              crypto::SigningKey::generate(), *entries_, disk);
  const crypto::SealKey seal{};
  vault_ = std::make_unique<store::Vault>(store::VaultOptions{"/data/vault"}, seal, disk, random_);
  flight_ = std::make_unique<store::FlightReader>(store::FlightOptions{.dir = "/data/flight"}, seal,
                                                  disk);
  api::ControlOptions control;
  control.config = *model::Config::parse(config, "test.yaml");
  source_ = std::make_shared<TextSource>(std::move(config));
  control.source = source_;
  control.watch.desk.severity = *incident::SeverityOptions::from(control.config.severity);
  control.watch.detectors = detect::DetectorsOptions::from(control.config.detectors);
  const api::Parts parts{loop_,   *journal_, *archive_, *log_,   gateways_,
                         writer_, worker_,   bench_,    *vault_, *flight_};
  control_ = std::make_unique<api::ControlPlane>(parts, std::move(control));
  const auto recovered = control_->recover();
  EXPECT_TRUE(recovered) << recovered.error().detail;
  journal_->on_durable([this](std::uint64_t) { loop_.post([this] { control_->on_durable(); }); });
}

ControlWorld::~ControlWorld() {
  EXPECT_TRUE(journal_->close());
}

std::string ControlWorld::begin() {
  auto secret = run(control_->begin());
  EXPECT_TRUE(secret) << secret.error().detail;
  return secret ? *secret : "";
}

void ControlWorld::tick() {
  net::Scope scope(loop_);
  net::spawn(scope, control_->keep_time(scope));
  // The round under way is finished, and no other begins.
  loop_.post([&scope] { scope.stop(); });
  net::run_blocking(loop_, scope.join());
}

std::vector<std::string> ControlWorld::entries(std::uint64_t from) const {
  std::vector<std::string> all;
  journal::Reader reader = journal_->reader(from);
  while (true) {
    const auto entry = reader.next();
    EXPECT_TRUE(entry) << entry.error().detail;
    if (!entry || !*entry) return all;
    all.emplace_back((*entry)->bytes);
  }
}

std::map<std::string, std::string> ControlWorld::everything() {
  std::map<std::string, std::string> all;
  const auto say = [&all](const std::string& key, const codec::Json& value) {
    all[key] = codec::write_json(value);
  };
  const WallTime now = clock_.wall();
  for (const auto& [id, measure] : control_->measures().all()) {
    say("measure " + id, containment::to_json(measure));
    all["measure " + id] += measure.paged_at ? format_rfc3339(*measure.paged_at) : "";
    if (const auto* receipt = control_->receipt(id)) say("receipt " + id, receipt->to_json());
  }
  for (const auto* asked : control_->approvals().waiting(now)) {
    say("asked " + asked->id, containment::to_body(containment::ApprovalEvent(*asked)));
  }
  for (const auto* page : control_->pages().all()) say("page " + page->id, api::to_json(*page));
  for (const auto& [id, token] : control_->tokens().all()) {
    say("token " + id,
        containment::to_body(containment::TokenEvent(containment::TokenMinted{token})));
    all["token " + id] += token.revoked_at ? format_rfc3339(*token.revoked_at) : "";
  }
  for (const auto& [id, key] : control_->keys().all()) {
    say("key " + id, containment::to_body(containment::KeyEvent(containment::KeyIssued{key})));
    all["key " + id] += key.replaces + " " + key.replaced_by +
                        (key.revoked_at ? format_rfc3339(*key.revoked_at) : "");
  }
  const auto& desk = control_->watch().desk();
  for (const auto* incident : desk.incidents()) {
    say("incident " + incident->id, incident::to_json(*incident, desk.standing(*incident), now));
    all["timeline " + incident->id] = incident::to_lines(desk.timeline(*incident));
  }
  for (const auto& signal : desk.signals()) say("signal " + signal.id, detect::to_json(signal));
  for (const auto& [number, change] : control_->history().generations()) {
    const auto& made = std::get<containment::GenerationChange>(change->what);
    all["generation " + std::to_string(number)] =
        made.generation.digest + (control_->measures().is_revoked(number) ? " revoked" : "");
  }
  for (const auto& record : control_->evidence()) all["evidence " + record.id] = record.sha256;
  all["changes"] = std::to_string(control_->history().changes().size());
  all["log"] =
      std::to_string(control_->log().size()) + " " + crypto::hex(control_->log().tree().root());
  return all;
}

}  // namespace cordon::simulation
