#include "journal/journal.h"

#include "base/log.h"
#include "journal/internal/preparer.h"
#include "journal/internal/queue.h"
#include "journal/internal/recovery.h"
#include "journal/internal/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace cordon::journal {
namespace {

constexpr std::uint64_t kBlockBytes = 4096;

void abort_on_failure(const Error& error) {
  log::error("journal.failed", {{"code", to_string(error.code)}, {"detail", error.detail}});
  std::abort();
}

Status check(const Options& options) {
  if (options.dir.empty()) return fail(Errc::invalid, "journal: dir is empty");
  if (options.entry_bytes_max == 0 || options.entry_bytes_max > kEntryBytesMax) {
    return fail(Errc::invalid,
                fmt::format("journal: entry_bytes_max is not in 1..{}", kEntryBytesMax));
  }
  const std::uint64_t least =
      internal::kHeaderBytes + internal::kFrameBytes + options.entry_bytes_max;
  if (options.segment_bytes < least || options.segment_bytes > internal::kSegmentBytesMax) {
    return fail(Errc::invalid, fmt::format("journal: segment_bytes is not in {}..{}", least,
                                           internal::kSegmentBytesMax));
  }
  if (options.queue_bytes_max < internal::kFrameBytes + options.entry_bytes_max) {
    return fail(Errc::invalid, "journal: queue_bytes_max holds not one entry");
  }
  return {};
}

internal::EntryQueue::Bounds queue_bounds(const Options& options) {
  return {options.entry_bytes_max, options.queue_bytes_max, options.lazy_window,
          options.eager_window};
}

Result<std::string> read_one(Reader reader, std::uint64_t sequence) {
  CORDON_TRY(const auto entry, reader.next());
  if (!entry) return fail(Errc::not_found, fmt::format("no entry {} is durable", sequence));
  return std::string(entry->bytes);
}

void report_cut(const RecoveryReport& report) {
  if (report.torn_file.empty()) return;
  log::warn("journal.tail_cut", {{"file", report.torn_file},
                                 {"offset", report.torn_offset},
                                 {"torn_bytes", report.torn_bytes},
                                 {"missing_bytes", report.missing_bytes},
                                 {"entries", report.entries}});
}

}  // namespace

/// The parts of an open journal and the writer thread that runs them.
class Journal::Core {
 public:
  Core(Options options, Disk& disk, std::unique_ptr<DirectoryLock> lock,
       internal::Recovery recovery);
  ~Core() { static_cast<void>(close()); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  [[nodiscard]] Status start(const internal::Segment* last, Random& random);
  [[nodiscard]] Status wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout);
  [[nodiscard]] Status close();
  [[nodiscard]] Health health() const noexcept;
  [[nodiscard]] Stats stats() const noexcept;

  [[nodiscard]] internal::EntryQueue& queue() noexcept { return queue_; }
  [[nodiscard]] const RecoveryReport& report() const noexcept { return report_; }
  [[nodiscard]] const std::shared_ptr<internal::SegmentTable>& table() const noexcept {
    return table_;
  }
  void listen(std::function<void(std::uint64_t)> listener) {
    listeners_.push_back(std::move(listener));
  }

 private:
  enum class End : std::uint8_t { none, failed, closed };

  void run();
  [[nodiscard]] Status write_all();
  void acknowledge();
  void note(internal::Space space);
  void end_as(End end);

  const Options options_;
  std::unique_ptr<DirectoryLock> lock_;
  RecoveryReport report_;
  std::shared_ptr<internal::SegmentTable> table_;
  internal::EntryQueue queue_;
  internal::Preparer preparer_;
  internal::Writer writer_;
  std::vector<std::function<void(std::uint64_t)>> listeners_;

  std::atomic<internal::Space> space_{internal::Space::ample};
  std::atomic<End> end_{End::none};
  std::atomic<bool> closing_{false};
  std::atomic<int> waiting_{0};
  std::mutex ack_mutex_;
  std::condition_variable acked_;

  std::mutex close_mutex_;
  Status outcome_;  ///< of the writer thread; read once it has been joined
  std::thread thread_;
};

Journal::Core::Core(Options options, Disk& disk, std::unique_ptr<DirectoryLock> lock,
                    internal::Recovery recovery)
    : options_(std::move(options)),
      lock_(std::move(lock)),
      report_(std::move(recovery.report)),
      table_(std::make_shared<internal::SegmentTable>(disk, std::move(recovery.segments),
                                                      report_.entries)),
      queue_(queue_bounds(options_), report_.entries),
      preparer_(disk, options_.dir,
                {options_.segment_bytes, options_.space_retry, options_.preparation},
                [this](internal::Space space) { note(space); }),
      writer_(disk, *table_, preparer_, options_.sync, [this] { acknowledge(); }) {}

Status Journal::Core::start(const internal::Segment* last, Random& random) {
  std::array<std::byte, 16> id;
  random.fill(id);
  const std::uint64_t salt_seed = random.next();
  if (last != nullptr) {
    CORDON_CHECK(writer_.resume(options_.dir, *last, salt_seed, options_.segment_bytes));
  } else {
    CORDON_CHECK(writer_.begin(options_.dir, id, salt_seed, options_.segment_bytes));
  }
  preparer_.start();
  thread_ = std::thread(&Core::run, this);
  return {};
}

void Journal::Core::run() {
  outcome_ = write_all();
  if (outcome_) return;
  // A close that found no space is an answer to whoever closes; anything else is a failure.
  if (closing_.load() && outcome_.error().code == Errc::exhausted) return;
  end_as(End::failed);
  options_.on_failure ? options_.on_failure(outcome_.error()) : abort_on_failure(outcome_.error());
}

Status Journal::Core::write_all() {
  internal::Batch batch;
  while (queue_.take(batch)) {
    CORDON_CHECK(writer_.commit(batch));
    queue_.release(batch);
  }
  return writer_.mark();
}

void Journal::Core::acknowledge() {
  const std::uint64_t durable = table_->durable();
  for (const auto& listener : listeners_) listener(durable);
  if (waiting_.load() > 0) {
    const std::scoped_lock lock(ack_mutex_);
    acked_.notify_all();
  }
}

void Journal::Core::note(internal::Space space) {
  const internal::Space before = space_.exchange(space);
  queue_.refuse(space == internal::Space::out ? internal::Refusal::full : internal::Refusal::none);
  if (space == internal::Space::ample) {
    log::info("journal.space_back", {{"dir", options_.dir.string()}});
  } else if (before == internal::Space::ample) {
    log::error("journal.space_low",
               {{"dir", options_.dir.string()}, {"needed_bytes", options_.segment_bytes}});
  }
}

void Journal::Core::end_as(End end) {
  End none = End::none;
  end_.compare_exchange_strong(none, end);
  queue_.refuse(end == End::failed ? internal::Refusal::failed : internal::Refusal::closed);
  const std::scoped_lock lock(ack_mutex_);
  acked_.notify_all();
}

Status Journal::Core::wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout) {
  const auto durable = [&] { return sequence < table_->durable(); };
  ++waiting_;
  std::unique_lock lock(ack_mutex_);
  acked_.wait_for(lock, timeout, [&] { return durable() || end_.load() != End::none; });
  --waiting_;
  if (durable()) return {};
  if (end_.load() != End::none) return fail(Errc::unavailable, "the journal has ended");
  return fail(Errc::unavailable,
              fmt::format("entry {} is not durable within {} ms", sequence, timeout.count()));
}

Status Journal::Core::close() {
  const std::scoped_lock lock(close_mutex_);
  if (thread_.joinable()) {
    closing_ = true;
    queue_.refuse(internal::Refusal::closed);
    queue_.stop();
    preparer_.give_up_waiting();
    thread_.join();
    preparer_.stop();
    end_as(End::closed);
    lock_.reset();
  }
  return outcome_;
}

Health Journal::Core::health() const noexcept {
  if (end_.load() == End::failed) return Health::failed;
  if (end_.load() == End::closed) return Health::closed;
  switch (space_.load()) {
    case internal::Space::ample:
      return Health::serving;
    case internal::Space::low:
      return Health::degraded;
    case internal::Space::out:
      return Health::full;
  }
  return Health::full;
}

Stats Journal::Core::stats() const noexcept {
  const auto& counters = writer_.counters();
  return {counters.entries.load(), counters.bytes.load(), counters.commits.load(), queue_.wakeups(),
          counters.segments_begun.load()};
}

Journal::Journal(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Journal::~Journal() = default;

Result<std::unique_ptr<Journal>> Journal::open(Options options, Disk& disk, Random& random) {
  CORDON_CHECK(check(options));
  options.segment_bytes = (options.segment_bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  CORDON_CHECK(disk.make_directory(options.dir));
  CORDON_TRY(auto lock, disk.lock(options.dir, Access::exclusive));
  CORDON_TRY(auto recovery, internal::recover(disk, options.dir, internal::Repair::yes));
  report_cut(recovery.report);
  const auto last = recovery.segments.empty() ? nullptr : recovery.segments.back();
  auto core =
      std::make_unique<Core>(std::move(options), disk, std::move(lock), std::move(recovery));
  CORDON_CHECK(core->start(last.get(), random));
  return std::make_unique<Journal>(std::move(core));
}

const RecoveryReport& Journal::recovered() const noexcept {
  return core_->report();
}

Result<std::uint64_t> Journal::append(std::string_view entry, Urgency urgency) {
  return core_->queue().append(entry, urgency);
}

std::uint64_t Journal::durable() const noexcept {
  return core_->table()->durable();
}

void Journal::on_durable(std::function<void(std::uint64_t)> listener) {
  core_->listen(std::move(listener));
}

Status Journal::wait_durable(std::uint64_t sequence, std::chrono::milliseconds timeout) {
  return core_->wait_durable(sequence, timeout);
}

Reader Journal::reader(std::uint64_t from_sequence) const {
  return {core_->table(), from_sequence};
}

Result<std::string> Journal::read(std::uint64_t sequence) const {
  return read_one(reader(sequence), sequence);
}

Health Journal::health() const noexcept {
  return core_->health();
}
Stats Journal::stats() const noexcept {
  return core_->stats();
}
Status Journal::close() {
  return core_->close();
}

ReadOnlyJournal::ReadOnlyJournal(std::unique_ptr<DirectoryLock> lock,
                                 std::shared_ptr<internal::SegmentTable> table,
                                 RecoveryReport report)
    : lock_(std::move(lock)), table_(std::move(table)), report_(std::move(report)) {}

Result<ReadOnlyJournal> ReadOnlyJournal::open(const std::filesystem::path& dir, Disk& disk) {
  CORDON_TRY(auto lock, disk.lock(dir, Access::shared));
  CORDON_TRY(auto recovery, internal::recover(disk, dir, internal::Repair::no));
  auto table = std::make_shared<internal::SegmentTable>(disk, std::move(recovery.segments),
                                                        recovery.report.entries);
  return ReadOnlyJournal(std::move(lock), std::move(table), std::move(recovery.report));
}

Reader ReadOnlyJournal::reader(std::uint64_t from_sequence) const {
  return {table_, from_sequence};
}

Result<std::string> ReadOnlyJournal::read(std::uint64_t sequence) const {
  return read_one(reader(sequence), sequence);
}

}  // namespace cordon::journal
