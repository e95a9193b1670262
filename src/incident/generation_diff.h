// What changed between two generations, in lines that a person reads.
#pragma once

#include "codec/json.h"

#include <string>
#include <vector>

namespace cordon::incident {

inline constexpr std::size_t kDiffLinesMax = 100;

/// `routes[support].mode: "standard" -> "emergency"`, one line for each value that was added,
/// removed or changed. Items of a list are known by their `name` or `id`. Beyond kDiffLinesMax
/// the last line says how many more there are. The generation's own number is left out.
[[nodiscard]] std::vector<std::string> diff_generations(const codec::Json& before,
                                                        const codec::Json& after);

}  // namespace cordon::incident
