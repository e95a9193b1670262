// Reads a journal's directory in one pass and decides what a crash left and what is corrupt.
// The rules are those of docs/formats/journal.md, section Recovery.
#pragma once

#include "journal/internal/segments.h"
#include "journal/journal.h"

#include <memory>
#include <vector>

namespace cordon::journal::internal {

/// Whether a torn end is cut on disk, or only left out of what is read.
enum class Repair : std::uint8_t { yes, no };

/// A journal as it was found. No segments: there is none yet.
struct Recovery {
  std::vector<std::shared_ptr<Segment>> segments;
  RecoveryReport report;
};

/// Refuses as `corrupt`, naming file and byte offset, all that a torn last write does not
/// explain. With `Repair::yes`, what it reports is durable when it returns.
[[nodiscard]] Result<Recovery> recover(Disk& disk, const Disk::Path& dir, Repair repair);

}  // namespace cordon::journal::internal
