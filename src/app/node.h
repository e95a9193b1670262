// One running node: journal, evidence log, gateway threads, control thread.
#pragma once

#include "api/control_plane.h"
#include "api/outbox.h"
#include "api/pager.h"
#include "api/server.h"
#include "app/courier.h"
#include "app/flight_thread.h"
#include "app/gateway_threads.h"
#include "cli/cli.h"
#include "evidence/journal_entries.h"
#include "net/worker.h"
#include "store/archive.h"
#include "store/vault.h"

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>

namespace cordon::app {

/// Everything that is read before anything runs: configuration, rulepacks, provider keys.
struct Loaded {
  model::Config config;
  Packs packs;
  std::map<std::string, api::LoadedRulepack, std::less<>> texts;
  std::shared_ptr<const Credentials> secrets;
  std::string digest;  ///< SHA-256 of the configuration file's bytes
  std::vector<connect::ConnectorOptions> connectors;
};
/// Refuses whole, with file, line and column where the fault has one.
[[nodiscard]] Result<Loaded> load(const cli::ServeArguments& arguments);

/// The file that `serve` was started with, read again. Any thread.
class ConfigFile final : public api::ConfigSource {
 public:
  explicit ConfigFile(cli::ServeArguments arguments) : arguments_(std::move(arguments)) {}
  [[nodiscard]] Result<api::Reread> read() const override;

 private:
  cli::ServeArguments arguments_;
};

/// Belongs to the main thread. Opened, run, stopped, destroyed, in this order.
class Node {
 public:
  Node(const Clock& clock, Random& random);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Opens the data directory, recovers the journal and binds both listeners.
  /// `source` is what a reload reads.
  [[nodiscard]] Status open(Loaded loaded, std::shared_ptr<const api::ConfigSource> source);
  /// Starts the threads and puts the first generation in force. Answers with the secret of the
  /// admin token if this start had to mint one, else with "".
  [[nodiscard]] Result<std::string> start();
  /// Has the file read again and obeyed, without waiting; what came of it is logged and recorded.
  void reload();
  /// Lets exchanges end, then stops every thread and closes the journal.
  [[nodiscard]] Status stop();

  [[nodiscard]] std::string gateway_address() const;
  [[nodiscard]] std::string control_address() const;

 private:
  [[nodiscard]] Status open_storage();
  [[nodiscard]] Status open_control(std::map<std::string, api::LoadedRulepack, std::less<>> texts);
  [[nodiscard]] Status open_gateways(Packs packs, std::shared_ptr<const Credentials> secrets);
  [[nodiscard]] Status note_recovery();
  void follow_journal();
  net::Task<void> begin(std::shared_ptr<std::promise<Result<std::string>>> done);
  net::Task<void> reload_now();
  net::Task<void> shut_down();

  const Clock& clock_;
  Random& random_;
  model::Config config_;
  std::filesystem::path dir_;
  std::string boot_;
  std::shared_ptr<const api::ConfigSource> source_;
  std::set<model::IncidentClass> measured_;  ///< what rules of some route can see
  journal::SystemDisk disk_;
  std::unique_ptr<model::EntryWriter> writer_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<evidence::JournalEntries> entries_;
  std::unique_ptr<store::DirectoryArchive> archive_;
  std::unique_ptr<store::Vault> vault_;
  std::unique_ptr<store::FlightReader> flight_;
  std::unique_ptr<FlightThread> flight_thread_;
  std::unique_ptr<evidence::Log> log_;
  net::Loop loop_;
  net::Scope scope_;
  net::Worker bench_;
  std::unique_ptr<GatewayThreads> gateways_;
  std::unique_ptr<net::Worker> worker_;
  std::unique_ptr<api::ControlPlane> control_;
  std::unique_ptr<api::Server> api_;
  Connectors connectors_;
  std::unique_ptr<api::Outbox> outbox_;
  std::unique_ptr<api::Pager> pager_;
  std::shared_ptr<const net::Tls> control_tls_;  ///< at the start
  std::unique_ptr<net::Server> server_;
  std::atomic<bool> durable_posted_{false};
  std::thread thread_;
};

}  // namespace cordon::app
