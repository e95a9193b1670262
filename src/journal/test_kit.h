// What the journal's tests share: a small journal on a simulated disk, and its entries.
#pragma once

#include "journal/journal.h"
#include "journal/memory_disk.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cordon::journal::test {

inline constexpr std::chrono::milliseconds kPatience{20'000};
inline const std::filesystem::path kDir = "/journal";

/// The failure a journal met, instead of an abort.
struct Failure {
  std::atomic<int> count{0};
};

/// Segments of 16 KiB; nothing is written before somebody waits for it.
inline Options small_options(Failure& failure) {
  return {.dir = kDir,
          .segment_bytes = 16384,
          .entry_bytes_max = 4096,
          .lazy_window = std::chrono::hours(1),
          .space_retry = std::chrono::milliseconds(1),
          .preparation = Preparation::when_needed,
          .on_failure = [&failure](const Error&) { ++failure.count; }};
}

/// Distinct for every sequence, of varied length, and never a run of zeros.
inline std::string entry_of(std::uint64_t sequence) {
  std::string entry = "{\"n\":" + std::to_string(sequence) + ",\"pad\":\"";
  entry.append(sequence * 7919 % 300, static_cast<char>('a' + sequence % 26));
  return entry + "\"}";
}

/// Appends entries [from, to); the last is eager and waited for.
inline void append_range(Journal& journal, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t at = from; at < to; ++at) {
    const auto sequence =
        journal.append(entry_of(at), at + 1 == to ? Urgency::eager : Urgency::lazy);
    ASSERT_TRUE(sequence) << sequence.error().detail;
    ASSERT_EQ(*sequence, at);
  }
  const auto durable = journal.wait_durable(to - 1, kPatience);
  ASSERT_TRUE(durable) << durable.error().detail;
}

/// Everything a reader gives, or the error that ended it.
inline Result<std::vector<std::string>> read_all(Reader reader) {
  std::vector<std::string> entries;
  for (;;) {
    CORDON_TRY(const auto entry, reader.next());
    if (!entry) return entries;
    entries.emplace_back(entry->bytes);
  }
}

/// Whether a reader gives exactly `entry_of` of 0, 1, ... count - 1.
inline testing::AssertionResult holds(const Result<std::vector<std::string>>& entries,
                                      std::uint64_t count) {
  if (!entries) return testing::AssertionFailure() << entries.error().detail;
  if (entries->size() != count) {
    return testing::AssertionFailure() << entries->size() << " entries, expected " << count;
  }
  for (std::uint64_t at = 0; at < count; ++at) {
    if ((*entries)[at] != entry_of(at)) {
      return testing::AssertionFailure() << "entry " << at << " differs";
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace cordon::journal::test
