// The program: hands the command line what only a process has.
#include "app/serve.h"

#include <cstdlib>
#include <filesystem>

int main(int argc, char** argv) {
  const cordon::SystemClock clock;
  cordon::SystemRandom random;
  std::error_code unreadable;
  cordon::cli::Environment environment{
      .clock = clock,
      .random = random,
      .variable = [](const char* name) -> std::optional<std::string> {
        const char* const value = std::getenv(name);
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      },
      .serve = cordon::app::serve,
      .executable = std::filesystem::read_symlink("/proc/self/exe", unreadable),
      .version = CORDON_VERSION,
  };
  return cordon::cli::run(argc, argv, environment);
}
