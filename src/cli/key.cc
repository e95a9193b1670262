#include "cli/internal/session.h"
#include "codec/base64.h"
#include "crypto/sha256.h"

#include <unistd.h>

#include <array>

namespace cordon::cli::internal {
namespace {

Done make(Session& session, const Values&) {
  std::array<std::byte, 32> secret{};
  session.environment().random.fill(secret);
  const std::string key = "ck-" + codec::to_base64url(secret);
  const std::string hash = crypto::hex(crypto::sha256(key));
  if (session.json()) {
    session.print_line(codec::write_json({{"key", key}, {"key_sha256", hash}}));
    return {};
  }
  session.print_line(fmt::format("key     {}\nsha256  {}", key, hash));
  session.note(
      "The key is shown this once: give it to the application. The sha256 goes under "
      "tenants[].key_sha256 in cordon.yaml.");
  return {};
}

void print_changed(Session& session, const codec::Json& changed) {
  const codec::Json key = changed.value("key", codec::Json::object());
  const codec::Json receipt = changed.value("receipt", codec::Json::object());
  session.print(make_list(key, {{"id", "id"},
                                {"tenant", "tenant"},
                                {"name", "name"},
                                {"routes", "routes"},
                                {"state", "state"},
                                {"expires", "expires_at", Show::time},
                                {"replaces", "replaces"}}));
  session.print(make_list(receipt, {{"generation", "generation"}}));
  for (const codec::Json& node : receipt.value("nodes", codec::Json::array())) {
    session.print_line(fmt::format("node        {}: {}, {} cut", show(node, "node"),
                                   node.value("acked", false) ? "acknowledged" : "did not answer",
                                   show(node, "streams_cut")));
  }
}

void print_made(Session& session, const codec::Json& changed) {
  print_changed(session, changed);
  if (!changed.contains("secret")) return;
  session.print(make_list(changed, {{"key", "secret"}}));
  session.note("The key is shown this once: give it to the application. Only its hash is stored.");
}

/// Posts, and shows the key or writes it to the file that `--out` names.
Done post_for_key(Session& session, const Values& values, const std::string& path,
                  const codec::Json& body) {
  const auto file = values.optional("out");
  // Looked at first: a key that cannot be kept must not be made.
  if (file && ::access(file->c_str(), F_OK) == 0) {
    return fail(Errc::conflict, *file + ": exists already; expected a new file");
  }
  auto reply = session.post(path, body);
  if (!reply || !file) return session.show(reply, print_made);
  const Status kept = write_private(*file, internal::show(reply->json, "secret") + "\n");
  if (!kept) {
    const std::string id = internal::show(reply->json.value("key", codec::Json::object()), "id");
    return fail(kept.error().code,
                fmt::format("{}. Key {} was issued and nobody has it: revoke it with 'cordon key "
                            "revoke {} --reason lost'",
                            kept.error().detail, id, id));
  }
  reply->json.erase("secret");
  reply->body = codec::write_json(reply->json);
  return session.show(reply, print_made);
}

std::string path_of(const Values& values, std::string_view what) {
  return fmt::format("/api/v1/keys/{}/{}", segment(values.text("id")), what);
}

struct LimitOption {
  std::string_view name;
  std::string_view key;
  bool money = false;
};
constexpr std::array<LimitOption, 6> kLimitOptions = {{
    {"requests-per-minute", "requests_per_minute"},
    {"tokens-per-minute", "tokens_per_minute"},
    {"cost-per-minute", "cost_per_minute", true},
    {"requests-per-day", "requests_per_day"},
    {"tokens-per-day", "tokens_per_day"},
    {"cost-per-day", "cost_per_day", true},
}};

/// `requests_per_day 100, cost_per_day 2.5`, or `-`.
std::string limits_text(const codec::Json& key) {
  std::string text;
  const codec::Json limits = key.value("limits", codec::Json::object());
  for (const auto& [name, limit] : limits.items()) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", name, limit.is_string() ? limit.get<std::string>() : limit.dump());
  }
  return text.empty() ? "-" : text;
}

Done issue(Session& session, const Values& values) {
  codec::Json body = {{"tenant", values.text("tenant")}};
  if (const auto name = values.optional("name")) body["name"] = *name;
  if (const auto& routes = values.all("route"); !routes.empty()) body["routes"] = routes;
  if (const auto expires = values.optional("expires-in")) body["expires_in"] = *expires;
  codec::Json limits = codec::Json::object();
  for (const LimitOption& option : kLimitOptions) {
    if (!values.optional(option.name)) continue;
    if (option.money) {
      limits[std::string(option.key)] = values.text_or(option.name, "");
      continue;
    }
    CORDON_TRY(const std::uint64_t limit, values.number_or(option.name, 1, 1, 10'000'000'000'000));
    limits[std::string(option.key)] = limit;
  }
  if (!limits.empty()) body["limits"] = std::move(limits);
  return post_for_key(session, values, "/api/v1/keys", body);
}

Done rotate(Session& session, const Values& values) {
  codec::Json body = {{"overlap", values.text("overlap")}};
  if (const auto expires = values.optional("expires-in")) body["expires_in"] = *expires;
  return post_for_key(session, values, path_of(values, "rotate"), body);
}

Done expire(Session& session, const Values& values) {
  const codec::Json body = {{"expires_in", values.text("expires-in")},
                            {"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "expire"), body), print_changed);
}

Done revoke(Session& session, const Values& values) {
  const codec::Json body = {{"reason", values.text("reason")}};
  return session.show(session.post(path_of(values, "revoke"), body), print_changed);
}

Done list(Session& session, const Values&) {
  auto reply = session.get("/api/v1/keys");
  if (reply && reply->json.contains("items") && reply->json["items"].is_array()) {
    for (codec::Json& key : reply->json["items"]) {
      if (key.is_object()) key["limits_text"] = limits_text(key);
    }
  }
  return session.show_items(reply,
                            {{"ID", "id"},
                             {"TENANT", "tenant"},
                             {"NAME", "name"},
                             {"ROUTES", "routes"},
                             {"STATE", "state"},
                             {"EXPIRES", "expires_at", Show::time},
                             {"LIMITS", "limits_text"},
                             {"ISSUED BY", "issued_by"}},
                            "no keys");
}

constexpr Parameter kId{Form::positional, Presence::required, "id", "ID", "the key's public id"};
constexpr Parameter kReason{Form::option, Presence::required, "reason", "TEXT",
                            "why, for the record"};
constexpr Parameter kOut{Form::option, Presence::optional, "out", "FILE",
                         "write the key to a new file of mode 0600 instead of showing it"};
constexpr Parameter kExpires{Form::option, Presence::optional, "expires-in", "DURATION",
                             "how long it is valid, like 90d; without it, until it is revoked"};

Parameter limit_option(std::string_view name, std::string_view what) {
  return {Form::option, Presence::optional, name, "N", what};
}

}  // namespace

std::vector<Command> key_commands() {
  return {
      {.path = "key new",
       .summary = "Make a tenant's key and the hash that the configuration keeps",
       .example = "key new --json",
       .reach = Reach::local,
       .parameters = {{Form::flag, Presence::optional, "json", "", "print an object"}},
       .run = make},
      {.path = "key issue",
       .summary = "Issue a key to a tenant of a running node; it is shown once",
       .example = "key issue acme --name billing --route support --expires-in 90d",
       .parameters = {{Form::positional, Presence::required, "tenant", "TENANT",
                       "a tenant of the configuration"},
                      {Form::option, Presence::optional, "name", "TEXT", "what it is for"},
                      {Form::option, Presence::any, "route", "NAME",
                       "what it may ask for, once for each route; without it, all the tenant has"},
                      kExpires,
                      kOut,
                      limit_option("requests-per-minute", "requests"),
                      limit_option("tokens-per-minute", "tokens of requests and answers"),
                      limit_option("cost-per-minute", "money, in the currency of the prices"),
                      limit_option("requests-per-day", "requests"),
                      limit_option("tokens-per-day", "tokens of requests and answers"),
                      limit_option("cost-per-day", "money, in the currency of the prices")},
       .run = issue},
      {.path = "key list",
       .summary = "All keys that were issued, without their secrets",
       .example = "key list",
       .parameters = {},
       .run = list},
      {.path = "key rotate",
       .summary = "Issue another key in the place of one, which is valid a while longer",
       .example = "key rotate 5f1c2a9e0b7d4c33 --overlap 24h",
       .parameters = {kId,
                      {Form::option, Presence::required, "overlap", "DURATION",
                       "how long the old one is still valid, like 24h; 0s for not at all"},
                      {Form::option, Presence::optional, "expires-in", "DURATION",
                       "how long the other one is valid; without it, as long as the old one was "
                       "meant to be"},
                      kOut},
       .run = rotate},
      {.path = "key expire",
       .summary = "Say until when a key is valid; what runs by it may end",
       .example = "key expire 5f1c2a9e0b7d4c33 --expires-in 1h --reason 'contract ended'",
       .parameters = {kId,
                      {Form::option, Presence::required, "expires-in", "DURATION",
                       "from now, like 1h; 0s for at once"},
                      kReason},
       .run = expire},
      {.path = "key revoke",
       .summary = "Take a key back for good, and cut what runs by it",
       .example = "key revoke 5f1c2a9e0b7d4c33 --reason 'found in a public repository'",
       .parameters = {kId, kReason},
       .run = revoke},
  };
}

}  // namespace cordon::cli::internal
