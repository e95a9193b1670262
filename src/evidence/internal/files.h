// The file system as evidence needs it: private keys, bundles written as a whole, and reading
// what a stranger prepared without following a link or blocking on a pipe.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace cordon::evidence::internal {

/// An open file descriptor, or -1. Closes.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// The error in errno, with the act and the file.
[[nodiscard]] tl::unexpected<Error> refused(std::string_view act,
                                            const std::filesystem::path& path);

/// Creates with mode 0600.
[[nodiscard]] Result<Descriptor> open_file(const std::filesystem::path& path, int flags);
[[nodiscard]] Status write_all(const Descriptor& file, const std::filesystem::path& path,
                               std::string_view bytes);
/// Fills `out` from `offset`; fewer bytes only at the end of the file.
[[nodiscard]] Result<std::size_t> read_at(const Descriptor& file, const std::filesystem::path& path,
                                          std::uint64_t offset, std::span<char> out);
[[nodiscard]] Result<std::string> read_whole(const Descriptor& file,
                                             const std::filesystem::path& path,
                                             std::size_t bytes_max);
[[nodiscard]] Status sync_directory(const std::filesystem::path& directory);
/// Returns once everything written to the file system of `path` is on stable storage.
[[nodiscard]] Status sync_file_system(const std::filesystem::path& path);

}  // namespace cordon::evidence::internal
