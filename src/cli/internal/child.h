// A child process: started without a shell, watched, and never left behind.
#pragma once

#include "base/result.h"
#include "net/loop.h"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cordon::cli::internal {

/// One child. Dies with this object (SIGKILL), and with this process whatever ends it.
class Child {
 public:
  /// Starts `words` (the first is the program: a path, or a name to be found in PATH) in
  /// `directory`, or here if that is empty. Its output and errors are appended to `output`.
  [[nodiscard]] static Result<Child> start(const std::vector<std::string>& words,
                                           const std::filesystem::path& output,
                                           const std::filesystem::path& directory = {});
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// The exit code once it has ended, 128 + the signal if one ended it.
  [[nodiscard]] std::optional<int> ended() noexcept;
  void signal(int number) noexcept;

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  void end() noexcept;

  pid_t pid_ = -1;
  std::optional<int> code_;
};

/// Suspends until it has ended; `unavailable` after `timeout`.
[[nodiscard]] net::Task<Result<int>> wait_for(net::Scope& scope, Child& child,
                                              std::chrono::milliseconds timeout);

}  // namespace cordon::cli::internal
