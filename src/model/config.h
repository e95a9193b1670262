// cordon.yaml as a value: what an operator wrote, checked whole or refused whole.
//
// Works with an empty file. Every error reads `file:line:col: found X, expected Y`; an unknown
// key is refused with the nearest known one, and names that point elsewhere (a route's provider,
// a tenant's route) must point at something. The keys are docs/formats/config.md.
#pragma once

#include "model/comms.h"
#include "model/config_signals.h"
#include "model/generation.h"
#include "model/incident_class.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::model {

/// Whether a client must show a certificate where the listener trusts some.
enum class ClientCert : std::uint8_t { required, optional };

/// Where to listen, and the certificate if it is TLS. Files are read when the program starts.
struct Listen {
  std::string address;     ///< an IP address, never a name
  std::uint16_t port = 0;  ///< 0 lets the kernel choose
  std::string cert_file;
  std::string key_file;        ///< both or neither
  std::string client_ca = {};  ///< clients are trusted by these; empty: they are asked for nothing
  ClientCert client_cert = ClientCert::required;
  [[nodiscard]] bool tls() const noexcept { return !cert_file.empty(); }
  friend bool operator==(const Listen&, const Listen&) = default;
};

/// How the journal writes. Bounds are in docs/formats/config.md.
struct JournalConfig {
  std::uint64_t segment_bytes = 64ULL * 1024 * 1024;
  std::chrono::milliseconds lazy_window{10};  ///< longest a deferred entry waits for the disk
  std::uint64_t queue_bytes_max = 64ULL * 1024 * 1024;
  friend bool operator==(const JournalConfig&, const JournalConfig&) = default;
};

/// A provider, and where its key comes from: an environment variable, a file, or neither.
struct ProviderConfig {
  Provider provider;
  std::string key_env;
  std::string key_file;
  std::string client_cert = {};  ///< shown to a provider that asks; with its key or neither
  std::string client_key = {};
};

/// A route as written: rulepacks by name, because their digests are known only once loaded.
struct RouteConfig {
  std::string name;
  std::vector<Target> targets;
  std::vector<Target> fallback;
  std::vector<std::string> rulepacks;
  Mode mode = Mode::standard;
  Durability durability = Durability::before_answer;
  Capture capture = Capture::off;
  /// For the time of a fallback; absent means those of the route.
  std::optional<std::vector<std::string>> fallback_rulepacks = std::nullopt;
  Uninspected uninspected = Uninspected::refuse;
  Retry retry = {};
  Choice choice = Choice::ordered;
  OnCut on_cut = OnCut::next_target;
  Translate translate = Translate::off;
};

/// Rulepacks besides those built in: every *.yaml of `dir`, and the files named.
struct RulepacksConfig {
  std::string dir;
  std::vector<std::string> files;
  friend bool operator==(const RulepacksConfig&, const RulepacksConfig&) = default;
};

/// Names of the rulepacks that ship inside the program.
inline constexpr std::string_view kBuiltinRulepacks[] = {"core-drift", "core-injection",
                                                         "core-leakage", "core-unsafe"};

/// What Cordon does by itself when an incident of a class and severity opens.
enum class AutoDo : std::uint8_t { shadow, ask, act };
[[nodiscard]] std::string_view to_string(AutoDo what) noexcept;
/// Applies to this severity and every graver one.
struct AutoContainment {
  IncidentClass of_class = IncidentClass::data_leakage;
  int severity = 1;  ///< 1 to 3
  AutoDo what = AutoDo::ask;
  friend bool operator==(const AutoContainment&, const AutoContainment&) = default;
};

/// Bounds and defaults for containment measures.
struct ContainmentConfig {
  std::chrono::milliseconds expiry_max{std::chrono::hours(24 * 30)};
  friend bool operator==(const ContainmentConfig&, const ContainmentConfig&) = default;
};

/// The whole file. A value; app hands each module its part.
struct Config {
  std::string node = "node-1";
  std::string data_dir = "cordon-data";
  Listen gateway{"127.0.0.1", 8080, {}, {}};
  Listen control{"127.0.0.1", 8081, {}, {}};
  std::uint32_t threads = 0;  ///< gateway I/O threads; 0 means one per core
  JournalConfig journal;
  std::vector<ProviderConfig> providers;
  Prices prices;
  std::vector<RouteConfig> routes;
  std::vector<Tenant> tenants;
  std::vector<Flag> flags;
  RulepacksConfig rulepacks;
  Limits limits;
  std::vector<DetectorConfig> detectors;  ///< the defaults when the file names none
  SeverityConfig severity;
  IngestConfig ingest;
  EscalationConfig escalation;
  ContainmentConfig containment;
  std::vector<AutoContainment> auto_containment;
  std::vector<ConnectorConfig> connectors;
  UpdatesConfig updates;

  /// `file` only names the source in errors. Refuses as `invalid` or `exhausted`, whole.
  /// Names of rulepacks in `rulepacks.dir` and `files` are not known here: only when neither is
  /// given is a route's rulepack checked against the built-in ones.
  [[nodiscard]] static Result<Config> parse(std::string_view text, std::string_view file);
};

}  // namespace cordon::model
