// Keeps texts that must not lie about in the clear, encrypted, each under a name, and can erase
// them: replay tests, and what the flight recorder froze. No proof rests on what is in here.
#pragma once

#include "base/random.h"
#include "base/result.h"
#include "crypto/seal.h"
#include "journal/disk.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace cordon::store {

/// Bounds and places of a vault. `dir` exists.
struct VaultOptions {
  std::filesystem::path dir;
  std::uint64_t text_bytes_max = std::uint64_t{64} << 20U;
};

/// Files of AES-256-GCM under one key, `<dir>/<name>.sealed`. A name is one to 128 characters out
/// of [A-Za-z0-9._-] and does not begin with a dot. Any number of threads may read; one at a time
/// puts. The disk and the random source outlive it.
class Vault {
 public:
  Vault(VaultOptions options, const crypto::SealKey& key, journal::Disk& disk, Random& random);

  /// On stable storage when it returns; replaces what had the name. `exhausted` past the bound.
  [[nodiscard]] Status put(std::string_view name, std::string_view text);
  /// `not_found`; `corrupt` when the file was changed, or lies under another name or key.
  [[nodiscard]] Result<std::string> get(std::string_view name) const;
  [[nodiscard]] Status erase(std::string_view name);

 private:
  [[nodiscard]] Result<std::filesystem::path> path_of(std::string_view name) const;

  VaultOptions options_;
  crypto::SealKey key_;
  journal::Disk& disk_;
  Random& random_;
};

/// The key in `file`, made at the first start: 32 random bytes that only the owner may read.
/// `corrupt` when the file has another size.
[[nodiscard]] Result<crypto::SealKey> load_or_create_seal_key(journal::Disk& disk,
                                                              const std::filesystem::path& file,
                                                              Random& random);

}  // namespace cordon::store
