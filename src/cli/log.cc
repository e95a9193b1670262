#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

/// Text for other tools: passed on byte for byte, with --json as well.
Done pass_on(Session& session, const Answer<Reply>& reply) {
  if (!reply) return tl::make_unexpected(reply.error());
  session.print(reply->body);
  return {};
}

Done checkpoint(Session& session, const Values&) {
  return pass_on(session, session.get("/api/v1/log/checkpoint"));
}

Done vkey(Session& session, const Values&) {
  return pass_on(session, session.get("/api/v1/log/vkey"));
}

}  // namespace

std::vector<Command> log_commands() {
  return {
      {.path = "log checkpoint",
       .summary = "The latest signed tree head, for a witness or a safe",
       .example = "log checkpoint > checkpoint.txt",
       .parameters = {},
       .run = checkpoint},
      {.path = "log vkey",
       .summary = "The key that signs tree heads: note it somewhere else, then verify with it",
       .example = "log vkey > log.vkey",
       .parameters = {},
       .run = vkey},
  };
}

}  // namespace cordon::cli::internal
