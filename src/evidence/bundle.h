// Freezes an incident into a bundle that a stranger verifies without us: a BagIt 1.0 bag, and
// the same as a deterministic tar. docs/formats/bundle.md.
//
// The same request over the same log gives the same bytes: nothing in a bundle comes from the
// clock, the machine or the order of a directory.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "crypto/ed25519.h"
#include "evidence/checkpoint.h"
#include "evidence/merkle.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cordon::evidence {

/// Records in one bundle. Each has a proof file of its own.
inline constexpr std::uint64_t kBundleRecordsMax = 1'000'000;

/// A file of the bag that the caller writes, for example "receipts/<id>.json".
struct Document {
  std::string path;  ///< below data/
  std::string bytes;
};

/// A head that was signed earlier, and why it matters here.
struct EarlierHead {
  std::string name;  ///< "before" (the window) or "at" (the declaration)
  std::string note;  ///< as it was published
};

/// What goes into a bundle. A value; the caller fills it.
struct BundleRequest {
  std::string incident;  ///< "INC-2026-00017": also the name of the bag
  WallTime from{};       ///< the window that `sequences` was chosen from
  WallTime until{};
  WallTime as_of{};  ///< of the freeze: gives Bagging-Date, so it must be a recorded time

  std::string incident_json;
  std::string timeline_jsonl;
  std::vector<std::uint64_t> sequences;  ///< strictly ascending; may be empty
  std::vector<std::string> rulepacks;    ///< whole; named by their SHA-256
  std::vector<std::string> configs;      ///< generations, whole, JSON
  std::vector<Document> receipts;        ///< path without "data/receipts/"

  std::string checkpoint;  ///< signed head over at least all of `sequences`
  std::vector<EarlierHead> earlier;
};

/// A bundle on disk.
struct Frozen {
  std::filesystem::path bag;
  std::filesystem::path tar;
  crypto::Digest tar_sha256{};
  std::uint64_t tar_bytes = 0;
  std::uint64_t tree_size = 0;
  std::uint64_t records = 0;
  std::uint64_t files = 0;
};

/// Writes `<out>/<incident>/` and `<out>/<incident>.tar`, both whole and on stable storage or not
/// at all. One that is there with the same bytes is fine, others are refused as `conflict`.
/// Refuses as `invalid` a request that contradicts itself or the log (a checkpoint of another
/// key or with another root, a sequence outside it, an unsafe name), as `exhausted` more than
/// kBundleRecordsMax records. Blocks on the disk; any one thread, as `prover` works on a snapshot.
[[nodiscard]] Result<Frozen> freeze(const BundleRequest& request, Prover& prover,
                                    EntrySource& entries, const VerifierKey& log,
                                    const crypto::SigningKey& key,
                                    const std::filesystem::path& out);

}  // namespace cordon::evidence
