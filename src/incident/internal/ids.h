// The ids of incidents: `INC-2026-00017`.
#pragma once

#include "base/clock.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace cordon::incident::internal {

inline int year_of(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  return static_cast<int>(std::chrono::year_month_day(day).year());
}

/// `INC-2026-00017` as year and number; nothing if it is not of that form.
inline std::optional<std::pair<int, std::uint32_t>> read_id(const std::string& id) {
  int year = 0;
  unsigned number = 0;
  int used = 0;
  if (std::sscanf(id.c_str(), "INC-%4d-%9u%n", &year, &number, &used) != 2 ||
      static_cast<std::size_t>(used) != id.size()) {
    return std::nullopt;
  }
  return std::pair(year, number);
}

}  // namespace cordon::incident::internal
