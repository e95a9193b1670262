#include "incident/people.h"

#include "incident/incident_test_support.h"

#include <algorithm>

namespace cordon::incident {
namespace {

using detect::clean;
using detect::kNoon;
using detect::leak;
using std::chrono::minutes;
using std::chrono::seconds;

WatchOptions with_rota(std::vector<std::string> rota) {
  WatchOptions options;
  options.desk.people.rota = std::move(rota);
  return options;
}

/// A SEV-1 nobody has touched yet.
std::string open_major(Node& node) {
  detect::Signal signal = node.signal("route=support");
  signal.severity = 1;
  node.report(signal);
  return node.only().id;
}

/// `to` of each escalation about `about`.
std::vector<std::string> escalated(const Node& node, std::string_view about) {
  std::vector<std::string> to;
  for (const auto& one : node.only().people.escalations) {
    if (one.what.about == about) to.push_back(one.what.to);
  }
  return to;
}

std::vector<std::string> paged(const Node& node) {
  std::vector<std::string> persons;
  for (const auto& page : node.only().people.pages) persons.push_back(page.what.person);
  return persons;
}

TEST(People, AMajorIncidentProposesAndPagesTheFirstOfTheRota) {
  Node node(with_rota({"anna", "ben"}));
  open_major(node);
  EXPECT_EQ(node.only().proposed_commander, "anna");
  EXPECT_FALSE(node.only().commander) << "proposed is not accepted";
  EXPECT_EQ(paged(node), std::vector<std::string>{"anna"});
}

TEST(People, AMinorIncidentCallsNobody) {
  Node node(with_rota({"anna", "ben"}));
  node.report(node.signal("route=support"));
  node.clock.advance(minutes(30));
  node.settle();
  EXPECT_EQ(node.only().severity, Severity::sev3);
  EXPECT_TRUE(node.only().people.pages.empty());
  EXPECT_TRUE(node.only().people.escalations.empty());
}

TEST(People, WhoeverDoesNotAcceptInFiveMinutesIsFollowedByTheNextThreeTimesAroundAndNoMore) {
  Node node(with_rota({"anna", "ben"}));
  open_major(node);
  node.clock.advance(minutes(5) - seconds(1));
  node.settle();
  EXPECT_TRUE(escalated(node, "commander").empty());
  for (int i = 0; i < 60; ++i) {
    node.clock.advance(minutes(1));
    node.settle();
  }
  EXPECT_EQ(escalated(node, "commander"),
            (std::vector<std::string>{"ben", "anna", "ben", "anna", "ben", ""}));
  const auto called = paged(node);
  EXPECT_EQ(std::count(called.begin(), called.end(), "anna"), 4) << "one is for containment";
  EXPECT_EQ(node.only().people.pages.back().what.audience, "on_call");
}

TEST(People, AcceptingEndsTheCalling) {
  Node node(with_rota({"anna", "ben"}));
  const std::string id = open_major(node);
  node.clock.advance(minutes(6));
  node.settle();
  EXPECT_EQ(node.only().proposed_commander, "ben");
  ASSERT_TRUE(node.command(id, kAnna, AcceptCommander{})) << "late, and still the first to say yes";
  const std::size_t pages = node.only().people.pages.size();
  node.clock.advance(minutes(12));
  node.settle();
  EXPECT_EQ(escalated(node, "commander").size(), 1U);
  EXPECT_EQ(node.only().people.pages.size(), pages);
}

TEST(People, WithoutARotaItIsSaidOnceThatNobodyCame) {
  Node node;
  open_major(node);
  for (int i = 0; i < 30; ++i) {
    node.clock.advance(minutes(1));
    node.settle();
  }
  EXPECT_EQ(escalated(node, "commander"), std::vector<std::string>{""});
  EXPECT_NE(node.only().people.escalations[0].what.reason.find("no rota"), std::string::npos);
}

TEST(People, NothingContainedByMinuteTwentyEscalatesOnceAndAContainmentPreventsIt) {
  for (const bool contained : {false, true}) {
    Node node(with_rota({"anna", "ben"}));
    const std::string id = open_major(node);
    ASSERT_TRUE(node.command(id, kAnna, AcceptCommander{}));
    if (contained) {
      node.contain("c-1", id, "route=support");
      node.acknowledge("c-1");
    }
    for (int i = 0; i < 40; ++i) {
      node.clock.advance(minutes(1));
      node.settle();
    }
    EXPECT_EQ(escalated(node, "containment"),
              contained ? std::vector<std::string>() : std::vector<std::string>{"ben"});
  }
}

TEST(People, AFactThatNobodyEstablishedMakesACandidateAtMinuteTenWithAPage) {
  WatchOptions options = with_rota({});
  options.desk.measured = {};
  Node node(options);
  node.report(node.signal("route=support"));
  EXPECT_EQ(node.only().severity, Severity::sev3);
  node.clock.advance(minutes(10) - seconds(1));
  node.settle();
  EXPECT_EQ(node.only().severity, Severity::sev3);
  node.clock.advance(seconds(1));
  node.settle();
  EXPECT_EQ(node.only().severity, Severity::sev1);
  EXPECT_TRUE(node.only().severities.back().change.candidate);
  EXPECT_FALSE(node.only().severities.back().change.number) << "there is none";
  ASSERT_FALSE(node.only().people.pages.empty());
  EXPECT_NE(node.only().people.pages[0].what.reason.find("candidate"), std::string::npos);
}

TEST(Roles, PassWithAReasonAndOnlyWhenAccepted) {
  Node node;
  const std::string id = open_major(node);
  ASSERT_TRUE(node.command(id, kAnna, ProposeRole{Role::commander, "anna", ""}));
  EXPECT_EQ(node.only().commander, "anna") << "one's own name is accepting";
  EXPECT_EQ(node.command(id, kAnna, ProposeRole{Role::commander, "ben", ""}).error().code,
            Errc::invalid);
  EXPECT_EQ(node.command(id, kBen, AcceptRole{Role::commander, ""}).error().code, Errc::conflict);
  ASSERT_TRUE(node.command(id, kAnna, ProposeRole{Role::commander, "ben", "end of shift"}));
  EXPECT_EQ(node.only().commander, "anna");
  ASSERT_TRUE(node.command(id, kBen, AcceptRole{Role::commander, ""}));
  EXPECT_EQ(node.only().commander, "ben");
  ASSERT_TRUE(node.command(id, kCleo, AcceptRole{Role::commander, "ben lost his line"}));
  EXPECT_EQ(node.only().commander, "cleo");
  EXPECT_FALSE(node.command(id, {model::ActorKind::service, "bot"}, AcceptRole{Role::scribe, ""}));
  EXPECT_FALSE(node.command(id, kAnna, ProposeRole{Role::scribe, "", ""}));
}

TEST(Roles, OfOthersAreHeldApart) {
  Node node;
  const std::string id = open_major(node);
  ASSERT_TRUE(node.command(id, kAnna, ProposeRole{Role::scribe, "ben", ""}));
  EXPECT_EQ(node.only().people.roles.at(Role::scribe).proposed, "ben");
  ASSERT_TRUE(node.command(id, kBen, AcceptRole{Role::scribe, ""}));
  ASSERT_TRUE(node.command(id, kCleo, AcceptRole{Role::internal_liaison, ""}));
  EXPECT_EQ(node.only().people.roles.at(Role::scribe).person, "ben");
  EXPECT_EQ(node.only().people.roles.at(Role::internal_liaison).person, "cleo");
  EXPECT_EQ(node.command(id, kBen, AcceptRole{Role::scribe, ""}).error().code, Errc::conflict);
  node.restart();
  EXPECT_EQ(node.only().people.roles.at(Role::scribe).person, "ben");
}

TEST(Correlation, ASignalOfAnAlertIsTakenOnceForEver) {
  Node node;
  detect::Signal alert = node.signal("route=support");
  alert.source = detect::SignalSource::alert;
  alert.dedupe_key = "alertmanager:f:t";
  ASSERT_TRUE(node.watch->desk().report(alert));
  node.report(alert);
  ASSERT_TRUE(node.command(node.only().id, kAnna, Move{State::declined, "a drill"}));
  EXPECT_EQ(node.watch->desk().report(alert).error().code, Errc::conflict);
  node.restart();
  EXPECT_EQ(node.watch->desk().report(alert).error().code, Errc::conflict);
  alert.dedupe_key = "alertmanager:f:t2";
  EXPECT_TRUE(node.watch->desk().report(alert)) << "it fired anew";
}

// OnCall 3161, alertmanager 878: an end before its beginning, twice, and late.
TEST(Correlation, AnEndOpensNothingMovesNothingAndIsSaidOnce) {
  Node node;
  const detect::SignalEnd end{
      detect::SignalSource::alert, "alertmanager:f:t", {model::ActorKind::service, "am"}, kNoon};
  const auto first = node.watch->desk().report(end);
  ASSERT_TRUE(first.has_value());
  node.append(first->kind, first->body);
  node.settle();
  EXPECT_TRUE(node.watch->desk().incidents().empty());
  EXPECT_FALSE(node.watch->desk().report(end).has_value());
  detect::Signal alert = node.signal("route=support");
  alert.source = detect::SignalSource::alert;
  alert.dedupe_key = "alertmanager:f:t";
  node.report(alert);
  EXPECT_EQ(node.only().state, State::triage);
  EXPECT_EQ(node.watch->desk().ended_at(node.watch->desk().signals().front()), kNoon);
  const std::string lines = to_lines(node.watch->desk().timeline(node.only()));
  EXPECT_NE(lines.find("signal_end"), std::string::npos) << "the end is in the timeline";
}

TEST(Correlation, TwoClassesAreNeverOneIncident) {
  Node node;
  node.report(node.signal("route=support"));
  node.report(node.signal("route=support", model::IncidentClass::unsafe_output));
  const auto refused =
      node.command("INC-2026-00001", kAnna, Merge{"INC-2026-00002", "they are alike"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  const auto beside = node.watch->desk().related(*node.watch->desk().find("INC-2026-00001"));
  ASSERT_EQ(beside.size(), 1U);
  EXPECT_EQ(beside[0].how, "beside");
}

TEST(Correlation, AReopenedIncidentTakesSignalsAgainAndAClosedOneNone) {
  Node node;
  node.report(node.signal("route=support"));
  const std::string id = node.only().id;
  for (const State to : {State::active, State::contained, State::stable, State::closed}) {
    ASSERT_TRUE(node.command(id, kAnna, Move{to, "as it should be"}));
  }
  node.clock.advance(minutes(180));
  ASSERT_TRUE(node.command(id, kAnna, Move{State::active, "it is back"}));
  node.clock.advance(minutes(50));
  node.report(node.signal("route=support"));
  EXPECT_EQ(node.only().signals.size(), 2U) << "its hour counts from when it was reopened";
}

TEST(Recurrence, TheSameWithinNinetyDaysIsOneStepGraverAndExecutivesHear) {
  for (const auto& [days, again] : {std::pair(89, true), std::pair(91, false)}) {
    Node node;
    node.report(node.signal("route=support"));
    const std::string first = node.only().id;
    for (const State to : {State::active, State::contained, State::stable, State::closed}) {
      ASSERT_TRUE(node.command(first, kAnna, Move{to, "as it should be"}));
    }
    node.clock.advance(std::chrono::hours(24 * days));
    node.report(node.signal("route=support"));
    const Incident& second = *node.watch->desk().incidents().back();
    ASSERT_NE(second.id, first);
    EXPECT_EQ(second.severity, again ? Severity::sev2 : Severity::sev3) << days;
    EXPECT_EQ(second.people.recurrence_of.size(), again ? 1U : 0U);
    if (!again) continue;
    EXPECT_EQ(second.severities.front().change.rule, "recurrence");
    ASSERT_FALSE(second.people.pages.empty());
    EXPECT_EQ(second.people.pages[0].what.audience, "executives");
    const Assessment found = node.watch->desk().explain(second, node.clock.wall());
    EXPECT_EQ(found.decisive()->name, "recurrence");
  }
}

TEST(Recurrence, AnotherClassOrScopeAndADeclinedOneAreNone) {
  Node node;
  node.report(node.signal("route=support"));
  ASSERT_TRUE(node.command(node.only().id, kAnna, Move{State::declined, "nothing"}));
  node.report(node.signal("route=support"));
  EXPECT_TRUE(node.watch->desk().incidents().back()->people.recurrence_of.empty());
}

TEST(Affected, BothListsAreKeptAndASmallerOneIsRemarkedOn) {
  Node node;
  node.pass(leak(1));
  node.report(node.signal("route=support"));
  const std::string id = node.only().id;
  ASSERT_FALSE(node.command(id, kAnna, StateAffected{{{"umbrella"}, {}, {}, ""}}));
  ASSERT_FALSE(node.command(id, kAnna, StateAffected{{{""}, {}, {}, "x"}}));
  ASSERT_TRUE(node.command(id, kAnna, StateAffected{{{"umbrella"}, {}, {"support"}, "tickets"}}));
  const auto json = node.watch->desk().detail(node.only(), node.clock.wall());
  EXPECT_EQ(json["affected"]["computed"]["tenants"][0], "acme");
  EXPECT_EQ(json["affected"]["stated"]["tenants"][0], "umbrella");
  EXPECT_EQ(json["affected"]["warning"]["left_out"], codec::Json::array({"acme"}));
  EXPECT_EQ(json["impact"]["delivered_exchanges"], 1);
  EXPECT_EQ(json["impact"]["blocked_exchanges"], 0);
}

TEST(Impact, OfAClassThatNoRuleSeesIsUnknownAndNotZero) {
  Node node;
  node.report(node.signal("route=support", model::IncidentClass::unsafe_output));
  const auto json = node.watch->desk().detail(node.only(), node.clock.wall());
  EXPECT_TRUE(json["impact"].contains("unknown")) << json["impact"].dump();
  EXPECT_EQ(json["detection"]["counted"], false);
  EXPECT_EQ(json["detection"]["sources"][0]["evidence"],
            "entry:" + node.watch->desk().signals().front().id);
}

}  // namespace
}  // namespace cordon::incident
