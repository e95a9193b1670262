#include "containment/keys.h"

#include "containment/effective.h"
#include "containment/generations.h"
#include "crypto/sha256.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace cordon::containment {
namespace {

using namespace std::chrono_literals;
using model::Actor;
using model::ActorKind;

constexpr WallTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};
const Actor kAnna{ActorKind::person, "anna"};

model::Generation known() {
  model::Generation generation;
  generation.routes = {{"support", {}, {}, {}, model::Mode::standard, {}},
                       {"sales", {}, {}, {}, model::Mode::standard, {}}};
  generation.tenants = {{"acme", {}, {"*"}}, {"beta", {}, {"sales"}}};
  return generation;
}

/// Keys by verbs; remembers every event.
class Desk {
 public:
  Result<std::string> issue(const std::string& tenant, std::vector<std::string> routes = {},
                            std::optional<WallTime> expires = std::nullopt) {
    IssueKey command{tenant, "n", std::move(routes), expires, kAnna};
    auto made = keys.issue(command, known(), now, random_);
    if (!made) return tl::make_unexpected(made.error());
    take(made->event);
    return made->secret;
  }
  Result<std::string> rotate(const std::string& id, std::chrono::milliseconds overlap) {
    auto made = keys.rotate({id, overlap, std::nullopt, kAnna}, known(), now, random_);
    if (!made) return tl::make_unexpected(made.error());
    take(made->event);
    return made->secret;
  }
  template <class E>
  Status apply(Result<E> event) {
    if (!event) return tl::make_unexpected(event.error());
    take(*event);
    return {};
  }
  void take(const KeyEvent& event) {
    keys.evolve(event);
    events.push_back(event);
  }
  static std::string id_of(const std::string& secret) { return secret.substr(3, 16); }
  [[nodiscard]] bool obeys(const std::string& secret) const {
    const ManualClock clock(now);
    const Effective effective(seal(with_keys(known(), keys, now)));
    return effective.caller_of(secret, clock).tenant != nullptr;
  }

  Keys keys;
  std::vector<KeyEvent> events;
  WallTime now = kNow;

 private:
  SeededRandom random_{7};
};

std::string refused(const Status& status) {
  return status ? "done"
                : std::string(to_string(status.error().code)) + ": " + status.error().detail;
}
template <class T>
std::string refused(const Result<T>& made) {
  return made ? "done" : refused(Status(tl::make_unexpected(made.error())));
}

TEST(Keys, AreKeptOnlyAsADigestAndAreLongEnoughForOne) {
  Desk desk;
  const std::string secret = *desk.issue("acme");
  EXPECT_TRUE(secret.starts_with("ck-"));
  EXPECT_EQ(secret.size(), 3U + 16 + 1 + 43) << "256 bits in base64url";
  EXPECT_TRUE(desk.obeys(secret));
  EXPECT_FALSE(desk.obeys(secret.substr(0, secret.size() - 1) + "!"));
  const std::string stored = codec::write_json(to_body(desk.events[0]));
  EXPECT_EQ(stored.find(secret.substr(20)), stored.npos) << "the secret part is nowhere";
  EXPECT_EQ(desk.keys.find(Desk::id_of(secret))->sha256, crypto::hex(crypto::sha256(secret)));
}

TEST(Keys, RefuseEachFaultInItsOwnWords) {
  Desk desk;
  EXPECT_EQ(refused(desk.issue("acmee")),
            "invalid: there is no tenant named 'acmee'; known: acme, beta (nearest: acme)");
  EXPECT_EQ(refused(desk.issue("beta", {"support"})),
            "invalid: there is no route of the tenant beta named 'support'; known: sales");
  EXPECT_EQ(refused(desk.issue("acme", {}, kNow)),
            "invalid: the expiry 2026-03-01T00:00:00.000000000Z is not in the future");
  EXPECT_EQ(refused(desk.rotate("0000000000000000", 1h)),
            "not_found: no key '0000000000000000' was issued here");
  const std::string id = Desk::id_of(*desk.issue("acme"));
  EXPECT_EQ(refused(desk.rotate(id, 91 * 24h)), "invalid: the overlap is 91d, expected 0ms to 90d");
  EXPECT_EQ(refused(desk.apply(desk.keys.revoke(id, " ", kAnna, kNow))),
            "invalid: the reason is missing; say why, for whoever reads this later");
  EXPECT_EQ(refused(desk.apply(desk.keys.expire(id, kNow - 1s, "r", kAnna, kNow))),
            "invalid: the expiry 2026-02-28T23:59:59.000000000Z is in the past");
  EXPECT_EQ(refused(desk.apply(desk.keys.revoke(id, "leaked", kAnna, kNow))), "done");
  EXPECT_EQ(refused(desk.apply(desk.keys.revoke(id, "leaked", kAnna, kNow))),
            "conflict: key " + id + " was revoked at 2026-03-01T00:00:00.000000000Z");
  EXPECT_EQ(refused(desk.rotate(id, 1h)).substr(0, 8), "conflict");
  EXPECT_EQ(refused(desk.apply(desk.keys.expire(id, kNow + 1h, "r", kAnna, kNow))).substr(0, 8),
            "conflict");
}

TEST(Keys, ARotatedKeyIsValidForTheOverlapAndNotLongerThanItWas) {
  Desk desk;
  const std::string old = *desk.issue("acme", {"sales"}, kNow + 30 * 24h);
  desk.now += 24h;
  const std::string other = *desk.rotate(Desk::id_of(old), 1h);
  EXPECT_TRUE(desk.obeys(old));
  EXPECT_TRUE(desk.obeys(other));
  const Key& made = *desk.keys.find(Desk::id_of(other));
  EXPECT_EQ(made.routes, std::vector<std::string>{"sales"});
  EXPECT_EQ(made.expires_at, desk.now + 30 * 24h) << "as long as the old one was meant to last";
  EXPECT_EQ(refused(desk.rotate(Desk::id_of(old), 1h)).substr(0, 8), "conflict");
  desk.now += 1h;
  EXPECT_FALSE(desk.obeys(old));
  EXPECT_TRUE(desk.obeys(other));
  const std::string brief = *desk.issue("acme", {}, desk.now + 1min);
  EXPECT_TRUE(desk.rotate(Desk::id_of(brief), 1h));
  EXPECT_EQ(desk.keys.find(Desk::id_of(brief))->expires_at, desk.now + 1min);
}

TEST(Keys, AnExpiredKeyStaysKnownUntilNoExchangeCanRunUnderItAndARevokedOneDoesNot) {
  Desk desk;
  const std::string expired = *desk.issue("acme");
  const std::string revoked = *desk.issue("acme");
  EXPECT_TRUE(desk.apply(desk.keys.expire(Desk::id_of(expired), kNow, "over", kAnna, kNow)));
  EXPECT_TRUE(desk.apply(desk.keys.revoke(Desk::id_of(revoked), "leaked", kAnna, kNow)));
  EXPECT_FALSE(desk.obeys(expired));
  EXPECT_FALSE(desk.obeys(revoked));
  const auto known_ids = [&](WallTime at) {
    std::string ids;
    for (const auto& key : desk.keys.to_obey(at)) ids += key.id;
    return ids;
  };
  EXPECT_EQ(known_ids(kNow + kExpiredKept - 1s), Desk::id_of(expired));
  EXPECT_EQ(known_ids(kNow + kExpiredKept), "");
}

TEST(Keys, AreTheFoldOverTheirEntries) {
  Desk desk;
  const std::string first = *desk.issue("acme", {"sales"}, kNow + 1h);
  const std::string second = *desk.rotate(Desk::id_of(first), 5min);
  EXPECT_TRUE(desk.apply(desk.keys.expire(Desk::id_of(second), kNow + 2h, "r", kAnna, kNow)));
  EXPECT_TRUE(desk.apply(desk.keys.revoke(Desk::id_of(first), "r", kAnna, kNow)));
  Keys folded;
  for (const KeyEvent& event : desk.events) {
    const auto read = parse_key_event(to_body(event));
    ASSERT_TRUE(read) << read.error().detail;
    EXPECT_EQ(*read, event);
    folded.evolve(*read);
  }
  EXPECT_EQ(folded, desk.keys);
}

TEST(Keys, KeepTheirLimitsOverARotation) {
  Desk desk;
  SeededRandom random(1);
  model::Generation priced = known();
  IssueKey command{"acme", "n", {}, std::nullopt, kAnna, {0, 0, 0, 100, 0, 5}};
  EXPECT_EQ(refused(desk.keys.issue(command, priced, kNow, random)),
            "invalid: found a limit of cost and no prices, expected prices.list in cordon.yaml");
  priced.prices = {"USD", {{}}};
  const auto made = desk.keys.issue(command, priced, kNow, random);
  ASSERT_TRUE(made);
  EXPECT_EQ(parse_key_event(to_body(made->event)).value(), KeyEvent(made->event));
  desk.take(made->event);
  const std::string other = *desk.rotate(made->event.key.id, 1h);
  EXPECT_EQ(desk.keys.find(Desk::id_of(other))->limits, command.limits);
  for (const auto& key : desk.keys.to_obey(kNow)) EXPECT_EQ(key.limits, command.limits);
}

TEST(Keys, RefuseEntriesThatAreNotWhole) {
  Desk desk;
  (void)desk.issue("acme");
  (void)desk.rotate(desk.keys.all().begin()->first, 1h);
  for (const KeyEvent& event : desk.events) {
    const codec::Json whole = to_body(event);
    for (const auto& [key, value] : whole.items()) {
      codec::Json part = whole;
      part.erase(key);
      if (key == "expires_at") continue;  // null and absent are one
      EXPECT_EQ(parse_key_event(part).error().code, Errc::corrupt) << key;
      part[key] = 7;
      EXPECT_EQ(parse_key_event(part).error().code, Errc::corrupt) << key;
    }
  }
  EXPECT_EQ(parse_key_event({{"event", "melted"}}).error().code, Errc::corrupt);
}

TEST(Keys, AreBoundedForEachTenant) {
  Desk desk;
  for (std::size_t i = 0; i < kKeysPerTenantMax; ++i) ASSERT_TRUE(desk.issue("acme"));
  EXPECT_EQ(refused(desk.issue("acme")).substr(0, 9), "exhausted");
  EXPECT_TRUE(desk.issue("beta"));
  const std::string one = desk.keys.all().begin()->first;
  EXPECT_TRUE(desk.apply(desk.keys.revoke(one, "room", kAnna, kNow)));
  EXPECT_TRUE(desk.issue("acme") || desk.keys.find(one)->tenant == "beta");
}

}  // namespace
}  // namespace cordon::containment
