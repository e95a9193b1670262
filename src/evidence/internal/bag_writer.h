// Writes the files of a bag and their manifest, then the tar of them.
#pragma once

#include "base/result.h"
#include "evidence/internal/files.h"
#include "evidence/merkle.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace cordon::evidence::internal {

/// A file written piece by piece. One at a time for each writer.
class BagFileWriter {
 public:
  BagFileWriter(Descriptor file, std::filesystem::path path);
  [[nodiscard]] Status write(std::string_view bytes);
  [[nodiscard]] Status flush();
  [[nodiscard]] Hash digest() { return sha_.finish(); }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  Descriptor file_;
  std::filesystem::path path_;
  std::string buffer_;
  crypto::Sha256 sha_;
  std::uint64_t size_ = 0;
};

/// Fills one directory. One thread.
class BagWriter {
 public:
  /// The directory must not exist yet.
  explicit BagWriter(std::filesystem::path directory) : root_(std::move(directory)) {}

  /// Refuses as `invalid` an unsafe path, and as `conflict` one that was added before.
  [[nodiscard]] Status add(const std::string& path, std::string_view bytes);
  [[nodiscard]] Result<BagFileWriter> begin(const std::string& path);
  [[nodiscard]] Status end(const std::string& path, BagFileWriter& writer);

  /// Lines of the files whose path begins with `prefix`, sorted.
  [[nodiscard]] std::string manifest(std::string_view prefix) const;
  [[nodiscard]] bool has(const std::string& path) const { return files_.contains(path); }
  [[nodiscard]] std::uint64_t bytes(std::string_view prefix) const;
  [[nodiscard]] std::uint64_t count(std::string_view prefix) const;

  /// Writes the tar of all files under the bag's name; answers with its digest and size.
  struct Archived {
    Hash digest;
    std::uint64_t bytes;
  };
  [[nodiscard]] Result<Archived> archive(const std::string& name,
                                         const std::filesystem::path& tar) const;

 private:
  struct Written {
    Hash digest;
    std::uint64_t size;
  };
  std::filesystem::path root_;
  std::map<std::string, Written> files_;
  std::set<std::filesystem::path> directories_;
};

}  // namespace cordon::evidence::internal
