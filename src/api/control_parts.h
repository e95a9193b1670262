// What the control plane is made from, and the values that it answers with.
#pragma once

#include "api/gateways.h"
#include "containment/keys.h"
#include "containment/receipt.h"
#include "containment/state.h"
#include "evidence/log.h"
#include "incident/watch.h"
#include "journal/journal.h"
#include "model/config.h"
#include "model/entry.h"
#include "net/worker.h"
#include "store/archive.h"
#include "store/flight_recorder.h"
#include "store/vault.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace cordon::api {

/// What the control plane works with. All of it outlives the control plane.
struct Parts {
  net::Loop& loop;
  journal::Journal& journal;
  store::Archive& archive;
  evidence::Log& log;
  Gateways& gateways;
  const model::EntryWriter& writer;
  net::Worker& worker;  ///< for what blocks
  net::Worker& bench;   ///< for rules and replays, which must not wait for a freeze
  store::Vault& vault;
  const store::FlightReader& flight;
};

/// A rulepack as it was loaded.
struct LoadedRulepack {
  std::string version;
  std::string digest;
  std::string text;
};

class ConfigSource;

/// What it is configured with. Values.
struct ControlOptions {
  model::Config config;
  std::map<std::string, LoadedRulepack, std::less<>> rulepacks;  ///< by name
  std::filesystem::path evidence_dir;                            ///< bundles go here
  incident::WatchOptions watch;
  std::shared_ptr<const ConfigSource> source;  ///< null: a reload is refused
};

/// A measure with the proof that it took hold.
struct Contained {
  containment::Containment containment;
  containment::Receipt receipt;
};

/// A key after a change, with the proof that it took hold.
struct KeyChanged {
  containment::Key key;
  containment::Receipt receipt;
  std::string secret;  ///< of a key that was made just now; else empty
};

/// What came of an order: it is done, or it waits for a second person.
template <class T>
using Ordered = std::variant<T, containment::Asked>;

/// An incident after a command of two people.
struct Commanded {
  std::string incident;
};

/// A bundle as frozen, from its custody entries.
struct EvidenceRecord {
  std::string id;
  std::string incident;
  std::string sha256;
  std::uint64_t tree_size = 0;
  std::uint64_t records = 0;
  bool verified = false;
};

/// What became of one notification of another system.
struct Ingested {
  std::vector<std::string> taken;  ///< entry ids of new signals
  std::uint64_t repeated = 0;      ///< alerts and ends that were known
  std::uint64_t ended = 0;
  std::string refusal;  ///< why some were not taken; empty if all were
};
/// The same since the start, for metrics.
struct IngestCounts {
  std::uint64_t taken = 0;
  std::uint64_t repeated = 0;
  std::uint64_t ended = 0;
  std::uint64_t refused = 0;
  std::uint64_t left_out = 0;  ///< by the sender
};

/// What recover() found.
struct Recovered {
  std::uint64_t entries = 0;
  std::chrono::milliseconds took{};
};

/// Longest wait for the worker to write and verify a bundle.
inline constexpr std::chrono::minutes kFreezeWait{10};
inline constexpr std::uint64_t kMarkEvery = 1024;
/// A bundle covers this much before the impact is known to have begun.
inline constexpr std::chrono::minutes kBeforeImpact{5};
/// Exchanges in one bundle, at most; more is refused as `exhausted`.
inline constexpr std::size_t kBundleEntriesMax = 200'000;

}  // namespace cordon::api
