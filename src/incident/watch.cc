#include "incident/watch.h"

#include <utility>

namespace cordon::incident {

Watch::Watch(WatchOptions options, Random& random, const Clock& clock)
    : windows_(options.windows),
      detectors_(std::move(options.detectors), windows_),
      desk_(std::move(options.desk), windows_, random, clock) {}

Status Watch::observe(std::uint64_t sequence, std::string_view bytes) {
  CORDON_TRY(const model::EntryKind kind, model::peek_kind(bytes));
  // What was decided is said again, with its outcome, at the end of the exchange.
  if (kind == model::EntryKind::decision) return {};
  if (kind == model::EntryKind::response_end) {
    CORDON_TRY(const auto end, reader_.response_end(bytes));
    observe(sequence, end);
    return {};
  }
  CORDON_TRY(const model::Entry entry, model::parse_entry(bytes));
  CORDON_CHECK(desk_.observe(sequence, entry));
  if (kind == model::EntryKind::signal) {
    CORDON_TRY(const detect::Signal signal, detect::parse_signal(entry));
    detectors_.observe(signal);
  } else if (kind == model::EntryKind::incident_event) {
    CORDON_TRY(const Happening happening, parse_happening(entry));
    const auto* moved = std::get_if<Moved>(&happening.event);
    const Incident* incident = desk_.find(happening.incident);
    const bool resolved =
        moved != nullptr && (moved->to == State::closed || moved->to == State::declined);
    if (resolved && incident != nullptr) {
      for (const model::Scope& scope : incident->scopes) {
        detectors_.rearm(incident->of_class, scope, happening.recorded);
      }
    }
  }
  return {};
}

void Watch::observe(std::uint64_t sequence, const End& end) {
  if (sequence < next_) return;
  next_ = sequence + 1;
  // Its exchange was counted with the entry that it amends.
  if (!end.record.amends.empty()) return;
  windows_.observe(end.record, end.recorded);
  detectors_.observe(end.record, end.recorded);
  desk_.observe(end.record, end.recorded);
}

std::vector<Draft> Watch::step(WallTime now) const {
  std::vector<Draft> drafts = desk_.step(now);
  for (const detect::Signal& signal : detectors_.look(now)) {
    drafts.push_back({model::EntryKind::signal, detect::to_body(signal), {}});
  }
  return drafts;
}

}  // namespace cordon::incident
