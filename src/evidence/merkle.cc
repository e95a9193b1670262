#include "evidence/merkle.h"

#include "base/assert.h"
#include "base/hex.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace cordon::evidence {
namespace {

constexpr unsigned kBlockLevel = 8;
static_assert(kBlockEntries == 1U << kBlockLevel);

/// Leaves left of the split of a tree of `size` leaves: the largest power of two below it.
std::uint64_t left_of(std::uint64_t size) {
  return std::bit_floor(size - 1);
}

/// The perfect subtrees over these leaves, level by level, without what is incomplete.
std::vector<std::vector<Hash>> levels_over(std::vector<Hash> leaves) {
  std::vector<std::vector<Hash>> levels;
  levels.push_back(std::move(leaves));
  while (levels.back().size() > 1) {
    const std::vector<Hash>& below = levels.back();
    std::vector<Hash> above;
    above.reserve(below.size() / 2);
    for (std::size_t i = 0; i + 1 < below.size(); i += 2) {
      above.push_back(node_hash(below[i], below[i + 1]));
    }
    levels.push_back(std::move(above));
  }
  return levels;
}

/// A root and the hash of everything to its left, joined from the right edge inwards.
Hash join(std::span<const Hash> left_to_right) {
  Hash root = left_to_right.back();
  for (std::size_t i = left_to_right.size() - 1; i > 0; --i) {
    root = node_hash(left_to_right[i - 1], root);
  }
  return root;
}

}  // namespace

Hash leaf_hash(std::string_view entry) {
  return crypto::sha256(std::byte{0}, bytes_of(entry));
}

Hash node_hash(const Hash& left, const Hash& right) {
  return crypto::sha256(std::byte{1}, left, right);
}

Hash empty_root() {
  return crypto::sha256(std::string_view());
}

void Tree::append(const Hash& leaf) {
  tail_.push_back(leaf);
  ++size_;
  if (tail_.size() < kBlockEntries) return;

  Hash done = levels_over(std::move(tail_)).back().front();
  tail_.clear();
  // A level with an even count has just completed a pair, which is one node of the next.
  for (std::size_t k = 0;; ++k) {
    if (k == nodes_.size()) nodes_.emplace_back();
    nodes_[k].push_back(done);
    if (nodes_[k].size() % 2 != 0) return;
    done = node_hash(nodes_[k][nodes_[k].size() - 2], done);
  }
}

Hash Tree::root() const {
  if (size_ == 0) return empty_root();
  std::vector<Hash> peaks;
  for (std::size_t k = nodes_.size(); k > 0; --k) {
    if (nodes_[k - 1].size() % 2 != 0) peaks.push_back(nodes_[k - 1].back());
  }
  const auto levels = levels_over(tail_);
  for (std::size_t k = levels.size(); k > 0; --k) {
    if (levels[k - 1].size() % 2 != 0) peaks.push_back(levels[k - 1].back());
  }
  return join(peaks);
}

Status Prover::load(std::uint64_t block) {
  if (blocks_[0] && blocks_[0]->number == block) return {};
  std::swap(blocks_[0], blocks_[1]);
  if (blocks_[0] && blocks_[0]->number == block) return {};
  const std::uint64_t first = block * kBlockEntries;
  const bool whole = first + kBlockEntries <= tree_.size();
  std::vector<Hash> leaves;
  if (whole) {
    leaves.reserve(kBlockEntries);
    CORDON_CHECK(source_.read(
        first, kBlockEntries, [&](std::uint64_t sequence, std::string_view entry) -> Status {
          if (sequence != first + leaves.size()) {
            return fail(Errc::corrupt, fmt::format("entry {} read where {} is expected", sequence,
                                                   first + leaves.size()));
          }
          leaves.push_back(leaf_hash(entry));
          return {};
        }));
    if (leaves.size() != kBlockEntries) {
      return fail(Errc::corrupt, fmt::format("entries {} to {} cannot all be read back", first,
                                             first + kBlockEntries - 1));
    }
  } else {
    leaves = tree_.tail_;
  }
  auto levels = levels_over(std::move(leaves));
  if (whole && levels.back().front() != tree_.nodes_[0][block]) {
    return fail(Errc::corrupt,
                fmt::format("entries {} to {} read back differ from those integrated", first,
                            first + kBlockEntries - 1));
  }
  blocks_[0] = Block{block, std::move(levels)};
  return {};
}

Result<Hash> Prover::node(unsigned level, std::uint64_t index) {
  if (level >= kBlockLevel) return tree_.nodes_[level - kBlockLevel][index];
  const unsigned up = kBlockLevel - level;
  CORDON_CHECK(load(index >> up));
  return blocks_[0]->levels[level][index & ((std::uint64_t{1} << up) - 1)];
}

Result<Hash> Prover::hash_of(std::uint64_t begin, std::uint64_t end) {
  // Every subtree that RFC 6962 names begins at a multiple of its rounded-up size, so the left
  // parts are perfect and what remains moves to the right.
  std::vector<Hash> parts;
  while (begin < end) {
    const std::uint64_t size = std::bit_floor(end - begin);
    const auto level = static_cast<unsigned>(std::countr_zero(size));
    CORDON_TRY(parts.emplace_back(), node(level, begin >> level));
    begin += size;
  }
  return join(parts);
}

Result<Hash> Prover::root_at(std::uint64_t size) {
  if (size > tree_.size()) {
    return fail(Errc::invalid, fmt::format("the tree has {} entries, not {}", tree_.size(), size));
  }
  if (size == 0) return empty_root();
  return hash_of(0, size);
}

Result<Proof> Prover::inclusion(std::uint64_t index, std::uint64_t size) {
  if (index >= size || size > tree_.size()) {
    return fail(Errc::invalid, fmt::format("no entry {} in a tree of {} out of {} entries", index,
                                           size, tree_.size()));
  }
  Proof proof;
  std::uint64_t begin = 0;
  std::uint64_t end = size;
  while (end - begin > 1) {
    const std::uint64_t middle = begin + left_of(end - begin);
    if (index < middle) {
      CORDON_TRY(proof.emplace_back(), hash_of(middle, end));
      end = middle;
    } else {
      CORDON_TRY(proof.emplace_back(), hash_of(begin, middle));
      begin = middle;
    }
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

Result<Proof> Prover::consistency(std::uint64_t old_size, std::uint64_t size) {
  if (old_size > size || size > tree_.size()) {
    return fail(Errc::invalid, fmt::format("no proof from {} to {} in a tree of {} entries",
                                           old_size, size, tree_.size()));
  }
  Proof proof;
  if (old_size == 0 || old_size == size) return proof;
  std::uint64_t begin = 0;
  std::uint64_t end = size;
  // Down to the subtree whose right edge is the old tree's.
  while (end != old_size) {
    const std::uint64_t middle = begin + left_of(end - begin);
    if (old_size <= middle) {
      CORDON_TRY(proof.emplace_back(), hash_of(middle, end));
      end = middle;
    } else {
      CORDON_TRY(proof.emplace_back(), hash_of(begin, middle));
      begin = middle;
    }
  }
  // If that subtree is the old tree itself, the verifier holds its hash already.
  if (begin != 0) {
    CORDON_TRY(proof.emplace_back(), hash_of(begin, end));
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

bool proves_inclusion(std::span<const Hash> proof, const Hash& leaf, std::uint64_t index,
                      std::uint64_t size, const Hash& root) {
  if (index >= size) return false;
  std::uint64_t at = index;
  std::uint64_t last = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (last == 0) return false;
    if (at % 2 == 1 || at == last) {
      hash = node_hash(sibling, hash);
      while (at % 2 == 0 && at != 0) {
        at >>= 1U;
        last >>= 1U;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    at >>= 1U;
    last >>= 1U;
  }
  return last == 0 && hash == root;
}

bool proves_consistency(std::span<const Hash> proof, std::uint64_t old_size, const Hash& old_root,
                        std::uint64_t size, const Hash& root) {
  if (old_size > size) return false;
  if (old_size == size) return proof.empty() && old_root == root;
  if (old_size == 0) return proof.empty() && old_root == empty_root();
  const bool old_is_perfect = std::has_single_bit(old_size);
  if (!old_is_perfect && proof.empty()) return false;
  const Hash& seed = old_is_perfect ? old_root : proof.front();
  if (!old_is_perfect) proof = proof.subspan(1);

  std::uint64_t at = old_size - 1;
  std::uint64_t last = size - 1;
  while (at % 2 == 1) {
    at >>= 1U;
    last >>= 1U;
  }
  Hash old_hash = seed;
  Hash hash = seed;
  for (const Hash& sibling : proof) {
    if (last == 0) return false;
    if (at % 2 == 1 || at == last) {
      old_hash = node_hash(sibling, old_hash);
      hash = node_hash(sibling, hash);
      while (at % 2 == 0 && at != 0) {
        at >>= 1U;
        last >>= 1U;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    at >>= 1U;
    last >>= 1U;
  }
  return last == 0 && old_hash == old_root && hash == root;
}

}  // namespace cordon::evidence
