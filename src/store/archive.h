// Keeps blobs that are never changed: rulepacks, generations, parts of a bundle. An entry names
// a blob by its SHA-256, and the blob is on stable storage before that entry is.
#pragma once

#include "base/result.h"
#include "crypto/sha256.h"
#include "journal/disk.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace cordon::store {

/// Put-once storage. Any number of threads may read; one thread at a time puts.
class Archive {
 public:
  virtual ~Archive() = default;
  /// Keeps the bytes and answers with their digest, once they are on stable storage. Bytes that
  /// are there already are left as they are. Refuses more than `blob_bytes_max` as `exhausted`.
  [[nodiscard]] virtual Result<crypto::Digest> put(std::string_view bytes) = 0;
  /// Keeps the bytes under a name of one to 128 characters out of [A-Za-z0-9._-] that does not
  /// begin with a dot. The same bytes again are fine; others are refused as `conflict`.
  [[nodiscard]] virtual Status put_once(std::string_view key, std::string_view bytes) = 0;
  /// `not_found`, or `corrupt` if what is stored does not have this digest.
  [[nodiscard]] virtual Result<std::string> get(const crypto::Digest& digest) const = 0;
  [[nodiscard]] virtual Result<std::string> get(std::string_view key) const = 0;
};

/// Bounds of a directory archive.
struct ArchiveOptions {
  std::filesystem::path dir;
  std::uint64_t blob_bytes_max = std::uint64_t{64} << 20U;
};

/// An archive in a directory: `sha256/<2 hex digits>/<64 hex digits>` and `named/<key>`. The
/// disk outlives it.
class DirectoryArchive final : public Archive {
 public:
  DirectoryArchive(ArchiveOptions options, journal::Disk& disk);

  [[nodiscard]] Result<crypto::Digest> put(std::string_view bytes) override;
  [[nodiscard]] Status put_once(std::string_view key, std::string_view bytes) override;
  [[nodiscard]] Result<std::string> get(const crypto::Digest& digest) const override;
  [[nodiscard]] Result<std::string> get(std::string_view key) const override;

 private:
  [[nodiscard]] Result<std::string> read(const std::filesystem::path& path) const;
  [[nodiscard]] Status write(const std::filesystem::path& path, std::string_view bytes);

  ArchiveOptions options_;
  journal::Disk& disk_;
};

/// Replaces a file whole: after a crash it holds the old bytes or the new ones. Returns once the
/// new ones are on stable storage. The directory must exist.
[[nodiscard]] Status replace_file(journal::Disk& disk, const std::filesystem::path& path,
                                  std::string_view bytes);
/// The whole file; `exhausted` if it is larger than `bytes_max`.
[[nodiscard]] Result<std::string> read_file(journal::Disk& disk, const std::filesystem::path& path,
                                            std::uint64_t bytes_max);

}  // namespace cordon::store
