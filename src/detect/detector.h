// Detectors: look at the live windows every second and say what is wrong, with the numbers that
// say so. A detector never opens an incident; it writes a signal.
//
// To suppress repetition is not to correlate: one detector fires once per class and scope until
// `hold` has passed, the trouble has paused for `rearm`, or rearm() is called because the
// incident was resolved. Which incident a signal belongs to is incident's question.
#pragma once

#include "detect/signal.h"
#include "detect/windows.h"
#include "model/config.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace cordon::detect {

/// What a burst counts, in exchanges: harm that reached clients, or matches at all.
enum class BurstMetric : std::uint8_t { delivered, matched };

/// Fires on a route when the exchanges counted in `window` are too many for the baseline before
/// it. Time not yet watched counts as quiet for `delivered`, and keeps `matched` silent.
struct BurstOptions {
  std::string name = "burst";
  model::IncidentClass of_class = model::IncidentClass::data_leakage;
  BurstMetric metric = BurstMetric::delivered;
  std::chrono::seconds window{60};
  std::chrono::seconds baseline{3'540};
  std::uint32_t min_count = 3;
  double false_alarms_per_day = 0.1;  ///< per route, by the union bound over one look a second
  std::optional<double> rate_per_s;   ///< declared instead of learned
};

/// Fires at once on any match of a canary: a rule that is named, or one whose data kind is `canary`
/// unless it was made from the tokens of a configured detector, which then answers for it alone.
struct CanaryOptions {
  std::string name = "canary";
  std::set<std::string, std::less<>> rules;
};

/// What a threshold compares.
enum class ThresholdMetric : std::uint8_t { error_percent, delivered_percent, blocked_percent };
/// Fires on a route when the metric over `window` is above `above`, given enough exchanges.
struct ThresholdOptions {
  std::string name = "threshold";
  model::IncidentClass of_class = model::IncidentClass::unsafe_output;
  ThresholdMetric metric = ThresholdMetric::delivered_percent;
  double above = 5.0;
  std::chrono::seconds window{60};
  std::uint64_t min_exchanges = 50;
};

/// All detectors of a node. Names are unique.
struct DetectorsOptions {
  std::vector<BurstOptions> bursts;
  std::vector<CanaryOptions> canaries;
  std::vector<ThresholdOptions> thresholds;
  std::chrono::seconds hold{300};
  std::chrono::seconds rearm{30};
  /// A delivered and a matched burst for each class that rules measure, and a canary.
  [[nodiscard]] static DetectorsOptions defaults();
  /// The rule that is made from the tokens of a configured canary.
  [[nodiscard]] static std::string canary_rule(std::string_view detector);
  /// What the configuration names, or the defaults if it names none.
  [[nodiscard]] static DetectorsOptions from(std::span<const model::DetectorConfig> configured);
};

/// One thread's. A fold over ends and signals: after a restart, the same entries give the same
/// suppression. The windows must outlive it and be fed first.
class Detectors {
 public:
  Detectors(DetectorsOptions options, const Windows& windows);

  void observe(const model::EndRecord& end, WallTime recorded);
  /// Also the detectors' own signals, when they come back from the journal.
  void observe(const Signal& signal);
  /// The incident about this class in this scope was resolved at `at`: what was counted before
  /// is history, the next trouble is news.
  void rearm(model::IncidentClass of_class, const model::Scope& scope, WallTime at);

  /// What is wrong at `now` and was not said yet. Pure: the caller journals each signal, and
  /// calls again only after observe() has seen them.
  [[nodiscard]] std::vector<Signal> look(WallTime now) const;

 private:
  /// Of one detector, class and scope.
  struct Key {
    std::string detector;
    model::IncidentClass of_class;
    std::string scope;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  /// When it last spoke, and the last event that it counts.
  struct Memory {
    std::optional<WallTime> fired;
    std::optional<WallTime> counted;
    bool armed = true;
    std::optional<WallTime> since;  ///< what came before belongs to a resolved incident
  };
  /// A canary seen since it last fired.
  struct Sighting {
    WallTime first{};
    std::uint64_t exchanges = 0;
    std::uint64_t delivered = 0;
    std::set<std::string, std::less<>> rules;
  };

  static constexpr std::size_t kCanaryRulesMax = 32;

  [[nodiscard]] Key key_of(const std::string& detector, model::IncidentClass of_class,
                           const std::string& route) const;
  void count(const Key& key, WallTime at);
  /// The window without what belongs to a resolved incident.
  [[nodiscard]] std::chrono::seconds clip(const Key& key, std::chrono::seconds window,
                                          WallTime now) const;
  [[nodiscard]] bool may_fire(const Key& key, WallTime now) const;
  [[nodiscard]] std::optional<Signal> look_burst(const BurstOptions& burst,
                                                 const std::string& route, WallTime now) const;
  [[nodiscard]] std::optional<Signal> look_threshold(const ThresholdOptions& threshold,
                                                     const std::string& route, WallTime now) const;
  void look_canaries(WallTime now, std::vector<Signal>& out) const;

  DetectorsOptions options_;
  const Windows& windows_;
  std::map<Key, Memory> memory_;
  std::map<Key, Sighting> sightings_;
};

}  // namespace cordon::detect
