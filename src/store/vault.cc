#include "store/vault.h"

#include "base/hex.h"
#include "store/archive.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::store {
namespace {

std::string context_of(std::string_view name) {
  return fmt::format("cordon/vault/v1/{}", name);
}

bool is_plain(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

}  // namespace

Vault::Vault(VaultOptions options, const crypto::SealKey& key, journal::Disk& disk, Random& random)
    : options_(std::move(options)), key_(key), disk_(disk), random_(random) {}

Result<std::filesystem::path> Vault::path_of(std::string_view name) const {
  constexpr std::size_t kNameBytesMax = 128;
  const bool good = !name.empty() && name.size() <= kNameBytesMax && name.front() != '.' &&
                    std::all_of(name.begin(), name.end(), is_plain);
  if (!good) return fail(Errc::invalid, "a name in the vault is 1 to 128 of A-Z a-z 0-9 . _ -");
  return options_.dir / fmt::format("{}.sealed", name);
}

Status Vault::put(std::string_view name, std::string_view text) {
  CORDON_TRY(const std::filesystem::path path, path_of(name));
  if (text.size() > options_.text_bytes_max) {
    return fail(Errc::exhausted, fmt::format("a text of {} bytes, the vault takes at most {}",
                                             text.size(), options_.text_bytes_max));
  }
  return replace_file(disk_, path, crypto::seal(key_, context_of(name), text, random_));
}

Result<std::string> Vault::get(std::string_view name) const {
  CORDON_TRY(const std::filesystem::path path, path_of(name));
  const std::uint64_t most =
      options_.text_bytes_max + crypto::kSealNonceBytes + crypto::kSealTagBytes;
  CORDON_TRY(const std::string sealed, read_file(disk_, path, most));
  auto text = crypto::unseal(key_, context_of(name), sealed);
  if (!text) {
    return fail(Errc::corrupt, fmt::format("{}: {}", path.string(), text.error().detail));
  }
  return text;
}

Status Vault::erase(std::string_view name) {
  CORDON_TRY(const std::filesystem::path path, path_of(name));
  CORDON_CHECK(disk_.remove(path));
  return disk_.sync_directory(options_.dir);
}

Result<crypto::SealKey> load_or_create_seal_key(journal::Disk& disk,
                                                const std::filesystem::path& file, Random& random) {
  crypto::SealKey key{};
  const auto known = read_file(disk, file, key.size() + 1);
  if (!known) {
    if (known.error().code != Errc::not_found) return tl::make_unexpected(known.error());
    random.fill(key);
    CORDON_CHECK(replace_file(disk, file, text_of(key)));
    std::error_code error;
    std::filesystem::permissions(file, std::filesystem::perms::owner_read, error);
    if (error) {
      return fail(Errc::unavailable, fmt::format("{}: {}", file.string(), error.message()));
    }
    return key;
  }
  if (known->size() != key.size()) {
    return fail(Errc::corrupt,
                fmt::format("{}: {} bytes, expected {}", file.string(), known->size(), key.size()));
  }
  std::copy_n(bytes_of(*known).begin(), key.size(), key.begin());
  return key;
}

}  // namespace cordon::store
