// What the tests of this module share: entries in memory, a directory that goes away.
#pragma once

#include "base/assert.h"
#include "base/hex.h"
#include "base/random.h"
#include "codec/base64.h"
#include "crypto/ed25519.h"
#include "evidence/merkle.h"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace cordon::evidence::testing_support {

/// Entries in memory that look like journal entries; counts what is read back.
class Entries final : public EntrySource {
 public:
  explicit Entries(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      bytes.push_back(fmt::format(
          R"({{"v":1,"kind":"decision","id":"{}","ts":"2026-01-05T10:00:00.{:09}Z","mono_ns":{},)"
          R"("boot":"b","node":"n","exchange":"e{}"}})",
          id(i), i, i, i));
    }
  }
  [[nodiscard]] static std::string id(std::size_t i) {
    return fmt::format("019b8d3e-7c00-7000-8000-{:012x}", i);
  }

  Status read(std::uint64_t first, std::uint64_t count, const Visit& visit) override {
    for (std::uint64_t i = first; i < first + count; ++i) {
      if (i >= bytes.size()) return fail(Errc::not_found, fmt::format("no entry {}", i));
      ++reads;
      if (const Status said = visit(i, bytes[i]); !said) return said;
    }
    return {};
  }
  [[nodiscard]] std::vector<Hash> leaves() const {
    std::vector<Hash> all;
    for (const std::string& entry : bytes) all.push_back(leaf_hash(entry));
    return all;
  }

  std::vector<std::string> bytes;
  std::uint64_t reads = 0;
};

/// A directory of its own, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory()
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("cordon-evidence-{:016x}", SystemRandom().next())) {
    std::filesystem::create_directories(path_);
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// The same key on every machine, so that what it signs can be compared with golden bytes.
inline crypto::SigningKey key_of_seed(std::uint8_t seed) {
  std::vector<std::byte> pkcs8 = *from_hex("302e020100300506032b657004220420");
  pkcs8.insert(pkcs8.end(), 32, std::byte{seed});
  auto key = crypto::SigningKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\n" + codec::to_base64(pkcs8) + "\n-----END PRIVATE KEY-----\n");
  CORDON_ASSERT(key.has_value());
  return std::move(*key);
}

}  // namespace cordon::evidence::testing_support
