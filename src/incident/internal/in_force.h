// What is in force, as far as entries tell, so that the entry that declares an incident can freeze
// it.
#pragma once

#include "detect/signal.h"
#include "detect/windows.h"
#include "incident/event.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cordon::incident::internal {

/// One thread's; a fold over entries of the kinds `generation_change` and `rulepack_change`.
class InForce {
 public:
  void read_generation(const codec::Json& body);
  void read_rulepack(const codec::Json& body);
  /// With how many exchanges ended where the signal points to, from before its impact until `now`.
  [[nodiscard]] Snapshot snapshot(const detect::Signal& signal, const detect::Windows& windows,
                                  WallTime now) const;
  [[nodiscard]] const std::optional<std::uint64_t>& generation() const noexcept {
    return generation_;
  }
  /// `NAME@SHA256` each.
  [[nodiscard]] std::vector<std::string> rulepacks() const;

 private:
  struct Pack {
    std::string version;
    std::string digest;
  };
  std::optional<std::uint64_t> generation_;
  std::string digest_;
  std::map<std::string, Pack, std::less<>> packs_;
};

}  // namespace cordon::incident::internal
