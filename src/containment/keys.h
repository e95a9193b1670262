// Keys of tenants that are issued while the node runs: by whom, for which routes, until when.
//
// A key is 256 random bits behind a public id, shown once and kept as a SHA-256. State is a fold
// over entries of kind `key_change`; docs/formats/containment.md has their bodies. Keys whose
// hashes stand in cordon.yaml are none of these.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "codec/json.h"
#include "model/actor.h"
#include "model/generation.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cordon::containment {

/// A key as stored: never its secret.
struct Key {
  std::string id;  ///< public, 16 hex digits; also inside the secret
  std::string tenant;
  std::string name;                 ///< for people; may be empty
  std::vector<std::string> routes;  ///< of the tenant's; `*` means all of those
  std::string sha256;               ///< of the whole secret, lower-case hex
  model::Actor issued_by;
  WallTime issued_at{};
  std::optional<WallTime> expires_at;
  std::optional<WallTime> revoked_at;
  std::string replaces;            ///< id of the key that it was issued in the place of; else empty
  std::string replaced_by;         ///< id of the key that was issued in its place; else empty
  model::UsageLimits limits = {};  ///< within its tenant's; a rotation keeps them
  [[nodiscard]] bool is_in_force(WallTime now) const noexcept {
    return !revoked_at && (!expires_at || *expires_at > now);
  }
  friend bool operator==(const Key&, const Key&) = default;
};

/// A key was issued. It is valid once every node obeys the generation that has it.
struct KeyIssued {
  Key key;
  friend bool operator==(const KeyIssued&, const KeyIssued&) = default;
};
/// `key` was issued in the place of `key.replaces`, which is valid until `old_expires_at`.
struct KeyRotated {
  Key key;
  WallTime old_expires_at{};
  friend bool operator==(const KeyRotated&, const KeyRotated&) = default;
};
/// A key is valid until then, and not longer.
struct KeyExpirySet {
  std::string id;
  WallTime expires_at{};
  std::string reason;
  model::Actor by;
  WallTime at{};
  friend bool operator==(const KeyExpirySet&, const KeyExpirySet&) = default;
};
/// A key was taken back. It is refused from then on, never returns, and what runs by it is cut.
struct KeyRevoked {
  std::string id;
  std::string reason;
  model::Actor by;
  WallTime at{};
  friend bool operator==(const KeyRevoked&, const KeyRevoked&) = default;
};
using KeyEvent = std::variant<KeyIssued, KeyRotated, KeyExpirySet, KeyRevoked>;

/// The body of an entry of kind `key_change`.
[[nodiscard]] codec::Json to_body(const KeyEvent& event);
/// Refuses as `corrupt`.
[[nodiscard]] Result<KeyEvent> parse_key_event(const codec::Json& body);
/// The key that is changed; of a rotation, the one that was issued.
[[nodiscard]] std::string_view id_of(const KeyEvent& event) noexcept;

/// Asks for a key for a tenant.
struct IssueKey {
  std::string tenant;
  std::string name;
  std::vector<std::string> routes;  ///< empty: all that the tenant has
  std::optional<WallTime> expires_at;
  model::Actor by;
  model::UsageLimits limits = {};  ///< of cost only where `generation` has prices
};
/// Asks for another key in the place of `id`, which is valid for `overlap` more and not longer
/// than it was.
struct RotateKey {
  std::string id;
  std::chrono::milliseconds overlap{};
  /// Of the other key. Absent: as long as the old one was meant to last, or without end.
  std::optional<WallTime> expires_at;
  model::Actor by;
};

/// A key that was just made. `secret` is for its tenant, once; nothing keeps it.
template <class E>
struct MadeKey {
  std::string secret;
  E event;
};

inline constexpr std::size_t kKeysPerTenantMax = 1'000;  ///< in force
inline constexpr std::size_t kKeysMax = 10'000;          ///< in force, of all tenants
inline constexpr std::chrono::hours kOverlapMax{24 * 90};
/// A key that has expired stays known to the gateway for so long, which no exchange outlives: what
/// began under it may end.
inline constexpr std::chrono::hours kExpiredKept{48};

/// Every key ever issued. Belongs to the control thread; a fold, so it can be copied.
class Keys {
 public:
  /// Makes a key without storing it: append the event, then evolve. Refuses as `invalid` a tenant
  /// or route that `generation` does not know or the tenant may not use, a name that is none and
  /// an expiry that is not in the future; as `exhausted` more than kKeysMax or kKeysPerTenantMax.
  [[nodiscard]] Result<MadeKey<KeyIssued>> issue(const IssueKey& command,
                                                 const model::Generation& generation, WallTime now,
                                                 Random& random) const;
  /// The same for another key in the place of one. Refuses an unknown id as `not_found`, one that
  /// is not in force or was rotated before as `conflict`, and an overlap below zero or above
  /// kOverlapMax as `invalid`.
  [[nodiscard]] Result<MadeKey<KeyRotated>> rotate(const RotateKey& command,
                                                   const model::Generation& generation,
                                                   WallTime now, Random& random) const;
  /// Moves the expiry of a key, to now at the soonest: what runs by it may end. Refuses an unknown
  /// id as `not_found`, a key that is not in force as `conflict`, no reason and a time in the past
  /// as `invalid`.
  [[nodiscard]] Result<KeyExpirySet> expire(std::string_view id, WallTime expires_at,
                                            std::string reason, const model::Actor& by,
                                            WallTime now) const;
  /// Takes a key back. Refuses an unknown id as `not_found`, one revoked before as `conflict`, no
  /// reason as `invalid`. One that has expired may be revoked: what runs by it is cut.
  [[nodiscard]] Result<KeyRevoked> revoke(std::string_view id, std::string reason,
                                          const model::Actor& by, WallTime now) const;
  void evolve(const KeyEvent& event);

  /// Null when there is none.
  [[nodiscard]] const Key* find(std::string_view id) const noexcept;
  /// What the gateway must know: every key that is neither revoked nor expired for kExpiredKept, by
  /// id. Those of a tenant that the configuration no longer has are among them: they are nobody's,
  /// and not revoked.
  [[nodiscard]] std::vector<model::IssuedKey> to_obey(WallTime now) const;
  [[nodiscard]] const std::map<std::string, Key, std::less<>>& all() const noexcept {
    return keys_;
  }
  friend bool operator==(const Keys&, const Keys&) = default;

 private:
  [[nodiscard]] Result<const Key*> in_force(std::string_view id, WallTime now) const;
  [[nodiscard]] Status check_room(std::string_view tenant, WallTime now) const;
  [[nodiscard]] std::string make_secret(Key& key, Random& random) const;
  std::map<std::string, Key, std::less<>> keys_;
};

}  // namespace cordon::containment
