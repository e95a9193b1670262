// A gateway, its journal and two simulated providers in this process, on ports the kernel chose.
//
// Each part runs on a thread of its own, as it does in the product; the test's thread is the
// client. Routes: `support` (test-pack), `plain` (no rules), `two` (sim, then backup),
// `forward` (before_forward), `deferred`, `observed` and `strict` (observe, emergency mode).
// `diverted` has a fallback to backup without rules.
// `claude` (test-pack), `claude-plain` (no rules) and `claude-two` (claude, then claude-backup) are
// served at /v1/messages by the same two providers in their other shape.
// Tenants: `acme` may use all, `narrow` only `plain`. Their keys are `key-` and the name.
#pragma once

#include "base/clock.h"
#include "containment/generations.h"
#include "gateway/gateway.h"
#include "journal/journal.h"
#include "net/fetch.h"
#include "net/loop.h"
#include "sim/provider.h"
#include "tests/integration/gated_disk.h"
#include "tests/integration/gateway_frames.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cordon::tests {

/// A loop on a thread of its own.
class LoopThread {
 public:
  LoopThread();
  ~LoopThread();
  net::Loop& loop() noexcept { return loop_; }
  /// Runs `fn` on the loop and waits for it.
  void call(const std::function<void()>& fn);
  /// Runs what `start` begins on the loop and waits for its end.
  void run(const std::function<net::Task<void>()>& start);
  void stop();

 private:
  SystemClock clock_;
  net::Loop loop_;
  net::Scope scope_;
  std::thread thread_;
};

/// What the tests' rules look for; see kTestPack in the source.
inline constexpr std::string_view kCard = "4111 1111 1111 1111";  ///< t.card: redact
inline constexpr std::string_view kSecret = "SECRET-123456";      ///< t.secret: block
inline constexpr std::string_view kWarn = "WARN-123";             ///< t.warn: warn
inline constexpr std::string_view kShadow = "SHADOW-123";         ///< t.shadow: block, in shadow
inline constexpr std::string_view kInjection = "INJECT-123";      ///< t.inject: warn, in requests

/// What a harness is made with.
struct HarnessOptions {
  model::Limits limits;
  sim::Behaviour behaviour;
  model::Timeouts timeouts;
  bool adopt = true;  ///< put the first generation in force
};

/// The whole data path. Made and used on the test's thread.
class GatewayHarness {
 public:
  using Headers = net::OwnedHeaders;
  explicit GatewayHarness(HarnessOptions options = {});
  ~GatewayHarness();

  [[nodiscard]] std::uint16_t port() const noexcept { return gateway_->port(); }
  [[nodiscard]] std::string url(std::string_view path) const;
  /// `POST /v1/chat/completions` as `acme`, unless headers say otherwise.
  [[nodiscard]] net::Response chat(std::string_view body, Headers headers = {});
  /// The same to any path; `POST /v1/messages` with `anthropic-version`.
  [[nodiscard]] net::Response post(std::string_view path, std::string_view body,
                                   Headers headers = {});
  [[nodiscard]] net::Response messages(std::string_view body, Headers headers = {});
  [[nodiscard]] net::Response get(std::string_view path, Headers headers = {});
  /// A body for chat(): one user message.
  [[nodiscard]] static std::string body(std::string_view route, std::string_view text,
                                        std::string_view more = "");

  /// The providers' doings. `backup` answers for the second target of `two`.
  void script(std::optional<sim::Scripted> scripted);
  void script_backup(std::optional<sim::Scripted> scripted);
  void behave(const sim::Behaviour& behaviour);
  void behave_backup(const sim::Behaviour& behaviour);
  [[nodiscard]] sim::Counts provider_counts();
  [[nodiscard]] sim::Counts backup_counts();
  [[nodiscard]] sim::LastRequest last_request();

  /// Puts the generation in force that `change` makes of the present one, and waits for its
  /// sweep; gives up after ten seconds.
  containment::Sweep change(const std::function<void(model::Generation&)>& change);
  /// What tenants and keys used today before their limits come into force.
  void use_before(gateway::UsedBefore used) { used_before_ = std::move(used); }
  /// A switch over `scope`, and its end.
  containment::Sweep kill(std::string_view scope);
  containment::Sweep release();
  void fail_journal();
  [[nodiscard]] GatedDisk& disk() noexcept { return disk_; }

  /// What is durable: the entries of one kind, or all bytes on disk.
  [[nodiscard]] std::vector<std::string> entries(model::EntryKind kind);
  [[nodiscard]] std::string journal_bytes();
  [[nodiscard]] std::vector<model::DecisionRecord> decisions();
  /// Waits until there are `count` of them, at most ten seconds.
  [[nodiscard]] std::vector<model::EndRecord> ends(std::size_t count);
  [[nodiscard]] std::size_t running();
  /// A sample of `/metrics` as it is written; empty if there is none.
  [[nodiscard]] std::string metric(std::string_view sample);

 private:
  void open_journal();
  void open_providers(const HarnessOptions& options);
  void open_gateway();
  [[nodiscard]] std::shared_ptr<const gateway::Live> live_of(model::Generation generation);

  SystemClock clock_;
  SystemRandom random_;
  std::filesystem::path dir_;
  GatedDisk disk_;
  std::unique_ptr<journal::Journal> journal_;
  LoopThread sim_thread_;
  LoopThread gateway_thread_;
  std::unique_ptr<sim::Provider> sim_;
  std::unique_ptr<sim::Provider> backup_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::shared_ptr<const policy::Engine> engine_;
  model::Generation generation_;
  gateway::UsedBefore used_before_;
  std::shared_ptr<const gateway::Live> live_;
};

/// A client that sees bytes as they come: for streams that are read slowly, cut or left.
class RawClient {
 public:
  /// `receive_bytes` makes the kernel keep no more than about that for the test; 0 leaves it.
  explicit RawClient(std::uint16_t port, int receive_bytes = 0);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(std::string_view bytes);
  /// Sends a POST as `acme`.
  void send_post(std::string_view path, std::string_view body);
  /// To `/v1/chat/completions`.
  void send_chat(std::string_view body);
  /// Reads until `text` has come that many times, the peer closes, or ten seconds have passed
  /// without a byte. All bytes so far.
  const std::string& read_until(std::string_view text, std::size_t times = 1);
  /// Reads until the peer closes, at most ten seconds. True if it did.
  bool read_to_end();
  [[nodiscard]] const std::string& seen() const noexcept { return seen_; }
  void close();

 private:
  bool read_some();
  int fd_ = -1;
  std::string seen_;
};

}  // namespace cordon::tests
