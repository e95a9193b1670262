#include "cli/internal/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace cordon::cli::internal {
namespace {

constexpr std::chrono::milliseconds kLookAgain{20};

/// In the child: only calls that are safe after fork. Does not return.
[[noreturn]] void become(char* const* words, int output, const char* directory, pid_t parent) {
  ::setpgid(0, 0);  // the terminal's Ctrl-C is for the parent, which then ends its children
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  // The parent's handlers would swallow a signal that comes before the new program begins, and
  // what the parent ignores would stay ignored in it.
  for (const int number : {SIGTERM, SIGINT, SIGPIPE}) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (directory != nullptr && ::chdir(directory) != 0) ::_exit(127);
  ::execvp(words[0], words);
  ::_exit(127);
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& words,
                           const std::filesystem::path& output,
                           const std::filesystem::path& directory) {
  const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return fail(Errc::unavailable, output.string() + ": cannot be written");
  std::vector<std::string> owned = words;
  std::vector<char*> pointers;
  for (std::string& word : owned) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t parent = ::getpid();
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) {
    become(pointers.data(), file, directory.empty() ? nullptr : directory.c_str(), parent);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(file);
  if (pid < 0) return fail(Errc::exhausted, "no further process can be started");
  return Child(pid);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), code_(std::exchange(other.code_, std::nullopt)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    code_ = std::exchange(other.code_, std::nullopt);
  }
  return *this;
}

Child::~Child() {
  end();
}

std::optional<int> Child::ended() noexcept {
  if (pid_ < 0 || code_) return code_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return code_;
}

void Child::signal(int number) noexcept {
  if (pid_ >= 0 && !ended()) ::kill(pid_, number);
}

void Child::end() noexcept {
  if (pid_ < 0 || ended()) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  code_ = 128 + SIGKILL;
}

net::Task<Result<int>> wait_for(net::Scope& scope, Child& child,
                                std::chrono::milliseconds timeout) {
  const MonoTime until = scope.loop().now() + timeout;
  while (true) {
    if (const auto code = child.ended()) co_return *code;
    if (scope.loop().now() >= until) break;
    const Status slept = co_await net::sleep(scope, kLookAgain);
    if (!slept) co_return tl::make_unexpected(slept.error());
  }
  co_return fail(Errc::unavailable,
                 fmt::format("process {} did not end within {} ms", child.pid(), timeout.count()));
}

}  // namespace cordon::cli::internal
