#include "store/archive.h"

#include "base/hex.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::store {
namespace {

constexpr std::size_t kKeyCharactersMax = 128;

Status check_key(std::string_view key) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (key.empty() || key.size() > kKeyCharactersMax || key.front() == '.' ||
      !std::all_of(key.begin(), key.end(), plain)) {
    return fail(Errc::invalid,
                fmt::format("a key of the archive has 1 to {} characters out of [A-Za-z0-9._-] "
                            "and does not begin with a dot",
                            kKeyCharactersMax));
  }
  return {};
}

}  // namespace

Status replace_file(journal::Disk& disk, const std::filesystem::path& path,
                    std::string_view bytes) {
  std::filesystem::path beside = path;
  beside += ".partial";
  {
    CORDON_TRY(const auto file, disk.open(beside, journal::OpenFor::create));
    const std::array<journal::Piece, 1> pieces = {bytes_of(bytes)};
    CORDON_CHECK(file->write(0, pieces));
    CORDON_CHECK(file->sync());
  }
  CORDON_CHECK(disk.rename(beside, path));
  return disk.sync_directory(path.parent_path());
}

Result<std::string> read_file(journal::Disk& disk, const std::filesystem::path& path,
                              std::uint64_t bytes_max) {
  CORDON_TRY(const auto file, disk.open(path, journal::OpenFor::reading));
  CORDON_TRY(const std::uint64_t size, file->size());
  if (size > bytes_max) {
    return fail(Errc::exhausted, fmt::format("{} has {} bytes, at most {} are allowed",
                                             path.string(), size, bytes_max));
  }
  std::string bytes(size, '\0');
  CORDON_TRY(const std::size_t got,
             file->read(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size()))));
  if (got != size) {
    return fail(Errc::unavailable,
                fmt::format("{} became shorter while it was read", path.string()));
  }
  return bytes;
}

DirectoryArchive::DirectoryArchive(ArchiveOptions options, journal::Disk& disk)
    : options_(std::move(options)), disk_(disk) {}

Result<std::string> DirectoryArchive::read(const std::filesystem::path& path) const {
  return read_file(disk_, path, options_.blob_bytes_max);
}

Status DirectoryArchive::write(const std::filesystem::path& path, std::string_view bytes) {
  if (bytes.size() > options_.blob_bytes_max) {
    return fail(Errc::exhausted, fmt::format("a blob of {} bytes, at most {} are allowed",
                                             bytes.size(), options_.blob_bytes_max));
  }
  CORDON_CHECK(disk_.make_directory(path.parent_path()));
  return replace_file(disk_, path, bytes);
}

Result<crypto::Digest> DirectoryArchive::put(std::string_view bytes) {
  const crypto::Digest digest = crypto::sha256(bytes);
  const std::string name = crypto::hex(digest);
  const auto path = options_.dir / "sha256" / name.substr(0, 2) / name;
  // A stored blob whose bytes went bad is written again: the digest says what they must be.
  const auto stored = read(path);
  if (stored && *stored == bytes) {
    // It may have been left by a process that died before the rename was durable.
    CORDON_CHECK(disk_.sync_directory(path.parent_path()));
    return digest;
  }
  CORDON_CHECK(write(path, bytes));
  return digest;
}

Status DirectoryArchive::put_once(std::string_view key, std::string_view bytes) {
  CORDON_CHECK(check_key(key));
  const auto path = options_.dir / "named" / key;
  const auto stored = read(path);
  if (stored) {
    if (*stored == bytes) return disk_.sync_directory(path.parent_path());
    return fail(Errc::conflict, fmt::format("'{}' is archived with other bytes", key));
  }
  if (stored.error().code != Errc::not_found) return tl::make_unexpected(stored.error());
  return write(path, bytes);
}

Result<std::string> DirectoryArchive::get(const crypto::Digest& digest) const {
  const std::string name = crypto::hex(digest);
  CORDON_TRY(std::string bytes, read(options_.dir / "sha256" / name.substr(0, 2) / name));
  if (crypto::sha256(bytes) != digest) {
    return fail(Errc::corrupt, fmt::format("the archived blob {} has other bytes", name));
  }
  return bytes;
}

Result<std::string> DirectoryArchive::get(std::string_view key) const {
  CORDON_CHECK(check_key(key));
  return read(options_.dir / "named" / key);
}

}  // namespace cordon::store
