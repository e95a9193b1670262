#include "journal/internal/tail.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace cordon::journal::internal {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20U;
constexpr std::uint64_t kSearchBytesMax = std::uint64_t{1} << 30U;

/// Bytes of a file from an offset on.
struct Region {
  std::uint64_t offset;
  std::vector<std::byte> bytes;
  [[nodiscard]] std::uint64_t end() const noexcept { return offset + bytes.size(); }
  [[nodiscard]] const std::byte* at(std::uint64_t place) const noexcept {
    return bytes.data() + (place - offset);
  }
};

Result<Region> load(const File& file, std::uint64_t from, std::uint64_t to) {
  Region region{from, std::vector<std::byte>(to - from)};
  CORDON_TRY(const std::size_t got, file.read(from, region.bytes));
  region.bytes.resize(got);
  return region;
}

/// Valid records behind a broken one.
struct Survivors {
  std::optional<std::uint64_t> first;
  bool begins_write = false;
};

/// Tries every offset. What a record holds is bound to its place, so a payload that contains a
/// copy of a record does not count as one.
Result<Survivors> find_survivors(const Region& region, const Checksum& checksum) {
  Survivors found;
  std::uint64_t searched_bytes = 0;
  std::uint64_t at = region.offset + 1;
  while (at + kFrameBytes <= region.end()) {
    const Word word{load_le<std::uint32_t>(region.at(at))};
    const bool possible = word.is_possible() && word.record_bytes() <= region.end() - at;
    if (possible) {
      searched_bytes += word.record_bytes();
      if (searched_bytes > kSearchBytesMax) {
        return fail(Errc::corrupt, "too much damage to be a torn write");
      }
    }
    if (!possible || !checksum.fits(at, word, region.at(at))) {
      ++at;
      continue;
    }
    if (!found.first) found.first = at;
    if (word.begins_write()) {
      found.begins_write = true;
      return found;
    }
    at += word.record_bytes();
  }
  return found;
}

/// Whether some sector of [region.offset, until) still has the zeros it was born with.
bool has_lost_sector(const Region& region, std::uint64_t until) {
  std::uint64_t from = region.offset;
  while (from < until) {
    const std::uint64_t sector_end = (from / kSectorBytes + 1) * kSectorBytes;
    if (sector_end > until) return false;
    const std::span sector(region.at(from), sector_end - from);
    if (zeros_ahead(sector) == sector.size()) return true;
    from = sector_end;
  }
  return false;
}

}  // namespace

Result<std::uint64_t> end_of_data(const File& file, std::uint64_t from, std::uint64_t to) {
  std::uint64_t end = from;
  std::vector<std::byte> buffer(std::min<std::uint64_t>(kReadBytes, to > from ? to - from : 0));
  for (std::uint64_t at = from; at < to;) {
    const std::span wanted(buffer.data(), std::min<std::uint64_t>(buffer.size(), to - at));
    CORDON_TRY(const std::size_t got, file.read(at, wanted));
    if (got == 0) break;
    std::span<const std::byte> left = wanted.first(got);
    for (std::size_t skip = zeros_ahead(left); skip < left.size(); skip = zeros_ahead(left)) {
      left = left.subspan(skip + 1);
      end = at + got - left.size();
    }
    at += got;
  }
  return end;
}

Result<Tail> judge_tail(const File& file, std::uint64_t file_bytes, const Checksum& checksum,
                        std::uint64_t end_of_records) {
  CORDON_TRY(const std::uint64_t dirty_end, end_of_data(file, end_of_records, file_bytes));
  const Tail tail{end_of_records, dirty_end};
  if (tail.torn_bytes() == 0) return tail;

  // A payload may end in zeros, so the last record may reach beyond the last other byte.
  const std::uint64_t reach = std::min(file_bytes, dirty_end + kFrameBytes + Word::kLength);
  CORDON_TRY(const Region region, load(file, end_of_records, reach));
  CORDON_TRY(const Survivors survivors, find_survivors(region, checksum));
  if (survivors.begins_write) {
    return fail(Errc::corrupt, "damaged record before one that was written later");
  }
  if (survivors.first && !has_lost_sector(region, *survivors.first)) {
    return fail(Errc::corrupt, "damaged record before a whole one, and no sector is missing");
  }
  return tail;
}

}  // namespace cordon::journal::internal
