#include "journal/internal/writer.h"

namespace cordon::journal::internal {

Writer::Writer(Disk& disk, SegmentTable& table, Preparer& preparer, Sync sync,
               std::function<void()> on_durable)
    : disk_(disk),
      table_(table),
      preparer_(preparer),
      sync_(sync),
      on_durable_(std::move(on_durable)) {}

Status Writer::begin(const Disk::Path& dir, const std::array<std::byte, 16>& journal_id,
                     std::uint64_t salt_seed, std::uint64_t segment_bytes) {
  dir_ = dir;
  salts_ = SeededRandom(salt_seed);
  next_header_.journal_id = journal_id;
  next_header_.segment_bytes = segment_bytes;
  return next_segment(preparer_.make());
}

Status Writer::resume(const Disk::Path& dir, const Segment& last, std::uint64_t salt_seed,
                      std::uint64_t segment_bytes) {
  dir_ = dir;
  salts_ = SeededRandom(salt_seed);
  next_header_.journal_id = last.header.journal_id;
  next_header_.segment_bytes = segment_bytes;
  CORDON_TRY(file_, disk_.open(last.path, OpenFor::writing));
  checksum_ = Checksum(last.header.salt);
  segment_bytes_ = last.header.segment_bytes;
  segment_first_ = last.header.first_sequence;
  offset_ = staged_offset_ = last.durable_end.load();
  sequence_ = table_.durable();
  return {};
}

Status Writer::sync_file(File& file) {
  return sync_ == Sync::on ? file.sync() : Status{};
}

/// Header first, name second, records third: a named segment always has a whole header.
Status Writer::next_segment(Result<std::unique_ptr<File>> prepared) {
  CORDON_TRY(auto file, std::move(prepared));
  SegmentHeader header = next_header_;
  header.first_sequence = sequence_;
  header.salt = salts_.next();
  const HeaderBlock block = encode(header);
  const Piece piece = block;
  CORDON_CHECK(file->write(0, std::span(&piece, 1)));
  CORDON_CHECK(sync_file(*file));
  auto segment = std::make_shared<Segment>(dir_ / segment_name(sequence_), header);
  CORDON_CHECK(disk_.rename(preparer_.path(), segment->path));
  preparer_.renamed();
  if (sync_ == Sync::on) CORDON_CHECK(disk_.sync_directory(dir_));

  file_ = std::move(file);
  checksum_ = Checksum(header.salt);
  segment_bytes_ = header.segment_bytes;
  segment_first_ = sequence_;
  offset_ = staged_offset_ = kHeaderBytes;
  table_.add(std::move(segment));
  ++counters_.segments_begun;
  return {};
}

/// Gives a record its flags and checksum, now that its place is known.
void Writer::stage(std::byte* record, std::size_t record_bytes) {
  const bool begins_write = pieces_.empty() && proven_;
  const auto length = static_cast<std::uint32_t>(record_bytes - kFrameBytes);
  const Word word{length | (begins_write ? Word::kBeginsWrite : 0U)};
  const std::span payload(record + kFrameBytes, length);
  store_le(record, word.raw);
  store_le(record + 4, checksum_.of(offset_, word, payload));

  const bool adjoins = !pieces_.empty() && pieces_.back().data() + pieces_.back().size() == record;
  if (adjoins) {
    pieces_.back() = Piece(pieces_.back().data(), pieces_.back().size() + record_bytes);
  } else {
    pieces_.emplace_back(record, record_bytes);
  }
  offset_ += record_bytes;
}

Status Writer::flush() {
  if (pieces_.empty()) return {};
  CORDON_CHECK(file_->write(staged_offset_, pieces_));
  proven_ = false;
  CORDON_CHECK(sync_file(*file_));
  proven_ = sync_ == Sync::on;
  table_.advance(offset_, sequence_, offsets_);
  counters_.entries += staged_entries_;
  counters_.bytes += staged_bytes_;
  ++counters_.commits;
  pieces_.clear();
  offsets_.clear();
  staged_entries_ = 0;
  staged_bytes_ = 0;
  staged_offset_ = offset_;
  on_durable_();
  return {};
}

Status Writer::commit(Batch& batch) {
  for (Chunk& chunk : batch.chunks) {
    std::byte* record = chunk.bytes.get();
    const std::byte* const end = record + chunk.used;
    while (record < end) {
      const std::size_t record_bytes = kFrameBytes + load_le<std::uint32_t>(record);
      if (segment_bytes_ - offset_ < record_bytes) {
        CORDON_CHECK(flush());
        CORDON_CHECK(next_segment(preparer_.take()));
      }
      if ((sequence_ - segment_first_) % kEntriesPerMark == 0) {
        offsets_.push_back(static_cast<std::uint32_t>(offset_));
      }
      stage(record, record_bytes);
      ++sequence_;
      ++staged_entries_;
      staged_bytes_ += record_bytes - kFrameBytes;
      record += record_bytes;
    }
  }
  return flush();
}

Status Writer::mark() {
  if (!proven_ || segment_bytes_ - offset_ < kFrameBytes) return {};
  std::array<std::byte, kFrameBytes> frame{};
  stage(frame.data(), frame.size());
  return flush();
}

}  // namespace cordon::journal::internal
