#include "app/serve.h"

#include "app/node.h"
#include "base/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace cordon::app {
namespace {

int give_up(const Error& error) {
  std::fprintf(stderr, "cordon serve: %s\n", error.detail.c_str());
  return exit_code(error.code);
}

/// Blocked before any thread starts, so that only the wait below sees them.
sigset_t awaited_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

/// Writes a file that only its owner may read; one that is there is refused, not overwritten.
Status write_secret(const std::filesystem::path& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    return fail(Errc::conflict, fmt::format("{}: cannot be made for the admin token; remove it "
                                            "if it is an old one",
                                            path.string()));
  }
  const std::string line = text + "\n";
  const bool written = ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  ::close(file);
  return written ? Status{} : fail(Errc::unavailable, path.string() + ": cannot be written");
}

Status show_token(const std::string& secret, const std::filesystem::path& file) {
  if (secret.empty()) return {};
  if (!file.empty()) return write_secret(file, secret);
  std::printf("First start. This admin token is shown once and stored only as a hash:\n%s\n",
              secret.c_str());
  std::fflush(stdout);
  return {};
}

Status write_addresses(const Node& node, const std::filesystem::path& file) {
  if (file.empty()) return {};
  const std::string text =
      codec::write_json({{"gateway", node.gateway_address()}, {"control", node.control_address()}});
  journal::SystemDisk disk;
  return store::replace_file(disk, std::filesystem::absolute(file), text + "\n");
}

Status run(Node& node, Loaded loaded, const cli::ServeArguments& arguments) {
  CORDON_CHECK(node.open(std::move(loaded), std::make_shared<const ConfigFile>(arguments)));
  CORDON_TRY(const std::string secret, node.start());
  CORDON_CHECK(show_token(secret, arguments.admin_token_file));
  log::info("serving", {{"gateway", node.gateway_address()}, {"control", node.control_address()}});
  CORDON_CHECK(write_addresses(node, arguments.addresses_file));

  const sigset_t signals = awaited_signals();
  int received = 0;
  while (sigwait(&signals, &received) != 0 || received == SIGHUP) {
    if (received == SIGHUP) node.reload();
    received = 0;
  }
  log::info("stopping", {{"signal", received}});
  return node.stop();
}

}  // namespace

int serve(const cli::ServeArguments& arguments) {
  const sigset_t signals = awaited_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  auto loaded = load(arguments);
  if (!loaded) return give_up(loaded.error());
  const SystemClock clock;
  SystemRandom random;
  Node node(clock, random);
  const Status served = run(node, *std::move(loaded), arguments);
  return served ? 0 : give_up(served.error());
}

}  // namespace cordon::app
