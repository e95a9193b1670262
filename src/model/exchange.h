// One request and its answer, as the journal keeps it: what was decided when it was admitted
// and how it ended. Never the text. The format is docs/formats/entry.md.
#pragma once

#include "codec/json_index.h"
#include "model/action.h"
#include "model/entry.h"
#include "model/incident_class.h"
#include "model/mode.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::model {

/// When the evidence of an exchange must be on disk.
enum class Durability : std::uint8_t { before_answer, before_forward, deferred };
[[nodiscard]] std::string_view to_string(Durability durability) noexcept;
[[nodiscard]] Result<Durability> parse_durability(std::string_view text);

/// Why an exchange ended.
enum class End : std::uint8_t {
  complete,        ///< the whole answer went out
  blocked,         ///< a rule stopped the request or the answer
  killed,          ///< a switch, a lockdown or the end of its key cut it while it ran
  refused,         ///< it was never forwarded: switch, lockdown, limit or no target
  upstream_error,  ///< the provider answered with an error, or could not be reached
  upstream_cut,    ///< the provider's answer ended early
  timeout,
  client_gone,
  end_unknown,  ///< found open after a crash
};
[[nodiscard]] std::string_view to_string(End end) noexcept;
[[nodiscard]] Result<End> parse_end(std::string_view text);

/// Which way the text went in which a rule matched.
enum class Side : std::uint8_t { response, request };

/// Who says a text of a request. `none` for a text of an answer.
enum class Role : std::uint8_t { none, system, user, assistant, tool };
[[nodiscard]] std::string_view to_string(Role role) noexcept;
[[nodiscard]] Result<Role> parse_role(std::string_view text);

/// One rule that matched in one direction of one exchange, all its matches together.
struct Hit {
  std::string rule;
  IncidentClass of_class = IncidentClass::data_leakage;
  std::string data_kind;  ///< empty if the rule has none
  bool personal = false;  ///< that kind is personal data
  bool live = true;       ///< false: shadow, recorded and nothing done
  Action verdict = Action::allow;
  Action action = Action::allow;
  std::uint32_t count = 0;
  /// Matches that did what their class warns of: in an answer, those whose text reached the
  /// client; in a request, prompt injections that were forwarded and answered.
  std::uint32_t delivered = 0;
  std::string commit = {};  ///< base64url; commitment of the first matched span
  Side side = Side::response;
  std::string view = {};   ///< in which the first match showed; empty: as it was written
  Role role = Role::none;  ///< who said the first match, on the request side
};

/// What the rules really looked at.
struct Scanned {
  std::uint64_t bytes = 0;
  std::uint32_t parts = 0;
};

/// The keys that both entries of an exchange share.
struct ExchangeHead {
  std::string exchange;
  std::uint64_t generation = 0;
  std::string tenant;
  std::string route;
  std::string use_case;
  std::string provider;
  std::string model;
  Mode mode = Mode::standard;
  std::vector<std::string> flags = {};  ///< under which the application ran it, as it said
  std::string surface = {};             ///< what was asked for; empty: chat completions or messages
  std::string key = {};                 ///< id of the issued key; empty: one of the configuration
};
inline constexpr std::size_t kFlagsMax = 16;

/// Kind `decision`.
struct DecisionRecord {
  ExchangeHead head;
  Durability durability = Durability::before_answer;
  Action verdict = Action::allow;
  Action action = Action::allow;
  std::string reason;     ///< empty when admitted
  std::string switch_id;  ///< the switch that refused it
  Scanned scanned;
  std::vector<Hit> hits;
  std::string request_commit;
  std::uint64_t request_bytes = 0;
  std::string uninspected = {};  ///< where something stands that no rule could read; else empty
};

enum class UsageSource : std::uint8_t { unknown, provider, estimated };

/// What an exchange cost, all its attempts that a provider billed together.
struct Cost {
  enum class Known : std::uint8_t {
    none,  ///< the node has no prices, or nothing was billed
    whole,
    partly,    ///< for some of what was billed no price was in force
    unpriced,  ///< for none of it
  };
  Known known = Known::none;
  std::uint64_t nano = 0;  ///< nano-units of the currency
  std::string currency = {};
  /// From when on the price of the target that answered is in force; 1970: always.
  WallTime price_from{};
  bool estimated = false;  ///< because its usage is
};

/// How one attempt at a target ended; `open`: it was not asked, because its breaker was open;
/// `untranslatable`: nor was this one, because its dialect has no equal of what the request holds.
enum class AttemptEnd : std::uint8_t {
  answered,
  unreachable,
  timeout,
  overloaded,
  failed,
  cut,
  open,
  untranslatable,
};
inline constexpr std::size_t kAttemptEndCount = 8;
[[nodiscard]] std::string_view to_string(AttemptEnd end) noexcept;
[[nodiscard]] Result<AttemptEnd> parse_attempt_end(std::string_view text);

/// One attempt, in the order in which they were made.
struct AttemptRecord {
  std::string provider;
  std::string model;
  AttemptEnd end = AttemptEnd::answered;
  int status = 0;        ///< the provider's; 0: it said none
  std::uint64_t us = 0;  ///< from sending until its end was known
  /// What the provider says it used for an attempt whose answer nobody got; both 0 if it did not
  /// say. Never part of the exchange's own usage.
  std::uint64_t tokens_in = 0;
  std::uint64_t tokens_out = 0;
  std::uint64_t cost_nano = 0;  ///< of that, by the price of its target
};
/// More are counted, and not listed.
inline constexpr std::size_t kAttemptsListedMax = 32;

/// Kind `response_end`. `hits` are those of the answer, then those of the request.
struct EndRecord {
  ExchangeHead head;
  End end = End::complete;
  int status = 0;
  int upstream_status = 0;
  bool stream = false;
  bool translated = false;  ///< the last target that was asked speaks another dialect
  Action verdict = Action::allow;
  Action action = Action::allow;
  Scanned scanned;
  std::vector<Hit> hits;
  std::uint64_t received_bytes = 0;
  std::uint64_t released_bytes = 0;
  std::uint64_t tokens_in = 0;
  std::uint64_t tokens_out = 0;
  std::uint64_t tokens_cached = 0;       ///< of tokens_in, read from a prompt cache
  std::uint64_t tokens_cache_write = 0;  ///< of tokens_in, written to one
  UsageSource usage = UsageSource::unknown;
  Cost cost = {};
  std::uint64_t first_byte_us = 0;
  std::uint64_t total_us = 0;
  std::uint32_t attempts = 0;  ///< requests sent to providers
  /// Every attempt, where one did not bring the answer; empty where the first one did.
  std::vector<AttemptRecord> tried = {};
  std::string response_commit;
  /// The id of an earlier end record of this exchange whose `end` did not come true: the answer
  /// was torn after it had been written. Such an entry has no hits and counts no exchange.
  std::string amends = {};
  /// Whether the usage of an attempt of `tried` is the exchange's own: what the last one used
  /// before it broke may stand in the entry itself, too.
  [[nodiscard]] bool tells(const AttemptRecord& attempt) const noexcept {
    return &attempt == &tried.back() && attempt.tokens_in == tokens_in &&
           attempt.tokens_out == tokens_out;
  }
};

/// Append a whole entry to `out` and answer with its id. Hot path: no JSON tree is built.
std::string append_entry(const EntryWriter& writer, const DecisionRecord& record, std::string& out);
std::string append_entry(const EntryWriter& writer, const EndRecord& record, std::string& out);

/// Reads entries of exchanges back without building a tree: about a microsecond each. Reuses its
/// buffers; one thread.
class ExchangeReader {
 public:
  /// A record with the time of its entry.
  template <class Record>
  struct Read {
    WallTime recorded{};
    Record record;
  };
  /// A whole entry of that kind; `corrupt` if a key is missing or mistyped.
  [[nodiscard]] Result<Read<DecisionRecord>> decision(std::string_view bytes);
  [[nodiscard]] Result<Read<EndRecord>> response_end(std::string_view bytes);

 private:
  [[nodiscard]] Result<WallTime> open(std::string_view bytes, EntryKind kind);
  codec::JsonIndex index_;
};

}  // namespace cordon::model
