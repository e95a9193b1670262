#include "evidence/checkpoint.h"

#include "base/hex.h"
#include "codec/base64.h"
#include "evidence/internal/testing.h"
#include "evidence/proof.h"

#include <gtest/gtest.h>

namespace cordon::evidence {
namespace {

using testing_support::Entries;

// Made with openssl over the reference tree of three entries, and accepted by Go's note package.
constexpr std::string_view kNote =
    "cordon.example/evidence/log1\n"
    "3\n"
    "rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=\n"
    "\n"
    "\xE2\x80\x94 cordon.example/evidence/log1 h1/B/dKv3l1+fOoE1b2anc+arE/Qi5kLJkWxPCQ/b+v2i9W8JsGB"
    "xIhoZnWOTZKpfjTNpZ8kVsNs7FMbtCLaOmK1ng4=\n";
constexpr std::string_view kVerifierKey =
    "cordon.example/evidence/log1+875fc1fd+AauAJ9J+A7TVNasL/g6drLyvXW98yNGgY2/3iVeKUMPc";

TEST(VerifierKey, ReadsAndWritesThePublishedOne) {
  const auto key = VerifierKey::parse(kVerifierKey);
  ASSERT_TRUE(key.has_value()) << key.error().detail;
  EXPECT_EQ(key->text(), kVerifierKey);
  EXPECT_EQ(key->name(), "cordon.example/evidence/log1");
  EXPECT_EQ(key->id_hex(), "875fc1fd");
}

TEST(VerifierKey, RefusesEveryFlippedBit) {
  for (std::size_t bit = 0; bit < kVerifierKey.size() * 8; ++bit) {
    std::string bad(kVerifierKey);
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(VerifierKey::parse(bad).has_value()) << bad;
  }
}

TEST(VerifierKey, RefusesNamesThatCouldBeReadTwoWays) {
  const crypto::PublicKey key = VerifierKey::parse(kVerifierKey)->key();
  for (const char* name : {"", "a b", "a+b", "a\nb", "a\x7f", "\xC3\xA9"}) {
    EXPECT_FALSE(VerifierKey::make(name, key).has_value());
  }
  EXPECT_FALSE(VerifierKey::make(std::string(256, 'a'), key).has_value());
  EXPECT_TRUE(VerifierKey::make(std::string(255, 'a'), key).has_value());
}

TEST(Checkpoint, OpensThePublishedOne) {
  const auto opened = open_checkpoint(kNote, *VerifierKey::parse(kVerifierKey));
  ASSERT_TRUE(opened.has_value()) << opened.error().detail;
  EXPECT_EQ(opened->size, 3U);
  EXPECT_EQ(crypto::hex(opened->root),
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
  EXPECT_EQ(format_note(*parse_note(kNote)), kNote);
}

TEST(Checkpoint, RefusesEveryFlippedBit) {
  const VerifierKey key = *VerifierKey::parse(kVerifierKey);
  for (std::size_t bit = 0; bit < kNote.size() * 8; ++bit) {
    std::string bad(kNote);
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(open_checkpoint(bad, key).has_value()) << "bit " << bit;
  }
}

TEST(Checkpoint, RefusesEveryPrefixAndExtension) {
  const VerifierKey key = *VerifierKey::parse(kVerifierKey);
  for (std::size_t size = 0; size < kNote.size(); ++size) {
    EXPECT_FALSE(open_checkpoint(kNote.substr(0, size), key).has_value()) << size;
  }
  EXPECT_FALSE(open_checkpoint(std::string(kNote) + "\n", key).has_value());
  EXPECT_FALSE(open_checkpoint(std::string(kNote) + "x", key).has_value());
}

TEST(Checkpoint, SignsTheSameBytesAgainAndNamesItsKey) {
  const crypto::SigningKey key = crypto::SigningKey::generate();
  const Checkpoint head{"log.example/a", 0, empty_root()};
  const std::string note = sign_checkpoint(head, key);
  EXPECT_EQ(note, sign_checkpoint(head, key));
  const auto verifier = VerifierKey::make("log.example/a", key.public_key());
  ASSERT_TRUE(open_checkpoint(note, *verifier).has_value());

  const auto other =
      VerifierKey::make("log.example/a", crypto::SigningKey::generate().public_key());
  EXPECT_EQ(open_checkpoint(note, *other).error().detail,
            "not signed by log.example/a+" + other->id_hex());
  const auto elsewhere = VerifierKey::make("log.example/b", key.public_key());
  EXPECT_EQ(open_checkpoint(note, *elsewhere).error().detail,
            "a checkpoint of log.example/a, expected log.example/b");
}

TEST(Checkpoint, PassesOverUnknownSignaturesButNotAWrongOneOfTheKey) {
  const VerifierKey key = *VerifierKey::parse(kVerifierKey);
  SignedNote note = *parse_note(kNote);
  for (int i = 0; i < 16; ++i) {
    note.signatures.push_back(
        {"witness.example/" + std::to_string(i), {}, std::vector<std::byte>(72, std::byte{9})});
  }
  EXPECT_TRUE(open_checkpoint(format_note(note), key).has_value());
  NoteSignature wrong = note.signatures.front();
  wrong.bytes.front() ^= std::byte{1};
  note.signatures.push_back(wrong);
  EXPECT_EQ(open_checkpoint(format_note(note), key).error().detail,
            "the signature of cordon.example/evidence/log1 does not verify");
}

TEST(Checkpoint, NamesTheLimitThatANoteReached) {
  SignedNote note = *parse_note(kNote);
  note.signatures.assign(kNoteSignaturesMax + 1, note.signatures.front());
  EXPECT_EQ(parse_note(format_note(note)).error().detail,
            "a signed note with more than 64 signatures");
  EXPECT_EQ(parse_note(std::string(kNoteBytesMax + 1, 'a')).error().code, Errc::exhausted);
}

TEST(Checkpoint, RefusesOtherSpellingsOfTheSameHead) {
  const std::string root = "rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=\n";
  EXPECT_TRUE(parse_checkpoint("a\n3\n" + root).has_value());
  for (const std::string& text :
       {"a\n03\n" + root, "a\n+3\n" + root, "a\n3 \n" + root, "a\n\n" + root, "\n3\n" + root,
        "a\n3\n" + root + "extension\n", "a\r\n3\n" + root, "a\n9223372036854775808\n" + root,
        std::string("a\n3\nrra8\n"), "a\n-1\n" + root}) {
    EXPECT_FALSE(parse_checkpoint(text).has_value()) << text;
  }
}

class ProofFile : public testing::Test {
 protected:
  ProofFile() {
    Tree tree;
    for (const std::string& entry : entries.bytes) tree.append(leaf_hash(entry));
    Prover prover(tree, entries);
    proof = {11, *prover.inclusion(11, 21),
             sign_checkpoint({"log.example/a", 21, tree.root()}, key)};
  }
  Entries entries{21};
  crypto::SigningKey key = crypto::SigningKey::generate();
  VerifierKey verifier = *VerifierKey::make("log.example/a", key.public_key());
  InclusionProof proof;
};

TEST_F(ProofFile, ProvesItsEntryAndNoOther) {
  const auto read = parse_proof(format_proof(proof));
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(check_proof(*read, entries.bytes[11], verifier).has_value());
  EXPECT_EQ(check_proof(*read, entries.bytes[10], verifier).error().detail,
            "the hashes do not lead from this entry at index 11 to the root of the tree of 21");
}

TEST_F(ProofFile, RefusesEveryFlippedBit) {
  const std::string good = format_proof(proof);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const auto read = parse_proof(bad);
    EXPECT_FALSE(read && check_proof(*read, entries.bytes[11], verifier)) << "bit " << bit;
  }
}

TEST_F(ProofFile, RefusesAnythingButItsOneForm) {
  const std::string good = format_proof(proof);
  EXPECT_TRUE(good.starts_with("c2sp.org/tlog-proof@v1\nindex 11\n"));
  for (const std::string& bad : {std::string(), "x" + good, good.substr(0, 30),
                                 "c2sp.org/tlog-proof@v1\nextra YQ==\n" + good.substr(23),
                                 "c2sp.org/tlog-proof@v1\nindex 011\n\n" + proof.checkpoint,
                                 std::string("c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx\n")}) {
    EXPECT_FALSE(parse_proof(bad).has_value()) << bad;
  }
  InclusionProof deep = proof;
  deep.hashes.resize(kProofHashesMax + 1);
  EXPECT_EQ(parse_proof(format_proof(deep)).error().detail, "a proof of more than 63 hashes");
}

}  // namespace
}  // namespace cordon::evidence
