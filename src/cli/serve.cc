#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

Done serve(Session& session, const Values& values) {
  ServeArguments arguments;
  arguments.config_file = values.text_or("config", "");
  arguments.data_dir = values.text_or("data", "");
  arguments.admin_token_file = values.text_or("admin-token-file", "");
  arguments.addresses_file = values.text_or("addresses-file", "");
  // It has said itself what went wrong, so nothing is added.
  const int code = session.environment().serve(arguments);
  if (code != 0) return tl::make_unexpected(Failure{code, ""});
  return {};
}

}  // namespace

std::vector<Command> serve_commands() {
  return {{.path = "serve",
           .summary = "Run a node: the gateway, the control API, and the log",
           .example = "serve --config cordon.yaml --data /var/lib/cordon",
           .reach = Reach::local,
           .parameters = {{Form::option, Presence::optional, "config", "FILE",
                           "the configuration; without one, everything at its default"},
                          {Form::option, Presence::optional, "data", "DIR",
                           "where the journal and the evidence live; instead of data_dir"},
                          {Form::option, Presence::optional, "admin-token-file", "FILE",
                           "where the first start writes the admin token instead of printing it"},
                          {Form::option, Presence::optional, "addresses-file", "FILE",
                           "where to write the addresses that it listens on, as JSON"}},
           .run = serve}};
}

}  // namespace cordon::cli::internal
