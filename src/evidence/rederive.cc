#include "evidence/rederive.h"

namespace cordon::evidence {

void Rederivation::add(std::string_view entry) {
  Peak peak{0, leaf_hash(entry)};
  while (!peaks_.empty() && peaks_.back().height == peak.height) {
    peak = {peak.height + 1, node_hash(peaks_.back().hash, peak.hash)};
    peaks_.pop_back();
  }
  peaks_.push_back(peak);
  ++size_;
}

Hash Rederivation::root() const {
  if (peaks_.empty()) return empty_root();
  auto peak = peaks_.rbegin();
  Hash root = peak->hash;
  while (++peak != peaks_.rend()) root = node_hash(peak->hash, root);
  return root;
}

}  // namespace cordon::evidence
