// Whatever bytes a segment holds: recovery gives a prefix of what was written, or refuses.
//
// An even first byte: the rest is the file as it is. An odd one: the rest are commands that build
// a valid segment and then damage it, because no fuzzer guesses a checksum. A command below 128
// appends an entry of that many bytes (and begins a write if bit 6 is set); from 128 on, it flips
// bits: two bytes of offset and one to xor with.
#include "base/assert.h"
#include "base/hex.h"
#include "journal/internal/format.h"
#include "journal/internal/recovery.h"
#include "journal/memory_disk.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace cordon;
using namespace cordon::journal;
using namespace cordon::journal::internal;
using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kSegmentBytes = 16384;
const Disk::Path kFuzzDir = "/j";

struct Built {
  Bytes bytes;
  std::vector<std::string> entries;
};

Built build(std::span<const std::byte> commands) {
  SegmentHeader header;
  header.segment_bytes = kSegmentBytes;
  header.salt = 77;
  Built built;
  built.bytes.resize(kSegmentBytes);
  std::ranges::copy(encode(header), built.bytes.begin());
  const Checksum checksum(header.salt);
  std::uint64_t offset = kHeaderBytes;
  std::vector<std::pair<std::size_t, std::byte>> flips;
  for (std::size_t at = 0; at < commands.size();) {
    const auto command = std::to_integer<std::uint32_t>(commands[at++]);
    if (command >= 128) {
      if (commands.size() - at < 3) break;
      flips.emplace_back(load_le<std::uint16_t>(&commands[at]) % kSegmentBytes, commands[at + 2]);
      at += 3;
      continue;
    }
    const std::size_t length = std::min<std::size_t>(command % 64, commands.size() - at);
    const Word word{static_cast<std::uint32_t>(length) |
                    ((command & 64U) != 0 ? Word::kBeginsWrite : 0U)};
    if (word.is_end() || offset + word.record_bytes() > kSegmentBytes) continue;
    const auto payload = commands.subspan(at, length);
    at += length;
    std::byte* const record = built.bytes.data() + offset;
    store_le(record, word.raw);
    store_le(record + 4, checksum.of(offset, word, payload));
    std::ranges::copy(payload, record + kFrameBytes);
    offset += word.record_bytes();
    if (length > 0) built.entries.emplace_back(text_of(payload));
  }
  for (const auto& [where, bits] : flips) built.bytes[where] ^= bits;
  return built;
}

std::vector<std::string> entries_of(Disk& disk, Recovery recovery) {
  const std::uint64_t count = recovery.report.entries;
  if (recovery.segments.empty()) return {};
  Reader reader(std::make_shared<SegmentTable>(disk, std::move(recovery.segments), count), 0);
  std::vector<std::string> entries;
  for (std::uint64_t at = 0; at < count; ++at) {
    const auto entry = reader.next();
    CORDON_ASSERT(entry && *entry);
    entries.emplace_back((*entry)->bytes);
  }
  return entries;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span(data, size)).subspan(1);
  const bool builds = (data[0] & 1U) != 0;
  const Built built = builds ? build(input) : Built{Bytes(input.begin(), input.end()), {}};

  MemoryDisk disk;
  disk.put(kFuzzDir / segment_name(0), built.bytes);
  auto looked = recover(disk, kFuzzDir, Repair::no);
  auto mended = recover(disk, kFuzzDir, Repair::yes);
  CORDON_ASSERT(looked.has_value() == mended.has_value());
  if (!looked) {
    CORDON_ASSERT(looked.error().code == Errc::corrupt);
    CORDON_ASSERT(looked.error().detail.find(" at byte ") != std::string::npos);
    return 0;
  }
  const auto entries = entries_of(disk, *std::move(looked));
  if (builds) {
    CORDON_ASSERT(entries.size() <= built.entries.size());
    CORDON_ASSERT(std::equal(entries.begin(), entries.end(), built.entries.begin()));
  }
  // What was mended is clean, and the same.
  auto again = recover(disk, kFuzzDir, Repair::yes);
  CORDON_ASSERT(again && again->report.torn_bytes == 0 && again->report.missing_bytes == 0);
  CORDON_ASSERT(entries_of(disk, *std::move(again)) == entries);
  return 0;
}
