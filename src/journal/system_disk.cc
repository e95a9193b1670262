#include "journal/disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace cordon::journal {
namespace {

Errc code_of(int error) noexcept {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
      return Errc::exhausted;
    case ENOENT:
      return Errc::not_found;
    case EWOULDBLOCK:
      return Errc::conflict;
    default:
      return Errc::unavailable;
  }
}

tl::unexpected<Error> refused(std::string_view act, const Disk::Path& path, int error) {
  return fail(code_of(error),
              fmt::format("{} {}: {}", act, path.string(), std::system_category().message(error)));
}

/// Calls again what a signal interrupted; a failure is anything else below zero.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// An owned descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

Result<Descriptor> open_at(const Disk::Path& path, int flags) {
  const int fd = uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0640); });
  if (fd < 0) return refused("open", path, errno);
  return Descriptor(fd);
}

class SystemFile final : public File {
 public:
  SystemFile(Disk::Path path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  Status write(std::uint64_t offset, std::span<const Piece> pieces) override;
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) const override;
  Status reserve(std::uint64_t bytes) override;

  Status sync() override {
    if (uninterrupted([&] { return ::fdatasync(fd_.get()); }) < 0) {
      return refused("sync", path_, errno);
    }
    return {};
  }
  Status truncate(std::uint64_t bytes) override {
    const auto to = static_cast<off_t>(bytes);
    if (uninterrupted([&] { return ::ftruncate(fd_.get(), to); }) < 0) {
      return refused("truncate", path_, errno);
    }
    return {};
  }
  [[nodiscard]] Result<std::uint64_t> size() const override {
    struct stat found {};
    if (::fstat(fd_.get(), &found) < 0) return refused("stat", path_, errno);
    return static_cast<std::uint64_t>(found.st_size);
  }

 private:
  Disk::Path path_;
  Descriptor fd_;
};

constexpr std::size_t kPiecesPerCall = 64;

Status SystemFile::write(std::uint64_t offset, std::span<const Piece> pieces) {
  std::size_t done_of_first = 0;
  while (!pieces.empty()) {
    std::array<iovec, kPiecesPerCall> vectors;
    const std::size_t count = std::min(pieces.size(), vectors.size());
    for (std::size_t i = 0; i < count; ++i) {
      const Piece left = i == 0 ? pieces[i].subspan(done_of_first) : pieces[i];
      vectors[i] = {const_cast<std::byte*>(left.data()), left.size()};
    }
    const ssize_t wrote = uninterrupted([&] {
      return ::pwritev(fd_.get(), vectors.data(), static_cast<int>(count),
                       static_cast<off_t>(offset));
    });
    if (wrote < 0) return refused("write", path_, errno);
    // A short write is no failure: the rest is tried, and that call says what stopped it.
    auto left = static_cast<std::size_t>(wrote);
    offset += left;
    left += done_of_first;
    while (!pieces.empty() && left >= pieces.front().size()) {
      left -= pieces.front().size();
      pieces = pieces.subspan(1);
    }
    if (wrote == 0 && !pieces.empty()) return refused("write", path_, EIO);
    done_of_first = left;
  }
  return {};
}

Result<std::size_t> SystemFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = uninterrupted([&] {
      return ::pread(fd_.get(), out.data() + filled, out.size() - filled,
                     static_cast<off_t>(offset + filled));
    });
    if (got < 0) return refused("read", path_, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Status SystemFile::reserve(std::uint64_t bytes) {
  const auto to = static_cast<off_t>(bytes);
  if (uninterrupted([&] { return ::fallocate(fd_.get(), 0, 0, to); }) < 0) {
    if (errno == EOPNOTSUPP || errno == ENOSYS) return {};
    return refused("allocate", path_, errno);
  }
  return {};
}

class FlockedDirectory final : public DirectoryLock {
 public:
  explicit FlockedDirectory(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;
};

}  // namespace

Status SystemDisk::make_directory(const Path& directory) {
  Path made;
  for (const Path& part : directory) {
    const Path parent = made.empty() ? Path(".") : made;
    made /= part;
    if (::mkdir(made.c_str(), 0750) == 0) {
      CORDON_CHECK(sync_directory(parent));
    } else if (errno != EEXIST && errno != EISDIR) {
      return refused("make directory", made, errno);
    }
  }
  return {};
}

Result<std::unique_ptr<DirectoryLock>> SystemDisk::lock(const Path& directory, Access access) {
  CORDON_TRY(Descriptor fd, open_at(directory, O_RDONLY | O_DIRECTORY));
  const int mode = access == Access::exclusive ? LOCK_EX : LOCK_SH;
  if (uninterrupted([&] { return ::flock(fd.get(), mode | LOCK_NB); }) < 0) {
    if (errno == EWOULDBLOCK) {
      return fail(Errc::conflict,
                  fmt::format("{} is in use by another process", directory.string()));
    }
    return refused("lock", directory, errno);
  }
  return std::make_unique<FlockedDirectory>(std::move(fd));
}

Result<std::vector<std::string>> SystemDisk::list(const Path& directory) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return refused("list", directory, error.value());
  std::ranges::sort(names);
  return names;
}

Result<std::unique_ptr<File>> SystemDisk::open(const Path& path, OpenFor purpose) {
  const int flags = purpose == OpenFor::reading   ? O_RDONLY
                    : purpose == OpenFor::writing ? O_RDWR
                                                  : O_RDWR | O_CREAT | O_TRUNC;
  CORDON_TRY(Descriptor fd, open_at(path, flags));
  return std::make_unique<SystemFile>(path, std::move(fd));
}

Status SystemDisk::rename(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) < 0) return refused("rename", from, errno);
  return {};
}

Status SystemDisk::remove(const Path& path) {
  if (::unlink(path.c_str()) < 0) return refused("remove", path, errno);
  return {};
}

Status SystemDisk::sync_directory(const Path& directory) {
  CORDON_TRY(const Descriptor fd, open_at(directory, O_RDONLY | O_DIRECTORY));
  if (uninterrupted([&] { return ::fsync(fd.get()); }) < 0) {
    return refused("sync directory", directory, errno);
  }
  return {};
}

}  // namespace cordon::journal
