// A disk in memory that fails, fills up and loses power when told to. For tests and simulation.
//
// It keeps apart what is durable and what is not: bytes count as durable after the file's sync,
// names after the directory's. A power cut keeps any part of the rest, in any order, sector by
// sector; that is harsher than most file systems and no harsher than their promises.
#pragma once

#include "base/random.h"
#include "journal/disk.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cordon::journal {

/// What can be made to fail.
enum class DiskAct : std::uint8_t {
  open,
  read,
  write,
  reserve,
  truncate,
  sync,
  rename,
  remove,
  sync_directory,
};

/// A simulated disk. Any number of threads may use it. Files and locks may outlive it.
class MemoryDisk final : public Disk {
 public:
  MemoryDisk();
  ~MemoryDisk() override;
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  [[nodiscard]] Status make_directory(const Path& directory) override;
  [[nodiscard]] Result<std::unique_ptr<DirectoryLock>> lock(const Path& directory,
                                                            Access access) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const Path& directory) override;
  [[nodiscard]] Result<std::unique_ptr<File>> open(const Path& path, OpenFor purpose) override;
  [[nodiscard]] Status rename(const Path& from, const Path& to) override;
  [[nodiscard]] Status remove(const Path& path) override;
  [[nodiscard]] Status sync_directory(const Path& directory) override;

  /// The nth such act from now on (1 is the next) fails once with `code` and does nothing.
  void fail(DiskAct act, std::uint64_t nth, Errc code);
  /// All files together may have so many bytes; growing beyond is `exhausted`.
  void set_room(std::uint64_t bytes);
  /// Power goes off in the middle of the nth change from now on: it and all later acts fail.
  void power_off_at(std::uint64_t nth);
  [[nodiscard]] bool has_power() const;
  /// Acts so far that changed or synced something.
  [[nodiscard]] std::uint64_t changes() const;

  /// What is there when power comes back: all that was synced and a random part of the rest.
  [[nodiscard]] std::unique_ptr<MemoryDisk> after_power_cut(Random& random) const;
  /// What is there after the process was killed: everything, and no locks.
  [[nodiscard]] std::unique_ptr<MemoryDisk> after_kill() const;

  /// The bytes of a file, and a way to change them behind everybody's back, durably.
  [[nodiscard]] std::vector<std::byte> contents(const Path& path) const;
  void put(const Path& path, std::vector<std::byte> bytes);

 private:
  struct State;
  struct Inode;
  class OpenFile;
  class Lock;
  std::shared_ptr<State> state_;
};

}  // namespace cordon::journal
