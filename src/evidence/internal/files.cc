#include "evidence/internal/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace cordon::evidence::internal {

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

tl::unexpected<Error> refused(std::string_view act, const std::filesystem::path& path) {
  const int error = errno;
  Errc code = Errc::unavailable;
  if (error == ENOENT) code = Errc::not_found;
  if (error == ENOSPC || error == EDQUOT || error == EFBIG || error == EMFILE || error == ENFILE) {
    code = Errc::exhausted;
  }
  if (error == ELOOP || error == EISDIR || error == ENOTDIR) code = Errc::invalid;
  return fail(code,
              fmt::format("{} {}: {}", act, path.string(), std::system_category().message(error)));
}

Result<Descriptor> open_file(const std::filesystem::path& path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, S_IRUSR | S_IWUSR);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return refused("open", path);
  return Descriptor(fd);
}

Status write_all(const Descriptor& file, const std::filesystem::path& path,
                 std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(file.get(), bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return refused("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<std::size_t> read_at(const Descriptor& file, const std::filesystem::path& path,
                            std::uint64_t offset, std::span<char> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = ::pread(file.get(), out.data() + filled, out.size() - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused("read", path);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Result<std::string> read_whole(const Descriptor& file, const std::filesystem::path& path,
                               std::size_t bytes_max) {
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) return refused("stat", path);
  const auto size = static_cast<std::uint64_t>(std::max<off_t>(found.st_size, 0));
  if (size > bytes_max) {
    return fail(Errc::exhausted, fmt::format("{} has {} bytes, at most {} are allowed",
                                             path.string(), size, bytes_max));
  }
  std::string bytes(size, '\0');
  CORDON_TRY(const std::size_t got, read_at(file, path, 0, bytes));
  bytes.resize(got);
  return bytes;
}

Status sync_directory(const std::filesystem::path& directory) {
  CORDON_TRY(const Descriptor fd, open_file(directory, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return refused("sync", directory);
  return {};
}

Status sync_file_system(const std::filesystem::path& path) {
  CORDON_TRY(const Descriptor fd, open_file(path, O_RDONLY));
  if (::syncfs(fd.get()) != 0) return refused("sync", path);
  return {};
}

}  // namespace cordon::evidence::internal
