// The record of everything: entries in order, each on stable storage before it is acknowledged.
//
// An append copies the entry into the batch being filled and never touches the disk. One writer
// thread writes a batch with one call, syncs it with one more, and then tells who is interested.
// What was acknowledged survives kill -9 and power cuts. It detects accident, not malice.
#pragma once

#include "base/random.h"
#include "base/result.h"
#include "journal/disk.h"
#include "journal/reader.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace cordon::journal {

inline constexpr std::uint32_t kEntryBytesMax = 65'535;

/// Whether somebody waits for the entry to be durable.
enum class Urgency : std::uint8_t { eager, lazy };

/// `off` acknowledges what a power cut may lose: only for showing that a test would notice.
enum class Sync : std::uint8_t { on, off };

/// Who zeroes the next segment: a thread of its own, or the writer when it needs one, which
/// makes the order of disk operations repeatable in a simulation.
enum class Preparation : std::uint8_t { ahead, when_needed };

/// Where a journal is and its bounds. Only `dir` must be given.
struct Options {
  std::filesystem::path dir = {};
  std::uint64_t segment_bytes = std::uint64_t{64} << 20U;  ///< rounded up to 4096
  std::uint32_t entry_bytes_max = kEntryBytesMax;
  std::size_t queue_bytes_max = std::size_t{64} << 20U;  ///< appended and not yet durable
  std::chrono::microseconds lazy_window{5000};  ///< a lazy entry waits no longer for company
  std::chrono::microseconds eager_window{0};    ///< nor an eager one, when nothing is in flight
  std::chrono::milliseconds space_retry{200};   ///< how often to look for space again
  Sync sync = Sync::on;
  Preparation preparation = Preparation::ahead;
  /// Called once, on the writer thread, at the first failed write or sync; the journal never
  /// acknowledges again. Must not destroy the journal. Unset: logs and aborts the process.
  std::function<void(const Error&)> on_failure = {};
};

/// What was found on disk. A cut is worth a line in the log it belongs to.
struct RecoveryReport {
  std::uint64_t entries = 0;
  std::uint64_t segments = 0;
  std::uint64_t torn_bytes = 0;     ///< cut off the end, 0 if it was clean
  std::uint64_t missing_bytes = 0;  ///< by which the last file was too short
  std::uint64_t torn_offset = 0;    ///< where the cut was made, if it was
  std::string torn_file;            ///< and in which file
};

/// Weakest last. `degraded`: the next segment cannot be made for lack of space, the current one
/// still takes entries. `full`: it takes none until there is space. `failed` and `closed` stay.
enum class Health : std::uint8_t { serving, degraded, full, failed, closed };

/// Counters since open.
struct Stats {
  std::uint64_t entries_durable = 0;
  std::uint64_t bytes_durable = 0;  ///< of entries, without framing
  std::uint64_t commits = 0;        ///< writes followed by a sync
  std::uint64_t wakeups = 0;        ///< appends that had to wake the writer
  std::uint64_t segments_begun = 0;
};

/// An open journal: the only writer of its directory. Any number of threads may append and ask.
/// The disk outlives it; the random source is used during `open` only.
class Journal {
 public:
  /// Recovers what is there, or begins a new journal. Refuses as `invalid` bounds that make no
  /// sense, as `conflict` a directory that another writer or reader holds, and as `corrupt`
  /// anything that a torn last write does not explain, naming file and byte offset.
  [[nodiscard]] static Result<std::unique_ptr<Journal>> open(Options options, Disk& disk,
                                                             Random& random);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  [[nodiscard]] const RecoveryReport& recovered() const noexcept;

  /// Takes the entry's place in the order and returns it; sequences are dense from 0. Never
  /// waits for the disk. Refuses an entry that is empty or too long as `invalid`, a full queue
  /// or disk as `exhausted`, and everything once failed or closed as `unavailable`.
  [[nodiscard]] Result<std::uint64_t> append(std::string_view entry, Urgency urgency);

  /// Entries with a sequence below this are on stable storage.
  [[nodiscard]] std::uint64_t durable() const noexcept;
  /// Called on the writer thread after each commit, with `durable()`. Must not block, and is
  /// registered before the first append.
  void on_durable(std::function<void(std::uint64_t)> listener);
  /// Blocks until `sequence` is durable; `unavailable` after `timeout` or when it never will be.
  [[nodiscard]] Status wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout);

  [[nodiscard]] Reader reader(std::uint64_t from_sequence) const;
  /// One entry by its sequence; `not_found` if it is not durable.
  [[nodiscard]] Result<std::string> read(std::uint64_t sequence) const;

  [[nodiscard]] Health health() const noexcept;
  [[nodiscard]] Stats stats() const noexcept;

  /// Makes durable what was appended, marks a clean end, and stops the writer. `exhausted` if
  /// there was no space for all of it, `unavailable` if the journal had failed. Idempotent.
  [[nodiscard]] Status close();

 private:
  class Core;
  std::unique_ptr<Core> core_;

 public:
  /// For `open`.
  explicit Journal(std::unique_ptr<Core> core);
};

/// The journal of a stopped server, for tools. Changes nothing on disk: a torn tail is reported
/// and left out, not cut. Refuses like `Journal::open`, and as `conflict` while a server runs.
class ReadOnlyJournal {
 public:
  [[nodiscard]] static Result<ReadOnlyJournal> open(const std::filesystem::path& dir, Disk& disk);

  [[nodiscard]] const RecoveryReport& recovered() const noexcept { return report_; }
  [[nodiscard]] std::uint64_t entries() const noexcept { return report_.entries; }
  [[nodiscard]] Reader reader(std::uint64_t from_sequence) const;
  [[nodiscard]] Result<std::string> read(std::uint64_t sequence) const;

 private:
  ReadOnlyJournal(std::unique_ptr<DirectoryLock> lock,
                  std::shared_ptr<internal::SegmentTable> table, RecoveryReport report);
  std::unique_ptr<DirectoryLock> lock_;
  std::shared_ptr<internal::SegmentTable> table_;
  RecoveryReport report_;
};

}  // namespace cordon::journal
