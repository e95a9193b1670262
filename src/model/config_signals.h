// The part of cordon.yaml that says what is noticed, how bad it is, and who is called.
#pragma once

#include "model/incident_class.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace cordon::model {

/// A detector: `burst` compares the last window with the baseline before it, `canary` fires on
/// one hit of a token that should never appear.
enum class DetectorKind : std::uint8_t { burst, canary };
/// One detector. A field that its kind does not use keeps its default.
struct DetectorConfig {
  std::string name;
  DetectorKind kind = DetectorKind::burst;
  IncidentClass of_class = IncidentClass::data_leakage;
  std::chrono::milliseconds window{60'000};
  std::chrono::milliseconds baseline{3'600'000};
  std::uint32_t min_count = 3;        ///< fewer hits in the window never fire
  double false_alarms_per_day = 0.1;  ///< how rare the count must be under the baseline
  std::vector<std::string> tokens;    ///< of a canary
  friend bool operator==(const DetectorConfig&, const DetectorConfig&) = default;
};

/// Severity thresholds: reaching any of the first three makes a SEV-1, `exchanges` a SEV-2. A
/// SEV-3 is what reaches none.
struct SeverityConfig {
  std::uint32_t tenants = 3;
  std::uint32_t records = 100;
  double route_percent = 1.0;   ///< of a route's exchanges in the window
  std::uint32_t exchanges = 1;  ///< that delivered harm
  std::chrono::milliseconds window{900'000};
  /// From when on a fact that nobody established counts against us.
  std::chrono::milliseconds unset_counts_from{600'000};
  friend bool operator==(const SeverityConfig&, const SeverityConfig&) = default;
};

/// A foreign alert by its name, and the class it stands for.
struct AlertClass {
  std::string alert;
  IncidentClass of_class = IncidentClass::data_leakage;
  friend bool operator==(const AlertClass&, const AlertClass&) = default;
};

/// How signals of others are read.
struct IngestConfig {
  std::string class_label = "cordon_class";  ///< of an alert; comes before `classes`
  std::vector<AlertClass> classes;
  std::string scope = "route=*";  ///< of an alert whose labels name none
  std::uint32_t reports_per_minute = 60;
  friend bool operator==(const IngestConfig&, const IngestConfig&) = default;
};

/// Who is called, in order, and how long each step may take.
struct EscalationConfig {
  std::vector<std::string> rota;              ///< persons by the name on their token
  std::chrono::milliseconds accept{300'000};  ///< until a commander accepts
  std::chrono::milliseconds contain{1'200'000};
  friend bool operator==(const EscalationConfig&, const EscalationConfig&) = default;
};

}  // namespace cordon::model
