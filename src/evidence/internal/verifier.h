// The steps of verifying one bundle, in the order of docs/formats/bundle.md. What rests on a
// file that is already accused is not held against other files.
#pragma once

#include "evidence/internal/bag.h"
#include "evidence/internal/bag_text.h"
#include "evidence/proof.h"
#include "evidence/verify.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::evidence::internal {

inline constexpr std::string_view kTagManifest = "tagmanifest-sha256.txt";
inline constexpr std::string_view kManifest = "manifest-sha256.txt";
inline constexpr std::string_view kBagInfo = "bag-info.txt";
inline constexpr std::string_view kBagitFile = "bagit.txt";
inline constexpr std::string_view kRawSignature = "signatures/tagmanifest.sig";
inline constexpr std::string_view kEnvelope = "signatures/bundle.intoto.jsonl";
inline constexpr std::string_view kLogKey = "data/trust/log.vkey";
inline constexpr std::string_view kSignerKey = "data/trust/signer.pub.pem";
inline constexpr std::string_view kCheckpoint = "data/log/checkpoint";
inline constexpr std::string_view kRecords = "data/decisions.jsonl";

/// The report on an opened bag.
[[nodiscard]] Report verify_opened(OpenedBag opened, const Pinned& pinned,
                                   const VerifyLimits& limits);

/// Verifies one bag. Used once; bag, pinned keys and report outlive it.
class Verifier {
 public:
  Verifier(Bag& bag, const Pinned& pinned, const VerifyLimits& limits, Report& report)
      : bag_(bag), pinned_(pinned), limits_(limits), report_(report) {}

  void run();

 private:
  // Faults.
  void accuse(std::string_view path, std::string what, std::string expected = {},
              std::string found = {});
  void accuse_range(std::string_view path, std::uint64_t begin, std::uint64_t end,
                    std::string what);
  [[nodiscard]] bool accused(std::string_view path) const { return accused_.contains(path); }
  /// The content, or nothing after accusing the file.
  [[nodiscard]] std::optional<std::string> read(std::string_view path);
  void passed(std::string sentence, std::size_t faults_before);

  // The seal: from the keys down to the manifest. False: nothing below can be relied on.
  [[nodiscard]] bool check_seal();
  [[nodiscard]] bool choose_key();
  void check_key_hints(const std::optional<VerifierKey>& hint,
                       const std::optional<crypto::PublicKey>& signer);
  [[nodiscard]] bool check_signatures();
  [[nodiscard]] bool is_enveloped(const std::string& tags, std::string& problem, bool& other_bag);
  [[nodiscard]] bool check_tag_manifest(const std::string& tags);
  void check_bag_info();

  // What the seal covers.
  void check_places();
  [[nodiscard]] bool read_manifest(const std::function<void(const ManifestLine&)>& visit);
  void check_manifest();
  void check_payload_line(const ManifestLine& line);
  void check_required();
  void check_log();
  void check_earlier_heads();
  void check_earlier_head(const std::string& path, const std::string& proof_path);
  void check_statement();
  void check_records();
  void check_record(std::string_view entry, std::uint64_t begin);
  void check_leftover_proofs();

  Bag& bag_;
  const Pinned& pinned_;
  const VerifyLimits& limits_;
  Report& report_;
  std::set<std::string, std::less<>> accused_;

  std::optional<crypto::PublicKey> key_;  ///< what signatures are checked with
  std::optional<VerifierKey> log_;        ///< the same under the log's name
  std::optional<std::string> payload_;    ///< the statement, once its signature holds
  Hash tags_digest_{};
  std::optional<BagInfo> info_;
  std::optional<Checkpoint> head_;
  std::string head_note_;
  std::size_t next_file_ = 0;
  std::uint64_t payload_bytes_ = 0;
  std::uint64_t payload_files_ = 0;
  std::optional<std::uint64_t> last_index_;
  std::set<const BagFile*> proofs_used_;
  bool stopped_ = false;
};

}  // namespace cordon::evidence::internal
