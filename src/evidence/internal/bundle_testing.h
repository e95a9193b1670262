// A bundle as the tests tamper with it: all its files in memory, signed again at will.
#pragma once

#include "evidence/bundle.h"
#include "evidence/internal/bag_text.h"
#include "evidence/internal/tar.h"
#include "evidence/internal/testing.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::evidence::testing_support {

using BagMap = std::map<std::string, std::string>;

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline BagMap load_bag(const std::filesystem::path& root) {
  BagMap bag;
  for (const auto& item : std::filesystem::recursive_directory_iterator(root)) {
    if (item.is_regular_file()) {
      bag[item.path().lexically_relative(root).string()] = slurp(item.path());
    }
  }
  return bag;
}

inline void store_bag(const BagMap& bag, const std::filesystem::path& root) {
  std::filesystem::remove_all(root);
  for (const auto& [path, bytes] : bag) {
    std::filesystem::create_directories((root / path).parent_path());
    std::ofstream(root / path, std::ios::binary) << bytes;
  }
}

inline std::string tar_member(const std::string& path, const std::string& bytes) {
  return internal::tar_header(path, bytes.size()).value() + bytes +
         std::string(internal::tar_padding(bytes.size()), '\0');
}

inline std::string tar_of(const BagMap& bag, const std::string& name) {
  std::string tar;
  for (const auto& [path, bytes] : bag) tar += tar_member(name + "/" + path, bytes);
  return tar + std::string(1024, '\0');
}

/// Makes the signatures good again for a manifest and tag files as they are.
inline void sign_again(BagMap& bag, const crypto::SigningKey& key, const VerifierKey& log,
                       const Checkpoint& head) {
  std::string tags;
  for (const char* path : {"bag-info.txt", "bagit.txt", "manifest-sha256.txt"}) {
    tags += internal::manifest_line(crypto::sha256(bag[path]), path);
  }
  bag["tagmanifest-sha256.txt"] = tags;
  bag["signatures/tagmanifest.sig"] = text_of(key.sign(bytes_of(tags)));
  const auto info = internal::parse_bag_info(bag["bag-info.txt"]);
  const std::string payload =
      internal::statement(info.value_or(internal::BagInfo()), head, crypto::sha256(tags));
  bag["signatures/bundle.intoto.jsonl"] = internal::format_envelope(
      payload, log.id_hex(),
      key.sign(bytes_of(internal::pre_authentication(internal::kPayloadType, payload))));
}

/// Makes the manifest, Payload-Oxum and signatures good again: what an insider with the key does.
inline void seal_again(BagMap& bag, const crypto::SigningKey& key, const VerifierKey& log,
                       const Checkpoint& head, std::uint64_t records) {
  std::string manifest;
  auto info = internal::parse_bag_info(bag["bag-info.txt"]).value();
  info.records = records;
  info.payload_bytes = 0;
  info.payload_files = 0;
  for (const auto& [path, bytes] : bag) {
    if (!path.starts_with("data/")) continue;
    manifest += internal::manifest_line(crypto::sha256(bytes), path);
    info.payload_bytes += bytes.size();
    ++info.payload_files;
  }
  bag["manifest-sha256.txt"] = manifest;
  bag["bag-info.txt"] = internal::format_bag_info(info);
  sign_again(bag, key, log, head);
}

/// A log of 40 entries, and a bundle of three of them.
struct Scene {
  static constexpr const char* kOrigin = "cordon.example/evidence/log1";

  explicit Scene(std::uint8_t seed = 7) : key(key_of_seed(seed)) {
    for (const std::string& entry : entries.bytes) tree.append(leaf_hash(entry));
    head = {kOrigin, tree.size(), tree.root()};
    request.incident = "INC-2026-00017";
    request.from = *parse_rfc3339("2026-01-05T10:00:00Z");
    request.until = *parse_rfc3339("2026-01-05T11:00:00Z");
    request.as_of = *parse_rfc3339("2026-01-05T11:02:03Z");
    request.incident_json = R"({"id":"INC-2026-00017","severity":"SEV-1"})";
    request.timeline_jsonl = "{\"event\":\"opened\"}\n{\"event\":\"contained\"}\n";
    request.sequences = {5, 11, 12};
    request.rulepacks = {"rulepack: core-leakage\n"};
    request.configs = {R"({"number":3})"};
    request.receipts = {{"sw-1.json", R"({"containment":"sw-1"})"}};
    request.checkpoint = sign_checkpoint(head, key);
    request.earlier = {{"before", note_at(4)}, {"at", note_at(20)}};
  }

  [[nodiscard]] std::string note_at(std::uint64_t size) {
    Prover prover(tree, entries);
    return sign_checkpoint({kOrigin, size, *prover.root_at(size)}, key);
  }
  [[nodiscard]] VerifierKey verifier() const {
    return *VerifierKey::make(kOrigin, key.public_key());
  }
  [[nodiscard]] Result<Frozen> freeze_into(const std::filesystem::path& out) {
    Prover prover(tree, entries);
    return freeze(request, prover, entries, verifier(), key, out);
  }

  Entries entries{40};
  Tree tree;
  crypto::SigningKey key;
  Checkpoint head;
  BundleRequest request;
};

}  // namespace cordon::evidence::testing_support
