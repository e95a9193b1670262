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

/// Sentences, one a line.
void print_lines(Session& session, std::string_view title, const codec::Json& answer,
                 const char* key) {
  const auto lines = answer.find(key);
  if (lines == answer.end() || !lines->is_array()) return;
  for (const codec::Json& line : *lines) {
    if (!line.is_string()) continue;
    session.print_line(fmt::format("{}{}", title, printable(line.get_ref<const std::string&>())));
  }
}

Done reload(Session& session, const Values& values) {
  codec::Json body = codec::Json::object();
  if (const auto reason = values.optional("reason")) body["reason"] = *reason;
  return session.show(session.post("/api/v1/config/reload", body), print_reload);
}

}  // namespace

void print_reload(Session& session, const codec::Json& answer) {
  print_lines(session, "", answer, "changed");
  print_lines(session, "two people because ", answer, "second_person");
  if (answer.contains("waiting")) {
    print_asked(session, answer["waiting"]);
    return;
  }
  session.print(make_list(answer, {{"configuration", "config"},
                                   {"state", "state"},
                                   {"generation", "receipt.generation"},
                                   {"entry", "entry"}}));
}

std::vector<Command> config_commands() {
  return {{.path = "config reload",
           .summary = "Have the server read its cordon.yaml again and obey it, whole or not at all",
           .example = "config reload --reason tenant-acme",
           .parameters = {{Form::option, Presence::optional, "reason", "TEXT", "for the record"}},
           .run = reload},
          {.path = "config check",
           .summary = "Read a configuration as `serve` would; errors give file:line:col",
           .example = "config check cordon.yaml",
           .reach = Reach::local,
           .parameters = {{Form::positional, Presence::required, "file", "FILE", "a cordon.yaml"}},
           .run = check}};
}

}  // namespace cordon::cli::internal
