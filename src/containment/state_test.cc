#include "containment/ledger_test_support.h"

namespace cordon::containment {
namespace {

using SetRefusals = Ledger;
using Expiry = Ledger;
using SecondPerson = Ledger;
using Modes = Ledger;

TEST_F(SetRefusals, EachHasItsOwnWords) {
  const auto with = [&](auto change) {
    Set set = a_switch("s1", "route=support");
    change(set);
    return give(set);
  };
  EXPECT_EQ(with([](Set& set) { set.expires_at.reset(); }),
            "invalid: the expiry is missing; say until when, at most 30d from now");
  EXPECT_EQ(with([&](Set& set) { set.expires_at = now_; }),
            "invalid: the expiry 2026-03-01T00:00:00.000000000Z is not in the future");
  EXPECT_EQ(with([&](Set& set) { set.expires_at = now_ + 24h * 30 + 1ns; }),
            "invalid: the expiry 2026-03-31T00:00:00.000000001Z is more than 30d from now");
  EXPECT_EQ(with([](Set& set) { set.reason = " \n"; }),
            "invalid: the reason is missing; say why, for whoever reads this later");
  EXPECT_EQ(with([](Set& set) { set.reason = std::string(1001, 'x'); }),
            "invalid: the reason is 1001 bytes, at most 1000 are taken");
  EXPECT_EQ(with([](Set& set) { set.reason = "\xff"; }), "invalid: the reason is not UTF-8 text");
  EXPECT_EQ(with([](Set& set) { set.scope = ""; }),
            "invalid: the scope is empty; name at least one of route, model, provider, tenant, "
            "use_case, flag, for example route=support");
  EXPECT_EQ(with([](Set& set) { set.scope = "rout=support"; }),
            "invalid: unknown scope dimension 'rout', expected one of route, model, provider, "
            "tenant, use_case, flag as name=value");
  EXPECT_EQ(with([](Set& set) { set.scope = "route=suport"; }),
            "invalid: there is no route named 'suport'; known: sales, support (nearest: support)");
  EXPECT_EQ(with([](Set& set) { set.scope = "route=*,tenant=acne"; }),
            "invalid: there is no tenant named 'acne'; known: acme, beta (nearest: acme)");
  EXPECT_EQ(with([](Set& set) { set.scope = "model=xyz"; }),
            "invalid: there is no model named 'xyz'; known: large, safe, small");
  EXPECT_EQ(with([](Set& set) { set.scope = "provider=bgi"; }),
            "invalid: there is no provider named 'bgi'; known: big, sim (nearest: big)");
  EXPECT_EQ(with([](Set& set) { set.scope = "flag=agnt"; }),
            "invalid: there is no flag named 'agnt'; known: agent (nearest: agent)");
  EXPECT_EQ(with([](Set& set) { set.id = ""; }),
            "invalid: the id must be 1 to 64 letters, digits, '-', '_' or '.'");
  EXPECT_EQ(with([](Set& set) { set.by = {}; }),
            "invalid: the actor is missing; a change names who makes it");
  EXPECT_EQ(with([](Set& set) { set.mode = Mode::emergency; }), "invalid: a switch has no mode");
  EXPECT_EQ(with([](Set& set) { set.measure = Measure::mode; }),
            "invalid: the mode is missing; expected one of observe, standard, emergency, lockdown");
  EXPECT_EQ(state_, State{}) << "a refusal leaves nothing";

  EXPECT_EQ(with([](Set&) {}), "ok");
  EXPECT_EQ(with([](Set&) {}),
            "conflict: the id 's1' is used already: set by person:anna at "
            "2026-03-01T00:00:00.000000000Z");
  EXPECT_EQ(give(a_switch("s2", "use_case=anything")), "ok") << "use cases are the callers' words";
  EXPECT_EQ(give(a_switch("s3", "route=*")), "ok");
}

TEST_F(SetRefusals, AFallbackIsOneRoutesAndOnce) {
  EXPECT_EQ(give(a_fallback("f1", "tenant=acme")),
            "invalid: a fallback's scope is one route, for example route=support");
  EXPECT_EQ(give(a_fallback("f1", "route=*")),
            "invalid: a fallback's scope is one route, for example route=support");
  EXPECT_EQ(give(a_fallback("f1", "route=sales")),
            "invalid: route sales has no fallback targets in the configuration");
  EXPECT_EQ(give(a_fallback("f1", "route=support")), "ok");
  EXPECT_EQ(give(a_fallback("f2", "route=support")),
            "conflict: route support has a fallback in force already: f1; renew that one");
}

TEST_F(SetRefusals, MoreThanMayBeInForceAtATime) {
  for (std::size_t i = 0; i < kInForceMax; ++i) {
    ASSERT_EQ(give(a_switch("s" + std::to_string(i), "route=support")), "ok");
  }
  EXPECT_EQ(give(a_switch("one-more", "route=support")),
            "exhausted: 1000 measures are in force, the most there may be; release one first");
}

TEST_F(Expiry, DoesNotLiftAMeasure) {
  ASSERT_EQ(give(a_switch("s1", "route=support")), "ok");
  EXPECT_EQ(give(MarkOverdue{"s1"}),
            "conflict: containment s1 expires at 2026-03-01T01:00:00.000000000Z, not yet");
  EXPECT_TRUE(state_.due(now_).empty());
  now_ += 1h;
  EXPECT_EQ(state_.due(now_), std::vector<std::string>{"s1"});
  EXPECT_EQ(state_.in_force().size(), 1U) << "even before anybody marked it";
  ASSERT_EQ(give(MarkOverdue{"s1"}), "ok");
  EXPECT_TRUE(state_.due(now_).empty());
  EXPECT_EQ(state_.find("s1")->state, MeasureState::overdue);
  EXPECT_EQ(state_.in_force().size(), 1U);
  EXPECT_EQ(give(MarkOverdue{"s1"}), "conflict: containment s1 is overdue already");
  now_ += 24h * 365;
  EXPECT_EQ(state_.in_force().size(), 1U) << "a year later as well";
}

TEST_F(Expiry, MovesOnlyOutward) {
  ASSERT_EQ(give(a_switch("s1", "route=support")), "ok");
  EXPECT_EQ(give(a_renewal("s1", now_ + 30min)),
            "invalid: the expiry 2026-03-01T00:30:00.000000000Z is not after "
            "2026-03-01T01:00:00.000000000Z, which is in force; to end it sooner, release it");
  Renew without = a_renewal("s1", now_);
  without.expires_at.reset();
  EXPECT_EQ(give(without), "invalid: the expiry is missing; say until when, at most 30d from now");
  EXPECT_EQ(give(a_renewal("s2", now_ + 2h)), "not_found: there is no containment 's2'");
  now_ += 1h;
  ASSERT_EQ(give(MarkOverdue{"s1"}), "ok");
  ASSERT_EQ(give(a_renewal("s1", now_ + 1h)), "ok");
  EXPECT_EQ(state_.find("s1")->state, MeasureState::in_force);
  EXPECT_EQ(state_.find("s1")->expires_at, now_ + 1h);
}

TEST_F(SecondPerson, IsNeededToReleaseBeforeTheExpiry) {
  ASSERT_EQ(give(a_switch("s1", "route=support")), "ok");
  Release release = a_release("s1");
  EXPECT_EQ(give(release),
            "invalid: containment s1 expires at 2026-03-01T01:00:00.000000000Z; releasing it "
            "before takes a second person with the approver role");
  release.approval = Approval{kAnna, anna_};
  EXPECT_EQ(give(release), "invalid: person:anna asks and approves; it takes a second person");
  release.approval = Approval{{ActorKind::person, "bob"}, anna_};
  EXPECT_EQ(give(release), "invalid: person:bob holds no valid token with the approver role");
  EXPECT_EQ(state_.in_force().size(), 1U);
  release.approval = bobs();
  EXPECT_EQ(give(release), "ok");
  EXPECT_TRUE(state_.in_force().empty());
  EXPECT_EQ(give(release), "conflict: containment s1 was released already");
  EXPECT_EQ(give(a_renewal("s1", now_ + 2h)), "conflict: containment s1 was released already");
}

TEST_F(SecondPerson, IsNotNeededOnceOverdueButAPersonIs) {
  ASSERT_EQ(give(a_switch("s1", "route=support")), "ok");
  now_ += 1h;
  Release release = a_release("s1");
  release.by = kDetect;
  EXPECT_EQ(give(release), "invalid: a containment is released by a person, not service:detect");
  release.by = kAnna;
  release.reason = "";
  EXPECT_EQ(give(release), "invalid: the reason is missing; say why, for whoever reads this later");
  release.reason = "fixed";
  EXPECT_EQ(give(release), "ok");
}

TEST_F(Modes, WeakenOnlyWithASecondPerson) {
  ASSERT_EQ(give(a_mode("m1", "route=support", Mode::lockdown)), "ok");
  Set weaker = a_mode("m2", "route=support", Mode::emergency);
  EXPECT_EQ(give(weaker),
            "invalid: mode emergency is weaker than lockdown, in force by m1 for route=support; "
            "that takes a second person with the approver role");
  Set narrower = a_mode("m3", "route=support,tenant=acme", Mode::standard);
  EXPECT_EQ(give(narrower),
            "invalid: mode standard is weaker than lockdown, in force by m1 for route=support; "
            "that takes a second person with the approver role");
  weaker.approval = bobs();
  ASSERT_EQ(give(weaker), "ok");
  EXPECT_EQ(state_.find("m1")->state, MeasureState::released);
  ASSERT_EQ(state_.in_force().size(), 1U);
  EXPECT_EQ(state_.in_force()[0]->id, "m2");
}

// What a short, strict mode is laid over comes back when that one ends.
TEST_F(Modes, LayAStricterOneOverAWeakerOne) {
  ASSERT_EQ(give(a_mode("m1", "route=support", Mode::emergency)), "ok");
  ASSERT_EQ(give(a_mode("m2", "route=support", Mode::lockdown)), "ok");
  EXPECT_EQ(state_.in_force().size(), 2U);
}

TEST_F(Modes, GiveWayToTheSameModeThatLastsLonger) {
  ASSERT_EQ(give(a_mode("m1", "route=support", Mode::emergency)), "ok");
  Set longer = a_mode("m2", "route=support", Mode::emergency);
  longer.expires_at = now_ + 2h;
  ASSERT_EQ(give(longer), "ok");
  Set shorter = a_mode("m3", "route=support", Mode::emergency);
  ASSERT_EQ(give(shorter), "ok");
  EXPECT_EQ(state_.find("m1")->state, MeasureState::released);
  EXPECT_TRUE(state_.find("m2")->is_in_force()) << "a shorter one may not end it early";
}

TEST_F(Modes, AreRefusedWhereTheConfigurationIsStricter) {
  EXPECT_EQ(give(a_mode("m1", "route=sales", Mode::standard)),
            "invalid: route sales is in mode emergency by configuration, and the strictest mode "
            "wins: standard would change nothing");
}

/// Random commands, valid and not.
class Storm : public Ledger {
 protected:
  Storm() {
    // Two to go back to: a weaker one, and a stricter one.
    model::Generation weaker = known();
    weaker.number = 2;
    weaker.routes[1].mode = Mode::observe;
    past_.keep(weaker);
    model::Generation stricter = known();
    stricter.number = 3;
    stricter.routes[0].mode = Mode::emergency;
    past_.keep(stricter);
  }
  Set a_set(const std::string& reason, WallTime until) {
    Set set = a_switch(an_id(), pick({"route=support", "tenant=acme,route=support", "route=*",
                                      "model=small", "flag=agent", "route=nobody", "x", ""}));
    set.measure = static_cast<Measure>(random_.below(4));
    if (random_.below(8) != 0 && set.measure == Measure::mode) {
      set.mode = static_cast<Mode>(random_.below(4));
    }
    if (random_.below(8) != 0 && set.measure == Measure::rollback) {
      set.scope = "";
      set.generation = 1 + random_.below(4);
    }
    set.reason = reason;
    if (random_.below(8) != 0) set.expires_at = until;
    if (random_.below(2) == 0) set.incident = pick({"INC-2026-00001", "bad id"});
    set.approval = an_approval();
    return set;
  }
  Release a_random_release(const std::string& reason) {
    return {an_id(), reason, random_.below(8) == 0 ? kDetect : kAnna, anna_, an_approval()};
  }
  std::string one_of(const std::vector<std::string>& ids) {
    return ids.empty() || random_.below(2) == 0 ? an_id() : ids[random_.below(ids.size())];
  }
  std::string pick(std::initializer_list<const char*> words) {
    return words.begin()[random_.below(words.size())];
  }
  std::string an_id() { return "c" + std::to_string(random_.below(400)); }
  std::optional<Approval> an_approval() {
    if (random_.below(2) == 0) return std::nullopt;
    return random_.below(3) == 0 ? Approval{kAnna, anna_} : bobs();
  }
  Command a_command() {
    const auto reason = pick({"leak", "leak", "drill \xc3\xa9\n\"q\"", "", "\xff"});
    const auto until = now_ + std::chrono::minutes(random_.below(400)) - 10min;
    switch (random_.below(9)) {
      case 0:
      case 5:
      case 6:
        return a_set(reason, until);
      case 1:
        return Renew{an_id(), until, reason, random_.below(2) == 0 ? kAnna : kDetect};
      case 2:
        return a_random_release(reason);
      case 3:
        return MarkOverdue{one_of(state_.due(now_))};
      case 4:
        return Page{one_of(state_.unpaged(now_))};
      default:
        // Never the last one, or nothing would be left to go back to.
        return RevokeGeneration{random_.below(20) == 0 ? 2U : 9U, reason, kAnna};
    }
  }
};

TEST_F(Storm, FoldsToTheLiveStateAfterTenThousandCommands) {
  std::size_t accepted[std::variant_size_v<Command>] = {};
  std::size_t refused[std::variant_size_v<Command>] = {};
  for (int i = 0; i < 10'000; ++i) {
    const Command command = a_command();
    const State before = i % 100 == 0 ? state_ : State{};
    const std::string answer = give(command);
    ++(answer == "ok" ? accepted : refused)[command.index()];
    if (answer != "ok" && i % 100 == 0) {
      EXPECT_EQ(state_, before) << answer;
    }
    if (random_.below(4) == 0) now_ += std::chrono::minutes(random_.below(10));
    if (i % 500 == 0) {
      ASSERT_EQ(folded_, state_) << "after " << i << " commands";
    }
  }
  EXPECT_EQ(folded_, state_);
  for (std::size_t i = 0; i < std::variant_size_v<Command>; ++i) {
    // A generation is revoked once.
    EXPECT_GE(accepted[i], i + 1 == std::variant_size_v<Command> ? 1U : 4U) << i;
    EXPECT_GT(refused[i], 20U) << i;
  }
}

// No sequence of one person's commands takes anything out of force before its expiry.
TEST_F(Storm, OnePersonAloneNeverWeakensAnything) {
  for (int i = 0; i < 8'000; ++i) {
    Command command = a_command();
    if (auto* set = std::get_if<Set>(&command)) set->approval.reset();
    if (auto* release = std::get_if<Release>(&command)) release->approval.reset();
    const auto in_force_before = state_;
    if (give(command) != "ok") continue;
    for (const Containment* each : in_force_before.in_force()) {
      const Containment* after = state_.find(each->id);
      if (after->is_in_force()) {
        EXPECT_GE(after->expires_at, each->expires_at);
        continue;
      }
      if (each->expires_at <= now_) continue;
      const auto* set = std::get_if<Set>(&command);
      ASSERT_NE(set, nullptr) << each->id << " was released early";
      EXPECT_EQ(set->mode, each->mode);
      EXPECT_GE(*set->expires_at, each->expires_at);
    }
    if (random_.below(4) == 0) now_ += std::chrono::minutes(random_.below(5));
  }
  EXPECT_GT(state_.size(), 50U);
}

/// With every key that such an event can have and must.
Event rolled_back() {
  WasSet set;
  set.containment.id = "r1";
  set.containment.measure = Measure::rollback;
  set.containment.to = PastGeneration{7, "d16e57"};
  set.containment.scope = model::Scope::parse("route=*").value();
  set.containment.reason = "leak";
  set.containment.by = kAnna;
  return set;
}

TEST(ContainmentEntries, AreRefusedWithAKeyMissingOrUnknown) {
  WasSet set;
  set.containment.id = "m1";
  set.containment.measure = Measure::mode;
  set.containment.mode = Mode::emergency;
  set.containment.scope = model::Scope::parse("route=support").value();
  set.containment.reason = "leak";
  set.containment.by = kAnna;
  for (const Event& event :
       {Event(set), Event(Renewed{"a", {}, "r", kAnna, {}}),
        Event(Released{"a", "r", kAnna, Approval{kAnna, "t"}, {}}), Event(BecameOverdue{"a", {}}),
        Event(Paged{"a", {}}), Event(GenerationRevoked{{7, "d"}, "r", kAnna, {}}), rolled_back()}) {
    const codec::Json whole = to_body(event);
    ASSERT_TRUE(parse_event(whole)) << parse_event(whole).error().detail;
    for (const auto& [key, ignored] : whole.items()) {
      codec::Json less = whole;
      less.erase(key);
      const auto back = parse_event(less);
      ASSERT_FALSE(back) << key;
      EXPECT_EQ(back.error().code, Errc::corrupt) << key;
    }
    codec::Json more = whole;
    more["extra"] = 1;
    EXPECT_FALSE(parse_event(more));
  }
}

// These bytes are written down in journals; they may gain keys, never lose or rename one.
TEST(ContainmentEntries, HaveGoldenBytes) {
  WasSet set;
  set.containment.id = "sw-1";
  set.containment.scope = model::Scope::parse("route=support,tenant=acme").value();
  set.containment.reason = "leak";
  set.containment.incident = "INC-2026-00001";
  set.containment.by = kAnna;
  set.containment.set_at = kStart;
  set.containment.expires_at = kStart + 1h;
  EXPECT_EQ(codec::write_json(to_body(Event(set))),
            R"({"event":"set","containment":"sw-1","measure":"switch",)"
            R"("scope":"route=support,tenant=acme","reason":"leak","incident":"INC-2026-00001",)"
            R"("expires_at":"2026-03-01T01:00:00.000000000Z",)"
            R"("at":"2026-03-01T00:00:00.000000000Z","actor":"person:anna"})");
  EXPECT_EQ(codec::write_json(to_body(Event(Released{
                "sw-1", "fixed", kAnna, Approval{{ActorKind::person, "bob"}, "b0b"}, kStart}))),
            R"({"event":"released","containment":"sw-1","reason":"fixed",)"
            R"("at":"2026-03-01T00:00:00.000000000Z","actor":"person:anna",)"
            R"("approved_by":"person:bob","approval_token":"b0b"})");
  EXPECT_EQ(codec::write_json(to_body(Event(Released{
                "sw-1", "fixed", kAnna, Approval{{ActorKind::person, "bob"}, "b0b", "a-1"}, {}}))),
            R"({"event":"released","containment":"sw-1","reason":"fixed",)"
            R"("at":"1970-01-01T00:00:00.000000000Z","actor":"person:anna",)"
            R"("approved_by":"person:bob","approval_token":"b0b","approval":"a-1"})");
}

}  // namespace
}  // namespace cordon::containment
