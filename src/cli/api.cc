#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kBodyBytesMax = std::size_t{256} << 10U;

Answer<std::string> body_of(const Values& values) {
  const std::string data = values.text_or("data", "");
  if (!data.starts_with('@')) return data;
  CORDON_TRY(std::string text, read_file(data.substr(1), kBodyBytesMax));
  return text;
}

Done call(Session& session, const Values& values) {
  const std::string& path = values.text("path");
  if (!path.starts_with('/')) {
    return tl::make_unexpected(
        Failure{kExitUsage, "PATH: expected one that begins with a slash, like /api/v1/state"});
  }
  CORDON_TRY(std::string body, body_of(values));
  auto reply = session.send(values.text("method"), path, std::move(body));
  if (!reply) return tl::make_unexpected(reply.error());
  session.print(reply->body);
  if (!reply->body.ends_with('\n')) session.print("\n");
  return {};
}

}  // namespace

std::vector<Command> api_commands() {
  return {{.path = "api",
           .summary = "Any call of the control API, its answer as it came",
           .example = "api POST /api/v1/switches --data @switch.json",
           .parameters = {{Form::positional,
                           Presence::required,
                           "method",
                           "METHOD",
                           "GET or POST",
                           {"GET", "POST"}},
                          {Form::positional, Presence::required, "path", "PATH",
                           "like /api/v1/state; /api/v1/openapi.json lists them all"},
                          {Form::option, Presence::optional, "data", "JSON",
                           "the body, or @FILE to read it from"}},
           .run = call}};
}

}  // namespace cordon::cli::internal
