// The journal's door to the file system: every operation that can fail, tear or be lost in a
// power cut goes through here, so that a simulated disk can make it so.
//
// Errors: exhausted = no space, quota, file size limit or descriptors left; not_found; conflict =
// somebody else holds the lock; unavailable = anything else the disk answered, e.g. EIO.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace cordon::journal {

/// A run of bytes to be written.
using Piece = std::span<const std::byte>;

/// One open file; closes when destroyed. Reads may run on any thread beside one writer.
class File {
 public:
  virtual ~File() = default;
  /// Writes all pieces, one after the other, from `offset` on, or fails.
  [[nodiscard]] virtual Status write(std::uint64_t offset, std::span<const Piece> pieces) = 0;
  /// Fills `out` from `offset` on; the count is smaller only at the end of the file.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset,
                                                 std::span<std::byte> out) const = 0;
  /// Allocates blocks so that the file has at least `bytes`; does nothing where the file
  /// system cannot.
  [[nodiscard]] virtual Status reserve(std::uint64_t bytes) = 0;
  /// Returns once the bytes and the size are on stable storage (fdatasync).
  [[nodiscard]] virtual Status sync() = 0;
  [[nodiscard]] virtual Status truncate(std::uint64_t bytes) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
};

/// What a file is opened for. `create` makes it, emptying one that is there.
enum class OpenFor : std::uint8_t { reading, writing, create };

/// Who may share a directory: one writer, or any number of readers.
enum class Access : std::uint8_t { exclusive, shared };

/// Holds a directory until destroyed or until its process dies.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

/// A file system. Any number of threads may use it; it outlives all it opened.
class Disk {
 public:
  using Path = std::filesystem::path;
  virtual ~Disk() = default;
  /// Makes the directory and its parents, durably. One that exists is fine.
  [[nodiscard]] virtual Status make_directory(const Path& directory) = 0;
  /// Refuses as `conflict`, at once, if another holder excludes it.
  [[nodiscard]] virtual Result<std::unique_ptr<DirectoryLock>> lock(const Path& directory,
                                                                    Access access) = 0;
  /// The names of the files in a directory, sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const Path& directory) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const Path& path, OpenFor purpose) = 0;
  [[nodiscard]] virtual Status rename(const Path& from, const Path& to) = 0;
  [[nodiscard]] virtual Status remove(const Path& path) = 0;
  /// Makes creations, renames and removals in the directory durable.
  [[nodiscard]] virtual Status sync_directory(const Path& directory) = 0;
};

/// The machine's own file system.
class SystemDisk final : public Disk {
 public:
  [[nodiscard]] Status make_directory(const Path& directory) override;
  [[nodiscard]] Result<std::unique_ptr<DirectoryLock>> lock(const Path& directory,
                                                            Access access) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const Path& directory) override;
  [[nodiscard]] Result<std::unique_ptr<File>> open(const Path& path, OpenFor purpose) override;
  [[nodiscard]] Status rename(const Path& from, const Path& to) override;
  [[nodiscard]] Status remove(const Path& path) override;
  [[nodiscard]] Status sync_directory(const Path& directory) override;
};

}  // namespace cordon::journal
