// What takes two people: why, and what it comes to with an approval.
#include "containment/ledger_test_support.h"

namespace cordon::containment {
namespace {

class Wishes : public Ledger {
 protected:
  std::string why(const Wish& wish) {
    const auto reason = second_person(state_, wish, looked_at());
    return reason ? *reason : reason.error().detail;
  }
  /// As it comes out of the entry of what was asked for, with the yes of `by`.
  std::string approve(const Wish& wish, const Approval& by) {
    Asked asked;
    const auto* set = std::get_if<Set>(&wish);
    const auto* release = std::get_if<Release>(&wish);
    asked.act = set != nullptr ? Act::set : Act::release;
    asked.about = set != nullptr ? set->id : release->id;
    asked.reason = set != nullptr ? set->reason : release->reason;
    asked.by = kAnna;
    asked.by_token = anna_;
    asked.order = *codec::parse_json(codec::write_json(to_order(wish)));
    Wish again = *wish_of(asked);
    if (auto* wished = std::get_if<Set>(&again)) {
      wished->approval = by;
      return give(*wished);
    }
    std::get<Release>(again).approval = by;
    return give(std::get<Release>(again));
  }
};

TEST_F(Wishes, AWeakerModeComesIntoForceWithTheSecondPersonsYes) {
  ASSERT_EQ(give(a_mode("m1", "route=support", Mode::lockdown)), "ok");
  const Set weaker = a_mode("m2", "route=support", Mode::standard);
  EXPECT_EQ(why(weaker),
            "mode standard is weaker than lockdown, in force by m1 for route=support; that takes "
            "a second person with the approver role");
  EXPECT_EQ(give(weaker), "invalid: " + why(weaker));
  EXPECT_EQ(say(weaker), "set mode standard for route=support");
  EXPECT_EQ(approve(weaker, {kAnna, anna_}),
            "invalid: person:anna asks and approves; it takes a second person");
  ASSERT_EQ(approve(weaker, bobs()), "ok");
  EXPECT_FALSE(state_.find("m1")->is_in_force());
  EXPECT_EQ(state_.find("m2")->mode, Mode::standard);
  EXPECT_EQ(state_.find("m2")->approval->by.name, "bob");
  EXPECT_EQ(state_.find("m2")->expires_at, *weaker.expires_at) << "exactly what was asked for";
}

TEST_F(Wishes, WhatWouldBeRefusedAnyhowNeedsNobody) {
  EXPECT_EQ(why(a_switch("s1", "route=support")), "") << "one person is enough";
  EXPECT_TRUE(why(a_mode("m2", "route=suport", Mode::standard))
                  .starts_with("there is no route named 'suport'"));
}

TEST_F(Wishes, OverdueIsSaidEveryTenMinutesUntilRenewedOrReleased) {
  ASSERT_EQ(give(a_switch("s1", "route=support")), "ok");
  EXPECT_TRUE(give(Page{"s1"}).starts_with("conflict: containment s1 is not overdue"));
  now_ += 1h;
  EXPECT_TRUE(state_.unpaged(now_).empty()) << "first it becomes overdue";
  ASSERT_EQ(give(MarkOverdue{"s1"}), "ok");
  for (int i = 0; i < 5; ++i) {
    now_ += kPageEvery - 1ns;
    EXPECT_TRUE(state_.unpaged(now_).empty());
    EXPECT_TRUE(give(Page{"s1"}).starts_with("conflict: "));
    now_ += 1ns;
    ASSERT_EQ(state_.unpaged(now_), std::vector<std::string>{"s1"});
    ASSERT_EQ(give(Page{"s1"}), "ok");
    EXPECT_TRUE(state_.find("s1")->is_in_force());
  }
  ASSERT_EQ(give(a_renewal("s1", now_ + 1h)), "ok");
  now_ += kPageEvery;
  EXPECT_TRUE(state_.unpaged(now_).empty());
  now_ += 1h;
  ASSERT_EQ(give(MarkOverdue{"s1"}), "ok");
  ASSERT_EQ(give(a_release("s1")), "ok");
  now_ += kPageEvery;
  EXPECT_TRUE(state_.unpaged(now_).empty());
}

TEST_F(Wishes, OnlyAFallbackHasAGlassToBreakAndItTakesAReason) {
  Set fallback = a_fallback("f1", "route=support");
  fallback.break_glass = " ";
  EXPECT_EQ(give(fallback),
            "invalid: the reason is missing; say why, for whoever reads this later");
  fallback.break_glass = "nothing else answers";
  ASSERT_EQ(give(fallback), "ok");
  EXPECT_EQ(state_.find("f1")->break_glass, "nothing else answers");
  Set set = a_switch("s1", "route=support");
  set.break_glass = "why not";
  EXPECT_EQ(give(set), "invalid: only a fallback has a glass to break, not a switch");
}

class Rollbacks : public Wishes {
 protected:
  Rollbacks() {
    model::Generation weaker = known();
    weaker.number = 2;
    weaker.routes[1].mode = Mode::observe;
    past_.keep(weaker);
    model::Generation stricter = known();
    stricter.number = 3;
    stricter.routes[0].mode = Mode::emergency;
    past_.keep(stricter);
    model::Generation same = known();
    same.number = 4;
    past_.keep(same);
    model::Generation elsewhere = known();
    elsewhere.number = 5;
    elsewhere.routes[0].targets = {{"gone", "large"}};
    past_.keep(elsewhere);
  }
};

TEST_F(Rollbacks, GoToAKnownGenerationThatWasNotRevoked) {
  EXPECT_EQ(give(a_rollback("r1", 77)), "not_found: there is no generation 77; known: 5, 4, 3, 2");
  EXPECT_EQ(give(RevokeGeneration{77, "bad", kAnna}),
            "not_found: there is no generation 77; known: 5, 4, 3, 2");
  EXPECT_EQ(give(RevokeGeneration{3, "", kAnna}),
            "invalid: the reason is missing; say why, for whoever reads this later");
  ASSERT_EQ(give(RevokeGeneration{3, "it leaks", kAnna}), "ok");
  EXPECT_EQ(give(a_rollback("r1", 3)), "conflict: generation 3 was revoked; known: 5, 4, 2");
  EXPECT_EQ(give(RevokeGeneration{3, "again", kAnna}),
            "conflict: generation 3 was revoked; known: 5, 4, 2");
  Set without = a_rollback("r1", 2);
  without.generation.reset();
  EXPECT_EQ(give(without), "invalid: the generation is missing; say which one to go back to");
  EXPECT_EQ(give(a_rollback("r1", 4)),
            "conflict: the routes and flags of generation 4 are in force");
  EXPECT_EQ(give(a_rollback("r1", 5)),
            "conflict: route support of generation 5 needs the provider gone, which the "
            "configuration no longer has");
  Set narrow = a_rollback("r1", 2);
  narrow.scope = "route=support";
  EXPECT_EQ(give(narrow), "invalid: a rollback's scope is route=*: it takes back every route");
  Set elsewhere = a_switch("s1", "route=support");
  elsewhere.generation = 2;
  EXPECT_EQ(give(elsewhere), "invalid: a switch has no generation");
  EXPECT_EQ(state_.rollback(), nullptr);
}

TEST_F(Rollbacks, AreOnePersonsWhenNothingGetsWeaker) {
  ASSERT_EQ(give(a_rollback("r1", 3)), "ok");
  ASSERT_NE(state_.rollback(), nullptr);
  EXPECT_EQ(state_.rollback()->to->number, 3U);
  EXPECT_EQ(state_.rollback()->scope.text(), "route=*");
  EXPECT_EQ(give(RevokeGeneration{3, "it leaks", kAnna}),
            "conflict: generation 3 is what rollback r1 goes to; release that one first");
}

TEST_F(Rollbacks, TakeTwoPeopleWhenSomethingGetsWeakerAndReplaceEachOther) {
  ASSERT_EQ(give(a_rollback("r1", 3)), "ok");
  EXPECT_EQ(give(a_rollback("r2", 2)),
            "invalid: generation 2 is weaker than the one in force: route sales would go from mode "
            "emergency to observe; that takes a second person with the approver role");
  ASSERT_EQ(approve(a_rollback("r2", 2), bobs()), "ok");
  EXPECT_FALSE(state_.find("r1")->is_in_force());
  EXPECT_EQ(state_.rollback()->id, "r2");
}

TEST_F(Rollbacks, EndAnotherEarlyOnlyWithTwoPeople) {
  ASSERT_EQ(give(a_rollback("r1", 3)), "ok");
  Set shorter = a_rollback("r2", 3);
  shorter.expires_at = now_ + 59min;
  EXPECT_EQ(give(shorter),
            "invalid: generation 3 is weaker than the one in force: rollback r1 would end before "
            "its expiry; that takes a second person with the approver role");
  ASSERT_EQ(approve(shorter, bobs()), "ok");
}

TEST_F(Rollbacks, NeverLiftASwitch) {
  ASSERT_EQ(give(a_switch("s1", "route=support")), "ok");
  ASSERT_EQ(give(a_mode("m1", "tenant=acme", Mode::lockdown)), "ok");
  ASSERT_EQ(give(a_rollback("r1", 3)), "ok");
  EXPECT_TRUE(state_.find("s1")->is_in_force());
  EXPECT_TRUE(state_.find("m1")->is_in_force());
  const auto past = past_.read(3).value();
  const auto next = with_measures(rolled_back(generation_, *past), 9, state_);
  EXPECT_EQ(next->routes, past->routes);
  EXPECT_EQ(next->tenants, generation_.tenants);
  EXPECT_EQ(next->providers, generation_.providers);
  EXPECT_EQ(next->measures.size(), 3U);
}

// Each thing that a rollback may take away, by itself.
TEST_F(Rollbacks, EveryWayOfGettingWeakerIsNamed) {
  generation_.routes[0].rulepacks = {{"core", "aa"}};
  generation_.flags = {{"agent", false}};
  const auto with = [&](auto change) {
    model::Generation past = generation_;
    past.number = 8;
    change(past);
    past_.keep(past);
    return why(a_rollback("r1", 8));
  };
  const std::string before = "generation 8 is weaker than the one in force: ";
  const std::string after = "; that takes a second person with the approver role";
  EXPECT_EQ(with([](auto& past) { past.routes[0].rulepacks.clear(); }),
            before + "route support would lose the rulepack core" + after);
  EXPECT_EQ(with([](auto& past) { past.routes[0].rulepacks[0].digest = "bb"; }),
            before + "route support would get another version of the rulepack core" + after);
  EXPECT_EQ(
      with([](auto& past) { past.routes[0].durability = model::Durability::deferred; }),
      before + "route support would write its evidence later: deferred, not before_answer" + after);
  EXPECT_EQ(with([](auto& past) {
              past.routes.push_back(past.routes[0]);
              past.routes.back().name = "old";
            }),
            before + "route old would be there again" + after);
  EXPECT_EQ(with([](auto& past) { past.flags[0].enabled = true; }),
            before + "flag agent would be on again" + after);
  EXPECT_EQ(with([](auto& past) { past.routes.pop_back(); }), "") << "a route less is stricter";
  EXPECT_EQ(with([](auto& past) { past.routes[0].targets = {{"big", "large"}}; }), "");
}

}  // namespace
}  // namespace cordon::containment
