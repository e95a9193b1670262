// Any bytes: a proof file that is accepted is written again as the same bytes, and checking it
// against an entry neither crashes nor succeeds by chance.
#include "evidence/proof.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cordon::evidence;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto proof = parse_proof(text);
  if (!proof) return 0;
  if (format_proof(*proof) != text) std::abort();
  Hash leaf{};
  const Hash root = leaf_hash("no tree has this root");
  if (proves_inclusion(proof->hashes, leaf, proof->index, proof->index + 1, root)) std::abort();
  if (proof->index > 0 &&
      proves_consistency(proof->hashes, proof->index, leaf, proof->index + size, root)) {
    std::abort();
  }
  return 0;
}
