// What follows from the state of one incident, without any person.
#pragma once

#include "incident/internal/file.h"

namespace cordon::incident::internal {

/// The next event that numbers, times and earlier incidents make of `file`, if any. `found` is
/// what severity looks like at `now`.
[[nodiscard]] std::optional<Event> follow(const File& file, const Files& files,
                                          const Assessment& found, const DeskOptions& options,
                                          WallTime now);

/// Whether a signal of `scope` could be about the same as the incident.
[[nodiscard]] bool overlaps(const File& file, const model::Scope& scope);
[[nodiscard]] bool overlaps(const File& file, const File& other);

/// The open incident that a signal belongs to: same class, overlapping scope, in time; the latest
/// of several. A reopened one counts from when it was reopened.
[[nodiscard]] const File* home_of(const Files& files, const detect::Signal& signal,
                                  std::chrono::minutes within);

/// Refuses as `conflict` a merge into itself, into what is not open, and of two classes.
[[nodiscard]] Status check_merge(const File& from, const File& into);

/// Incidents that may have to do with this one, and why.
[[nodiscard]] std::vector<Related> related(const File& file, const Files& files);

}  // namespace cordon::incident::internal
