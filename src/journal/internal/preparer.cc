#include "journal/internal/preparer.h"

#include "journal/internal/format.h"

#include <algorithm>
#include <vector>

namespace cordon::journal::internal {
namespace {

/// Zeros go out in pieces with a sync after each few, so that the commits of the segment in use
/// never queue behind a whole segment of them.
constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;
constexpr std::uint64_t kSyncBytes = std::uint64_t{4} << 20U;

}  // namespace

Preparer::Preparer(Disk& disk, Disk::Path dir, const Bounds& bounds,
                   std::function<void(Space)> on_space)
    : disk_(disk), dir_(std::move(dir)), bounds_(bounds), on_space_(std::move(on_space)) {}

Preparer::~Preparer() {
  stop();
}

Disk::Path Preparer::path() const {
  return dir_ / kPreparedName;
}

void Preparer::start() {
  if (bounds_.preparation == Preparation::ahead) thread_ = std::thread(&Preparer::run, this);
}

void Preparer::give_up_waiting() {
  {
    const std::scoped_lock lock(mutex_);
    patient_ = false;
  }
  changed_.notify_all();
}

void Preparer::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<std::unique_ptr<File>> Preparer::make() {
  auto made = fill();
  // What was half made gives its space back; if even that fails, the next attempt empties it.
  if (!made) static_cast<void>(disk_.remove(path()));
  return made;
}

Result<std::unique_ptr<File>> Preparer::fill() {
  CORDON_TRY(auto file, disk_.open(path(), OpenFor::create));
  CORDON_CHECK(file->reserve(bounds_.segment_bytes));
  const std::vector<std::byte> zeros(std::min<std::uint64_t>(kPieceBytes, bounds_.segment_bytes));
  std::uint64_t unsynced = 0;
  for (std::uint64_t at = 0; at < bounds_.segment_bytes;) {
    if (stopping_.load()) return fail(Errc::exhausted, "stopped while making a segment");
    const Piece piece =
        std::span(zeros).first(std::min<std::uint64_t>(zeros.size(), bounds_.segment_bytes - at));
    CORDON_CHECK(file->write(at, std::span(&piece, 1)));
    at += piece.size();
    unsynced += piece.size();
    if (unsynced >= kSyncBytes || at == bounds_.segment_bytes) {
      CORDON_CHECK(file->sync());
      unsynced = 0;
    }
  }
  return file;
}

/// Called with the lock held, so that what is told comes in order.
void Preparer::tell(Space space) {
  if (space == told_) return;
  told_ = space;
  on_space_(space);
}

/// One attempt, with the lock released while the disk works.
void Preparer::make_one(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  auto made = make();
  lock.lock();
  if (stopping_) return;
  lacking_ = !made && made.error().code == Errc::exhausted;
  if (made) {
    ready_ = *std::move(made);
    tell(Space::ample);
  } else {
    if (!lacking_) outcome_ = tl::make_unexpected(std::move(made).error());
    tell(waited_for_ ? Space::out : Space::low);
  }
  changed_.notify_all();
  if (lacking_) {
    changed_.wait_for(lock, bounds_.retry, [this] { return stopping_.load() || !patient_; });
  }
}

void Preparer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_ && outcome_ && (patient_ || !lacking_)) {
    const bool wanted = ready_ == nullptr && path_free_;
    if (!wanted) {
      changed_.wait(lock, [this] { return (ready_ == nullptr && path_free_) || stopping_; });
    } else {
      make_one(lock);
    }
  }
}

Result<std::unique_ptr<File>> Preparer::take() {
  std::unique_lock lock(mutex_);
  waited_for_ = true;
  if (lacking_) tell(Space::out);
  const auto settled = [this] { return ready_ != nullptr || !outcome_ || (lacking_ && !patient_); };
  while (!settled()) {
    if (thread_.joinable()) {
      changed_.wait(lock, settled);
    } else {
      make_one(lock);
    }
  }
  waited_for_ = false;
  if (ready_ == nullptr) {
    CORDON_CHECK(outcome_);
    return fail(Errc::exhausted, "no space left for the next segment");
  }
  path_free_ = false;
  return std::move(ready_);
}

void Preparer::renamed() {
  {
    const std::scoped_lock lock(mutex_);
    path_free_ = true;
  }
  changed_.notify_all();
}

}  // namespace cordon::journal::internal
