#include "evidence/bundle.h"

#include "evidence/internal/bundle_testing.h"
#include "evidence/verify.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace cordon::evidence {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

class Bundle : public testing::Test {
 protected:
  Frozen freeze() {
    auto frozen = scene.freeze_into(dir.path());
    EXPECT_TRUE(frozen.has_value()) << frozen.error().detail;
    return *frozen;
  }
  [[nodiscard]] Report verify(const fs::path& path) const {
    auto report = verify_bundle(path, {scene.verifier(), std::nullopt});
    EXPECT_TRUE(report.has_value());
    return *report;
  }
  /// Whether the command, run in `where`, ends with 0.
  static bool succeeds(const fs::path& where, const std::string& command) {
    return std::system(
               fmt::format("cd '{}' && timeout 30 {} >/dev/null 2>&1", where.string(), command)
                   .c_str()) == 0;
  }

  Scene scene;
  TemporaryDirectory dir;
};

TEST_F(Bundle, VerifiesAsDirectoryAndAsArchive) {
  const Frozen frozen = freeze();
  for (const fs::path& path : {frozen.bag, frozen.tar}) {
    const Report report = verify(path);
    EXPECT_TRUE(report.ok) << describe(report);
    EXPECT_EQ(report.trust, Trust::pinned);
    EXPECT_EQ(report.incident, "INC-2026-00017");
    EXPECT_EQ(report.tree_size, 40U);
    EXPECT_EQ(report.records, 3U);
    EXPECT_EQ(report.files, frozen.files);
    EXPECT_EQ(report.checked.size(), 9U) << describe(report);
  }
  EXPECT_EQ(crypto::sha256(slurp(frozen.tar)), frozen.tar_sha256);
  EXPECT_EQ(slurp(frozen.tar).size(), frozen.tar_bytes);
}

TEST_F(Bundle, SaysUntrustedKeysWhenNoneIsPinned) {
  const auto report = verify_bundle(freeze().tar);
  ASSERT_TRUE(report.has_value());
  EXPECT_TRUE(report->ok);
  EXPECT_EQ(report->trust, Trust::untrusted);
  EXPECT_NE(describe(*report).find("UNTRUSTED KEYS"), std::string::npos);
  EXPECT_EQ(describe(verify(dir.path() / "INC-2026-00017")).find("UNTRUSTED"), std::string::npos);
}

TEST_F(Bundle, IsTheSameBytesWhenFrozenAgain) {
  const Frozen first = freeze();
  const std::string tar = slurp(first.tar);
  const BagMap bag = load_bag(first.bag);
  freeze();
  EXPECT_EQ(slurp(first.tar), tar);
  EXPECT_EQ(load_bag(first.bag), bag);
  TemporaryDirectory elsewhere;
  EXPECT_EQ(slurp(scene.freeze_into(elsewhere.path())->tar), tar);
  std::size_t left = 0;
  for (const auto& item : fs::directory_iterator(dir.path())) left += item.exists() ? 1U : 0U;
  EXPECT_EQ(left, 2U) << "nothing partial stays behind";
}

// Changes only with docs/formats/bundle.md.
TEST_F(Bundle, HasItsGoldenBytes) {
  const Frozen frozen = freeze();
  EXPECT_EQ(crypto::hex(frozen.tar_sha256),
            "a3fbc86762adb19db2113f54795c29573c1b9bd168c130374c23b15c50ddae56");
  const BagMap bag = load_bag(frozen.bag);
  EXPECT_EQ(bag.at("bag-info.txt"),
            "Bag-Software-Agent: cordon evidence-bundle/1\n"
            "Bagging-Date: 2026-01-05\n"
            "Cordon-Records: 3\n"
            "Cordon-Window: 2026-01-05T10:00:00.000000000Z/2026-01-05T11:00:00.000000000Z\n"
            "External-Identifier: INC-2026-00017\n"
            "Payload-Oxum: 4452.17\n");
  EXPECT_EQ(bag.at("data/decisions.jsonl"), scene.entries.bytes[5] + "\n" +
                                                scene.entries.bytes[11] + "\n" +
                                                scene.entries.bytes[12] + "\n");
  EXPECT_EQ(bag.size(), 23U);
}

TEST_F(Bundle, IsAcceptedByForeignVerifiersAndRefusedOnceTampered) {
  const Frozen frozen = freeze();
  const std::string pem = (dir.path() / "pinned.pem").string();
  std::ofstream(pem) << scene.key.public_key().to_pem();
  const std::string tags = "sha256sum --strict -c tagmanifest-sha256.txt";
  const std::string payload = "sha256sum --strict -c manifest-sha256.txt";
  const std::string signature = fmt::format(
      "openssl pkeyutl -verify -pubin -inkey {} -rawin -in tagmanifest-sha256.txt -sigfile "
      "signatures/tagmanifest.sig",
      pem);
  EXPECT_TRUE(succeeds(frozen.bag, tags));
  EXPECT_TRUE(succeeds(frozen.bag, payload));
  EXPECT_TRUE(succeeds(frozen.bag, signature));

  // The commands are those that the bundle's own README gives.
  const std::string readme = slurp(frozen.bag / "data/README.txt");
  EXPECT_NE(readme.find(tags), std::string::npos);
  EXPECT_NE(readme.find(payload), std::string::npos);
  EXPECT_NE(readme.find("-rawin -in tagmanifest-sha256.txt -sigfile"), std::string::npos);

  // DSSE and the checkpoint are plain Ed25519 over bytes that anybody can put together.
  const auto envelope = internal::parse_envelope(
      slurp(frozen.bag / "signatures/bundle.intoto.jsonl"), scene.verifier().id_hex());
  ASSERT_TRUE(envelope.has_value());
  const auto note = parse_note(slurp(frozen.bag / "data/log/checkpoint"));
  std::ofstream(dir.path() / "pae")
      << internal::pre_authentication(internal::kPayloadType, envelope->payload);
  std::ofstream(dir.path() / "pae.sig") << text_of(envelope->signature);
  std::ofstream(dir.path() / "note") << note->text;
  std::ofstream(dir.path() / "note.sig") << text_of(note->signatures.front().bytes);
  for (const char* name : {"pae", "note"}) {
    EXPECT_TRUE(succeeds(dir.path(), fmt::format("openssl pkeyutl -verify -pubin -inkey {} -rawin "
                                                 "-in {} -sigfile {}.sig",
                                                 pem, name, name)));
  }

  std::ofstream(frozen.bag / "data/timeline.jsonl", std::ios::app) << "{}\n";
  EXPECT_FALSE(succeeds(frozen.bag, payload));
  std::ofstream(frozen.bag / "manifest-sha256.txt", std::ios::app) << "\n";
  EXPECT_FALSE(succeeds(frozen.bag, tags));
  std::ofstream(frozen.bag / "tagmanifest-sha256.txt", std::ios::app) << "\n";
  EXPECT_FALSE(succeeds(frozen.bag, signature));
}

TEST_F(Bundle, ArchiveIsWhatTarReads) {
  const Frozen frozen = freeze();
  fs::create_directory(dir.path() / "out");
  ASSERT_TRUE(succeeds(dir.path() / "out", fmt::format("tar xf '{}'", frozen.tar.string())));
  EXPECT_EQ(load_bag(dir.path() / "out" / "INC-2026-00017"), load_bag(frozen.bag));
  EXPECT_TRUE(verify(dir.path() / "out" / "INC-2026-00017").ok);
}

TEST_F(Bundle, SaysExplicitlyThatThereAreNoRecords) {
  scene.request.sequences.clear();
  const Frozen frozen = freeze();
  EXPECT_TRUE(verify(frozen.tar).ok);
  EXPECT_EQ(frozen.records, 0U);
  EXPECT_EQ(slurp(frozen.bag / "data/decisions.jsonl"), "");
  EXPECT_NE(slurp(frozen.bag / "data/README.txt")
                .find("0 records between 2026-01-05T10:00:00.000000000Z and "
                      "2026-01-05T11:00:00.000000000Z"),
            std::string::npos);
  EXPECT_NE(slurp(frozen.bag / "bag-info.txt").find("Cordon-Records: 0\n"), std::string::npos);
}

TEST_F(Bundle, NeverReplacesOneWithOtherBytes) {
  const Frozen frozen = freeze();
  const std::string tar = slurp(frozen.tar);
  scene.request.incident_json = "{}";
  const auto again = scene.freeze_into(dir.path());
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, Errc::conflict);
  EXPECT_EQ(slurp(frozen.tar), tar);
  EXPECT_TRUE(verify(frozen.bag).ok);
}

TEST_F(Bundle, TakesUpWhatADeadProcessLeft) {
  fs::create_directories(dir.path() / ".INC-2026-00017.partial" / "data");
  std::ofstream(dir.path() / ".INC-2026-00017.tar.partial") << "half";
  fs::create_directories(dir.path() / "INC-2026-00017");
  std::ofstream(dir.path() / "INC-2026-00017" / "stray") << "never published";
  EXPECT_TRUE(verify(freeze().bag).ok);
}

struct Refusal {
  const char* name;
  void (*spoil)(Scene& scene);
  Errc code;
  const char* detail;
};

class BundleRefuses : public Bundle, public testing::WithParamInterface<Refusal> {};

TEST_P(BundleRefuses, ARequestThatContradictsItselfOrTheLog) {
  GetParam().spoil(scene);
  const auto frozen = scene.freeze_into(dir.path());
  ASSERT_FALSE(frozen.has_value());
  EXPECT_EQ(frozen.error().code, GetParam().code) << frozen.error().detail;
  EXPECT_EQ(frozen.error().detail, GetParam().detail);
  EXPECT_FALSE(fs::exists(dir.path() / "INC-2026-00017.tar"));
}

INSTANTIATE_TEST_SUITE_P(
    Requests, BundleRefuses,
    testing::Values(
        Refusal{"UnsafeName", [](Scene& s) { s.request.incident = "../x"; }, Errc::invalid,
                "'../x' cannot name a bundle"},
        Refusal{"NotAscending",
                [](Scene& s) {
                  s.request.sequences = {5, 5};
                },
                Errc::invalid, "the sequences of a bundle do not strictly ascend"},
        Refusal{"BeyondTheHead", [](Scene& s) { s.request.sequences = {40}; }, Errc::invalid,
                "entry 40 is not under the signed head of 40 entries"},
        Refusal{"WindowBackwards", [](Scene& s) { std::swap(s.request.from, s.request.until); },
                Errc::invalid, "the window of a bundle ends before it begins"},
        Refusal{"UnsafeReceipt", [](Scene& s) { s.request.receipts[0].path = "../../x"; },
                Errc::invalid, "'data/receipts/../../x' cannot name a file of a bundle"},
        Refusal{"ReceiptTwice",
                [](Scene& s) { s.request.receipts.push_back(s.request.receipts[0]); },
                Errc::conflict, "data/receipts/sw-1.json is in the bundle twice"},
        Refusal{"ForeignHead",
                [](Scene& s) { s.request.checkpoint = sign_checkpoint(s.head, key_of_seed(9)); },
                Errc::invalid, "checkpoint: not signed by cordon.example/evidence/log1+a230b5d1"},
        Refusal{
            "RewrittenHistory",
            [](Scene& s) {
              s.request.earlier[0].note = sign_checkpoint({Scene::kOrigin, 4, empty_root()}, s.key);
            },
            Errc::invalid, "before: its root is not the tree's"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace cordon::evidence
