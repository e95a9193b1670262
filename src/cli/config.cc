#include "model/config.h"

#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kConfigBytesMax = std::size_t{4} << 20U;

Done check(Session& session, const Values& values) {
  const std::string& file = values.text("file");
  CORDON_TRY(const std::string text, read_file(file, kConfigBytesMax));
  CORDON_TRY(const model::Config config, model::Config::parse(text, file));
  session.print_line(fmt::format("{}: good: {} providers, {} routes, {} tenants, {} detectors",
                                 file, config.providers.size(), config.routes.size(),
                                 config.tenants.size(), config.detectors.size()));
  return {};
}

}  // namespace

std::vector<Command> config_commands() {
  return {{.path = "config check",
           .summary = "Read a configuration as `serve` would; errors give file:line:col",
           .example = "config check cordon.yaml",
           .reach = Reach::local,
           .parameters = {{Form::positional, Presence::required, "file", "FILE", "a cordon.yaml"}},
           .run = check}};
}

}  // namespace cordon::cli::internal
