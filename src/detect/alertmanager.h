// What Prometheus' Alertmanager sends to a webhook, version 4, as signals. docs/formats/signal.md
// says how its labels are read.
//
// An alert is known by its fingerprint and the time at which it began; the group that it was sent
// in means nothing, because Alertmanager regroups, resends, and sends twice when it is redundant.
#pragma once

#include "detect/signal.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::detect {

/// How labels are read, and how much is taken. Values.
struct AlertmanagerOptions {
  std::string class_label = "cordon_class";
  std::map<std::string, model::IncidentClass, std::less<>> classes;  ///< by alertname
  std::string scope = "route=*";                                     ///< if labels name none
  std::size_t alerts_max = 1'000;
  std::size_t labels_max = 64;  ///< of one alert; its annotations likewise
};

/// An alert that could not be taken, and why.
struct RefusedAlert {
  std::string name;
  std::string fingerprint;
  std::string reason;
};

/// One notification, taken apart. An alert is in exactly one of the lists.
struct AlertBatch {
  std::vector<Signal> signals;  ///< firing
  std::vector<SignalEnd> ends;  ///< resolved
  std::vector<RefusedAlert> refused;
  std::uint64_t truncated = 0;  ///< alerts that the sender left out
};

/// Reads one notification. Keys that it does not know are no fault. Refuses whole, as `invalid`,
/// what is no version 4 notification, and as `exhausted` more alerts than `alerts_max`. An alert
/// without a class, with an unknown one or with a scope that none can be is refused alone. A
/// resolved alert without an end is over at `now`.
[[nodiscard]] Result<AlertBatch> read_alertmanager(const codec::Json& body,
                                                   const AlertmanagerOptions& options,
                                                   const model::Actor& reporter, WallTime now);

}  // namespace cordon::detect
