#include "tests/integration/gated_disk.h"

#include <chrono>

namespace cordon::tests {
namespace {

constexpr std::chrono::seconds kPatience{10};

/// A file that waits at the gate of its disk.
class GatedFile final : public journal::File {
 public:
  GatedFile(GatedDisk& disk, std::unique_ptr<journal::File> file)
      : disk_(disk), file_(std::move(file)) {}
  Status write(std::uint64_t offset, std::span<const journal::Piece> pieces) override {
    return file_->write(offset, pieces);
  }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) const override {
    return file_->read(offset, out);
  }
  Status reserve(std::uint64_t bytes) override { return file_->reserve(bytes); }
  Status sync() override {
    disk_.pass();
    return file_->sync();
  }
  Status truncate(std::uint64_t bytes) override { return file_->truncate(bytes); }
  Result<std::uint64_t> size() const override { return file_->size(); }

 private:
  GatedDisk& disk_;
  std::unique_ptr<journal::File> file_;
};

}  // namespace

void GatedDisk::shut() {
  const std::lock_guard lock(mutex_);
  shut_ = true;
}

void GatedDisk::open_gate() {
  const std::lock_guard lock(mutex_);
  shut_ = false;
  moved_.notify_all();
}

bool GatedDisk::somebody_waits() {
  std::unique_lock lock(mutex_);
  return moved_.wait_for(lock, kPatience, [&] { return waiting_ > 0; });
}

void GatedDisk::pass() {
  std::unique_lock lock(mutex_);
  ++waiting_;
  moved_.notify_all();
  moved_.wait_for(lock, kPatience, [&] { return !shut_; });
  --waiting_;
}

Status GatedDisk::make_directory(const Path& directory) {
  return disk_.make_directory(directory);
}
Result<std::unique_ptr<journal::DirectoryLock>> GatedDisk::lock(const Path& directory,
                                                                journal::Access access) {
  return disk_.lock(directory, access);
}
Result<std::vector<std::string>> GatedDisk::list(const Path& directory) {
  return disk_.list(directory);
}
Result<std::unique_ptr<journal::File>> GatedDisk::open(const Path& path, journal::OpenFor purpose) {
  CORDON_TRY(auto file, disk_.open(path, purpose));
  return std::make_unique<GatedFile>(*this, std::move(file));
}
Status GatedDisk::rename(const Path& from, const Path& to) {
  return disk_.rename(from, to);
}
Status GatedDisk::remove(const Path& path) {
  return disk_.remove(path);
}
Status GatedDisk::sync_directory(const Path& directory) {
  return disk_.sync_directory(directory);
}

}  // namespace cordon::tests
