#include "containment/tokens.h"

#include "base/hex.h"
#include "crypto/sha256.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace cordon::containment {
namespace {

using codec::Json;
using codec::ObjectReader;

constexpr std::array<std::string_view, kRoleCount> kRoleNames = {
    "viewer", "responder", "commander", "approver", "policy_author", "auditor", "admin", "ingest"};
constexpr std::array<std::string_view, 5> kFaults = {"missing", "unknown", "expired", "revoked",
                                                     "lacks_role"};
constexpr std::string_view kPrefix = "cordon_";
constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSecretTextSize = kPrefix.size() + 2 * kIdBytes + 1 + 2 * kSecretBytes;
constexpr std::size_t kPersonBytesMax = 64;

bool is_person(std::string_view person) noexcept {
  return !person.empty() && person.size() <= kPersonBytesMax &&
         std::all_of(person.begin(), person.end(), [](char c) {
           return c > 0x20 && c < 0x7f && c != ':' && c != '"' && c != ',' && c != '\\';
         });
}

template <std::size_t n>
std::string random_hex(Random& random) {
  std::array<std::byte, n> bytes{};
  random.fill(bytes);
  return to_hex(bytes);
}

std::string digest_of(std::string_view secret) {
  return crypto::hex(crypto::sha256(secret));
}

Json to_json(const std::optional<WallTime>& time) {
  return time ? Json(format_rfc3339(*time)) : Json(nullptr);
}

Json body_of(const TokenMinted& event) {
  Json roles = Json::array();
  for (std::size_t i = 0; i < kRoleCount; ++i) {
    if (event.token.roles.has(static_cast<Role>(i))) roles.push_back(kRoleNames[i]);
  }
  return Json{{"event", "minted"},
              {"token", event.token.id},
              {"person", event.token.person},
              {"roles", std::move(roles)},
              {"sha256", event.token.sha256},
              {"expires_at", to_json(event.token.expires_at)},
              {"at", format_rfc3339(event.token.minted_at)},
              {"actor", event.token.minted_by.text()}};
}

Json body_of(const TokenRevoked& event) {
  return Json{{"event", "revoked"},
              {"token", event.id},
              {"at", format_rfc3339(event.at)},
              {"actor", event.by.text()}};
}

Result<TokenEvent> read_minted(ObjectReader& reader) {
  Token token;
  token.id = reader.text("token");
  token.person = reader.text("person");
  token.sha256 = reader.text("sha256");
  const Json& roles = reader.any("roles");
  const auto expires = reader.optional_text("expires_at");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_CHECK(reader.finish());
  if (!roles.is_array()) return fail(Errc::invalid, "token_change: roles is not a list");
  for (const Json& word : roles) {
    if (!word.is_string()) return fail(Errc::invalid, "token_change: a role is not a text");
    CORDON_TRY(const Role role, parse_role(word.get<std::string>()));
    token.roles.add(role);
  }
  if (expires) {
    CORDON_TRY(token.expires_at, parse_rfc3339(*expires));
  }
  CORDON_TRY(token.minted_at, parse_rfc3339(at));
  CORDON_TRY(token.minted_by, model::Actor::parse(actor));
  return TokenMinted{std::move(token)};
}

Result<TokenEvent> read_revoked(ObjectReader& reader) {
  TokenRevoked event;
  event.id = reader.text("token");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(event.at, parse_rfc3339(at));
  CORDON_TRY(event.by, model::Actor::parse(actor));
  return event;
}

Result<TokenEvent> read_event(const Json& body) {
  ObjectReader reader(body, "token_change");
  const std::string event = reader.text("event");
  if (event == "minted") return read_minted(reader);
  if (event == "revoked") return read_revoked(reader);
  return fail(Errc::invalid, fmt::format("token_change: unknown event '{}'", event.substr(0, 40)));
}

tl::unexpected<TokenRefusal> refuse(TokenFault fault, std::string detail) {
  return tl::make_unexpected(TokenRefusal{fault, std::move(detail)});
}

}  // namespace

std::string_view to_string(Role role) noexcept {
  return kRoleNames[static_cast<std::size_t>(role)];
}
Result<Role> parse_role(std::string_view text) {
  const auto found = std::find(kRoleNames.begin(), kRoleNames.end(), text);
  if (found != kRoleNames.end()) return static_cast<Role>(found - kRoleNames.begin());
  return fail(Errc::invalid, fmt::format("unknown role '{}', expected one of {}",
                                         text.substr(0, 64), fmt::join(kRoleNames, ", ")));
}
std::string_view to_string(TokenFault fault) noexcept {
  return kFaults[static_cast<std::size_t>(fault)];
}

bool Roles::allows(Role role) const noexcept {
  if (has(role)) return true;
  if (role == Role::approver) return false;
  if (has(Role::admin)) return true;
  if (role == Role::responder) return has(Role::commander);
  if (role == Role::ingest) return has(Role::responder) || has(Role::commander);
  constexpr Roles kIngestOnly{Role::ingest};
  return role == Role::viewer && !empty() && *this != kIngestOnly;
}

std::string Roles::text() const {
  std::string text;
  for (std::size_t i = 0; i < kRoleCount; ++i) {
    if (!has(static_cast<Role>(i))) continue;
    if (!text.empty()) text += ", ";
    text += kRoleNames[i];
  }
  return text;
}

Json to_body(const TokenEvent& event) {
  return std::visit([](const auto& each) { return body_of(each); }, event);
}

Result<TokenEvent> parse_token_event(const Json& body) {
  auto event = read_event(body);
  if (!event) return fail(Errc::corrupt, std::move(event).error().detail);
  return event;
}

Result<Minted> Tokens::mint(const MintToken& command, WallTime now, Random& random) const {
  if (!is_person(command.person)) {
    return fail(Errc::invalid,
                fmt::format("a token names a person: 1 to {} printable ASCII characters without "
                            "spaces, colons, commas or quotes",
                            kPersonBytesMax));
  }
  if (command.roles.empty()) {
    return fail(Errc::invalid,
                fmt::format("a token needs at least one role of {}", fmt::join(kRoleNames, ", ")));
  }
  if (command.expires_at && *command.expires_at <= now) {
    return fail(Errc::invalid, fmt::format("the expiry {} is not in the future",
                                           format_rfc3339(*command.expires_at)));
  }
  std::string id = random_hex<kIdBytes>(random);
  while (tokens_.contains(id)) id = random_hex<kIdBytes>(random);
  std::string secret = fmt::format("{}{}_{}", kPrefix, id, random_hex<kSecretBytes>(random));
  Token token{.id = std::move(id),
              .person = command.person,
              .roles = command.roles,
              .sha256 = digest_of(secret),
              .minted_by = command.by,
              .minted_at = now,
              .expires_at = command.expires_at,
              .revoked_at = std::nullopt};
  return Minted{std::move(secret), TokenMinted{std::move(token)}};
}

Result<TokenRevoked> Tokens::revoke(std::string_view id, const model::Actor& by,
                                    WallTime now) const {
  const auto found = tokens_.find(id);
  if (found == tokens_.end()) {
    return fail(Errc::not_found, fmt::format("no control token '{}'", id.substr(0, 64)));
  }
  if (found->second.revoked_at) {
    return fail(Errc::conflict, fmt::format("control token {} was revoked at {}", id,
                                            format_rfc3339(*found->second.revoked_at)));
  }
  return TokenRevoked{std::string(id), by, now};
}

void Tokens::evolve(const TokenEvent& event) {
  if (const auto* minted = std::get_if<TokenMinted>(&event)) {
    tokens_.insert_or_assign(minted->token.id, minted->token);
  } else if (const auto* revoked = std::get_if<TokenRevoked>(&event)) {
    const auto found = tokens_.find(revoked->id);
    if (found != tokens_.end()) found->second.revoked_at = revoked->at;
  }
}

tl::expected<Identity, TokenRefusal> Tokens::check(std::string_view secret, WallTime now) const {
  if (secret.empty()) return refuse(TokenFault::missing, "no control token was given");
  const bool shaped = secret.size() == kSecretTextSize && secret.starts_with(kPrefix);
  const auto found =
      shaped ? tokens_.find(secret.substr(kPrefix.size(), 2 * kIdBytes)) : tokens_.end();
  if (found == tokens_.end()) return refuse(TokenFault::unknown, "unknown control token");
  const Token& token = found->second;
  if (!crypto::equal_constant_time(bytes_of(digest_of(secret)), bytes_of(token.sha256))) {
    return refuse(TokenFault::unknown, "unknown control token");
  }
  if (token.revoked_at) {
    return refuse(TokenFault::revoked,
                  fmt::format("control token {} of {} was revoked at {}", token.id, token.person,
                              format_rfc3339(*token.revoked_at)));
  }
  if (token.expires_at && *token.expires_at <= now) {
    return refuse(TokenFault::expired,
                  fmt::format("control token {} of {} expired at {}", token.id, token.person,
                              format_rfc3339(*token.expires_at)));
  }
  return Identity{token.id, token.person, token.roles};
}

tl::expected<Identity, TokenRefusal> Tokens::require(std::string_view secret, Role role,
                                                     WallTime now) const {
  auto identity = check(secret, now);
  if (!identity || identity->roles.allows(role)) return identity;
  return refuse(TokenFault::lacks_role,
                fmt::format("control token {} of {} lacks the role {}; it has {}", identity->token,
                            identity->person, to_string(role), identity->roles.text()));
}

Status Tokens::may_approve(const Approval& approval, const model::Actor& requester,
                           std::string_view requester_token, WallTime now) const {
  const std::string approver = approval.by.text();
  if (approval.by.kind != model::ActorKind::person) {
    return fail(Errc::invalid, fmt::format("an approval comes from a person, not {}", approver));
  }
  if (approval.by == requester) {
    return fail(Errc::invalid,
                fmt::format("{} asks and approves; it takes a second person", approver));
  }
  const auto found = tokens_.find(approval.token);
  const bool valid = found != tokens_.end() && found->second.person == approval.by.name &&
                     found->second.roles.has(Role::approver) && !found->second.revoked_at &&
                     (!found->second.expires_at || *found->second.expires_at > now);
  if (!valid) {
    return fail(Errc::invalid,
                fmt::format("{} holds no valid token with the approver role", approver));
  }
  if (requester.kind == model::ActorKind::service) return {};
  const auto asking = tokens_.find(requester_token);
  if (asking == tokens_.end() || asking->second.person != requester.name) {
    return fail(Errc::invalid,
                fmt::format("the token with which {} asks is not known, so an approval cannot be "
                            "told from their own",
                            requester.text()));
  }
  std::set<std::string_view> seen;
  if (made_by(found->second, requester.name, seen)) {
    return fail(Errc::invalid,
                fmt::format("{} has the approver role from {}, who asks; it takes somebody whom "
                            "the requester did not create",
                            approver, requester.text()));
  }
  seen.clear();
  if (made_by(asking->second, approval.by.name, seen)) {
    return fail(Errc::invalid,
                fmt::format("{} asks with a token from {}, who approves; it takes somebody who "
                            "did not create the requester",
                            requester.text(), approver));
  }
  return {};
}

// A token is made by `person` if `person` minted it, or if whoever did had every token they held
// by then from `person`. Somebody met again on the way adds no independent origin.
bool Tokens::made_by(const Token& token, std::string_view person,
                     std::set<std::string_view>& seen) const {
  if (token.minted_by.kind != model::ActorKind::person) return false;
  const std::string_view minter = token.minted_by.name;
  if (minter == person || !seen.insert(minter).second) return true;
  bool had_any = false;
  for (const auto& [id, held] : tokens_) {
    if (held.person != minter || held.minted_at > token.minted_at) continue;
    had_any = true;
    if (!made_by(held, person, seen)) return false;
  }
  return had_any;
}

}  // namespace cordon::containment
