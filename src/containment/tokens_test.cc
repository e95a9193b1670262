#include "containment/tokens.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace cordon::containment {
namespace {

using namespace std::chrono_literals;
using model::Actor;
using model::ActorKind;

constexpr WallTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};
const Actor kApp{ActorKind::service, "app"};

Actor person(std::string name) {
  return {ActorKind::person, std::move(name)};
}

/// Tokens by verbs; remembers each secret.
class Office {
 public:
  /// Mints, stores and answers with the secret.
  std::string mint(const std::string& who, Roles roles, const Actor& by,
                   std::optional<WallTime> expires = std::nullopt) {
    auto minted = tokens.mint({who, roles, expires, by}, now, random_);
    EXPECT_TRUE(minted.has_value());
    tokens.evolve(minted->event);
    events.push_back(minted->event);
    now += 1s;
    return minted->secret;
  }
  void revoke(const std::string& secret) {
    const auto event = tokens.revoke(id_of(secret), kApp, now);
    ASSERT_TRUE(event.has_value());
    tokens.evolve(*event);
    events.push_back(*event);
  }
  static std::string id_of(const std::string& secret) { return secret.substr(7, 16); }

  Tokens tokens;
  std::vector<TokenEvent> events;
  WallTime now = kNow;

 private:
  SeededRandom random_{7};
};

std::string refused(const tl::expected<Identity, TokenRefusal>& answer) {
  if (answer) return "accepted";
  return std::string(to_string(answer.error().fault)) + ": " + answer.error().detail;
}

TEST(Tokens, NameAPersonAndAreKeptOnlyAsADigest) {
  Office office;
  const std::string secret = office.mint("anna", {Role::responder}, kApp);
  EXPECT_EQ(secret.size(), 88U);
  EXPECT_TRUE(secret.starts_with("cordon_"));
  const auto identity = office.tokens.check(secret, kNow);
  ASSERT_TRUE(identity) << identity.error().detail;
  EXPECT_EQ(identity->person, "anna");
  EXPECT_EQ(identity->actor().text(), "person:anna");
  const std::string stored = codec::write_json(to_body(office.events[0]));
  EXPECT_EQ(stored.find(secret.substr(24)), stored.npos) << "the secret part is nowhere";
}

TEST(Tokens, RefuseEachFaultInItsOwnWords) {
  Office office;
  const std::string good = office.mint("anna", {Role::viewer, Role::auditor}, kApp);
  const std::string id = Office::id_of(good);
  const std::string brief = office.mint("bob", {Role::viewer}, kApp, kNow + 1h);
  const std::string gone = office.mint("eve", {Role::viewer}, kApp);
  office.revoke(gone);
  const Tokens& tokens = office.tokens;
  EXPECT_EQ(refused(tokens.check("", kNow)), "missing: no control token was given");
  EXPECT_EQ(refused(tokens.check("sk-123", kNow)), "unknown: unknown control token");
  EXPECT_EQ(refused(tokens.check(brief, kNow + 1h - 1ns)), "accepted");
  EXPECT_EQ(refused(tokens.check(brief, kNow + 1h)),
            "expired: control token " + Office::id_of(brief) +
                " of bob expired at 2026-03-01T01:00:00.000000000Z");
  EXPECT_EQ(refused(tokens.check(gone, kNow)),
            "revoked: control token " + Office::id_of(gone) +
                " of eve was revoked at 2026-03-01T00:00:03.000000000Z");
  EXPECT_EQ(refused(tokens.require(good, Role::commander, kNow)),
            "lacks_role: control token " + id +
                " of anna lacks the role commander; it has viewer, auditor");
  EXPECT_EQ(refused(tokens.require(good, Role::auditor, kNow)), "accepted");
}

// Somebody who knows the public id learns nothing: every other last part is simply unknown.
TEST(Tokens, RefuseASecretThatDiffersInAnyByte) {
  Office office;
  const std::string secret = office.mint("anna", {Role::admin}, kApp);
  for (std::size_t i = 0; i < secret.size(); ++i) {
    std::string other = secret;
    other[i] = other[i] == 'a' ? 'b' : 'a';
    EXPECT_EQ(refused(office.tokens.check(other, kNow)), "unknown: unknown control token") << i;
    EXPECT_EQ(refused(office.tokens.check(secret.substr(0, i), kNow)),
              i == 0 ? "missing: no control token was given" : "unknown: unknown control token");
  }
  EXPECT_EQ(refused(office.tokens.check(secret + "0", kNow)), "unknown: unknown control token");
}

TEST(Roles, IncludeWhatTheirNameSaysAndApproverOnlyByName) {
  const auto allowed = [](Role held) {
    std::set<Role> all;
    for (std::size_t i = 0; i < kRoleCount; ++i) {
      if (Roles{held}.allows(static_cast<Role>(i))) all.insert(static_cast<Role>(i));
    }
    return all;
  };
  EXPECT_EQ(allowed(Role::viewer), (std::set{Role::viewer}));
  EXPECT_EQ(allowed(Role::responder), (std::set{Role::viewer, Role::responder, Role::ingest}));
  EXPECT_EQ(allowed(Role::commander),
            (std::set{Role::viewer, Role::responder, Role::commander, Role::ingest}));
  EXPECT_EQ(allowed(Role::ingest), (std::set{Role::ingest})) << "another system reads nothing";
  EXPECT_EQ(allowed(Role::approver), (std::set{Role::viewer, Role::approver}));
  EXPECT_EQ(allowed(Role::admin).size(), kRoleCount - 1);
  EXPECT_FALSE(Roles{Role::admin}.allows(Role::approver));
  EXPECT_FALSE(Roles{}.allows(Role::viewer));
}

TEST(Tokens, AreRefusedWithoutAPersonARoleOrATimeToLive) {
  const Tokens tokens;
  SeededRandom random(1);
  const auto error = [&](const MintToken& command) {
    const auto minted = tokens.mint(command, kNow, random);
    return minted ? "accepted" : minted.error().detail;
  };
  for (const char* name : {"", "a b", "service:x", "a\nb", "a\"b"}) {
    EXPECT_NE(error({name, {Role::viewer}, {}, kApp}), "accepted") << name;
  }
  EXPECT_EQ(error({"anna", {}, {}, kApp}),
            "a token needs at least one role of viewer, responder, commander, approver, "
            "policy_author, auditor, admin, ingest");
  EXPECT_EQ(error({"anna", {Role::viewer}, kNow, kApp}),
            "the expiry 2026-03-01T00:00:00.000000000Z is not in the future");
}

TEST(Tokens, AreRevokedOnce) {
  Office office;
  const std::string secret = office.mint("anna", {Role::viewer}, kApp);
  office.revoke(secret);
  EXPECT_EQ(office.tokens.revoke(Office::id_of(secret), kApp, kNow).error().code, Errc::conflict);
  EXPECT_EQ(office.tokens.revoke("nobody", kApp, kNow).error().code, Errc::not_found);
}

TEST(Tokens, AreTheSameReadBackFromTheirEntries) {
  Office office;
  std::vector<std::string> secrets;
  SeededRandom random(3);
  for (int i = 0; i < 200; ++i) {
    Roles roles{static_cast<Role>(random.below(kRoleCount))};
    roles.add(static_cast<Role>(random.below(kRoleCount)));
    const Actor by = i % 3 == 0 ? kApp : person("p" + std::to_string(random.below(10)));
    const auto expires = i % 2 == 0 ? std::optional(kNow + 24h) : std::nullopt;
    secrets.push_back(office.mint("p" + std::to_string(random.below(20)), roles, by, expires));
    if (random.below(4) == 0) {
      const std::string victim = secrets[random.below(secrets.size())];
      if (office.tokens.revoke(Office::id_of(victim), kApp, office.now)) office.revoke(victim);
    }
  }
  Tokens folded;
  for (const TokenEvent& event : office.events) {
    const auto json = codec::parse_json(codec::write_json(to_body(event)));
    ASSERT_TRUE(json);
    const auto back = parse_token_event(*json);
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(*back, event);
    folded.evolve(*back);
  }
  EXPECT_EQ(folded, office.tokens);
}

class Approvals : public testing::Test {
 protected:
  Approvals() {
    root_ = office_.mint("root", {Role::admin}, kApp);
    anna_ = office_.mint("anna", {Role::commander, Role::admin}, person("root"));
    bob_ = office_.mint("bob", {Role::approver}, person("root"));
  }
  std::string ask(const std::string& approver, const std::string& with,
                  const std::string& requester, const std::string& by) {
    const Approval approval{person(approver), Office::id_of(with)};
    const auto status =
        office_.tokens.may_approve(approval, person(requester), Office::id_of(by), office_.now);
    return status ? "accepted" : status.error().detail;
  }
  Office office_;
  std::string root_, anna_, bob_;
};

TEST_F(Approvals, ComeFromASecondPersonWithTheRole) {
  EXPECT_EQ(ask("bob", bob_, "anna", anna_), "accepted");
  EXPECT_EQ(ask("anna", anna_, "anna", anna_),
            "person:anna asks and approves; it takes a second person");
  EXPECT_EQ(ask("root", root_, "anna", anna_),
            "person:root holds no valid token with the approver role")
      << "admin does not include approver";
  EXPECT_EQ(ask("bob", anna_, "anna", anna_),
            "person:bob holds no valid token with the approver role")
      << "the token must be the approver's own";
  office_.revoke(bob_);
  EXPECT_EQ(ask("bob", bob_, "anna", anna_),
            "person:bob holds no valid token with the approver role");
}

TEST_F(Approvals, AreRefusedFromWhomTheRequesterCreated) {
  const std::string puppet = office_.mint("puppet", {Role::approver}, person("anna"));
  EXPECT_EQ(ask("puppet", puppet, "anna", anna_),
            "person:puppet has the approver role from person:anna, who asks; it takes somebody "
            "whom the requester did not create");
}

TEST_F(Approvals, AreRefusedFromWhomTheRequestersCreatureCreated) {
  office_.mint("mallory", {Role::admin}, person("anna"));
  const std::string puppet = office_.mint("puppet", {Role::approver}, person("mallory"));
  EXPECT_NE(ask("puppet", puppet, "anna", anna_), "accepted");
}

// A token in a real approver's name, minted and kept by the requester, is not that approver.
TEST_F(Approvals, AreRefusedByATokenInAnothersNameThatTheRequesterMinted) {
  const std::string forged = office_.mint("bob", {Role::approver}, person("anna"));
  EXPECT_NE(ask("bob", forged, "anna", anna_), "accepted");
  EXPECT_EQ(ask("bob", bob_, "anna", anna_), "accepted") << "bob's own token still counts";
}

TEST_F(Approvals, AreRefusedByWhoCreatedTheRequester) {
  const std::string approver = office_.mint("root", {Role::approver}, kApp);
  EXPECT_EQ(ask("root", approver, "anna", anna_),
            "person:anna asks with a token from person:root, who approves; it takes somebody who "
            "did not create the requester");
}

TEST_F(Approvals, EndForPeopleWhoMintForEachOther) {
  office_.mint("x", {Role::admin}, person("y"));
  office_.mint("y", {Role::admin}, person("x"));
  const std::string puppet = office_.mint("puppet", {Role::approver}, person("y"));
  EXPECT_NE(ask("puppet", puppet, "x", anna_), "accepted");
}

}  // namespace
}  // namespace cordon::containment
