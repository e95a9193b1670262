// One entry's proof in one file, checked offline: c2sp.org/tlog-proof@v1.
// docs/formats/checkpoint.md.
#pragma once

#include "evidence/checkpoint.h"
#include "evidence/merkle.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace cordon::evidence {

/// 63 hashes are enough for any index of 63 bits.
inline constexpr std::size_t kProofHashesMax = 63;

/// Where an entry stands, the hashes that lead to the root, and the signed head with that root.
/// We write no `extra` line and refuse one: nothing would vouch for it.
struct InclusionProof {
  std::uint64_t index = 0;
  Proof hashes;
  std::string checkpoint;  ///< the signed note, verbatim
};

[[nodiscard]] std::string format_proof(const InclusionProof& proof);
/// Strict: what is accepted is written again as the same bytes. The checkpoint inside is not
/// read. Refuses as `invalid`, or as `exhausted` beyond the limits of a note and of hashes.
[[nodiscard]] Result<InclusionProof> parse_proof(std::string_view bytes);

/// That `entry` is what the proof is for, under `key`. `invalid` says which part fails.
[[nodiscard]] Status check_proof(const InclusionProof& proof, std::string_view entry,
                                 const VerifierKey& key);

}  // namespace cordon::evidence
