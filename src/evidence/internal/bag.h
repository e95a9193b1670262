// A bundle to be read: the files of a directory, or of a tar, under one face. What a stranger
// prepared is taken as hostile: no link is followed, no pipe opened, no count unbounded.
#pragma once

#include "base/result.h"
#include "evidence/internal/files.h"
#include "evidence/verify.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::evidence::internal {

/// Bytes with random access: an archive on disk or in memory.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// Fewer bytes only at the end.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> out) = 0;
};

/// A tar in memory, for tests and fuzzing.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, std::span<char> out) override;

 private:
  std::string_view bytes_;
};

/// One file of a bag.
struct BagFile {
  std::string path;  ///< below the bag's directory
  std::uint64_t size = 0;
  std::uint64_t offset = 0;  ///< of its bytes in the archive; unused in a directory
};

/// A bag whose files have been listed. One thread.
class Bag {
 public:
  virtual ~Bag() = default;
  /// Sorted by path, each once, all paths safe.
  [[nodiscard]] const std::vector<BagFile>& files() const noexcept { return files_; }
  [[nodiscard]] const BagFile* find(std::string_view path) const noexcept;
  /// The bag's own name, if the form gives it one: in a tar.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Fills `out` from `offset` of the file; fewer bytes only at its end.
  [[nodiscard]] virtual Result<std::size_t> read(const BagFile& file, std::uint64_t offset,
                                                 std::span<char> out) = 0;

 protected:
  std::vector<BagFile> files_;
  std::string name_;
};

/// What was found on opening. `bag` is missing if the structure cannot be relied upon.
struct OpenedBag {
  std::unique_ptr<Bag> bag;
  std::vector<Fault> faults;
};

/// Lists an archive. `name` is what faults in its structure are filed under.
[[nodiscard]] OpenedBag open_tar(std::unique_ptr<ByteSource> source, const std::string& name,
                                 const VerifyLimits& limits);
/// A directory or a tar. An Error only if there is nothing that could be read.
[[nodiscard]] Result<OpenedBag> open_bag(const std::filesystem::path& path,
                                         const VerifyLimits& limits);

/// Reads a file of a bag from its beginning, in pieces. The bag outlives it.
class BagStream {
 public:
  BagStream(Bag& bag, const BagFile& file);
  /// The next line without its LF, valid until the next call; nothing at the end. A line longer
  /// than `line_bytes_max`, or a last one without LF, is `invalid`.
  [[nodiscard]] Result<std::optional<std::string_view>> line(std::size_t line_bytes_max);
  /// Where the next line begins.
  [[nodiscard]] std::uint64_t position() const noexcept { return base_ + at_; }

 private:
  Bag& bag_;
  const BagFile& file_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t base_ = 0;  ///< of the buffer in the file
  bool ended_ = false;
};

/// SHA-256 of a file, in pieces.
[[nodiscard]] Result<Hash> digest_of(Bag& bag, const BagFile& file);
/// The whole file; `exhausted` beyond `bytes_max`.
[[nodiscard]] Result<std::string> content_of(Bag& bag, const BagFile& file,
                                             std::uint64_t bytes_max);

}  // namespace cordon::evidence::internal
