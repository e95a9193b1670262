#include "containment/effective.h"

#include "base/random.h"
#include "containment/generations.h"
#include "crypto/sha256.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace cordon::containment {
namespace {

using model::Measure;
using model::MeasureInForce;
using model::Mode;
using model::Place;

model::Generation known() {
  model::Generation generation;
  generation.number = 1;
  generation.providers = {{"sim", {}, {false, "127.0.0.1", 4010, "/v1"}, "", {}},
                          {"big", {}, {true, "big.example", 443, ""}, "", {}}};
  generation.routes = {
      {"support", {{"sim", "small"}, {"big", "large"}}, {{"big", "safe"}}, {}, Mode::standard, {}},
      {"sales", {{"big", "large"}}, {}, {}, Mode::emergency, {}},
      {"closed", {{"big", "large"}}, {}, {}, Mode::lockdown, {}},
      {"quiet", {{"sim", "small"}}, {}, {}, Mode::observe, {}}};
  generation.tenants = {
      {"acme", {crypto::hex(crypto::sha256("key-a"))}, {"*"}},
      {"beta",
       {crypto::hex(crypto::sha256("key-b1")), crypto::hex(crypto::sha256("key-b2"))},
       {"sales", "support"}}};
  generation.flags = {{"agent", true}, {"beta-ui", false}};
  return generation;
}

MeasureInForce measure(const std::string& id, Measure kind, std::string_view scope,
                       Mode mode = Mode::standard) {
  return {id, kind, model::Scope::parse(scope).value(), mode};
}
MeasureInForce off(const std::string& id, std::string_view scope) {
  return measure(id, Measure::kill_switch, scope);
}

std::unique_ptr<Effective> with(std::vector<MeasureInForce> measures) {
  model::Generation generation = known();
  generation.measures = std::move(measures);
  return std::make_unique<Effective>(seal(std::move(generation)));
}

constexpr std::chrono::hours kHour{1};

Place at(std::string_view route, std::string_view tenant = "acme") {
  Place place;
  place.route = route;
  place.tenant = tenant;
  return place;
}

/// `sim/small big/large`, or why there is none.
std::string told(const Ruling& ruling) {
  if (ruling.admission != Admission::admitted) {
    constexpr const char* kWhy[] = {"", "switched_off", "locked_down", "unknown_route",
                                    "forbidden_route"};
    return kWhy[static_cast<int>(ruling.admission)] +
           (ruling.measure_id.empty() ? "" : " by " + std::string(ruling.measure_id));
  }
  std::string text;
  for (const model::Target* target : ruling.targets()) {
    text += (text.empty() ? "" : " ") + target->provider + "/" + target->model;
  }
  return text;
}

TEST(Effective, AdmitsWhatNothingForbids) {
  const auto effective = with({});
  const Ruling ruling = effective->rule(at("support"));
  EXPECT_EQ(told(ruling), "sim/small big/large");
  EXPECT_EQ(ruling.mode, Mode::standard);
  EXPECT_EQ(ruling.route->name, "support");
  EXPECT_EQ(told(effective->rule(at("nowhere"))), "unknown_route");
  EXPECT_EQ(told(effective->rule(at("quiet", "beta"))), "forbidden_route");
  EXPECT_EQ(told(effective->rule(at("support", "stranger"))), "forbidden_route");
  EXPECT_EQ(told(effective->rule(at("support", ""))), "forbidden_route");
  EXPECT_EQ(told(effective->rule(at("closed"))), "locked_down") << "by configuration";
}

TEST(Effective, RefusesWhatASwitchCovers) {
  for (const char* scope : {"route=support", "tenant=acme", "route=*", "route=support,tenant=acme",
                            "tenant=*", "model=*", "provider=*", "model=*,route=support"}) {
    const auto effective = with({off("s1", scope)});
    EXPECT_EQ(told(effective->rule(at("support"))), "switched_off by s1") << scope;
  }
  for (const char* scope : {"route=sales", "tenant=beta", "use_case=mail", "flag=agent",
                            "route=sales,tenant=acme", "use_case=mail,route=*"}) {
    const auto effective = with({off("s1", scope)});
    EXPECT_EQ(told(effective->rule(at("support"))), "sim/small big/large") << scope;
  }
}

TEST(Effective, RefusesByUseCaseAndByFlag) {
  const auto effective = with({off("s1", "use_case=mail"), off("s2", "flag=agent")});
  Place place = at("support");
  place.use_case = "mail";
  EXPECT_EQ(told(effective->rule(place)), "switched_off by s1");
  place.use_case = "chat";
  const std::vector<std::string> flags = {"other", "agent"};
  place.flags = flags;
  EXPECT_EQ(told(effective->rule(place)), "switched_off by s2");
}

TEST(Effective, TakesAwayTheTargetsThatASwitchNames) {
  EXPECT_EQ(told(with({off("s1", "provider=sim")})->rule(at("support"))), "big/large");
  EXPECT_EQ(told(with({off("s1", "model=large")})->rule(at("support"))), "sim/small");
  EXPECT_EQ(told(with({off("s1", "provider=sim,model=large")})->rule(at("support"))),
            "sim/small big/large");
  EXPECT_EQ(told(with({off("s1", "provider=sim,tenant=beta")})->rule(at("support"))),
            "sim/small big/large");
  EXPECT_EQ(told(with({off("s1", "provider=sim"), off("s2", "model=large")})->rule(at("support"))),
            "switched_off by s1")
      << "none is left";
  EXPECT_EQ(told(with({off("s1", "provider=big")})->rule(at("sales"))), "switched_off by s1");
}

TEST(Effective, GoesToTheFallbackWhileOneIsInForce) {
  const auto fallback = measure("f1", Measure::fallback, "route=support");
  const auto effective = with({fallback});
  EXPECT_EQ(told(effective->rule(at("support"))), "big/safe");
  EXPECT_EQ(effective->rule(at("support")).fallback_id, "f1");
  EXPECT_EQ(told(effective->rule(at("sales"))), "big/large");
  EXPECT_EQ(told(with({fallback, off("s1", "provider=sim")})->rule(at("support"))), "big/safe");
  EXPECT_EQ(told(with({fallback, off("s1", "provider=big")})->rule(at("support"))),
            "switched_off by s1")
      << "never back to the targets it replaced";
}

TEST(Effective, RulesOnADeclaredFallbackBeforeOneIsInForce) {
  EXPECT_EQ(told(with({})->rule_fallback(at("support"))), "big/safe");
  EXPECT_TRUE(with({})->rule_fallback(at("support")).fallback_id.empty());
  EXPECT_EQ(with({})->rule_fallback(at("sales")).target_count, 0U) << "none is declared";
  EXPECT_EQ(told(with({off("s1", "model=safe")})->rule_fallback(at("support"))),
            "switched_off by s1");
  const auto strict = with({measure("m1", Measure::mode, "model=safe", Mode::emergency)});
  EXPECT_EQ(strict->rule(at("support")).mode, Mode::standard);
  EXPECT_EQ(strict->rule_fallback(at("support")).mode, Mode::emergency);
  EXPECT_EQ(with({})->rule_fallback(at("closed")).target_count, 0U);
}

TEST(Effective, RulesOnWhatSomebodyElseCarriesAsItIsNamed) {
  Place place = at("support");
  place.provider = "azure";
  place.model = "gpt-4o";
  const auto ruled = [&](std::vector<MeasureInForce> measures) {
    const auto effective = with(std::move(measures));
    const Ruling ruling = effective->rule_as_named(place);
    EXPECT_EQ(ruling.target_count, 0U);
    EXPECT_TRUE(ruling.fallback_id.empty());
    return told(ruling) + "/" + std::string(to_string(ruling.mode));
  };
  EXPECT_EQ(ruled({}), "/standard");
  EXPECT_EQ(ruled({off("sw-1", "model=gpt-4o")}), "switched_off by sw-1/standard");
  EXPECT_EQ(ruled({off("sw-1", "provider=azure,tenant=acme")}), "switched_off by sw-1/standard");
  EXPECT_EQ(ruled({off("sw-1", "route=support")}), "switched_off by sw-1/standard");
  EXPECT_EQ(ruled({off("sw-1", "provider=sim"), off("sw-2", "provider=big")}), "/standard")
      << "its own targets are not asked";
  EXPECT_EQ(ruled({measure("fb-1", Measure::fallback, "route=support")}), "/standard");
  EXPECT_EQ(ruled({measure("md-1", Measure::mode, "model=gpt-4o", Mode::emergency)}), "/emergency");
  EXPECT_EQ(ruled({measure("md-1", Measure::mode, "tenant=acme", Mode::lockdown)}),
            "locked_down by md-1/standard");
  place.model = {};
  EXPECT_EQ(ruled({off("sw-1", "model=gpt-4o")}), "/standard");
  place.route = "closed";
  EXPECT_EQ(ruled({}), "locked_down/lockdown");
  place.route = "nowhere";
  EXPECT_EQ(ruled({}), "unknown_route/standard");
  place.route = "quiet";
  place.tenant = "beta";
  EXPECT_EQ(ruled({}), "forbidden_route/observe");
}

TEST(Effective, AdmitsToARouteWithoutTargetsAndSendsNowhere) {
  model::Generation generation = known();
  generation.routes.push_back({"decides", {}, {}, {}, Mode::standard, {}});
  generation.measures = {off("sw-1", "route=decides,use_case=chat")};
  const Effective effective(seal(std::move(generation)));
  Place place = at("decides");
  EXPECT_EQ(effective.rule(place).admission, Admission::admitted);
  EXPECT_EQ(effective.rule(place).target_count, 0U);
  place.use_case = "chat";
  EXPECT_EQ(told(effective.rule(place)), "switched_off by sw-1");
}

TEST(Effective, ObeysTheStrictestModeThatApplies) {
  const auto in_force = [](std::string_view scope, Mode mode) {
    return measure("m1", Measure::mode, scope, mode);
  };
  EXPECT_EQ(with({in_force("route=support", Mode::emergency)})->rule(at("support")).mode,
            Mode::emergency);
  EXPECT_EQ(with({in_force("tenant=acme", Mode::emergency)})->rule(at("support")).mode,
            Mode::emergency);
  EXPECT_EQ(with({in_force("tenant=beta", Mode::emergency)})->rule(at("support")).mode,
            Mode::standard);
  EXPECT_EQ(with({in_force("route=*", Mode::standard)})->rule(at("quiet")).mode, Mode::standard);
  EXPECT_EQ(with({in_force("route=*", Mode::observe)})->rule(at("sales")).mode, Mode::emergency)
      << "the route's own counts";
  EXPECT_EQ(with({in_force("model=large", Mode::emergency)})->rule(at("support")).mode,
            Mode::emergency)
      << "one of its targets is covered";
  EXPECT_EQ(with({in_force("model=large", Mode::emergency), off("s1", "model=large")})
                ->rule(at("support"))
                .mode,
            Mode::standard)
      << "that target is gone";
}

TEST(Effective, TreatsALockdownAsASwitch) {
  const auto lockdown = [](std::string_view scope) {
    return measure("m1", Measure::mode, scope, Mode::lockdown);
  };
  EXPECT_EQ(told(with({lockdown("route=support")})->rule(at("support"))), "locked_down by m1");
  EXPECT_EQ(told(with({lockdown("provider=sim")})->rule(at("support"))), "big/large");
  const auto forbidden = with({lockdown("route=support")})->forbids(at("support"));
  ASSERT_TRUE(forbidden);
  EXPECT_EQ(forbidden->why, Admission::locked_down);
}

// A name that a reload dropped is no way around a switch for what still runs under it.
TEST(Effective, StillForbidsWhereTheConfigurationForgotTheName) {
  std::vector<MeasureInForce> measures = {off("s1", "route=gone"), off("s2", "tenant=left")};
  for (int more = 0; more < 20; ++more) {
    const auto effective = with(measures);
    EXPECT_EQ(effective->forbids(at("gone"))->measure_id, "s1");
    EXPECT_EQ(effective->forbids(at("support", "left"))->measure_id, "s2");
    EXPECT_FALSE(effective->forbids(at("elsewhere")));
    measures.push_back(off("x" + std::to_string(more), "use_case=mail"));
  }
}

TEST(Effective, KnowsWhoseKeyItIs) {
  const auto effective = with({});
  const ManualClock clock(WallTime{});
  EXPECT_EQ(effective->caller_of("key-a", clock).tenant->name, "acme");
  EXPECT_EQ(effective->caller_of("key-b1", clock).tenant->name, "beta");
  EXPECT_EQ(effective->caller_of("key-b2", clock).tenant->name, "beta");
  EXPECT_EQ(effective->caller_of("key-b2", clock).key, nullptr);
  for (const std::string& key :
       {std::string(), std::string("key-"), std::string("key-c"), std::string("key-a "),
        crypto::hex(crypto::sha256("key-a")), std::string("*")}) {
    EXPECT_EQ(effective->caller_of(key, clock).tenant, nullptr) << key;
  }
}

TEST(Effective, HoldsAnIssuedKeyToItsRoutesItsTimeAndItsRevocation) {
  ManualClock clock(WallTime{std::chrono::hours(1)});
  model::Generation generation = known();
  generation.keys = {
      {"k1", "beta", crypto::hex(crypto::sha256("one")), {"sales"}, clock.wall() + kHour},
      {"k2", "beta", crypto::hex(crypto::sha256("two")), {"*"}, std::nullopt},
      {"k3", "gone", crypto::hex(crypto::sha256("three")), {"*"}, std::nullopt}};
  const Effective effective(seal(generation));
  const Caller one = effective.caller_of("one", clock);
  ASSERT_NE(one.key, nullptr);
  EXPECT_EQ(one.tenant->name, "beta");
  EXPECT_EQ(one.key->id, "k1");
  EXPECT_TRUE(effective.may_use(one, "sales"));
  EXPECT_FALSE(effective.may_use(one, "support")) << "the tenant may, the key may not";
  const Caller two = effective.caller_of("two", clock);
  EXPECT_TRUE(effective.may_use(two, "support"));
  EXPECT_FALSE(effective.may_use(two, "quiet")) << "a key has no more than its tenant";
  EXPECT_EQ(effective.caller_of("three", clock).tenant, nullptr) << "its tenant is no more";
  Place place = at("support", "beta");
  place.key = "k1";
  EXPECT_EQ(told(effective.rule(place)), "forbidden_route");
  place.route = "sales";
  EXPECT_EQ(told(effective.rule(place)), "big/large");
  EXPECT_FALSE(effective.forbids(place));
  clock.advance(kHour);
  EXPECT_EQ(effective.caller_of("one", clock).tenant, nullptr) << "expired";
  EXPECT_FALSE(effective.forbids(place)) << "what runs may end";
  place.key = "k9";
  EXPECT_EQ(effective.forbids(place)->why, Admission::key_revoked);
  EXPECT_EQ(told(effective.rule(place)), "forbidden_route");
}

TEST(Effective, TurnsAFlagOffInTheSwitchsScopeOnly) {
  const auto effective = with({off("s1", "flag=agent,tenant=acme"), off("s2", "route=sales")});
  EXPECT_FALSE(effective->flag_enabled("agent", at("support", "acme")));
  EXPECT_TRUE(effective->flag_enabled("agent", at("support", "beta")));
  EXPECT_TRUE(effective->flag_enabled("agent", at("sales", "beta")));
  ASSERT_NE(effective->flag("agent"), nullptr);
  EXPECT_EQ(effective->flag("unheard-of"), nullptr);
  EXPECT_TRUE(effective->forbids_flag(*effective->flag("agent"), at("support", "acme")));
  EXPECT_FALSE(effective->forbids_flag(*effective->flag("agent"), at("support", "beta")));
  EXPECT_FALSE(effective->flag_enabled("beta-ui", at("support", "beta"))) << "configured off";
  EXPECT_FALSE(effective->flag_enabled("unheard-of", at("support", "beta")));
}

// The index is only a shortcut: asking every measure of every place must say the same.
TEST(Effective, AgreesWithTheDefinitionForRandomMeasures) {
  SeededRandom random(5);
  const auto pick = [&](std::initializer_list<const char*> words) {
    return std::string(words.begin()[random.below(words.size())]);
  };
  std::size_t refused = 0;
  std::size_t admitted = 0;
  for (int round = 0; round < 600; ++round) {
    std::vector<MeasureInForce> measures;
    for (std::uint64_t i = random.below(round % 4 == 0 ? 25 : 5); i > 0; --i) {
      std::string scope = pick({"", ",route=support", ",route=sales", ",route=*"}) +
                          pick({"", ",model=large", ",model=small", ",model=*"}) +
                          pick({"", ",provider=sim", ",provider=big"}) +
                          pick({"", ",tenant=acme", ",tenant=beta"}) +
                          pick({"", ",use_case=mail"}) + pick({"", "", ",flag=agent"});
      if (scope.empty()) continue;
      const bool mode = random.below(2) == 0;
      measures.push_back(measure("m" + std::to_string(i),
                                 mode ? Measure::mode : Measure::kill_switch, scope.substr(1),
                                 static_cast<Mode>(random.below(4))));
    }
    const auto effective = with(measures);
    const std::vector<std::string> flags(random.below(2), "agent");
    Place place =
        at(pick({"support", "sales"}), pick({"acme", "beta"}) == "acme" ? "acme" : "beta");
    const std::string use_case = pick({"", "mail"});
    place.route = random.below(2) == 0 ? "support" : "sales";
    place.use_case = use_case;
    place.flags = flags;

    const Ruling ruling = effective->rule(place);
    std::string expected;
    Mode mode = ruling.route->mode;
    for (const model::Target& target : ruling.route->targets) {
      Place there = place;
      there.provider = target.provider;
      there.model = target.model;
      const bool stopped = std::any_of(measures.begin(), measures.end(), [&](const auto& each) {
        return each.scope.covers(there) &&
               (each.measure == Measure::kill_switch || each.mode == Mode::lockdown);
      });
      EXPECT_EQ(effective->forbids(there).has_value(), stopped);
      if (stopped) continue;
      expected += (expected.empty() ? "" : " ") + target.provider + "/" + target.model;
      for (const auto& each : measures) {
        if (each.measure == Measure::mode && each.scope.covers(there)) {
          mode = std::max(mode, each.mode);
        }
      }
    }
    if (expected.empty()) {
      ++refused;
      EXPECT_NE(ruling.admission, Admission::admitted);
      EXPECT_FALSE(ruling.measure_id.empty());
    } else {
      ++admitted;
      EXPECT_EQ(told(ruling), expected);
      EXPECT_EQ(ruling.mode, mode);
    }
  }
  EXPECT_GT(refused, 60U);
  EXPECT_GT(admitted, 60U);
}

TEST(Generations, ChangeTheirDigestWithTheirContentsAndReadBack) {
  const auto plain = seal(known());
  const auto again = seal(known());
  EXPECT_EQ(plain->digest, again->digest);
  EXPECT_EQ(plain->digest.size(), 64U);
  State state;
  WasSet set;
  set.containment.id = "s1";
  set.containment.scope = model::Scope::parse("route=support").value();
  state.evolve(set);
  const auto changed = with_measures(*plain, 2, state);
  EXPECT_EQ(changed->number, 2U);
  ASSERT_EQ(changed->measures.size(), 1U);
  EXPECT_NE(changed->digest, plain->digest);

  std::string bytes = codec::write_json(changed->to_json());
  const auto back = read_generation(bytes, changed->digest);
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(**back, *changed);
  bytes[bytes.size() / 2] ^= 1;
  EXPECT_EQ(read_generation(bytes, changed->digest).error().code, Errc::corrupt);
}

TEST(Generations, AreMadeFromConfigurationOrRefusedForARulepackThatIsNotLoaded) {
  model::Config config;
  config.routes = {{"support", {{"sim", "small"}}, {}, {"core-leakage", "house"}, {}, {}}};
  const auto refused = make_generation(1, config, State{}, {{"core-leakage", "d1"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail,
            "route support asks for the rulepack 'house', which is not loaded; loaded: "
            "core-leakage");
  const auto made = make_generation(3, config, State{}, {{"core-leakage", "d1"}, {"house", "d2"}});
  ASSERT_TRUE(made);
  EXPECT_EQ((*made)->routes[0].rulepacks[1], (model::RulepackRef{"house", "d2"}));
}

}  // namespace
}  // namespace cordon::containment
