#include "journal/internal/recovery.h"

#include "journal/internal/cursor.h"
#include "journal/internal/tail.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::journal::internal {
namespace {

constexpr std::size_t kScanBytes = std::size_t{1} << 20U;

tl::unexpected<Error> corrupt(const Disk::Path& path, std::uint64_t offset,
                              std::string_view reason) {
  return fail(Errc::corrupt, fmt::format("{} at byte {}: {}", path.string(), offset, reason));
}

/// Zeroes [from, to) of a file.
Status zero(File& file, std::uint64_t from, std::uint64_t to) {
  const std::vector<std::byte> zeros(std::min<std::uint64_t>(kScanBytes, to - from));
  while (from < to) {
    const Piece piece = std::span(zeros).first(std::min<std::uint64_t>(zeros.size(), to - from));
    CORDON_CHECK(file.write(from, std::span(&piece, 1)));
    from += piece.size();
  }
  return {};
}

/// One recovery: reads segment after segment and checks that each continues the last.
class Pass {
 public:
  Pass(Disk& disk, const Disk::Path& dir, Repair repair)
      : disk_(disk), dir_(dir), repair_(repair) {}

  Result<Recovery> run();

 private:
  /// A segment being read.
  struct Open {
    std::shared_ptr<Segment> segment;
    std::unique_ptr<File> file;
    std::uint64_t file_bytes;
  };

  [[nodiscard]] Result<std::vector<std::string>> segment_names();
  [[nodiscard]] Result<Open> open_segment(const std::string& name);
  [[nodiscard]] Status scan(Open& open);
  [[nodiscard]] Status check_sealed(const Open& open);
  [[nodiscard]] Status finish_last(const Open& open);
  [[nodiscard]] Status repair(const Open& open, const Tail& tail);

  Disk& disk_;
  const Disk::Path& dir_;
  Repair repair_;
  Recovery found_;
};

Result<std::vector<std::string>> Pass::segment_names() {
  CORDON_TRY(std::vector<std::string> names, disk_.list(dir_));
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(kSegmentSuffix); });
  return names;
}

Result<Pass::Open> Pass::open_segment(const std::string& name) {
  const Disk::Path path = dir_ / name;
  const auto named = parse_segment_name(name);
  if (!named) return corrupt(path, 0, "not the name of a segment");
  CORDON_TRY(auto file, disk_.open(path, OpenFor::reading));
  CORDON_TRY(const std::uint64_t file_bytes, file->size());
  HeaderBlock block{};
  CORDON_TRY(const std::size_t got, file->read(0, block));
  const auto header = decode(std::span(block).first(got));
  if (!header) return corrupt(path, 0, header.error().detail);
  if (header->first_sequence != *named) {
    return corrupt(path, 0, "the name and the header disagree on the first sequence");
  }
  if (*named != found_.report.entries) {
    return corrupt(path, 0,
                   fmt::format("begins at entry {}, expected {}: a segment is missing", *named,
                               found_.report.entries));
  }
  if (!found_.segments.empty() && found_.segments.back()->header.journal_id != header->journal_id) {
    return corrupt(path, 0, "belongs to another journal");
  }
  if (file_bytes > header->segment_bytes) {
    return corrupt(path, header->segment_bytes, "bytes behind the end of the segment");
  }
  return Open{std::make_shared<Segment>(path, *header), std::move(file), file_bytes};
}

Status Pass::scan(Open& open) {
  Segment& segment = *open.segment;
  Cursor cursor(*open.file, Checksum(segment.header.salt), kHeaderBytes,
                std::min<std::uint64_t>(kScanBytes, open.file_bytes));
  for (std::uint64_t count = 0;;) {
    CORDON_TRY(const Found found, cursor.next(open.file_bytes));
    if (found == Found::end || found == Found::damaged) break;
    if (found == Found::mark) continue;
    if (count % kEntriesPerMark == 0) {
      segment.offsets.push_back(static_cast<std::uint32_t>(cursor.record_offset()));
    }
    ++count;
    ++found_.report.entries;
  }
  segment.durable_end.store(cursor.offset());
  return {};
}

Status Pass::check_sealed(const Open& open) {
  const Segment& segment = *open.segment;
  if (open.file_bytes != segment.header.segment_bytes) {
    return corrupt(segment.path, open.file_bytes, "the file ends before the segment does");
  }
  const std::uint64_t end = segment.durable_end.load();
  CORDON_TRY(const std::uint64_t dirty_end, end_of_data(*open.file, end, open.file_bytes));
  if (dirty_end != end) return corrupt(segment.path, end, "damaged record");
  return {};
}

Status Pass::finish_last(const Open& open) {
  const Segment& segment = *open.segment;
  const std::uint64_t end = segment.durable_end.load();
  const auto tail = judge_tail(*open.file, open.file_bytes, Checksum(segment.header.salt), end);
  if (!tail) {
    if (tail.error().code != Errc::corrupt) return tl::make_unexpected(tail.error());
    return corrupt(segment.path, end, tail.error().detail);
  }
  found_.report.torn_bytes = tail->torn_bytes();
  found_.report.missing_bytes = segment.header.segment_bytes - open.file_bytes;
  if (found_.report.torn_bytes > 0 || found_.report.missing_bytes > 0) {
    found_.report.torn_offset = end;
    found_.report.torn_file = segment.path.string();
  }
  return repair_ == Repair::yes ? repair(open, *tail) : Status{};
}

Status Pass::repair(const Open& open, const Tail& tail) {
  CORDON_TRY(const auto file, disk_.open(open.segment->path, OpenFor::writing));
  CORDON_CHECK(zero(*file, tail.torn, tail.dirty_end));
  if (open.file_bytes < open.segment->header.segment_bytes) {
    CORDON_CHECK(file->reserve(open.segment->header.segment_bytes));
    CORDON_CHECK(zero(*file, open.file_bytes, open.segment->header.segment_bytes));
  }
  CORDON_CHECK(file->sync());
  return disk_.sync_directory(dir_);
}

Result<Recovery> Pass::run() {
  CORDON_TRY(const std::vector<std::string> names, segment_names());
  for (std::size_t i = 0; i < names.size(); ++i) {
    CORDON_TRY(Open open, open_segment(names[i]));
    CORDON_CHECK(scan(open));
    const bool last = i + 1 == names.size();
    CORDON_CHECK(last ? finish_last(open) : check_sealed(open));
    found_.segments.push_back(std::move(open.segment));
  }
  found_.report.segments = found_.segments.size();
  return std::move(found_);
}

}  // namespace

Result<Recovery> recover(Disk& disk, const Disk::Path& dir, Repair repair) {
  return Pass(disk, dir, repair).run();
}

}  // namespace cordon::journal::internal
