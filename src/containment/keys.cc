#include "containment/keys.h"

#include "base/hex.h"
#include "codec/base64.h"
#include "codec/yaml.h"
#include "containment/internal/reason.h"
#include "crypto/sha256.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace cordon::containment {
namespace {

using codec::Json;
using codec::ObjectReader;
using internal::check_reason;

constexpr std::string_view kPrefix = "ck-";
constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kNamesShown = 10;

bool is_name(std::string_view name) noexcept {
  return name.size() <= kNameBytesMax && std::all_of(name.begin(), name.end(), [](char c) {
           return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
         });
}

Json to_json(const std::optional<WallTime>& time) {
  return time ? Json(format_rfc3339(*time)) : Json(nullptr);
}

Json made_json(std::string_view event, const Key& key) {
  Json body{{"event", event},
            {"key", key.id},
            {"tenant", key.tenant},
            {"name", key.name},
            {"routes", key.routes},
            {"sha256", key.sha256},
            {"expires_at", to_json(key.expires_at)},
            {"at", format_rfc3339(key.issued_at)},
            {"actor", key.issued_by.text()}};
  if (key.limits.any()) body["limits"] = model::write_usage_limits(key.limits);
  return body;
}

Json body_of(const KeyIssued& event) {
  return made_json("issued", event.key);
}

Json body_of(const KeyRotated& event) {
  Json body = made_json("rotated", event.key);
  body["replaces"] = event.key.replaces;
  body["old_expires_at"] = format_rfc3339(event.old_expires_at);
  return body;
}

Json body_of(const KeyExpirySet& event) {
  return Json{{"event", "expiry_set"},
              {"key", event.id},
              {"expires_at", format_rfc3339(event.expires_at)},
              {"reason", event.reason},
              {"at", format_rfc3339(event.at)},
              {"actor", event.by.text()}};
}

Json body_of(const KeyRevoked& event) {
  return Json{{"event", "revoked"},
              {"key", event.id},
              {"reason", event.reason},
              {"at", format_rfc3339(event.at)},
              {"actor", event.by.text()}};
}

Result<KeyEvent> read_made(ObjectReader& reader, bool rotated) {
  Key key;
  key.id = reader.text("key");
  key.tenant = reader.text("tenant");
  key.name = reader.text("name");
  key.sha256 = reader.text("sha256");
  const Json& routes = reader.any("routes");
  const Json& limits = reader.any("limits");
  const auto expires = reader.optional_text("expires_at");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  std::string old_expires;
  if (rotated) {
    key.replaces = reader.text("replaces");
    old_expires = reader.text("old_expires_at");
  }
  CORDON_CHECK(reader.finish());
  if (!routes.is_array()) return fail(Errc::invalid, "key_change: routes is not a list");
  for (const Json& route : routes) {
    if (!route.is_string()) return fail(Errc::invalid, "key_change: a route is not a text");
    key.routes.push_back(route.get<std::string>());
  }
  if (expires) {
    CORDON_TRY(key.expires_at, parse_rfc3339(*expires));
  }
  if (!limits.is_null()) {
    CORDON_TRY(key.limits, model::read_usage_limits(limits));
  }
  CORDON_TRY(key.issued_at, parse_rfc3339(at));
  CORDON_TRY(key.issued_by, model::Actor::parse(actor));
  if (!rotated) return KeyIssued{std::move(key)};
  CORDON_TRY(const WallTime old_expires_at, parse_rfc3339(old_expires));
  return KeyRotated{std::move(key), old_expires_at};
}

Result<KeyEvent> read_expiry_set(ObjectReader& reader) {
  KeyExpirySet event;
  event.id = reader.text("key");
  const std::string expires = reader.text("expires_at");
  event.reason = reader.text("reason");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(event.expires_at, parse_rfc3339(expires));
  CORDON_TRY(event.at, parse_rfc3339(at));
  CORDON_TRY(event.by, model::Actor::parse(actor));
  return event;
}

Result<KeyEvent> read_revoked(ObjectReader& reader) {
  KeyRevoked event;
  event.id = reader.text("key");
  event.reason = reader.text("reason");
  const std::string at = reader.text("at");
  const std::string actor = reader.text("actor");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(event.at, parse_rfc3339(at));
  CORDON_TRY(event.by, model::Actor::parse(actor));
  return event;
}

Result<KeyEvent> read_event(const Json& body) {
  ObjectReader reader(body, "key_change");
  const std::string event = reader.text("event");
  if (event == "issued") return read_made(reader, false);
  if (event == "rotated") return read_made(reader, true);
  if (event == "expiry_set") return read_expiry_set(reader);
  if (event == "revoked") return read_revoked(reader);
  return fail(Errc::invalid, fmt::format("key_change: unknown event '{}'", event.substr(0, 40)));
}

std::string unknown_name(std::string_view what, std::string_view name,
                         std::vector<std::string_view> known) {
  const std::string_view nearest = codec::nearest_word(name, known);
  const std::size_t more = known.size() - std::min(known.size(), kNamesShown);
  known.resize(known.size() - more);
  std::string text = fmt::format("there is no {} named '{}'", what, name.substr(0, 128));
  if (!known.empty()) text += fmt::format("; known: {}", fmt::join(known, ", "));
  if (more > 0) text += fmt::format(" and {} more", more);
  if (!nearest.empty()) text += fmt::format(" (nearest: {})", nearest);
  return text;
}

/// Refuses what the tenant may not use by its configuration.
Status check_routes(const std::vector<std::string>& routes, const std::string& tenant_name,
                    const model::Generation& generation) {
  const auto& tenants = generation.tenants;
  const auto tenant = std::find_if(tenants.begin(), tenants.end(), [&](const model::Tenant& each) {
    return each.name == tenant_name;
  });
  if (tenant == tenants.end()) {
    std::vector<std::string_view> known;
    for (const model::Tenant& each : tenants) known.push_back(each.name);
    return fail(Errc::invalid, unknown_name("tenant", tenant_name, std::move(known)));
  }
  const auto has = [](const std::vector<std::string>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  std::vector<std::string_view> known;
  for (const model::Route& route : generation.routes) {
    if (has(tenant->routes, "*") || has(tenant->routes, route.name)) known.push_back(route.name);
  }
  for (const std::string& route : routes) {
    if (route == "*" || std::find(known.begin(), known.end(), route) != known.end()) continue;
    return fail(Errc::invalid,
                unknown_name(fmt::format("route of the tenant {}", tenant_name), route, known));
  }
  return {};
}

Status check_limits(const model::UsageLimits& limits, const model::Generation& generation) {
  const bool of_cost = limits.cost_per_minute > 0 || limits.cost_per_day > 0;
  if (!of_cost || !generation.prices.list.empty()) return {};
  return fail(Errc::invalid,
              "found a limit of cost and no prices, expected prices.list in cordon.yaml");
}

Status check_future(const std::optional<WallTime>& expires_at, WallTime now) {
  if (!expires_at || *expires_at > now) return {};
  return fail(Errc::invalid,
              fmt::format("the expiry {} is not in the future", format_rfc3339(*expires_at)));
}

}  // namespace

Json to_body(const KeyEvent& event) {
  return std::visit([](const auto& each) { return body_of(each); }, event);
}

Result<KeyEvent> parse_key_event(const Json& body) {
  auto event = read_event(body);
  if (!event) return fail(Errc::corrupt, std::move(event).error().detail);
  return event;
}

std::string_view id_of(const KeyEvent& event) noexcept {
  if (const auto* issued = std::get_if<KeyIssued>(&event)) return issued->key.id;
  if (const auto* rotated = std::get_if<KeyRotated>(&event)) return rotated->key.id;
  if (const auto* set = std::get_if<KeyExpirySet>(&event)) return set->id;
  return std::get<KeyRevoked>(event).id;
}

std::string Keys::make_secret(Key& key, Random& random) const {
  std::array<std::byte, kIdBytes> id{};
  do {
    random.fill(id);
    key.id = to_hex(id);
  } while (keys_.contains(key.id));
  std::array<std::byte, kSecretBytes> bytes{};
  random.fill(bytes);
  std::string secret = fmt::format("{}{}-{}", kPrefix, key.id, codec::to_base64url(bytes));
  key.sha256 = crypto::hex(crypto::sha256(secret));
  return secret;
}

Status Keys::check_room(std::string_view tenant, WallTime now) const {
  std::size_t all = 0;
  std::size_t own = 0;
  for (const auto& [id, key] : keys_) {
    if (!key.is_in_force(now)) continue;
    ++all;
    if (key.tenant == tenant) ++own;
  }
  if (own >= kKeysPerTenantMax) {
    return fail(Errc::exhausted, fmt::format("the tenant {} has {} keys in force, the most there "
                                             "may be; expire or revoke one first",
                                             tenant, own));
  }
  if (all >= kKeysMax) {
    return fail(Errc::exhausted, fmt::format("{} keys are in force, the most there may be; expire "
                                             "or revoke one first",
                                             all));
  }
  return {};
}

Result<MadeKey<KeyIssued>> Keys::issue(const IssueKey& command, const model::Generation& generation,
                                       WallTime now, Random& random) const {
  Key key;
  key.tenant = command.tenant;
  key.name = command.name;
  key.routes = command.routes.empty() ? std::vector<std::string>{"*"} : command.routes;
  key.issued_by = command.by;
  key.issued_at = now;
  key.expires_at = command.expires_at;
  key.limits = command.limits;
  if (!is_name(key.name)) {
    return fail(Errc::invalid,
                fmt::format("a key's name is at most {} printable ASCII characters without quotes "
                            "and backslashes",
                            kNameBytesMax));
  }
  CORDON_CHECK(check_routes(key.routes, key.tenant, generation));
  CORDON_CHECK(check_limits(key.limits, generation));
  CORDON_CHECK(check_future(key.expires_at, now));
  CORDON_CHECK(check_room(key.tenant, now));
  std::string secret = make_secret(key, random);
  return MadeKey<KeyIssued>{std::move(secret), KeyIssued{std::move(key)}};
}

Result<MadeKey<KeyRotated>> Keys::rotate(const RotateKey& command,
                                         const model::Generation& generation, WallTime now,
                                         Random& random) const {
  CORDON_TRY(const Key* const old, in_force(command.id, now));
  if (!old->replaced_by.empty()) {
    return fail(Errc::conflict, fmt::format("key {} was rotated already; {} was issued in its "
                                            "place: rotate that one",
                                            old->id, old->replaced_by));
  }
  if (command.overlap.count() < 0 || command.overlap > kOverlapMax) {
    return fail(Errc::invalid,
                fmt::format("the overlap is {}, expected 0ms to {}",
                            format_duration(command.overlap), format_duration(kOverlapMax)));
  }
  CORDON_CHECK(check_routes(old->routes, old->tenant, generation));
  CORDON_CHECK(check_future(command.expires_at, now));
  CORDON_CHECK(check_room(old->tenant, now));
  Key key;
  key.tenant = old->tenant;
  key.name = old->name;
  key.routes = old->routes;
  key.limits = old->limits;
  key.issued_by = command.by;
  key.issued_at = now;
  key.expires_at = command.expires_at;
  if (!key.expires_at && old->expires_at) {
    key.expires_at = now + (*old->expires_at - old->issued_at);
  }
  key.replaces = old->id;
  WallTime old_expires_at = now + command.overlap;
  if (old->expires_at) old_expires_at = std::min(old_expires_at, *old->expires_at);
  std::string secret = make_secret(key, random);
  return MadeKey<KeyRotated>{std::move(secret), KeyRotated{std::move(key), old_expires_at}};
}

Result<const Key*> Keys::in_force(std::string_view id, WallTime now) const {
  const Key* const key = find(id);
  if (key == nullptr) {
    return fail(Errc::not_found, fmt::format("no key '{}' was issued here", id.substr(0, 64)));
  }
  if (key->revoked_at) {
    return fail(Errc::conflict,
                fmt::format("key {} was revoked at {}", id, format_rfc3339(*key->revoked_at)));
  }
  if (!key->is_in_force(now)) {
    return fail(Errc::conflict,
                fmt::format("key {} expired at {}", id, format_rfc3339(*key->expires_at)));
  }
  return key;
}

Result<KeyExpirySet> Keys::expire(std::string_view id, WallTime expires_at, std::string reason,
                                  const model::Actor& by, WallTime now) const {
  CORDON_TRY(const Key* const key, in_force(id, now));
  CORDON_CHECK(check_reason(reason));
  if (expires_at < now) {
    return fail(Errc::invalid,
                fmt::format("the expiry {} is in the past", format_rfc3339(expires_at)));
  }
  return KeyExpirySet{key->id, expires_at, std::move(reason), by, now};
}

Result<KeyRevoked> Keys::revoke(std::string_view id, std::string reason, const model::Actor& by,
                                WallTime now) const {
  const Key* const key = find(id);
  if (key == nullptr || key->revoked_at) {
    return tl::make_unexpected(in_force(id, now).error());
  }
  CORDON_CHECK(check_reason(reason));
  return KeyRevoked{key->id, std::move(reason), by, now};
}

void Keys::evolve(const KeyEvent& event) {
  const auto update = [this](std::string_view id) -> Key* {
    const auto found = keys_.find(id);
    return found == keys_.end() ? nullptr : &found->second;
  };
  if (const auto* issued = std::get_if<KeyIssued>(&event)) {
    keys_.insert_or_assign(issued->key.id, issued->key);
  } else if (const auto* rotated = std::get_if<KeyRotated>(&event)) {
    if (Key* const old = update(rotated->key.replaces)) {
      old->expires_at = rotated->old_expires_at;
      old->replaced_by = rotated->key.id;
    }
    keys_.insert_or_assign(rotated->key.id, rotated->key);
  } else if (const auto* set = std::get_if<KeyExpirySet>(&event)) {
    if (Key* const key = update(set->id)) key->expires_at = set->expires_at;
  } else if (const auto* revoked = std::get_if<KeyRevoked>(&event)) {
    if (Key* const key = update(revoked->id)) key->revoked_at = revoked->at;
  }
}

const Key* Keys::find(std::string_view id) const noexcept {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

std::vector<model::IssuedKey> Keys::to_obey(WallTime now) const {
  std::vector<model::IssuedKey> obeyed;
  for (const auto& [id, key] : keys_) {
    if (key.revoked_at || (key.expires_at && *key.expires_at + kExpiredKept <= now)) continue;
    obeyed.push_back({id, key.tenant, key.sha256, key.routes, key.expires_at, key.limits});
  }
  return obeyed;
}

}  // namespace cordon::containment
