// Something was noticed: by a detector, by a foreign alert, by a customer, by an analyst. The
// body of an entry of kind `signal`; the format is docs/formats/signal.md.
#pragma once

#include "base/clock.h"
#include "codec/json.h"
#include "model/actor.h"
#include "model/entry.h"
#include "model/incident_class.h"
#include "model/scope.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace cordon::detect {

/// Who noticed. `detector` is one of ours, `alert` is another system's.
enum class SignalSource : std::uint8_t { detector, alert, customer_report, analyst_review };
[[nodiscard]] std::string_view to_string(SignalSource source) noexcept;
/// Refuses any other word as `invalid`.
[[nodiscard]] Result<SignalSource> parse_signal_source(std::string_view text);

/// A signal that claims to be later than it was recorded by more than this has a wrong clock.
inline constexpr std::chrono::minutes kClockSkewMax{5};
inline constexpr std::size_t kSummaryBytesMax = 1'000;
inline constexpr std::size_t kDedupeKeyBytesMax = 255;
inline constexpr std::size_t kEvidenceBytesMax = 500;

/// One signal. A value. `id` and `recorded` are the entry's: empty until it is journalled.
struct Signal {
  std::string id;
  SignalSource source = SignalSource::detector;
  std::string detector;  ///< its name; of a person's signal, empty
  model::Actor reporter;
  model::IncidentClass of_class = model::IncidentClass::data_leakage;
  model::Scope scope;
  WallTime recorded{};
  WallTime time{};            ///< when the impact began, as far as its source knows
  std::string summary;        ///< one sentence for a person; never prompt text
  std::string dedupe_key;     ///< of a sender that repeats itself; empty for none
  std::string evidence;       ///< where to look: a URL, a ticket, a digest; empty: this entry
  std::uint8_t severity = 0;  ///< 1 to 3 as its source says; 0: it does not say
  codec::Json numbers = codec::Json::object();  ///< what made it fire

  /// True if `time` lies further in the future than clocks may differ. Accepted all the same.
  [[nodiscard]] bool clock_suspect() const noexcept { return time - recorded > kClockSkewMax; }
};

/// `SEV-1` to `SEV-3` as a number, 0 for an empty text. Refuses any other word as `invalid`.
[[nodiscard]] Result<std::uint8_t> parse_stated_severity(std::string_view text);

/// A sender says that what it noticed is over. It closes nothing: people do that.
struct SignalEnd {
  SignalSource source = SignalSource::alert;
  std::string dedupe_key;  ///< of the signal that is over, whether or not that one ever came
  model::Actor reporter;
  WallTime time{};  ///< when it was over, as far as its source knows
};
[[nodiscard]] codec::Json to_body(const SignalEnd& end);
/// Refuses as `corrupt` another kind, and a key that is missing or mistyped.
[[nodiscard]] Result<SignalEnd> parse_signal_end(const model::Entry& entry);

/// The body of its entry, without `id` and `recorded`.
[[nodiscard]] codec::Json to_body(const Signal& signal);
/// Refuses as `corrupt` another kind, and a key that is missing or mistyped.
[[nodiscard]] Result<Signal> parse_signal(const model::Entry& entry);
/// The one form in which people see a signal, id and both times included.
[[nodiscard]] codec::Json to_json(const Signal& signal);

}  // namespace cordon::detect
