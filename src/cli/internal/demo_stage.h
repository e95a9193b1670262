// Where the demo plays: a directory, two simulated vendors and one node, all of them child
// processes of this program, and an inbox for what is sent to people.
#pragma once

#include "base/random.h"
#include "cli/internal/child.h"
#include "cli/internal/command.h"
#include "cli/internal/demo_inbox.h"
#include "cli/internal/demo_plan.h"
#include "net/loop.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::cli::internal {

/// What the demo was asked for.
struct DemoOptions {
  std::filesystem::path out;
  std::filesystem::path executable;
  model::IncidentClass of_class = model::IncidentClass::data_leakage;
  std::filesystem::path leaks;  ///< harmful texts; none: made from the seed
  std::uint64_t seed = 0;
  bool leak = true;
};

/// Loop thread only. Its children die with it.
class DemoStage {
 public:
  /// `random` makes the tenants' keys.
  DemoStage(const DemoOptions& options, net::Scope& scope, Random& random);

  /// Makes `out` anew. Refuses as `conflict` a directory that holds something else than an
  /// earlier demo's output.
  [[nodiscard]] Status prepare();
  [[nodiscard]] net::Task<Done> start_vendors();
  /// Starts the node and waits until it is ready. The first time the kernel chooses its ports and
  /// the admin token is read; afterwards it listens where it did.
  [[nodiscard]] net::Task<Done> start_node();
  /// kill -9. Answers with the process that was.
  [[nodiscard]] net::Task<Answer<pid_t>> kill_node();
  /// SIGTERM, and waits. Fails if it does not end with exit code 0.
  [[nodiscard]] net::Task<Done> stop_node();
  /// Stops listening for messages; before the loop ends.
  [[nodiscard]] net::Task<void> close_inbox();
  /// Ends every child at once.
  void kill_all() noexcept;
  /// Removes what only the run needed: node's data, logs, token file.
  void clean() noexcept;

  [[nodiscard]] const std::filesystem::path& out() const noexcept { return options_.out; }
  [[nodiscard]] std::filesystem::path work() const { return options_.out / "work"; }
  /// Read by the vendors at their start.
  [[nodiscard]] std::filesystem::path leaks_file() const { return work() / "leaks.jsonl"; }
  [[nodiscard]] std::uint16_t gateway_port() const noexcept { return gateway_port_; }
  [[nodiscard]] std::uint16_t control_port() const noexcept { return control_port_; }
  [[nodiscard]] std::uint16_t vendor_port(std::string_view vendor) const;
  [[nodiscard]] const std::string& admin_token() const noexcept { return admin_token_; }
  [[nodiscard]] const std::string& key_of(std::string_view tenant) const;
  [[nodiscard]] const DemoInbox& inbox() const noexcept { return inbox_; }
  /// It ended without having been told to.
  [[nodiscard]] bool node_died() noexcept { return node_ && node_->ended().has_value(); }
  [[nodiscard]] pid_t node_pid() const noexcept { return node_ ? node_->pid() : -1; }

 private:
  [[nodiscard]] net::Task<Answer<std::uint16_t>> start_vendor(std::string name, std::uint64_t seed);
  [[nodiscard]] Status write_config() const;
  [[nodiscard]] net::Task<Done> wait_ready();
  [[nodiscard]] Status read_addresses();

  const DemoOptions& options_;
  net::Scope& scope_;
  std::map<std::string, std::string, std::less<>> keys_;
  std::map<std::string, Child, std::less<>> vendors_;
  std::map<std::string, std::uint16_t, std::less<>> vendor_ports_;
  std::optional<Child> node_;
  DemoInbox inbox_;
  std::string admin_token_;
  std::uint16_t gateway_port_ = 0;
  std::uint16_t control_port_ = 0;
};

/// Writes a whole file. `unavailable` if that fails.
[[nodiscard]] Status write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace cordon::cli::internal
