// What a reload of cordon.yaml can change while the node runs, and what takes a restart.
#pragma once

#include "model/config.h"

#include <string_view>
#include <vector>

namespace cordon::model {

/// Keys whose values differ and that are read at the start alone, as the file writes them:
/// `listen.gateway`, `threads`, `detectors`. Empty if `wanted` can be obeyed at once.
[[nodiscard]] std::vector<std::string_view> keys_for_restart(const Config& running,
                                                             const Config& wanted);

/// Keys that are obeyed at once and stand in no generation, where they differ.
[[nodiscard]] std::vector<std::string_view> keys_beside_generation(const Config& running,
                                                                   const Config& wanted);

}  // namespace cordon::model
