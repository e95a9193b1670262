#include "cli/cli.h"

#include "cli/internal/command.h"
#include "cli/internal/session.h"

#include <iostream>

namespace cordon::cli {
namespace {

using namespace internal;

int finish(std::ostream& error, const Failure& failure) {
  error << "cordon: " << failure.detail << "\n";
  return failure.exit_code;
}

Done run_command(const Environment& environment, const Parsed& parsed) {
  CORDON_TRY(Session session, Session::open(environment, *parsed.command, parsed.values));
  return parsed.command->run(session, parsed.values);
}

}  // namespace

int run(int argc, const char* const* argv, const Environment& environment) {
  std::ostream& out = environment.out != nullptr ? *environment.out : std::cout;
  std::ostream& error = environment.error != nullptr ? *environment.error : std::cerr;
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (words.size() == 1 && words.front() == "--version") {
    out << "cordon " << environment.version << "\n";
    return 0;
  }
  const auto parsed = parse(words);
  if (!parsed) return finish(error, parsed.error());
  if (parsed->command == nullptr) {
    out << parsed->text;
    return 0;
  }
  const Done done = run_command(environment, *parsed);
  return done ? 0 : finish(error, done.error());
}

}  // namespace cordon::cli
