#include "base/assert.h"
#include "evidence/internal/files.h"
#include "evidence/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cordon::evidence {
namespace {

using internal::Descriptor;
using internal::refused;

constexpr std::size_t kPemBytesMax = 16 * 1024;

Result<LoadedKey> load(const std::filesystem::path& path) {
  CORDON_TRY(const Descriptor file, internal::open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) return refused("stat", path);
  if (!S_ISREG(found.st_mode) || (found.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(Errc::invalid,
                fmt::format("{}: a signing key must be a plain file with mode 0600, found {:04o}",
                            path.string(), found.st_mode & 07777U));
  }
  CORDON_TRY(const std::string pem, internal::read_whole(file, path, kPemBytesMax));
  auto key = crypto::SigningKey::from_pem(pem);
  if (!key) {
    return fail(Errc::invalid, fmt::format("{}: {}", path.string(), key.error().detail));
  }
  return LoadedKey{std::move(*key), false};
}

Result<LoadedKey> create(const std::filesystem::path& path) {
  const std::filesystem::path directory = path.parent_path();
  std::error_code problem;
  if (std::filesystem::create_directories(directory, problem)) {
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, problem);
  }
  if (problem) {
    return fail(Errc::unavailable, fmt::format("{}: {}", directory.string(), problem.message()));
  }
  crypto::SigningKey key = crypto::SigningKey::generate();
  std::filesystem::path beside = path;
  beside += fmt::format(".{}", ::getpid());
  ::unlink(beside.c_str());
  {
    CORDON_TRY(const Descriptor file, internal::open_file(beside, O_WRONLY | O_CREAT | O_EXCL));
    CORDON_CHECK(internal::write_all(file, beside, key.to_pem()));
    if (::fsync(file.get()) != 0) return refused("sync", beside);
  }
  // A link, not a rename: a key that another process made meanwhile is never replaced.
  const bool linked = ::link(beside.c_str(), path.c_str()) == 0;
  const int error = errno;
  ::unlink(beside.c_str());
  if (!linked && error != EEXIST) {
    errno = error;
    return refused("create", path);
  }
  CORDON_CHECK(internal::sync_directory(directory));
  if (!linked) return load(path);
  return LoadedKey{std::move(key), true};
}

}  // namespace

Result<LoadedKey> load_or_create_key(const std::filesystem::path& pem_file) {
  auto loaded = load(pem_file);
  if (loaded || loaded.error().code != Errc::not_found) return loaded;
  return create(pem_file);
}

}  // namespace cordon::evidence
