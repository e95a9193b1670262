// Reads the sections of cordon.yaml whose values are in config_signals.h.
#pragma once

#include "codec/yaml.h"
#include "model/config_signals.h"

#include <vector>

namespace cordon::model::internal {

/// One for each class.
[[nodiscard]] std::vector<DetectorConfig> default_detectors();
/// The defaults if the file names none.
[[nodiscard]] Status read_detectors(const codec::YamlNode& root, std::vector<DetectorConfig>& out);
/// Refuses levels that are missing, and thresholds that leave a level no room.
[[nodiscard]] Status read_severity(const codec::YamlNode& root, SeverityConfig& severity);
[[nodiscard]] Status read_ingest(const codec::YamlNode& root, IngestConfig& ingest);
/// `rota` and `escalation`.
[[nodiscard]] Status read_escalation(const codec::YamlNode& root, EscalationConfig& escalation);

}  // namespace cordon::model::internal
