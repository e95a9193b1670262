// A disk that a test can make wait.
#pragma once

#include "journal/disk.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cordon::tests {

/// The machine's disk behind a gate: while it is shut, whatever would make bytes durable waits.
class GatedDisk final : public journal::Disk {
 public:
  void shut();
  void open_gate();
  /// Waits until somebody stands at the shut gate, at most ten seconds. True if so.
  [[nodiscard]] bool somebody_waits();
  /// Called by its files before they sync.
  void pass();

  [[nodiscard]] Status make_directory(const Path& directory) override;
  [[nodiscard]] Result<std::unique_ptr<journal::DirectoryLock>> lock(
      const Path& directory, journal::Access access) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const Path& directory) override;
  [[nodiscard]] Result<std::unique_ptr<journal::File>> open(const Path& path,
                                                            journal::OpenFor purpose) override;
  [[nodiscard]] Status rename(const Path& from, const Path& to) override;
  [[nodiscard]] Status remove(const Path& path) override;
  [[nodiscard]] Status sync_directory(const Path& directory) override;

 private:
  journal::SystemDisk disk_;
  std::mutex mutex_;
  std::condition_variable moved_;
  std::size_t waiting_ = 0;
  bool shut_ = false;
};

}  // namespace cordon::tests
