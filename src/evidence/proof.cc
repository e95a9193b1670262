#include "evidence/proof.h"

#include "codec/base64.h"
#include "evidence/internal/lines.h"

#include <fmt/format.h>

namespace cordon::evidence {
namespace {

constexpr std::string_view kMagic = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kIndex = "index ";
constexpr std::size_t kProofBytesMax = 8 * 1024 + kNoteBytesMax;

}  // namespace

std::string format_proof(const InclusionProof& proof) {
  std::string out = fmt::format("{}\n{}{}\n", kMagic, kIndex, proof.index);
  for (const Hash& hash : proof.hashes) {
    out += codec::to_base64(hash);
    out += '\n';
  }
  out += '\n';
  out += proof.checkpoint;
  return out;
}

Result<InclusionProof> parse_proof(std::string_view bytes) {
  if (bytes.size() > kProofBytesMax) {
    return fail(Errc::exhausted, fmt::format("a proof of {} bytes, at most {} are allowed",
                                             bytes.size(), kProofBytesMax));
  }
  if (internal::take_line(bytes) != kMagic) {
    return fail(Errc::invalid, fmt::format("a proof begins with the line {}", kMagic));
  }
  const auto second = internal::take_line(bytes);
  if (!second || !second->starts_with(kIndex)) {
    return fail(Errc::invalid, "a proof whose second line is not its index");
  }
  const auto index = internal::parse_decimal(second->substr(kIndex.size()));
  if (!index) return fail(Errc::invalid, "a proof whose index is not a decimal number");
  InclusionProof proof{*index, {}, {}};
  for (;;) {
    const auto line = internal::take_line(bytes);
    if (!line) return fail(Errc::invalid, "a proof without a blank line before its checkpoint");
    if (line->empty()) break;
    if (proof.hashes.size() == kProofHashesMax) {
      return fail(Errc::exhausted, fmt::format("a proof of more than {} hashes", kProofHashesMax));
    }
    const auto hash = internal::parse_base64_hash(*line);
    if (!hash) return fail(Errc::invalid, "a proof with a line that is not a hash in base64");
    proof.hashes.push_back(*hash);
  }
  proof.checkpoint = bytes;
  return proof;
}

Status check_proof(const InclusionProof& proof, std::string_view entry, const VerifierKey& key) {
  CORDON_TRY(const Checkpoint head, open_checkpoint(proof.checkpoint, key));
  if (!proves_inclusion(proof.hashes, leaf_hash(entry), proof.index, head.size, head.root)) {
    return fail(Errc::invalid,
                fmt::format("the hashes do not lead from this entry at index {} to the root of "
                            "the tree of {}",
                            proof.index, head.size));
  }
  return {};
}

}  // namespace cordon::evidence
