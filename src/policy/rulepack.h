// What an operator writes: rules, and the file that holds them.
//
// A rulepack is read whole or refused whole, with the line and column of what is wrong; there is
// never half a policy. Its identity is the SHA-256 of the file's bytes; `version` is for people.
// The format is docs/formats/rulepack.md.
#pragma once

#include "base/result.h"
#include "model/action.h"
#include "model/incident_class.h"
#include "policy/view.h"

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::policy {

class Matcher;

/// Which text of an exchange a rule reads.
enum class Part : std::uint8_t { request, response, tool_arguments, reasoning };
inline constexpr std::size_t kPartCount = 4;
[[nodiscard]] std::string_view to_string(Part part) noexcept;

/// Whether a rule may act. A shadow rule's verdict is recorded and nothing is done.
enum class RuleState : std::uint8_t { live, shadow };
[[nodiscard]] std::string_view to_string(RuleState state) noexcept;

/// What becomes of a text on which a rule could not be evaluated within its limits.
enum class OnError : std::uint8_t { fail_closed, fail_open };

/// How a rule finds its text.
enum class MatchKind : std::uint8_t { pattern, dictionary, canary };

/// What a pattern's candidate must also satisfy; see validators.h and
/// national_ids.h.
enum class Validator : std::uint8_t {
  none,
  luhn,
  iban,
  ssn,
  entropy,
  generated,
  aba,
  nhs,
  cpf,
  dni,
  codice_fiscale,
  nir,
  pesel,
  bsn,
  verhoeff
};

/// Another catalogue's name for what a rule finds, such as owasp-llm 2025 LLM02.
struct Reference {
  std::string scheme;
  std::string edition;
  std::string id;
};

/// What a rule costs, known when it is loaded. Widths are bytes of a match.
struct Price {
  std::uint32_t width_min = 0;
  std::uint32_t width_max = 0;      ///< kUnbounded when a match has no widest form
  std::uint32_t literal_bytes = 0;  ///< longest run of plain text a match must hold; 0 scans all
  static constexpr std::uint32_t kUnbounded = 0xFFFFFFFF;
};

/// One rule as the operator wrote it, checked. Immutable after load.
struct Rule {
  std::string id;  ///< unique over all packs of an engine; evidence cites it
  model::IncidentClass incident_class = model::IncidentClass::data_leakage;
  std::string data_kind;  ///< what kind of data it finds, such as payment_card; may be empty
  std::array<bool, kPartCount> on{};
  MatchKind kind = MatchKind::pattern;
  RuleState state = RuleState::live;
  model::Action action = model::Action::warn;      ///< in standard mode
  model::Action emergency = model::Action::block;  ///< in emergency mode
  OnError on_error = OnError::fail_closed;
  ViewSet views = in(View::raw);  ///< in which it looks
  bool hold_whole = false;        ///< the text is held to its end; the only way to be unbounded
  std::string rationale;
  std::vector<Reference> refs;
  std::vector<std::string> tests_match;  ///< each is found by this rule
  std::vector<std::string> tests_pass;   ///< none is
  Price price;
  std::bitset<128> tail;  ///< bytes that follow a match and are redacted with it, unbounded
  std::shared_ptr<const Matcher> matcher;  ///< confirms a candidate; never null
  std::uint32_t line = 0;                  ///< where the rule begins in its file
};

/// Whether a data kind identifies a person, so that its leak is legal exposure.
[[nodiscard]] bool is_personal_data(std::string_view data_kind) noexcept;
/// The data kinds a rule may name.
[[nodiscard]] std::span<const std::string_view> data_kinds() noexcept;

/// Bounds on one rulepack; each is refused with an error that names it.
struct RulepackLimits {
  std::size_t text_bytes_max = 1024 * 1024;
  std::size_t rules_max = 2000;
  std::size_t pattern_bytes_max = 4096;
  std::size_t words_max = 10'000;        ///< of one dictionary or canary list
  std::uint32_t match_bytes_max = 1024;  ///< widest match of a streamed rule: delays a stream
};

/// A file of rules. Immutable, shared by every engine compiled from it.
struct Rulepack {
  std::string name;
  std::string version;
  std::string digest;  ///< lower-case hex SHA-256 of the file's bytes
  std::vector<Rule> rules;

  /// Reads the YAML form and runs every rule's own tests. Refuses as `invalid` an unknown or
  /// missing key, a duplicate id, a pattern that cannot be streamed and a failing test; as
  /// `exhausted` what passes a limit. The detail reads `file:line:col: ...`.
  [[nodiscard]] static Result<std::shared_ptr<const Rulepack>> parse(
      std::string_view text, std::string_view file, const RulepackLimits& limits = {});
};

/// A rulepack that ships inside the program.
struct BuiltinPack {
  std::string_view file;  ///< core-leakage.yaml
  std::string_view text;
};

/// The packs in rulepacks/, in the order of their names.
[[nodiscard]] std::span<const BuiltinPack> builtin_packs() noexcept;

}  // namespace cordon::policy
