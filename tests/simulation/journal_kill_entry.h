// What the killed child appends and its parent expects.
#pragma once

#include <cstdint>
#include <string>

namespace cordon::journal::test {

/// Distinct for every sequence, 2 to 520 bytes.
inline std::string kill_entry_of(std::uint64_t sequence) {
  std::string entry = std::to_string(sequence) + "|";
  entry.append(sequence * 7919 % 500, static_cast<char>('a' + sequence % 26));
  return entry;
}

}  // namespace cordon::journal::test
