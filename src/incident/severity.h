// How bad is it? Numeric predicates over facts; the worst that fires decides, and explain()
// shows each with its number and threshold.
//
// A fact is a value, unset (nobody asked yet) or failed (its source could not answer). A failed
// fact counts as true at once, an unset one from minute 10.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "codec/json.h"
#include "model/config.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::incident {

/// Lower is worse, so that `<=` reads as "at least this severe".
enum class Severity : std::uint8_t { sev1 = 1, sev2, sev3 };
/// `SEV-1`, `SEV-2`, `SEV-3`.
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;
/// Refuses any other word as `invalid`.
[[nodiscard]] Result<Severity> parse_severity(std::string_view text);

enum class FactState : std::uint8_t { value, unset, failed };
[[nodiscard]] std::string_view to_string(FactState state) noexcept;

/// What is known about one thing that severity depends on.
struct Fact {
  FactState state = FactState::unset;
  double value = 0;    ///< only if `state` is value
  std::string reason;  ///< where it comes from, or why there is none

  [[nodiscard]] static Fact of(double value, std::string source);
  [[nodiscard]] static Fact unset(std::string reason);
  [[nodiscard]] static Fact failed(std::string reason);
};

/// Everything that the predicates look at.
struct Facts {
  Fact delivered_recently;  ///< exchanges that delivered harm and are not stopped, last N seconds
  Fact legal_exposure;      ///< records of personal data delivered, or 1 if a person says so
  Fact tenants;             ///< with delivered harm, in the window
  Fact records;             ///< delivered, in the window
  Fact route_percent;       ///< of the worst route's exchanges, in the window
  Fact impact;              ///< exchanges with delivered harm since the impact began
  Fact stated = Fact::of(0, "no signal states a severity");       ///< 1 to 3, 0 for none
  Fact recurrence = Fact::of(0, "it did not happen in 90 days");  ///< earlier incidents
};

/// Thresholds. Reaching one fires its predicate.
struct SeverityOptions {
  std::chrono::seconds harm_active_window{60};
  double tenants = 3;
  double records = 100;
  double route_percent = 1.0;
  double exchanges = 1;  ///< of `impact`
  std::chrono::seconds blast_window{900};
  std::chrono::milliseconds unset_counts_from{std::chrono::minutes(10)};
  /// Refuses thresholds that are not above zero as `invalid`.
  [[nodiscard]] static Result<SeverityOptions> from(const model::SeverityConfig& config);
};

/// One predicate, judged.
struct Predicate {
  std::string name;
  Severity makes = Severity::sev1;
  Fact fact;
  double threshold = 0;
  bool fired = false;
};

/// All predicates, worst first, and what they add up to.
struct Assessment {
  Severity severity = Severity::sev3;
  std::vector<Predicate> predicates;
  /// The first that fired and makes it this severe; null if nothing did.
  [[nodiscard]] const Predicate* decisive() const noexcept;
};

/// Numbers at which a downgrade was approved, by predicate: these fire again only above them.
using Waived = std::map<std::string, double, std::less<>>;

/// Pure. `age` is the time since t0. What happened before is one step graver than it would be.
[[nodiscard]] Assessment assess(const Facts& facts, const SeverityOptions& options,
                                std::chrono::nanoseconds age, const Waived& waived = {});
/// `{name, severity, state, number, threshold, fired, reason}` for each; no number if unknown.
[[nodiscard]] codec::Json to_json(const Assessment& assessment);

}  // namespace cordon::incident
