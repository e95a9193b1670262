// Control tokens: who may do what through the control API, and who made whom.
//
// A token is 256 random bits, shown once and kept as a SHA-256. It names a person. State is a
// fold over entries of kind `token_change`; docs/formats/containment.md has their bodies.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "codec/json.h"
#include "model/actor.h"

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cordon::containment {

/// What a token may be used for. `admin` includes every role except approver, which is always
/// given by name; commander includes responder; each includes viewer but `ingest`, which another
/// system holds: it may only report what it noticed, as every responder may.
enum class Role : std::uint8_t {
  viewer,
  responder,
  commander,
  approver,
  policy_author,
  auditor,
  admin,
  ingest,
};
inline constexpr std::size_t kRoleCount = 8;
[[nodiscard]] std::string_view to_string(Role role) noexcept;
/// Refuses as `invalid` and lists the roles.
[[nodiscard]] Result<Role> parse_role(std::string_view text);

/// A set of roles as granted; `allows` follows what includes what.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (const Role role : roles) add(role);
  }
  constexpr void add(Role role) noexcept { bits_ |= bit(role); }
  [[nodiscard]] constexpr bool has(Role role) const noexcept { return (bits_ & bit(role)) != 0; }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] bool allows(Role role) const noexcept;
  /// `viewer, approver`, in the order of the enumeration.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Roles&, const Roles&) = default;

 private:
  static constexpr std::uint8_t bit(Role role) noexcept {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(role));
  }
  std::uint8_t bits_ = 0;
};

/// A token as stored: never its secret.
struct Token {
  std::string id;  ///< public, 16 hex digits; also inside the secret
  std::string person;
  Roles roles;
  std::string sha256;  ///< of the whole secret, lower-case hex
  model::Actor minted_by;
  WallTime minted_at{};
  std::optional<WallTime> expires_at;
  std::optional<WallTime> revoked_at;
  friend bool operator==(const Token&, const Token&) = default;
};

/// A token was made. It is valid from the moment this is durable.
struct TokenMinted {
  Token token;
  friend bool operator==(const TokenMinted&, const TokenMinted&) = default;
};
/// A token was taken back. It is refused from then on and never returns.
struct TokenRevoked {
  std::string id;
  model::Actor by;
  WallTime at{};
  friend bool operator==(const TokenRevoked&, const TokenRevoked&) = default;
};
using TokenEvent = std::variant<TokenMinted, TokenRevoked>;

[[nodiscard]] codec::Json to_body(const TokenEvent& event);
/// Refuses as `corrupt`.
[[nodiscard]] Result<TokenEvent> parse_token_event(const codec::Json& body);

/// Asks for a token for a person.
struct MintToken {
  std::string person;
  Roles roles;
  std::optional<WallTime> expires_at;
  model::Actor by;
};

/// A token that was just made. `secret` is for its person, once; nothing keeps it.
struct Minted {
  std::string secret;
  TokenMinted event;
};

/// Who presents a valid token.
struct Identity {
  std::string token;
  std::string person;
  Roles roles;
  [[nodiscard]] model::Actor actor() const { return {model::ActorKind::person, person}; }
};

/// Why a token was not good enough: 401 for all but lacks_role, which is 403.
enum class TokenFault : std::uint8_t { missing, unknown, expired, revoked, lacks_role };
[[nodiscard]] std::string_view to_string(TokenFault fault) noexcept;
/// The refusal of a token. `detail` never holds the secret.
struct TokenRefusal {
  TokenFault fault;
  std::string detail;
};

/// A second person's consent, and the token that was presented for it.
struct Approval {
  model::Actor by;
  std::string token;    ///< its public id
  std::string id = {};  ///< of what waited for it (approvals.h)
  friend bool operator==(const Approval&, const Approval&) = default;
};

/// Every token ever minted. Belongs to the control thread; a fold, so it can be copied.
class Tokens {
 public:
  /// Makes a token without storing it: append the event, then evolve. Refuses as `invalid` no
  /// person, no role and an expiry that is not in the future.
  [[nodiscard]] Result<Minted> mint(const MintToken& command, WallTime now, Random& random) const;
  /// Refuses an unknown id as `not_found` and one revoked before as `conflict`.
  [[nodiscard]] Result<TokenRevoked> revoke(std::string_view id, const model::Actor& by,
                                            WallTime now) const;
  void evolve(const TokenEvent& event);

  /// Compares in constant time. A wrong secret with a known id is `unknown`.
  [[nodiscard]] tl::expected<Identity, TokenRefusal> check(std::string_view secret,
                                                           WallTime now) const;
  /// The same, and refuses who lacks `role`.
  [[nodiscard]] tl::expected<Identity, TokenRefusal> require(std::string_view secret, Role role,
                                                             WallTime now) const;

  /// Whether the approval may count for what `requester` asks with `requester_token` (empty for
  /// a service): it comes from somebody else, by a valid token of theirs with the approver role,
  /// and neither made the other's token, nor made who made it. Refuses as `invalid` and says
  /// which. That the token was really presented is for the caller to know.
  [[nodiscard]] Status may_approve(const Approval& approval, const model::Actor& requester,
                                   std::string_view requester_token, WallTime now) const;

  [[nodiscard]] const std::map<std::string, Token, std::less<>>& all() const noexcept {
    return tokens_;
  }
  friend bool operator==(const Tokens&, const Tokens&) = default;

 private:
  [[nodiscard]] bool made_by(const Token& token, std::string_view person,
                             std::set<std::string_view>& seen) const;
  std::map<std::string, Token, std::less<>> tokens_;
};

}  // namespace cordon::containment
