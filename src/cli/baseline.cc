// Commands about the pinned policy.
#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

void print_baseline(Session& session, const codec::Json& baseline) {
  session.print(make_list(baseline, {{"generation", "generation"},
                                     {"digest", "digest"},
                                     {"policy", "policy"},
                                     {"reason", "reason"},
                                     {"by", "actor"},
                                     {"at", "at", Show::time}}));
}

void print_diff(Session& session, const codec::Json& diff) {
  session.print(make_list(diff, {{"generation", "generation"}, {"drift", "drift"}}));
  for (const char* key : {"weaker", "not_assessed"}) {
    const auto list = diff.find(key);
    if (list == diff.end() || !list->is_array() || list->empty()) continue;
    session.print_line("");
    session.print_line(key == std::string_view("weaker") ? "weaker than pinned:"
                                                         : "different, not assessed:");
    session.print(make_table(*list, {{"ROUTE", "route"},
                                     {"RULE", "rule"},
                                     {"WHAT", "what"},
                                     {"PINNED", "before"},
                                     {"IN FORCE", "after"}})
                      .text(session.width()));
  }
}

Done pin(Session& session, const Values& values) {
  return session.show(session.post("/api/v1/baseline", {{"reason", values.text("reason")}}),
                      print_baseline);
}

Done show(Session& session, const Values&) {
  return session.show(session.get("/api/v1/baseline"), print_baseline);
}

Done diff(Session& session, const Values&) {
  return session.show(session.get("/api/v1/baseline/diff"), print_diff);
}

}  // namespace

std::vector<Command> baseline_commands() {
  return {
      {.path = "baseline pin",
       .summary = "Pin the policy in force as what later ones are compared with",
       .example = "baseline pin --reason 'release 2026.11, reviewed'",
       .parameters = {{Form::option, Presence::required, "reason", "TEXT", "why, for the record"}},
       .run = pin},
      {.path = "baseline show",
       .summary = "What is pinned, by whom and why",
       .example = "baseline show",
       .parameters = {},
       .run = show},
      {.path = "baseline diff",
       .summary = "How the policy in force differs from what was pinned, per route",
       .example = "baseline diff --json",
       .parameters = {},
       .run = diff},
  };
}

}  // namespace cordon::cli::internal
