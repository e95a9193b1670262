// The proof that a containment took hold: which nodes obey it, and when the last byte left.
#pragma once

#include "base/clock.h"
#include "codec/json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cordon::containment {

/// One node's answer. A node that did not answer in time has `acked` false and no numbers.
struct NodeReceipt {
  std::string node;
  bool acked = false;
  std::uint32_t threads = 0;  ///< I/O threads that swept
  std::uint64_t streams_cut = 0;
  std::optional<WallTime> last_byte_at;  ///< of what was cut; absent if nothing was
  std::optional<WallTime> acked_at;
  friend bool operator==(const NodeReceipt&, const NodeReceipt&) = default;
};

/// The body of an entry of kind `receipt`; docs/formats/containment.md.
struct Receipt {
  std::string containment;  ///< id of the measure
  std::uint64_t generation = 0;
  std::vector<NodeReceipt> nodes;

  /// True when a node did not acknowledge, or no node was asked.
  [[nodiscard]] bool partial() const noexcept;
  [[nodiscard]] std::uint64_t streams_cut() const noexcept;
  [[nodiscard]] codec::Json to_json() const;
  /// Refuses as `corrupt` a missing or mistyped key and a `partial` that contradicts the nodes.
  [[nodiscard]] static Result<Receipt> from_json(const codec::Json& body);
  friend bool operator==(const Receipt&, const Receipt&) = default;
};

}  // namespace cordon::containment
