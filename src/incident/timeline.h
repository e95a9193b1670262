// Everything that concerns one incident, in one order: signals, containments, receipts,
// generations, custody, and its own events, each with its entry's id and both times.
#pragma once

#include "base/clock.h"
#include "codec/json.h"
#include "model/entry.h"

#include <cstdint>
#include <span>
#include <string>

namespace cordon::incident {

/// One entry, seen from its incident.
struct TimelineItem {
  std::uint64_t sequence = 0;  ///< of the entry in the journal
  std::string id;              ///< of the entry
  model::EntryKind kind = model::EntryKind::incident_event;
  WallTime time{};      ///< when it was so; `recorded` if the entry does not say
  WallTime recorded{};  ///< when it was written down
  std::string actor;    ///< `person:anna`, `service:detect`; `unknown` if the entry names none
  std::string text;     ///< one line for a person
  codec::Json fields;   ///< the entry's body
};

/// What an entry says, in one line. Never prompt text.
[[nodiscard]] TimelineItem make_item(std::uint64_t sequence, const model::Entry& entry);
[[nodiscard]] codec::Json to_json(const TimelineItem& item);
/// One JSON object a line, for the bundle.
[[nodiscard]] std::string to_lines(std::span<const TimelineItem> items);

}  // namespace cordon::incident
