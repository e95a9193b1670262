// Everything the gateway obeys, as one immutable value with a number and a digest.
//
// A change makes a new generation; an exchange in flight ends under the one it began with. The
// JSON form is what is digested, kept as a blob and read back for "the state at T". Its format
// is docs/formats/containment.md. No secret is in it: provider keys stay with the gateway.
#pragma once

#include "base/clock.h"
#include "codec/json.h"
#include "model/exchange.h"
#include "model/mode.h"
#include "model/prices.h"
#include "model/resilience.h"
#include "model/scope.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cordon::model {

/// How a provider speaks.
enum class Dialect : std::uint8_t { openai, anthropic };
inline constexpr std::size_t kDialectCount = 2;
[[nodiscard]] std::string_view to_string(Dialect dialect) noexcept;
[[nodiscard]] Result<Dialect> parse_dialect(std::string_view text);

/// A base URL in its parts: `https://host:port/prefix`.
struct Endpoint {
  bool tls = false;
  std::string host;  ///< a name or an address; IPv6 without brackets
  std::uint16_t port = 80;
  std::string prefix;  ///< empty, or begins with a slash and does not end with one

  /// Refuses as `invalid` another scheme, user info, a query, a fragment and a port outside
  /// 1 to 65535.
  [[nodiscard]] static Result<Endpoint> parse(std::string_view url);
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// How long an upstream may take for each step before the exchange fails with `timeout`.
struct Timeouts {
  std::chrono::milliseconds connect{3'000};
  std::chrono::milliseconds first_byte{120'000};
  std::chrono::milliseconds idle{60'000};
  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

/// An upstream API. The key is looked up by name elsewhere and never stands here.
struct Provider {
  std::string name;
  Dialect dialect = Dialect::openai;
  Endpoint endpoint;
  std::string ca_file;  ///< certificates to trust; empty trusts the system's
  Timeouts timeouts;
  Breaker breaker = {};           ///< of each of its targets
  RetryBudget retry_budget = {};  ///< likewise
  friend bool operator==(const Provider&, const Provider&) = default;
};

/// Where an exchange can be sent: a provider, and the model to ask it for.
struct Target {
  std::string provider;
  std::string model;
  std::uint32_t weight = 1;  ///< of its route's requests, where the route weighs
  friend bool operator==(const Target&, const Target&) = default;
};

/// A rulepack by name, and the exact bytes that are in force by SHA-256 in lower-case hex.
struct RulepackRef {
  std::string name;
  std::string digest;
  friend bool operator==(const RulepackRef&, const RulepackRef&) = default;
};

/// Whether the flight recorder keeps the texts of a route's exchanges, encrypted, for a while.
enum class Capture : std::uint8_t { off, on };

/// What becomes of a request with content that no rule can read, such as token numbers in the
/// place of text, where rules are in force.
enum class Uninspected : std::uint8_t { refuse, pass };

/// Whether an exchange may go to a target of another dialect than the caller's, translated.
enum class Translate : std::uint8_t { off, on };

/// The name an application asks for, and what happens to what it asks.
struct Route {
  std::string name;
  std::vector<Target> targets;   ///< tried in order; at most kTargetsMax
  std::vector<Target> fallback;  ///< replaces `targets` while a fallback is active
  std::vector<RulepackRef> rulepacks;
  Mode mode = Mode::standard;
  Durability durability = Durability::before_answer;
  Capture capture = Capture::off;
  /// In force instead of `rulepacks` while a fallback is; absent means the same ones.
  std::optional<std::vector<RulepackRef>> fallback_rulepacks = std::nullopt;
  Uninspected uninspected = Uninspected::refuse;
  Retry retry = {};
  Choice choice = Choice::ordered;
  OnCut on_cut = OnCut::next_target;
  Translate translate = Translate::off;
  friend bool operator==(const Route&, const Route&) = default;
};
inline constexpr std::size_t kTargetsMax = 8;
inline constexpr std::uint32_t kWeightMax = 1'000;

/// What a tenant or a key may use on one node. Of what a minute allows, a bucket holds what may be
/// used at once and fills up again within a minute; a day is one of UTC. 0: no limit.
struct UsageLimits {
  std::uint64_t requests_per_minute = 0;
  std::uint64_t tokens_per_minute = 0;  ///< of requests and answers together
  std::uint64_t cost_per_minute = 0;    ///< nano-units of the currency of the prices
  std::uint64_t requests_per_day = 0;
  std::uint64_t tokens_per_day = 0;
  std::uint64_t cost_per_day = 0;  ///< nano-units
  [[nodiscard]] bool any() const noexcept { return *this != UsageLimits{}; }
  friend bool operator==(const UsageLimits&, const UsageLimits&) = default;
};
inline constexpr std::uint64_t kRequestsMax = 10'000'000;    ///< per minute; per day 1,000 times
inline constexpr std::uint64_t kTokensMax = 10'000'000'000;  ///< likewise
inline constexpr std::uint64_t kPerDayTimes = 1'000;
inline constexpr std::uint64_t kCostMax = 1'000'000'000'000'000'000;  ///< a billion units

/// The form that a generation and entries of keys have; costs in nano-units.
[[nodiscard]] codec::Json write_usage_limits(const UsageLimits& limits);
/// Refuses as `invalid`.
[[nodiscard]] Result<UsageLimits> read_usage_limits(const codec::Json& value);

/// What one key of the configuration may use, within what its tenant may.
struct KeyLimits {
  std::string sha256;
  UsageLimits limits;
  friend bool operator==(const KeyLimits&, const KeyLimits&) = default;
};

/// Who calls. Keys are stored as SHA-256 in lower-case hex; several while one is rotated.
struct Tenant {
  std::string name;
  std::vector<std::string> key_sha256;
  std::vector<std::string> routes;  ///< `*` means every route
  UsageLimits limits = {};
  std::vector<KeyLimits> key_limits = {};  ///< of those keys that have any
  friend bool operator==(const Tenant&, const Tenant&) = default;
};

/// A key that was issued to a tenant while the node ran; see containment/keys.h.
struct IssuedKey {
  std::string id;
  std::string tenant;
  std::string sha256;               ///< of the whole key, lower-case hex
  std::vector<std::string> routes;  ///< of the tenant's; `*` means all of those
  std::optional<WallTime> expires_at;
  UsageLimits limits = {};  ///< within its tenant's
  friend bool operator==(const IssuedKey&, const IssuedKey&) = default;
};

/// A named switch that applications ask about. Off when a switch in force names it.
struct Flag {
  std::string name;
  bool enabled = true;
  friend bool operator==(const Flag&, const Flag&) = default;
};

/// What kind of containment measure; see containment/state.h.
enum class Measure : std::uint8_t { kill_switch, mode, fallback, rollback };
/// `switch`, `mode`, `fallback`, `rollback`.
[[nodiscard]] std::string_view to_string(Measure measure) noexcept;
[[nodiscard]] Result<Measure> parse_measure(std::string_view text);

/// A measure that is in force, as the gateway needs it: overdue ones are in force.
struct MeasureInForce {
  std::string id;
  Measure measure = Measure::kill_switch;
  Scope scope;
  Mode mode = Mode::standard;  ///< of a mode; otherwise without meaning
  friend bool operator==(const MeasureInForce&, const MeasureInForce&) = default;
};

/// Bounds on what one node takes; past one, the refusal names it.
struct Limits {
  std::uint64_t body_bytes_max = 8ULL * 1024 * 1024;
  std::uint64_t answer_bytes_max = 64ULL * 1024 * 1024;
  std::uint32_t connections_max = 20'000;
  std::uint32_t exchanges_max = 10'000;
  std::chrono::milliseconds exchange_time_max{900'000};
  friend bool operator==(const Limits&, const Limits&) = default;
};

/// Immutable once made; shared by every thread. `digest` is the SHA-256 of write_json(to_json())
/// in lower-case hex, set by containment::seal(), and not part of that JSON.
struct Generation {
  std::uint64_t number = 0;
  std::vector<Provider> providers;
  std::vector<Route> routes;
  std::vector<Tenant> tenants;
  std::vector<Flag> flags;
  std::vector<MeasureInForce> measures;  ///< in the order in which they were set
  Limits limits;
  Prices prices;
  std::vector<IssuedKey> keys;  ///< by id; who is not among them and had an id was revoked
  std::string digest;

  [[nodiscard]] codec::Json to_json() const;
  /// Refuses as `corrupt` a missing, unknown or mistyped key. Leaves `digest` empty.
  [[nodiscard]] static Result<Generation> from_json(const codec::Json& value);
  friend bool operator==(const Generation&, const Generation&) = default;
};

}  // namespace cordon::model
