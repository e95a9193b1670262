#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

Done version(Session& session, const Values&) {
  session.print_line("cordon " + session.environment().version);
  return {};
}

Done completion(Session& session, const Values&) {
  session.print(bash_completion());
  return {};
}

}  // namespace

std::vector<Command> about_commands() {
  return {
      {.path = "version",
       .summary = "The version of this program",
       .example = "version",
       .reach = Reach::local,
       .parameters = {},
       .run = version},
      {.path = "completion bash",
       .summary = "A script that completes commands and options in bash",
       .example = "completion bash > ~/.local/share/bash-completion/completions/cordon",
       .reach = Reach::local,
       .parameters = {},
       .run = completion},
  };
}

}  // namespace cordon::cli::internal
