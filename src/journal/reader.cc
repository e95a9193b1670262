#include "journal/reader.h"

#include "journal/internal/cursor.h"
#include "journal/internal/segments.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::journal {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} << 10U;

}  // namespace

struct Reader::State {
  std::shared_ptr<internal::SegmentTable> table;
  std::uint64_t wanted;  ///< what `next` is to answer with

  // Where the cursor stands; no segment means that it stands nowhere.
  std::uint64_t sequence = 0;
  std::shared_ptr<const internal::Segment> segment;
  std::unique_ptr<File> file;
  std::optional<internal::Cursor> cursor;

  [[nodiscard]] Status stand_at(internal::Place place);
  [[nodiscard]] Status follow();
  [[nodiscard]] Error damaged(std::string_view reason);
};

Status Reader::State::stand_at(internal::Place place) {
  cursor.reset();
  segment.reset();
  CORDON_TRY(file, table->disk().open(place.segment->path, OpenFor::reading));
  const internal::Checksum checksum(place.segment->header.salt);
  const auto buffer_bytes =
      std::min<std::uint64_t>(kReadBytes, place.segment->header.segment_bytes);
  cursor.emplace(*file, checksum, place.offset, buffer_bytes);
  sequence = place.sequence;
  segment = std::move(place.segment);
  return {};
}

/// Goes on to the segment that begins where this one ended.
Status Reader::State::follow() {
  auto next = table->beginning_at(sequence);
  if (next == nullptr || next == segment) {
    return tl::make_unexpected(damaged("records end before their time"));
  }
  return stand_at({std::move(next), sequence, internal::kHeaderBytes});
}

Error Reader::State::damaged(std::string_view reason) {
  Error error{Errc::corrupt,
              fmt::format("{} at byte {}: {}", segment->path.string(), cursor->offset(), reason)};
  cursor.reset();
  segment.reset();
  return error;
}

Reader::Reader(std::shared_ptr<internal::SegmentTable> table, std::uint64_t from)
    : state_(std::make_unique<State>()) {
  state_->table = std::move(table);
  state_->wanted = from;
}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<std::optional<EntryView>> Reader::next() {
  State& at = *state_;
  if (at.wanted >= at.table->durable()) return std::nullopt;
  if (at.segment == nullptr) CORDON_CHECK(at.stand_at(at.table->locate(at.wanted)));
  for (;;) {
    const std::uint64_t limit = at.segment->durable_end.load(std::memory_order_acquire);
    CORDON_TRY(const internal::Found found, at.cursor->next(limit));
    if (found == internal::Found::damaged) {
      return tl::make_unexpected(at.damaged("damaged record"));
    }
    if (found == internal::Found::end) CORDON_CHECK(at.follow());
    if (found == internal::Found::entry && at.sequence++ == at.wanted) {
      return EntryView{at.wanted++, at.cursor->payload()};
    }
  }
}

void Reader::seek(std::uint64_t sequence) {
  State& at = *state_;
  const bool near = sequence >= at.sequence && sequence - at.sequence < internal::kEntriesPerMark;
  if (!near) {
    at.cursor.reset();
    at.segment.reset();
  }
  at.wanted = sequence;
}

std::uint64_t Reader::position() const noexcept {
  return state_->wanted;
}

}  // namespace cordon::journal
