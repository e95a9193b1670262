// Decides what may pass: matches the text of an exchange against compiled rulepacks.
//
// An Engine is immutable. A reload compiles a new one and swaps the pointer; an exchange in flight
// ends under the generation it began with, and its evidence names that one.
//
// What a text means does not depend on how it is cut. For every rule the matches are the leftmost
// ones that do not overlap, as a search of the whole text would find them. A Scanner keeps back
// only what such a match could still cover: the widest rule that may redact or block in its part
// and mode, plus four bytes, and at most 104 bytes that may yet call for a view. Where no rule may,
// nothing is kept back.
#pragma once

#include "base/result.h"
#include "model/action.h"
#include "model/mode.h"
#include "policy/rulepack.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::policy {

class EngineCore;
class ScanState;

/// One place where a rule matched.
struct Finding {
  std::uint32_t rule = 0;   ///< Engine::rule(rule)
  std::uint64_t begin = 0;  ///< bytes from the start of the text, before any redaction
  std::uint64_t end = 0;    ///< just past the match
  model::Action verdict = model::Action::allow;  ///< what the rule asks for in this mode
  model::Action action = model::Action::allow;   ///< what was done: allow in observe and shadow
  View view = View::raw;  ///< in which it showed; begin and end are of the text all the same
  bool by_error = false;  ///< the rule could not be evaluated here and fails closed

  friend bool operator==(const Finding&, const Finding&) = default;
};

/// What the rules say about the text so far. It only ever grows stricter. Once `action` is block
/// it is final: it holds the findings up to the blocking one and no later text changes it.
struct Decision {
  model::Action verdict = model::Action::allow;  ///< strongest, shadow and observe included
  model::Action action = model::Action::allow;   ///< strongest that was done
  std::vector<Finding> findings;                 ///< by `begin`, then rule; the first 256
  std::uint64_t findings_total = 0;              ///< counts on after `findings` is full
  std::uint64_t errors_total = 0;                ///< evaluations that passed a match limit
  std::uint64_t bytes_scanned = 0;

  friend bool operator==(const Decision&, const Decision&) = default;
};

/// Why an engine was refused. Refused whole: the engine in force stays.
struct CompileError {
  std::string rulepack;
  std::string rule_id;  ///< empty when no single rule is at fault
  std::string reason;
};

/// Bounds that keep one hostile text or one bad pack from costing more than its share.
struct Limits {
  std::size_t rules_max = 4000;
  std::uint32_t findings_kept_max = 256;           ///< per scanner
  std::uint64_t held_bytes_max = 4 * 1024 * 1024;  ///< a text under a `hold: whole` rule
};

/// A digest an exchange's evidence names.
struct PackDigest {
  std::string name;
  std::string version;
  std::string digest;
};

/// Matches one text stream, such as the content of one choice, as it arrives. Belongs to the
/// thread that runs its exchange; keeps its engine alive. Moves, does not copy.
class Scanner {
 public:
  Scanner(Scanner&&) noexcept;
  Scanner& operator=(Scanner&&) noexcept;
  ~Scanner();

  /// Takes the next bytes of valid UTF-8 and appends to `out` what may be released now, with
  /// redactions applied. Cannot fail. After a block nothing more is appended.
  void feed(std::string_view chunk, std::string& out);
  /// The text has ended: settles the rest and appends it. Called once, after the last feed.
  void finish(std::string& out);
  /// Valid until the scanner ends. Grows with `feed` and `finish`.
  [[nodiscard]] const Decision& decision() const noexcept;
  /// Bytes fed and not yet appended; 0 after `finish`.
  [[nodiscard]] std::uint64_t held_bytes() const noexcept;

  /// The last bytes fed, from byte `begin` of the text on: at least what was fed last and what a
  /// match in it that is found now may begin in. Valid until the next call but these.
  struct Recent {
    std::string_view bytes;
    std::uint64_t begin;
  };
  [[nodiscard]] Recent recent() const noexcept;
  /// Lets go of all that no decision to come looks at, as the next feed does anyway: a text may be
  /// waiting for long.
  void forget();

 private:
  friend class Engine;
  explicit Scanner(std::unique_ptr<ScanState> state) noexcept;
  std::unique_ptr<ScanState> state_;
};

/// Compiled rulepacks. Immutable, so any number of threads may read it.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  using Compiled = tl::expected<std::shared_ptr<const Engine>, CompileError>;

  /// Refuses a rule id used twice, a pattern Hyperscan rejects, and a rule whose own tests the
  /// compiled engine does not reproduce. Takes a fraction of a second: call it off the I/O threads.
  [[nodiscard]] static Compiled compile(std::span<const std::shared_ptr<const Rulepack>> packs,
                                        const Limits& limits = {});
  ~Engine();

  /// Starts matching one text. In lockdown, which the gateway acts on, rules act as in emergency.
  [[nodiscard]] Scanner open(Part part, model::Mode mode) const;
  /// Decides a whole text at once: the decision a scanner fed with it would reach. `redacted`,
  /// when given, receives what that scanner would have released.
  [[nodiscard]] Decision scan(Part part, model::Mode mode, std::string_view text,
                              std::string* redacted = nullptr) const;

  /// What a scanner of this part and mode keeps back of plain text; kHoldsWhole under `hold:
  /// whole`.
  [[nodiscard]] std::uint32_t hold_bytes(Part part, model::Mode mode) const noexcept;
  static constexpr std::uint32_t kHoldsWhole = 0xFFFFFFFF;
  [[nodiscard]] std::size_t rule_count() const noexcept;
  [[nodiscard]] const Rule& rule(std::uint32_t index) const noexcept;
  /// The pack that holds a rule.
  [[nodiscard]] const Rulepack& rulepack_of(std::uint32_t index) const noexcept;
  [[nodiscard]] std::span<const PackDigest> digests() const noexcept;
  /// Bytes of all compiled databases.
  [[nodiscard]] std::size_t database_bytes() const noexcept;

 private:
  explicit Engine(std::unique_ptr<const EngineCore> core) noexcept;
  std::unique_ptr<const EngineCore> core_;
};

/// What stands in a released text for a redacted span: `[redacted:payment_card]`.
[[nodiscard]] std::string redaction_token(const Rule& rule);

}  // namespace cordon::policy
