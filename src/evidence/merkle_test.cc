#include "evidence/merkle.h"

#include "base/hex.h"
#include "base/random.h"
#include "evidence/internal/testing.h"
#include "evidence/rederive.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>

namespace cordon::evidence {
namespace {

using testing_support::Entries;

// RFC 6962 section 2.1, read aloud: the slow definition that everything else must equal.
Hash defined_root(std::span<const Hash> leaves) {
  if (leaves.empty()) return empty_root();
  if (leaves.size() == 1) return leaves.front();
  const std::size_t k = std::bit_floor(leaves.size() - 1);
  return node_hash(defined_root(leaves.first(k)), defined_root(leaves.subspan(k)));
}

// RFC 6962 section 2.1.1.
Proof defined_path(std::uint64_t m, std::span<const Hash> leaves) {
  if (leaves.size() == 1) return {};
  const std::size_t k = std::bit_floor(leaves.size() - 1);
  Proof path = m < k ? defined_path(m, leaves.first(k)) : defined_path(m - k, leaves.subspan(k));
  path.push_back(m < k ? defined_root(leaves.subspan(k)) : defined_root(leaves.first(k)));
  return path;
}

// RFC 6962 section 2.1.2.
Proof defined_subproof(std::uint64_t m, std::span<const Hash> leaves, bool is_old_tree) {
  if (m == leaves.size()) return is_old_tree ? Proof{} : Proof{defined_root(leaves)};
  const std::size_t k = std::bit_floor(leaves.size() - 1);
  Proof proof;
  if (m <= k) {
    proof = defined_subproof(m, leaves.first(k), is_old_tree);
    proof.push_back(defined_root(leaves.subspan(k)));
  } else {
    proof = defined_subproof(m - k, leaves.subspan(k), false);
    proof.push_back(defined_root(leaves.first(k)));
  }
  return proof;
}

Tree tree_of(const Entries& entries, std::size_t size) {
  Tree tree;
  for (std::size_t i = 0; i < size; ++i) tree.append(leaf_hash(entries.bytes[i]));
  return tree;
}

// The reference tree of Certificate Transparency's own tests.
TEST(MerkleTree, AgreesWithTheReferenceTree) {
  const std::array<std::string_view, 8> leaves = {"",
                                                  "00",
                                                  "10",
                                                  "2021",
                                                  "3031",
                                                  "40414243",
                                                  "5051525354555657",
                                                  "606162636465666768696a6b6c6d6e6f"};
  const std::array<std::string_view, 9> roots = {
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Tree tree;
  Rederivation again;
  EXPECT_EQ(crypto::hex(tree.root()), roots[0]);
  EXPECT_EQ(crypto::hex(again.root()), roots[0]);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const auto bytes = *from_hex(leaves[i]);
    tree.append(leaf_hash(text_of(bytes)));
    again.add(text_of(bytes));
    EXPECT_EQ(crypto::hex(tree.root()), roots[i + 1]);
    EXPECT_EQ(crypto::hex(again.root()), roots[i + 1]);
  }
}

TEST(MerkleTree, EqualsTheDefinitionAndTheSecondComputationAtEverySize) {
  const Entries entries(600);
  const std::vector<Hash> leaves = entries.leaves();
  Tree tree;
  Rederivation again;
  for (std::size_t size = 0; size <= 600; ++size) {
    const Hash expected = defined_root(std::span(leaves).first(size));
    ASSERT_EQ(tree.root(), expected) << size;
    ASSERT_EQ(again.root(), expected) << size;
    ASSERT_EQ(tree.size(), size);
    if (size == 600) break;
    tree.append(leaves[size]);
    again.add(entries.bytes[size]);
  }
}

TEST(MerkleTree, EqualsTheDefinitionAtRandomSizes) {
  SeededRandom random(7);
  for (int round = 0; round < 6; ++round) {
    const std::size_t size = 600 + random.below(9000);
    Entries entries(size);
    Rederivation again;
    for (const std::string& entry : entries.bytes) again.add(entry);
    const Hash expected = defined_root(entries.leaves());
    EXPECT_EQ(tree_of(entries, size).root(), expected) << size;
    EXPECT_EQ(again.root(), expected) << size;
    Prover prover(tree_of(entries, size), entries);
    const std::size_t earlier = random.below(size);
    const std::vector<Hash> leaves = entries.leaves();
    EXPECT_EQ(*prover.root_at(earlier), defined_root(std::span(leaves).first(earlier)));
  }
}

TEST(MerkleProof, OfInclusionEqualsTheDefinitionForAllSmallTrees) {
  Entries entries(64);
  const std::vector<Hash> leaves = entries.leaves();
  Prover prover(tree_of(entries, 64), entries);
  for (std::uint64_t size = 1; size <= 64; ++size) {
    const auto in = std::span(leaves).first(size);
    for (std::uint64_t index = 0; index < size; ++index) {
      const auto proof = prover.inclusion(index, size);
      ASSERT_TRUE(proof.has_value());
      ASSERT_EQ(*proof, defined_path(index, in)) << index << " in " << size;
      ASSERT_TRUE(proves_inclusion(*proof, leaves[index], index, size, defined_root(in)));
    }
  }
}

TEST(MerkleProof, OfConsistencyEqualsTheDefinitionForAllSmallTrees) {
  Entries entries(64);
  const std::vector<Hash> leaves = entries.leaves();
  Prover prover(tree_of(entries, 64), entries);
  for (std::uint64_t size = 1; size <= 64; ++size) {
    const auto now = std::span(leaves).first(size);
    for (std::uint64_t old = 0; old <= size; ++old) {
      const auto proof = prover.consistency(old, size);
      ASSERT_TRUE(proof.has_value());
      if (old > 0) {
        ASSERT_EQ(*proof, defined_subproof(old, now, true)) << old << " to " << size;
      }
      ASSERT_TRUE(
          proves_consistency(*proof, old, defined_root(now.first(old)), size, defined_root(now)));
    }
  }
}

TEST(MerkleProof, WorksAcrossBlocksAndInThePast) {
  Entries entries(1500);
  const std::vector<Hash> leaves = entries.leaves();
  Prover prover(tree_of(entries, 1500), entries);
  for (const std::uint64_t size :
       {256U, 257U, 511U, 512U, 513U, 768U, 1023U, 1024U, 1025U, 1500U}) {
    const auto in = std::span(leaves).first(size);
    for (const std::uint64_t index : {0U, 1U, 127U, 255U, 256U, 300U, 511U, 512U, 1024U, 1499U}) {
      if (index >= size) continue;
      ASSERT_EQ(*prover.inclusion(index, size), defined_path(index, in)) << index << " " << size;
      ASSERT_EQ(*prover.consistency(index + 1, size), defined_subproof(index + 1, in, true));
    }
  }
}

TEST(MerkleProof, RefusesEveryFlippedBitAndEveryOtherPlace) {
  Entries entries(13);
  const std::vector<Hash> leaves = entries.leaves();
  Prover prover(tree_of(entries, 13), entries);
  const Hash root = *prover.root_at(13);
  const Proof good = *prover.inclusion(5, 13);
  for (std::size_t h = 0; h < good.size(); ++h) {
    for (std::size_t bit = 0; bit < 256; ++bit) {
      Proof bad = good;
      bad[h][bit / 8] ^= std::byte{1} << (bit % 8);
      ASSERT_FALSE(proves_inclusion(bad, leaves[5], 5, 13, root));
    }
  }
  for (std::uint64_t index = 0; index < 20; ++index) {
    EXPECT_EQ(proves_inclusion(good, leaves[5], index, 13, root), index == 5);
  }
  EXPECT_FALSE(proves_inclusion(good, leaves[6], 5, 13, root));
  Proof longer = good;
  longer.push_back(root);
  EXPECT_FALSE(proves_inclusion(longer, leaves[5], 5, 13, root));
  EXPECT_FALSE(proves_inclusion(std::span(good).first(good.size() - 1), leaves[5], 5, 13, root));
}

TEST(MerkleProof, RefusesAHistoryThatWasRewritten) {
  Entries entries(40);
  Entries rewritten(40);
  rewritten.bytes[3] += "!";
  Prover prover(tree_of(rewritten, 40), rewritten);
  const Hash old_root = tree_of(entries, 20).root();
  const Proof proof = *prover.consistency(20, 40);
  EXPECT_FALSE(proves_consistency(proof, 20, old_root, 40, *prover.root_at(40)));
  EXPECT_FALSE(proves_consistency({}, 20, old_root, 40, *prover.root_at(40)));
  EXPECT_FALSE(proves_consistency({}, 40, old_root, 20, *prover.root_at(40)));
}

TEST(MerkleProver, SaysWhenEntriesReadBackAreNotThoseIntegrated) {
  Entries entries(300);
  Prover prover(tree_of(entries, 300), entries);
  entries.bytes[17] += "!";
  const auto proof = prover.inclusion(20, 300);
  ASSERT_FALSE(proof.has_value());
  EXPECT_EQ(proof.error().code, Errc::corrupt);
  EXPECT_EQ(proof.error().detail, "entries 0 to 255 read back differ from those integrated");
}

TEST(MerkleProver, RefusesWhatTheTreeDoesNotHave) {
  Entries entries(10);
  Prover prover(tree_of(entries, 10), entries);
  EXPECT_EQ(prover.inclusion(10, 10).error().code, Errc::invalid);
  EXPECT_EQ(prover.inclusion(3, 11).error().code, Errc::invalid);
  EXPECT_EQ(prover.consistency(5, 4).error().code, Errc::invalid);
  EXPECT_EQ(prover.root_at(11).error().code, Errc::invalid);
}

TEST(MerkleProver, ReadsEachEntryOnceForProofsAskedInOrder) {
  Entries entries(1000);
  Prover prover(tree_of(entries, 1000), entries);
  for (std::uint64_t i = 0; i < 768; ++i) ASSERT_TRUE(prover.inclusion(i, 1000).has_value());
  EXPECT_EQ(entries.reads, 768U) << "the incomplete block is in memory";
  // A head in the past cuts a block in two: that block stays at hand beside the entry's.
  entries.reads = 0;
  Prover in_the_past(tree_of(entries, 1000), entries);
  for (std::uint64_t i = 256; i < 600; ++i) {
    ASSERT_TRUE(in_the_past.inclusion(i, 700).has_value());
  }
  EXPECT_EQ(entries.reads, 512U);
}

}  // namespace
}  // namespace cordon::evidence
