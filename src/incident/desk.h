// The incident desk: turns signals into incidents and keeps their state. Nothing here waits for
// a person, asks a clock or writes: the caller feeds entries in journal order, and journals the
// drafts that step() and decide() answer with. State changes only when a draft comes back as an
// entry, so the same journal gives the same state.
#pragma once

#include "detect/signal.h"
#include "detect/windows.h"
#include "incident/incident.h"
#include "incident/outcomes.h"
#include "incident/phases.h"
#include "incident/scorecard.h"
#include "incident/severity.h"
#include "incident/timeline.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::incident {

/// An entry to be journalled.
struct Draft {
  model::EntryKind kind = model::EntryKind::incident_event;
  codec::Json body;
  std::string blob;  ///< to be in the archive before the entry is written; empty: none
};

/// Another incident that may have to do with one, and why.
struct Related {
  std::string incident;
  std::string how;  ///< `same`, `beside`, `earlier` or `merged`
  std::string why;
};

/// Bounds and choices of the desk.
struct DeskOptions {
  SeverityOptions severity;
  PeopleOptions people;
  std::chrono::minutes join_within{60};  ///< since the incident's last signal, or its reopening
  /// Classes that rules in force can see; the facts of another class are unset, not zero.
  std::set<model::IncidentClass> measured{model::IncidentClass::prompt_injection_bypass,
                                          model::IncidentClass::data_leakage};
  model::UpdatesConfig updates;
  std::size_t incidents_max = 10'000;
  std::size_t signals_max = 100'000;        ///< remembered; the oldest assigned ones go first
  std::size_t timeline_items_max = 10'000;  ///< per incident; beyond it they are counted
};

/// One thread's. The windows must outlive it and be fed first.
class Desk {
 public:
  Desk(DeskOptions options, const detect::Windows& windows, Random& random, const Clock& clock);
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  /// Which classes rules in force can see from now on.
  void measure(std::set<model::IncidentClass> classes);
  /// Reads one entry of any kind but the two of an exchange. `corrupt` if the body of a kind
  /// that it reads is not as its format says; the state is then as it was. An entry that it saw
  /// before changes nothing.
  [[nodiscard]] Status observe(std::uint64_t sequence, const model::Entry& entry);
  /// The end of an exchange counts for incidents and mitigation tests.
  void observe(const model::EndRecord& end, WallTime recorded);

  /// What follows from the state at `now`: opens, joins, assesses, judges. At most one draft for
  /// each incident; when all have been observed, call it again until it has none.
  [[nodiscard]] std::vector<Draft> step(WallTime now) const;

  /// Refuses as `not_found` an unknown incident, and otherwise like incident::decide. A merge
  /// answers with two drafts, to be journalled in order. `time` is when it was so. If only a second
  /// person is missing, why one is needed is put into `needs`.
  [[nodiscard]] Result<std::vector<Draft>> decide(std::string_view incident,
                                                  const model::Actor& actor, const Command& command,
                                                  WallTime now, WallTime time,
                                                  std::string* needs = nullptr) const;
  /// The signal as an entry, or `conflict` naming the earlier one if the sender repeats itself
  /// (same source and dedupe key): an alert ever, because its key names when it began; another
  /// source while that one's incident is open.
  [[nodiscard]] Result<Draft> report(const detect::Signal& signal) const;
  /// The end of a signal as an entry; none if it was said before. The signal need not have come:
  /// senders resend in any order.
  [[nodiscard]] std::optional<Draft> report(const detect::SignalEnd& end) const;

  /// Null when there is none. By `INC-...` or by UUID. Valid until the next observe.
  [[nodiscard]] const Incident* find(std::string_view id) const noexcept;
  [[nodiscard]] std::vector<const Incident*> incidents() const;
  [[nodiscard]] const Standing& standing(const Incident& incident) const noexcept;
  [[nodiscard]] std::vector<detect::Signal> signals() const;
  /// The signal that a sender gave this key; empty if there is none.
  [[nodiscard]] std::string signal_of(detect::SignalSource source, std::string_view key) const;
  /// When its sender said that it was over.
  [[nodiscard]] std::optional<WallTime> ended_at(const detect::Signal& signal) const;
  /// Of a signal by its entry id; empty if it has none.
  [[nodiscard]] std::string incident_of(std::string_view signal) const;
  /// Incidents that may have to do with this one.
  [[nodiscard]] std::vector<Related> related(const Incident& incident) const;
  /// The form of an incident in the API: to_json() with what only the desk knows: who noticed and
  /// who confirmed it, the people, and the impact as computed and as stated.
  [[nodiscard]] codec::Json detail(const Incident& incident, WallTime now) const;
  /// Which predicates fire at `now`.
  [[nodiscard]] Assessment explain(const Incident& incident, WallTime now) const;
  [[nodiscard]] const detect::Harm& impact(const Incident& incident) const noexcept;
  /// The text of an update as of `now`, from its template or from `own`; like incident::compose.
  [[nodiscard]] Result<Composed> compose(const Incident& incident, model::Audience audience,
                                         const std::optional<std::string>& own, WallTime now) const;
  [[nodiscard]] std::vector<EvidenceItem> evidence_items(const Incident& incident) const;
  [[nodiscard]] std::vector<Outcome> outcomes(const Incident& incident, WallTime now) const;
  [[nodiscard]] Scorecard scorecard(const Incident& incident, WallTime now) const;
  /// What concerns it, in the journal's order.
  [[nodiscard]] std::vector<TimelineItem> timeline(const Incident& incident) const;
  /// Entries of kind incident_event that did not continue their incident. Always 0, or a bug.
  [[nodiscard]] std::uint64_t strays() const noexcept;
  /// All of the state as one text, for comparing two desks.
  [[nodiscard]] std::string fingerprint() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

/// The form of an incident in bundles.
[[nodiscard]] codec::Json to_json(const Incident& incident, const Standing& standing, WallTime now);

}  // namespace cordon::incident
