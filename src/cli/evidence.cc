#include "cli/internal/session.h"

namespace cordon::cli::internal {
namespace {

std::string path_of(const Values& values) {
  return "/api/v1/incidents/" + segment(values.text("incident")) + "/evidence";
}

void print_bundle(Session& session, const codec::Json& bundle) {
  session.print(make_list(bundle, {{"bundle", "id"},
                                   {"incident", "incident"},
                                   {"path", "path"},
                                   {"sha256 of the tar", "sha256"},
                                   {"tree size", "tree_size"},
                                   {"decisions", "decisions"},
                                   {"verified", "verified"},
                                   {"vkey", "vkey"}}));
}

Done freeze(Session& session, const Values& values) {
  codec::Json body = codec::Json::object();
  if (const auto reason = values.optional("reason")) body["reason"] = *reason;
  return session.show(session.post(path_of(values), body), print_bundle);
}

Done list(Session& session, const Values& values) {
  return session.show_items(session.get(path_of(values)),
                            {{"BUNDLE", "id"},
                             {"DECISIONS", "decisions"},
                             {"TREE SIZE", "tree_size"},
                             {"VERIFIED", "verified"},
                             {"SHA256", "sha256"},
                             {"PATH", "path"}},
                            "no bundle was frozen");
}

constexpr Parameter incident() {
  return {Form::positional, Presence::required, "incident", "ID", "like INC-2026-00001"};
}

}  // namespace

std::vector<Command> evidence_commands() {
  return {
      {.path = "evidence freeze",
       .summary = "Freeze a bundle that others can verify",
       .example = "evidence freeze INC-2026-00001 --reason 'for the auditor'",
       .parameters = {incident(),
                      {Form::option, Presence::optional, "reason", "TEXT", "what it is for"}},
       .run = freeze},
      {.path = "evidence list",
       .summary = "Bundles frozen for an incident",
       .example = "evidence list INC-2026-00001",
       .parameters = {incident()},
       .run = list},
  };
}

}  // namespace cordon::cli::internal
