// Every byte of a bundle counts, and whoever changes one is named.
#include "evidence/internal/bundle_testing.h"
#include "evidence/internal/verifier.h"
#include "evidence/verify.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

namespace cordon::evidence {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

constexpr const char* kArchive = "INC-2026-00017.tar";
constexpr const char* kName = "INC-2026-00017";

class Tamper : public testing::Test {
 protected:
  Tamper() {
    const auto frozen = scene.freeze_into(dir.path());
    EXPECT_TRUE(frozen.has_value());
    bag = load_bag(frozen->bag);
    tar = slurp(frozen->tar);
  }
  [[nodiscard]] Report verify_tar(std::string_view bytes, const Pinned& keys) const {
    return internal::verify_opened(
        internal::open_tar(std::make_unique<internal::MemorySource>(bytes), kArchive, {}), keys,
        {});
  }
  [[nodiscard]] Report verify_map(const BagMap& files) const {
    return verify_tar(tar_of(files, kName), pinned);
  }
  [[nodiscard]] Report verify_directory() const {
    const auto report = verify_bundle(dir.path() / kName, pinned);
    EXPECT_TRUE(report.has_value());
    return *report;
  }
  /// The file whose bytes hold this position of the archive, or the archive itself.
  [[nodiscard]] std::string owner_of(std::size_t position) const {
    std::size_t at = 0;
    for (const auto& [path, bytes] : bag) {
      at += internal::kTarBlock;
      if (position >= at && position < at + bytes.size()) return path;
      at += bytes.size() + internal::tar_padding(bytes.size());
    }
    return kArchive;
  }

  Scene scene;
  TemporaryDirectory dir;
  BagMap bag;
  std::string tar;
  Pinned pinned{scene.verifier(), std::nullopt};
};

TEST_F(Tamper, TheTestsOwnArchiveIsTheFrozenOne) {
  ASSERT_EQ(tar_of(bag, kName), tar);
  EXPECT_TRUE(verify_map(bag).ok);
  BagMap sealed = bag;
  seal_again(sealed, scene.key, scene.verifier(), scene.head, 3);
  EXPECT_EQ(sealed, bag);
}

TEST_F(Tamper, EveryFlippedBitOfTheArchiveIsRefusedAndItsFileNamed) {
  SeededRandom random(1);
  const std::size_t step = 40;  // each of these positions has its own random bit
  std::size_t flips = 0;
  for (std::size_t bit = random.below(step); bit < tar.size() * 8; bit += 1 + random.below(step)) {
    std::string bad = tar;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const Report report = verify_tar(bad, pinned);
    ASSERT_FALSE(report.ok) << "bit " << bit << " of " << owner_of(bit / 8);
    ASSERT_FALSE(report.faults.empty());
    ASSERT_EQ(report.faults.front().path, owner_of(bit / 8)) << "bit " << bit << describe(report);
    ++flips;
  }
  EXPECT_GE(flips, 5'000U);
}

TEST_F(Tamper, EveryFlippedBitOfTheDirectoryIsRefusedAndItsFileNamed) {
  SeededRandom random(2);
  std::size_t total = 0;
  for (const auto& [path, bytes] : bag) total += bytes.size();
  const std::size_t step = total * 8 / 2'100 * 2;
  std::size_t flips = 0;
  for (const auto& [path, good] : bag) {
    const fs::path file = dir.path() / kName / path;
    for (std::size_t bit = random.below(8); bit < good.size() * 8; bit += 1 + random.below(step)) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
      std::ofstream(file, std::ios::binary) << bad;
      const Report report = verify_directory();
      ASSERT_FALSE(report.ok) << "bit " << bit << " of " << path;
      ASSERT_EQ(report.faults.front().path, path) << "bit " << bit << describe(report);
      ++flips;
    }
    std::ofstream(file, std::ios::binary) << good;
  }
  EXPECT_TRUE(verify_directory().ok);
  EXPECT_GE(flips, 2'000U);
}

// Nothing but the bundle vouches for the keys then, and still no byte may change unnoticed.
TEST_F(Tamper, AFlippedBitIsRefusedAndItsFileNamedEvenWithoutAPinnedKey) {
  SeededRandom random(3);
  for (const char* path :
       {"data/trust/log.vkey", "data/trust/signer.pub.pem", "signatures/tagmanifest.sig",
        "signatures/bundle.intoto.jsonl", "tagmanifest-sha256.txt", "data/log/checkpoint"}) {
    for (std::size_t bit = 0; bit < bag[path].size() * 8; bit += 1 + random.below(40)) {
      BagMap bad = bag;
      bad[path][bit / 8] = static_cast<char>(bad[path][bit / 8] ^ (1 << (bit % 8)));
      const Report report = verify_tar(tar_of(bad, kName), {});
      ASSERT_FALSE(report.ok);
      ASSERT_EQ(report.faults.front().path, path) << "bit " << bit << "\n" << describe(report);
    }
  }
}

TEST_F(Tamper, EveryTruncationOfTheArchiveIsRefused) {
  for (std::size_t size = 0; size < tar.size(); size += 97) {
    EXPECT_EQ(verify_tar(std::string_view(tar).substr(0, size), pinned).faults.front().path,
              kArchive);
  }
}

/// Files that a case starts from, and who can sign.
struct Hands {
  BagMap& bag;
  Scene& scene;
  void seal(std::uint64_t records = 3) {
    seal_again(bag, scene.key, scene.verifier(), scene.head, records);
  }
  void sign() { sign_again(bag, scene.key, scene.verifier(), scene.head); }
  [[nodiscard]] static std::string proof(std::size_t i) {
    return "data/proofs/" + Entries::id(i) + ".tlog-proof";
  }
  [[nodiscard]] std::string line(std::size_t i) const { return scene.entries.bytes[i] + "\n"; }
};

struct Case {
  const char* name;
  void (*tamper)(Hands hands);
  const char* accused;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

class TamperStructure : public Tamper, public testing::WithParamInterface<Case> {};

TEST_P(TamperStructure, IsRefusedAndNamed) {
  BagMap bad = bag;
  GetParam().tamper({bad, scene});
  ASSERT_NE(bad, bag);
  const Report in_tar = verify_map(bad);
  EXPECT_FALSE(in_tar.ok);
  ASSERT_FALSE(in_tar.faults.empty());
  EXPECT_EQ(in_tar.faults.front().path, GetParam().accused) << describe(in_tar);
  store_bag(bad, dir.path() / kName);
  const Report in_directory = verify_directory();
  EXPECT_FALSE(in_directory.ok);
  EXPECT_EQ(in_directory.faults.front().path, GetParam().accused) << describe(in_directory);
}

constexpr const char* kRecordsFile = "data/decisions.jsonl";
constexpr const char* kProof5 = "data/proofs/019b8d3e-7c00-7000-8000-000000000005.tlog-proof";
constexpr const char* kProof11 = "data/proofs/019b8d3e-7c00-7000-8000-00000000000b.tlog-proof";
constexpr const char* kDsse = "signatures/bundle.intoto.jsonl";
constexpr const char* kRaw = "signatures/tagmanifest.sig";
constexpr const char* kTags = "tagmanifest-sha256.txt";
constexpr const char* kList = "manifest-sha256.txt";

const Case kOutsider[] = {
    {"DropDocument", [](Hands h) { h.bag.erase("data/incident.json"); }, "data/incident.json"},
    {"DropProof", [](Hands h) { h.bag.erase(kProof5); }, kProof5},
    {"DropSignature", [](Hands h) { h.bag.erase(kRaw); }, kRaw},
    {"DropEnvelope", [](Hands h) { h.bag.erase(kDsse); }, kDsse},
    {"DropManifest", [](Hands h) { h.bag.erase(kList); }, kList},
    {"DropTagManifest", [](Hands h) { h.bag.erase(kTags); }, kTags},
    {"DropBagit", [](Hands h) { h.bag.erase("bagit.txt"); }, "bagit.txt"},
    {"DropCheckpoint", [](Hands h) { h.bag.erase("data/log/checkpoint"); }, "data/log/checkpoint"},
    {"SwapProofs", [](Hands h) { std::swap(h.bag[kProof5], h.bag[kProof11]); }, kProof5},
    {"SwapLines", [](Hands h) { h.bag[kRecordsFile] = h.line(11) + h.line(5) + h.line(12); },
     kRecordsFile},
    {"DuplicateLine", [](Hands h) { h.bag[kRecordsFile] += h.line(12); }, kRecordsFile},
    {"DropLine", [](Hands h) { h.bag[kRecordsFile] = h.line(5) + h.line(12); }, kRecordsFile},
    {"TruncateRecords", [](Hands h) { h.bag[kRecordsFile].resize(200); }, kRecordsFile},
    {"EmptyRecords", [](Hands h) { h.bag[kRecordsFile].clear(); }, kRecordsFile},
    {"TruncateSignature", [](Hands h) { h.bag[kRaw].resize(63); }, kRaw},
    {"EmptySignature", [](Hands h) { h.bag[kRaw].clear(); }, kRaw},
    {"ExtendSignature", [](Hands h) { h.bag[kRaw] += 'x'; }, kRaw},
    {"ReSignWithAnotherKey",
     [](Hands h) { sign_again(h.bag, key_of_seed(9), h.scene.verifier(), h.scene.head); }, kTags},
    {"ForgeWithOwnKeysInTheBag",
     [](Hands h) {
       Scene forger(9);
       TemporaryDirectory own;
       h.bag = load_bag(forger.freeze_into(own.path())->bag);
     },
     "data/trust/log.vkey"},
    {"ReplaceTheLogKeyOnly",
     [](Hands h) { h.bag["data/trust/log.vkey"] = Scene(9).verifier().text() + "\n"; },
     "data/trust/log.vkey"},
    {"ReplaceTheSignerOnly",
     [](Hands h) { h.bag["data/trust/signer.pub.pem"] = Scene(9).key.public_key().to_pem(); },
     "data/trust/signer.pub.pem"},
    {"SpliceTheEnvelopeOfAnotherBundle",
     [](Hands h) {
       Scene other;
       other.request.incident_json = "{}";
       TemporaryDirectory own;
       h.bag[kDsse] = load_bag(other.freeze_into(own.path())->bag)[kDsse];
     },
     kDsse},
    {"SpliceTheRecordsOfAnotherBundle",
     [](Hands h) {
       Scene other;
       other.request.sequences = {7};
       TemporaryDirectory own;
       for (const auto& [path, bytes] : load_bag(other.freeze_into(own.path())->bag)) {
         if (path == kRecordsFile || path.starts_with("data/proofs/")) h.bag[path] = bytes;
       }
     },
     kRecordsFile},
    {"SpliceTheTagsOfAnotherBundle",
     [](Hands h) {
       Scene other;
       other.request.incident_json = "{}";
       TemporaryDirectory own;
       for (const auto& [path, bytes] : load_bag(other.freeze_into(own.path())->bag)) {
         if (!path.starts_with("data/")) h.bag[path] = bytes;
       }
     },
     "data/incident.json"},
    {"BackDateTheHead", [](Hands h) { h.bag["data/log/checkpoint"] = h.scene.note_at(13); },
     "data/log/checkpoint"},
    {"RenameARulepack",
     [](Hands h) {
       const auto at = h.bag.lower_bound("data/rulepacks/");
       h.bag["data/rulepacks/0"] = at->second;
       h.bag.erase(at);
     },
     "data/rulepacks/0"},
    {"AddPayload", [](Hands h) { h.bag["data/extra.txt"] = "x"; }, "data/extra.txt"},
    {"AddAtTheTop", [](Hands h) { h.bag["notes.txt"] = "x"; }, "notes.txt"},
    {"AddAHiddenFile", [](Hands h) { h.bag[".hidden"] = "x"; }, ".hidden"},
    {"AddASignature", [](Hands h) { h.bag["signatures/other.sig"] = "x"; }, "signatures/other.sig"},
    {"PrettyPrintTheEnvelope", [](Hands h) { h.bag[kDsse].insert(1, " "); }, kDsse},
    {"SecondEnvelope", [](Hands h) { h.bag[kDsse] += h.bag[kDsse]; }, kDsse},
    {"AnotherKeyIdInTheEnvelope",
     [](Hands h) { h.bag[kDsse].replace(h.bag[kDsse].find("keyid") + 8, 1, "Z"); }, kDsse},
};

// Whoever holds the signing key can seal a bag again. What the log holds he cannot change, and a
// bag that contradicts itself is refused whoever signed it.
const Case kInsider[] = {
    {"ChangeAnEntry",
     [](Hands h) {
       h.bag[kRecordsFile].replace(h.bag[kRecordsFile].find("\"exchange\":\"e11\""), 16,
                                   "\"exchange\":\"e99\"");
       h.seal();
     },
     kRecordsFile},
    {"RepeatAnEntry",
     [](Hands h) {
       h.bag[kRecordsFile] += h.line(12);
       h.seal(4);
     },
     kRecordsFile},
    {"ReorderEntries",
     [](Hands h) {
       h.bag[kRecordsFile] = h.line(11) + h.line(5) + h.line(12);
       h.seal();
     },
     kRecordsFile},
    {"HideAnEntryAndForgetItsProof",
     [](Hands h) {
       h.bag[kRecordsFile] = h.line(5) + h.line(12);
       h.seal(2);
     },
     kProof11},
    {"HideAnEntryAndForgetTheCount",
     [](Hands h) {
       h.bag[kRecordsFile] = h.line(5) + h.line(12);
       h.bag.erase(kProof11);
       h.seal(3);
     },
     "bag-info.txt"},
    {"AddAnEntryWithoutAProof",
     [](Hands h) {
       h.bag[kRecordsFile] += h.line(30);
       h.seal(4);
     },
     kRecordsFile},
    {"AddAnEntryWithTheProofOfAnother",
     [](Hands h) {
       h.bag[kRecordsFile] += h.line(30);
       h.bag[Hands::proof(30)] = h.bag[kProof11];
       h.seal(4);
     },
     kRecordsFile},
    {"BackDateTheHeadAndSeal",
     [](Hands h) {
       h.bag["data/log/checkpoint"] = h.scene.note_at(13);
       h.seal();
     },
     kDsse},
    {"ClaimAnotherHistoryBefore",
     [](Hands h) {
       h.bag["data/log/checkpoints/before"] =
           sign_checkpoint({Scene::kOrigin, 4, empty_root()}, h.scene.key);
       h.seal();
     },
     "data/log/checkpoints/before.consistency"},
    {"EarlierHeadWithoutItsProof",
     [](Hands h) {
       h.bag.erase("data/log/checkpoints/at.consistency");
       h.seal();
     },
     "data/log/checkpoints/at.consistency"},
    {"ProofOfNoHead",
     [](Hands h) {
       h.bag.erase("data/log/checkpoints/at");
       h.seal();
     },
     "data/log/checkpoints/at.consistency"},
    {"ReorderTheManifest",
     [](Hands h) {
       std::string& list = h.bag[kList];
       const std::size_t first = list.find('\n') + 1;
       list = list.substr(first) + list.substr(0, first);
       h.sign();
     },
     kList},
    {"RepeatAManifestLine",
     [](Hands h) {
       std::string& list = h.bag[kList];
       list = list.substr(0, list.find('\n') + 1) + list;
       h.sign();
     },
     kList},
    {"PathOutOfTheBag",
     [](Hands h) {
       h.bag[kList] += std::string(64, '0') + "  data/../../etc/passwd\n";
       h.sign();
     },
     kList},
    {"ManifestWithoutItsLastNewline",
     [](Hands h) {
       h.bag[kList].pop_back();
       h.sign();
     },
     kList},
    {"WrongOxum",
     [](Hands h) {
       std::string& info = h.bag["bag-info.txt"];
       info.replace(info.find("Oxum: ") + 6, 1, "9");
       h.sign();
     },
     "bag-info.txt"},
    {"AnotherLabelInBagInfo",
     [](Hands h) {
       h.bag["bag-info.txt"] += "Contact-Name: somebody\n";
       h.sign();
     },
     "bag-info.txt"},
    {"ByteOrderMark",
     [](Hands h) {
       h.bag["bagit.txt"].insert(0, "\xEF\xBB\xBF");
       h.sign();
     },
     "bagit.txt"},
    {"MisnamedRulepack",
     [](Hands h) {
       h.bag["data/rulepacks/" + std::string(64, 'a')] = "other";
       h.seal();
     },
     "data/rulepacks/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    {"NoReadme",
     [](Hands h) {
       h.bag.erase("data/README.txt");
       h.seal();
     },
     "data/README.txt"},
};

INSTANTIATE_TEST_SUITE_P(Outsider, TamperStructure, testing::ValuesIn(kOutsider),
                         [](const auto& test) { return test.param.name; });
INSTANTIATE_TEST_SUITE_P(Insider, TamperStructure, testing::ValuesIn(kInsider),
                         [](const auto& test) { return test.param.name; });

TEST_F(Tamper, PointsAtTheLineThatChanged) {
  const std::size_t at = bag[kRecordsFile].find("\"exchange\":\"e11\"");
  bag[kRecordsFile].replace(at, 16, "\"exchange\":\"e99\"");
  const Report report = verify_map(bag);
  ASSERT_EQ(report.faults.size(), 2U) << describe(report);
  EXPECT_EQ(report.faults[0].what, "its SHA-256 is not the one that was signed");
  EXPECT_EQ(report.faults[1].path, kRecordsFile);
  EXPECT_EQ(report.faults[1].begin, scene.entries.bytes[5].size() + 1);
  EXPECT_EQ(report.faults[1].end,
            scene.entries.bytes[5].size() + scene.entries.bytes[11].size() + 2);
}

TEST_F(Tamper, AWrongPinnedKeyIsTheOnlyFaultAndBothAreNamed) {
  const Scene other(9);
  const Report log = verify_tar(tar, {other.verifier(), std::nullopt});
  ASSERT_EQ(log.faults.size(), 1U) << describe(log);
  EXPECT_EQ(log.faults[0].path, "data/trust/log.vkey");
  EXPECT_EQ(log.faults[0].what, "the bundle names another log key than the pinned one");
  EXPECT_EQ(log.faults[0].expected, other.verifier().text());
  EXPECT_EQ(log.faults[0].found, scene.verifier().text());
  EXPECT_FALSE(log.ok);

  const Report signer = verify_tar(tar, {std::nullopt, other.key.public_key()});
  ASSERT_EQ(signer.faults.size(), 1U) << describe(signer);
  EXPECT_EQ(signer.faults[0].path, "data/trust/log.vkey");
  EXPECT_FALSE(signer.ok);

  EXPECT_TRUE(verify_tar(tar, {std::nullopt, scene.key.public_key()}).ok);
  EXPECT_FALSE(verify_tar(tar, {scene.verifier(), other.key.public_key()}).ok);
  const auto renamed = VerifierKey::make("cordon.example/evidence/log2", scene.key.public_key());
  EXPECT_FALSE(verify_tar(tar, {*renamed, std::nullopt}).ok);
}

TEST_F(Tamper, ArchivesThatAreNotInTheirOneFormAreRefused) {
  const std::string inside = std::string(kName) + "/";
  const std::string end(1024, '\0');
  const std::string first = tar_member(inside + "bag-info.txt", bag["bag-info.txt"]);
  ASSERT_TRUE(tar.starts_with(first));
  const std::string rest = tar.substr(first.size());
  std::string link = internal::tar_header(inside + "a", 0).value();
  link[156] = '2';
  for (const std::string& bad :
       {tar + "x", tar + end, tar.substr(0, tar.size() - 512), first + first + rest,
        tar_member(inside + "../x", "x") + tar, tar_member("/etc/passwd", "x") + tar,
        tar_member("INC-2026-00018/a", "x") + tar, rest.substr(0, rest.size() - 1024) + first + end,
        link + tar, tar_member("a", "x") + tar, end, std::string(), std::string(512, 'x')}) {
    const Report report = verify_tar(bad, pinned);
    EXPECT_FALSE(report.ok);
    ASSERT_EQ(report.faults.size(), report.faults.empty() ? 1U : report.faults.size());
  }
  EXPECT_EQ(verify_tar(tar + "x", pinned).faults.front().what,
            "the archive does not end with two blocks of zeros");
  EXPECT_EQ(verify_tar(first + first + rest, pinned).faults.front().what,
            "bag-info.txt stands after bag-info.txt");
  EXPECT_EQ(verify_tar(tar_of(bag, "INC-2026-00018"), pinned).faults.front().what,
            "the archive's directory is not named after the incident");
}

TEST_F(Tamper, LinksPipesAndEmptyDirectoriesAreNamedAndNotFollowed) {
  const fs::path root = dir.path() / kName;
  fs::create_symlink("/etc/passwd", root / "data/link");
  fs::create_directory_symlink("/", root / "data/tree");
  ASSERT_EQ(::mkfifo((root / "data/pipe").c_str(), 0600), 0);
  fs::create_directory(root / "data/void");
  const Report report = verify_directory();
  EXPECT_FALSE(report.ok);
  ASSERT_EQ(report.faults.size(), 4U) << describe(report);
  EXPECT_EQ(report.faults[0].path, "data/link");
  EXPECT_EQ(report.faults[0].what, "a symbolic link");
  EXPECT_EQ(report.faults[1].path, "data/pipe");
  EXPECT_EQ(report.faults[2].path, "data/tree");
  EXPECT_EQ(report.faults[3].path, "data/void");
}

TEST_F(Tamper, AFileReplacedByALinkToItsOwnBytesIsRefused) {
  const fs::path file = dir.path() / kName / "data/incident.json";
  fs::rename(file, dir.path() / "moved");
  fs::create_symlink(dir.path() / "moved", file);
  EXPECT_EQ(verify_directory().faults.front().path, "data/incident.json");
}

TEST_F(Tamper, LimitsAreNamed) {
  VerifyLimits limits;
  limits.files_max = 5;
  const Report report = internal::verify_opened(
      internal::open_tar(std::make_unique<internal::MemorySource>(tar), kArchive, limits), pinned,
      limits);
  ASSERT_EQ(report.faults.size(), 1U);
  EXPECT_EQ(report.faults[0].what, "more than 5 files");
  limits = {};
  limits.faults_max = 2;
  for (int i = 0; i < 5; ++i) bag[fmt::format("data/extra{}", i)] = "x";
  const std::string bad = tar_of(bag, kName);
  const Report cut = internal::verify_opened(
      internal::open_tar(std::make_unique<internal::MemorySource>(bad), kArchive, limits), pinned,
      limits);
  EXPECT_EQ(cut.faults.size(), 2U);
  EXPECT_TRUE(cut.faults_cut);
  EXPECT_FALSE(cut.ok);
}

TEST_F(Tamper, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(verify_bundle(dir.path() / "nothing").error().code, Errc::not_found);
  EXPECT_EQ(verify_bundle("/dev/null").error().code, Errc::invalid);
}

}  // namespace
}  // namespace cordon::evidence
