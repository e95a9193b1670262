#include "cli/internal/session.h"

#include <unistd.h>

namespace cordon::cli::internal {
namespace {

void print_minted(Session& session, const codec::Json& token) {
  session.print(make_list(token, {{"id", "id"},
                                  {"person", "person"},
                                  {"roles", "roles"},
                                  {"expires", "expires_at", Show::time},
                                  {"token", "token"}}));
  session.note("The token is shown this once; only its hash is stored.");
}

void print_token(Session& session, const codec::Json& token) {
  session.print(make_list(token, {{"id", "id"}, {"person", "person"}, {"state", "state"}}));
}

Done mint(Session& session, const Values& values) {
  const codec::Json body = {{"person", values.text("person")},
                            {"roles", values.all("role")},
                            {"expires_in", values.text("expires-in")}};
  const auto file = values.optional("out");
  // Looked at first: a token that cannot be kept must not be minted.
  if (file && ::access(file->c_str(), F_OK) == 0) {
    return fail(Errc::conflict, *file + ": exists already; expected a new file");
  }
  auto reply = session.post("/api/v1/tokens", body);
  if (!reply || !file) return session.show(reply, print_minted);
  CORDON_CHECK(write_private(*file, internal::show(reply->json, "token") + "\n"));
  reply->json.erase("token");
  reply->body = codec::write_json(reply->json);
  return session.show(reply, print_minted);
}

Done list(Session& session, const Values&) {
  return session.show_items(session.get("/api/v1/tokens"),
                            {{"ID", "id"},
                             {"PERSON", "person"},
                             {"ROLES", "roles"},
                             {"STATE", "state"},
                             {"EXPIRES", "expires_at", Show::time},
                             {"MINTED BY", "minted_by"}},
                            "no tokens");
}

Done revoke(Session& session, const Values& values) {
  const codec::Json body = {{"reason", values.text("reason")}};
  return session.show(
      session.post("/api/v1/tokens/" + segment(values.text("id")) + "/revoke", body), print_token);
}

}  // namespace

std::vector<Command> token_commands() {
  return {
      {.path = "token mint",
       .summary = "Mint a control token for a person; it is shown once",
       .example = "token mint anna --role responder --role commander --expires-in 12h",
       .parameters = {{Form::positional, Presence::required, "person", "PERSON",
                       "whose it will be"},
                      {Form::option,
                       Presence::many,
                       "role",
                       "ROLE",
                       "what it may do; give it once for each role",
                       {"viewer", "responder", "commander", "approver", "policy_author", "auditor",
                        "admin", "ingest"}},
                      {Form::option, Presence::required, "expires-in", "DURATION",
                       "how long it is valid, like 12h or 30d"},
                      {Form::option, Presence::optional, "out", "FILE",
                       "write the token to a new file of mode 0600 instead of showing it"}},
       .run = mint},
      {.path = "token list",
       .summary = "All tokens, without their secrets",
       .example = "token list",
       .parameters = {},
       .run = list},
      {.path = "token revoke",
       .summary = "Take a token back for good",
       .example = "token revoke 5f1c2a9e0b7d4c33 --reason 'laptop lost'",
       .parameters = {{Form::positional, Presence::required, "id", "ID", "its public id"},
                      {Form::option, Presence::required, "reason", "TEXT", "why, for the record"}},
       .run = revoke},
  };
}

}  // namespace cordon::cli::internal
