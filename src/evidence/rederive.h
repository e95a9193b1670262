// The root computed a second time, by other code, from entries read back from disk. A tree head
// is signed only when both agree, so one bad bit in memory or one bug is not signed for ever.
#pragma once

#include "evidence/merkle.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace cordon::evidence {

/// Folds entries into a row of perfect subtrees, at most one of each height. Shares no code with
/// Tree but the two hash functions. One thread; 64 hashes at most.
class Rederivation {
 public:
  void add(std::string_view entry);
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] Hash root() const;

 private:
  struct Peak {
    unsigned height;
    Hash hash;
  };
  std::uint64_t size_ = 0;
  std::vector<Peak> peaks_;  ///< tallest first
};

}  // namespace cordon::evidence
