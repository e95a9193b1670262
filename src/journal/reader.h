// Reads entries back in order: behind a running writer, or from a journal that has stopped.
#pragma once

#include "base/result.h"
#include "journal/disk.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace cordon::journal {

namespace internal {
class SegmentTable;
}  // namespace internal

/// One entry, as it was appended.
struct EntryView {
  std::uint64_t sequence;
  std::string_view bytes;  ///< valid until the reader's next call
};

/// A position in a journal. Belongs to one thread; any number of readers may follow one journal.
/// May outlive the Journal it came from, not its Disk. Holds one file and 256 KiB.
class Reader {
 public:
  Reader(std::shared_ptr<internal::SegmentTable> table, std::uint64_t from);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  /// The next entry, or nothing if no later one is durable yet. Blocks on the disk, never on
  /// the writer. `corrupt` names file and byte offset; the reader then stays where it is.
  [[nodiscard]] Result<std::optional<EntryView>> next();
  /// Moves to a sequence, forwards or back. One that is not durable yet is waited for by `next`.
  void seek(std::uint64_t sequence);
  /// The sequence that `next` answers with.
  [[nodiscard]] std::uint64_t position() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cordon::journal
