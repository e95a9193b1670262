// The Merkle tree over the log (RFC 6962 section 2.1, SHA-256). docs/formats/merkle.md.
//
// Entry n of the journal is leaf n. A Tree keeps 32 bytes for every 128 entries; the hashes of
// single entries are made again from the entries, by a Prover, when a proof needs them.
#pragma once

#include "base/result.h"
#include "crypto/sha256.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace cordon::evidence {

using Hash = crypto::Digest;
/// Hashes from the leaf upwards, or in the order of RFC 6962 section 2.1.2.
using Proof = std::vector<Hash>;

/// Entries under one stored hash of the lowest kept level.
inline constexpr std::uint64_t kBlockEntries = 256;

[[nodiscard]] Hash leaf_hash(std::string_view entry);
[[nodiscard]] Hash node_hash(const Hash& left, const Hash& right);
/// The root of a tree without entries.
[[nodiscard]] Hash empty_root();

/// Durable entries, by sequence. Whoever reads decides which thread; it must not be shared.
class EntrySource {
 public:
  using Visit = std::function<Status(std::uint64_t sequence, std::string_view bytes)>;
  virtual ~EntrySource() = default;
  /// Calls `visit` with `count` entries from `first` on, in order. Ends with the first error;
  /// `not_found` if there are fewer.
  [[nodiscard]] virtual Status read(std::uint64_t first, std::uint64_t count,
                                    const Visit& visit) = 0;
};

/// A growing tree. A value: a copy is a snapshot, 0.25 bytes an entry, that another thread may
/// use while this one grows.
class Tree {
 public:
  void append(const Hash& leaf);
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] Hash root() const;

 private:
  friend class Prover;
  std::uint64_t size_ = 0;
  std::vector<Hash> tail_;                ///< leaves of the last block, if it is not full
  std::vector<std::vector<Hash>> nodes_;  ///< [k]: complete subtrees of kBlockEntries << k leaves
};

/// Makes proofs over a snapshot of the tree. One thread; the source outlives it. Remembers the
/// blocks it read last, so proofs asked for in order read each entry once.
class Prover {
 public:
  Prover(Tree tree, EntrySource& source) : tree_(std::move(tree)), source_(source) {}

  [[nodiscard]] std::uint64_t size() const noexcept { return tree_.size(); }
  /// The root when the tree had `size` entries. Refuses more than it has as `invalid`; answers
  /// `corrupt` if the entries read back do not give the hashes kept.
  [[nodiscard]] Result<Hash> root_at(std::uint64_t size);
  /// That entry `index` is in the tree of `size`. Refuses an index outside as `invalid`.
  [[nodiscard]] Result<Proof> inclusion(std::uint64_t index, std::uint64_t size);
  /// That the tree of `size` begins with the tree of `old_size`.
  [[nodiscard]] Result<Proof> consistency(std::uint64_t old_size, std::uint64_t size);

 private:
  [[nodiscard]] Result<Hash> hash_of(std::uint64_t begin, std::uint64_t end);
  [[nodiscard]] Result<Hash> node(unsigned level, std::uint64_t index);
  [[nodiscard]] Status load(std::uint64_t block);

  struct Block {
    std::uint64_t number;
    std::vector<std::vector<Hash>> levels;  ///< [0] are its leaves
  };
  Tree tree_;
  EntrySource& source_;
  // Two, the last used first: every proof needs the entry's block and the one at the right edge.
  std::array<std::optional<Block>, 2> blocks_;
};

/// Whether `proof` shows that `leaf` is entry `index` of the tree (RFC 9162 section 2.1.3.2).
[[nodiscard]] bool proves_inclusion(std::span<const Hash> proof, const Hash& leaf,
                                    std::uint64_t index, std::uint64_t size, const Hash& root);
/// Whether `proof` shows that the old tree begins the new one (RFC 9162 section 2.1.4.2).
[[nodiscard]] bool proves_consistency(std::span<const Hash> proof, std::uint64_t old_size,
                                      const Hash& old_root, std::uint64_t size, const Hash& root);

}  // namespace cordon::evidence
