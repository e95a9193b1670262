#include "incident/incident.h"

#include "base/random.h"
#include "incident/phases.h"
#include "incident/scorecard.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cordon::incident {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const WallTime kNoon = *parse_rfc3339("2026-01-05T12:00:00Z");
const model::Actor kAnna{model::ActorKind::person, "anna"};
const model::Actor kBen{model::ActorKind::person, "ben"};
const model::Actor kCleo{model::ActorKind::person, "cleo"};
const model::Actor kDesk{model::ActorKind::service, "incident"};

/// Applies an event as if it had been journalled at `at`.
Incident after(Incident incident, const Event& event, const model::Actor& actor,
               WallTime at = kNoon) {
  Happening happening;
  happening.incident = "INC-2026-00001";
  happening.revision = incident.revision + 1;
  happening.actor = actor;
  happening.time = at;
  happening.recorded = at;
  happening.sequence = happening.revision;
  happening.event = event;
  return evolve(std::move(incident), happening);
}

Incident opened() {
  Opened event;
  event.scope = *model::Scope::parse("route=support");
  event.signal = "s-1";
  event.t0 = kNoon;
  event.impact_start = kNoon - seconds(30);
  return after({}, event, kDesk);
}

Incident in_state(State state, Severity severity = Severity::sev1) {
  SeverityChanged change;
  change.to = severity;
  change.rule = "harm_active";
  Incident incident = after(opened(), change, kDesk);
  return after(incident, Moved{state, "test", {}, {}}, kAnna);
}

Standing complete() {
  Standing standing;
  ContainmentStanding one;
  one.containment.id = "c-1";
  one.containment.scope = *model::Scope::parse("route=support");
  one.sequence = 100;
  one.acked_at = kNoon + minutes(5);
  one.validated_by = "m-1";
  standing.containments = {one};
  standing.evidence = {{"EV-1", kNoon + minutes(6), kNoon + minutes(7), false, 12}};
  return standing;
}

Incident with_effective_test(Incident incident) {
  MitigationTest test;
  test.id = "m-1";
  test.scope = *model::Scope::parse("route=support");
  incident = after(std::move(incident), MitigationDeclared{test}, kAnna);
  Judgement judgement;
  judgement.verdict = Verdict::effective;
  return after(std::move(incident), MitigationJudged{"m-1", judgement}, kDesk);
}

containment::Approval yes_of(const model::Actor& person) {
  return {person, "00aa11bb22cc33dd", "approval-1"};
}

/// With a review that was reviewed, and two people who answer for closing without a change.
Incident with_follow_up(Incident incident) {
  ReviewDrafted review;
  review.controls = {{"leak.card", ControlFinding::disabled, "in shadow"}};
  incident = after(std::move(incident), FollowedUp{review}, kAnna);
  incident =
      after(std::move(incident), FollowedUp{ReviewMoved{ReviewState::reviewed, "read"}}, kBen);
  return after(std::move(incident), FollowedUp{ExceptionSigned{"no rule can", yes_of(kBen)}},
               kAnna);
}

Result<Event> ask(const Incident& incident, const model::Actor& actor, const Command& command,
                  const Standing& standing = {}, WallTime now = kNoon + minutes(1)) {
  return decide(incident, actor, command, {now, standing, {}});
}

// Every pair of states: what the table forbids is refused as invalid and changes nothing; what
// it allows is refused only for a reason that can be met.
TEST(IncidentMoves, FollowTheTableForEveryPair) {
  const Standing standing = complete();
  for (std::size_t from = 0; from < kStateCount; ++from) {
    for (std::size_t to = 0; to < kStateCount; ++to) {
      Incident incident = with_follow_up(with_effective_test(in_state(State(from))));
      incident = after(incident, CommanderAccepted{}, kAnna);
      const auto event = ask(incident, kAnna, Move{State(to), "because", yes_of(kBen)}, standing);
      if (State(to) == State::merged || !may_move(State(from), State(to))) {
        ASSERT_FALSE(event.has_value()) << from << " to " << to;
        EXPECT_EQ(event.error().code, from == to ? Errc::conflict : Errc::invalid);
      } else {
        EXPECT_TRUE(event.has_value()) << from << " to " << to << ": " << event.error().detail;
      }
    }
  }
}

TEST(IncidentMoves, WantAReasonAndAPerson) {
  const Incident triage = in_state(State::triage);
  EXPECT_FALSE(ask(triage, kAnna, Move{State::active, ""}));
  EXPECT_FALSE(ask(triage, kDesk, Move{State::active, "numbers say so"}));
  const auto moved = ask(triage, kAnna, Move{State::active, "I saw it"});
  ASSERT_TRUE(moved.has_value());
  EXPECT_EQ(after(triage, *moved, kAnna).confirmed_by, kAnna);
}

TEST(IncidentMoves, SayEverythingThatIsMissing) {
  const auto refused = ask(in_state(State::stable), kAnna, Move{State::closed, "done"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::conflict);
  for (const char* part : {"mitigation", "commander", "evidence", "review", "hardening"}) {
    EXPECT_NE(refused.error().detail.find(part), std::string::npos) << part;
  }
  Standing unvalidated = complete();
  unvalidated.containments[0].validated_by.clear();
  Incident incident = with_effective_test(in_state(State::contained));
  EXPECT_FALSE(ask(incident, kAnna, Move{State::stable, "held"}, unvalidated));
  unvalidated.containments[0].released_at = kNoon + minutes(9);
  EXPECT_TRUE(ask(incident, kAnna, Move{State::stable, "held"}, unvalidated));
}

TEST(IncidentMoves, ClosingAMajorTakesTheCommanderAndAnotherPerson) {
  const Standing standing = complete();
  Incident incident = with_follow_up(with_effective_test(in_state(State::stable)));
  incident = after(incident, CommanderAccepted{}, kAnna);
  Move close{State::closed, "verified"};
  std::string needs;
  EXPECT_EQ(decide(incident, kBen, close, {kNoon, standing, {}, &needs}).error().code,
            Errc::conflict);
  EXPECT_EQ(needs,
            "closing a SEV-1 or SEV-2 takes a second person with the approver role: the "
            "commander, anna");
  close.approval = yes_of(kCleo);
  EXPECT_EQ(ask(incident, kBen, close, standing).error().code, Errc::conflict) << "no commander";
  close.approval = yes_of(kAnna);
  const auto closed = ask(incident, kBen, close, standing);
  ASSERT_TRUE(closed.has_value());
  EXPECT_EQ(std::get<Moved>(*closed).approval, yes_of(kAnna));
  EXPECT_EQ(after(incident, *closed, kBen).state, State::closed);
  close.approval = yes_of(kBen);
  EXPECT_TRUE(ask(incident, kAnna, close, standing)) << "or the commander asks";
  needs.clear();
  close.approval.reset();
  EXPECT_FALSE(decide(incident, kBen, close, {kNoon, {}, {}, &needs}));
  EXPECT_EQ(needs, "") << "more than a second person is missing";
}

TEST(IncidentMoves, ReopenWithinThirtyDaysAndTheClockStartsAgain) {
  const Incident closed = in_state(State::closed);
  const Move again{State::active, "it is back"};
  EXPECT_FALSE(ask(closed, kAnna, again, {}, kNoon + std::chrono::hours(24 * 31)));
  const WallTime later = kNoon + std::chrono::hours(24);
  const auto reopened = ask(closed, kAnna, again, {}, later);
  ASSERT_TRUE(reopened.has_value());
  const Incident incident = after(closed, *reopened, kAnna, later);
  EXPECT_EQ(incident.clock_start, later);
  EXPECT_EQ(incident.t0, kNoon) << "history stays";
}

TEST(IncidentSeverity, IsLoweredOnlyByTheCommanderAndASecondPerson) {
  Incident incident = in_state(State::active);
  SetSeverity lower{Severity::sev2, "one internal tenant", yes_of(kBen)};
  EXPECT_EQ(ask(incident, kAnna, lower).error().code, Errc::conflict) << "nobody commands";
  incident = after(incident, CommanderAccepted{}, kAnna);
  lower.approval.reset();
  std::string needs;
  EXPECT_FALSE(decide(incident, kAnna, lower, {kNoon, {}, {}, &needs}));
  EXPECT_EQ(needs, "a downgrade takes a second person with the approver role");
  EXPECT_EQ(incident.severity, Severity::sev1);
  lower.approval = yes_of(kCleo);
  EXPECT_FALSE(ask(incident, kBen, lower)) << "no commander among them";
  lower.approval = yes_of(kBen);
  const auto lowered = decide(incident, kAnna, lower, {kNoon, {}, {{"blast_records", 150}}});
  ASSERT_TRUE(lowered.has_value());
  EXPECT_EQ(std::get<SeverityChanged>(*lowered).approval, yes_of(kBen));
  incident = after(incident, *lowered, kAnna);
  EXPECT_EQ(incident.severity, Severity::sev2);
  EXPECT_EQ(incident.severities.size(), 2U) << "the history keeps both";

  Facts facts;
  facts.delivered_recently = facts.legal_exposure = facts.tenants = facts.route_percent =
      Fact::of(0, "");
  facts.impact = Fact::of(3, "");
  facts.records = Fact::of(150, "");
  EXPECT_EQ(assess(facts, {}, minutes(1), incident.waived).severity, Severity::sev2);
  facts.records = Fact::of(151, "");
  EXPECT_EQ(assess(facts, {}, minutes(1), incident.waived).severity, Severity::sev1)
      << "a worse number speaks again";
  EXPECT_TRUE(ask(incident, kCleo, SetSeverity{Severity::sev1, "press"})) << "raising takes one";
}

TEST(Severity, EachPredicateFiresAtItsThresholdAndNotBelow) {
  Facts none;
  for (Fact* fact : {&none.delivered_recently, &none.legal_exposure, &none.tenants, &none.records,
                     &none.route_percent, &none.impact}) {
    *fact = Fact::of(0, "");
  }
  EXPECT_EQ(assess(none, {}, minutes(0)).severity, Severity::sev3);
  const auto with = [&none](Fact Facts::*which, double value) {
    Facts facts = none;
    facts.*which = Fact::of(value, "");
    return assess(facts, {}, minutes(0)).severity;
  };
  EXPECT_EQ(with(&Facts::delivered_recently, 1), Severity::sev1);
  EXPECT_EQ(with(&Facts::legal_exposure, 1), Severity::sev1);
  EXPECT_EQ(with(&Facts::tenants, 3), Severity::sev1);
  EXPECT_EQ(with(&Facts::tenants, 2), Severity::sev3);
  EXPECT_EQ(with(&Facts::records, 100), Severity::sev1);
  EXPECT_EQ(with(&Facts::records, 99), Severity::sev3);
  EXPECT_EQ(with(&Facts::route_percent, 1.0), Severity::sev1);
  EXPECT_EQ(with(&Facts::route_percent, 0.99), Severity::sev3);
  EXPECT_EQ(with(&Facts::impact, 1), Severity::sev2);
}

TEST(Severity, AFailedFactCountsAtOnceAndAnUnsetOneFromMinuteTen) {
  Facts facts;
  for (Fact* fact : {&facts.delivered_recently, &facts.legal_exposure, &facts.tenants,
                     &facts.records, &facts.route_percent, &facts.impact}) {
    *fact = Fact::of(0, "");
  }
  facts.legal_exposure = Fact::unset("nobody was asked yet");
  EXPECT_EQ(assess(facts, {}, minutes(10) - seconds(1)).severity, Severity::sev3);
  EXPECT_EQ(assess(facts, {}, minutes(10)).severity, Severity::sev1);
  facts.legal_exposure = Fact::failed("the source did not answer");
  const auto failed = assess(facts, {}, minutes(0));
  EXPECT_EQ(failed.severity, Severity::sev1);
  EXPECT_EQ(failed.decisive()->name, "legal_exposure");
  EXPECT_FALSE(to_json(failed)[1].contains("number")) << "unknown is not zero";
}

TEST(Severity, RefusesThresholdsThatMeanNothing) {
  model::SeverityConfig config;
  EXPECT_TRUE(SeverityOptions::from(config).has_value());
  config.tenants = 0;
  EXPECT_FALSE(SeverityOptions::from(config).has_value());
}

TEST(Mitigation, RefusesATestDeclaredAfterItsContainment) {
  DeclareMitigation declare;
  declare.test.id = "m-2";
  declare.test.scope = *model::Scope::parse("route=support");
  declare.test.containment = "c-1";
  const auto late = ask(in_state(State::active), kAnna, declare, complete());
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Errc::conflict);
  EXPECT_TRUE(ask(in_state(State::active), kAnna, declare));
  for (const double limit : {0.0, 1.0, -1.0, std::nan("")}) {
    declare.test.limit = limit;
    EXPECT_FALSE(ask(in_state(State::active), kAnna, declare)) << limit;
  }
}

TEST(Mitigation, TooFewSamplesOrTooShortAWatchAreNeverEffective) {
  Mitigation mitigation;
  mitigation.test.limit = 0.5;
  mitigation.test.min_samples = 100;
  mitigation.test.window = std::chrono::seconds(10);
  mitigation.counted = SequentialTest(0.5);
  EXPECT_EQ(mitigation.judge(kNoon).verdict, Verdict::inconclusive) << "never applied";
  mitigation.began = kNoon;
  for (int i = 0; i < 99; ++i) mitigation.counted.add(SequentialTest::Sample::good);
  EXPECT_EQ(mitigation.counted.verdict(), Verdict::effective);
  EXPECT_EQ(mitigation.judge(kNoon + seconds(60)).verdict, Verdict::inconclusive);
  mitigation.counted.add(SequentialTest::Sample::good);
  EXPECT_EQ(mitigation.judge(kNoon + seconds(9)).verdict, Verdict::inconclusive);
  EXPECT_EQ(mitigation.judge(kNoon + seconds(10)).verdict, Verdict::effective);
}

/// The share of 600 runs in which a peek after any of `samples` samples says `wanted`.
double share_of(Verdict wanted, double limit, double rate, int samples) {
  SeededRandom random(23);
  int said = 0;
  for (int run = 0; run < 600; ++run) {
    SequentialTest test(limit);
    for (int i = 0; i < samples; ++i) {
      const bool bad = static_cast<double>(random.next() >> 11U) * 0x1p-53 < rate;
      test.add(bad ? SequentialTest::Sample::bad : SequentialTest::Sample::good);
      if (test.verdict() != wanted) continue;
      ++said;
      break;
    }
  }
  return said / 600.0;
}

// Looked at after every single sample, and wrong no more often than promised.
TEST(Mitigation, PeekingDoesNotMislead) {
  EXPECT_LE(share_of(Verdict::effective, 0.05, 0.05, 500), kAlpha);
  EXPECT_LE(share_of(Verdict::effective, 0.05, 0.08, 500), kAlpha);
  EXPECT_LE(share_of(Verdict::ineffective, 0.05, 0.05, 500), kAlpha);
}

TEST(Mitigation, SeesWhatIsThere) {
  EXPECT_GE(share_of(Verdict::effective, 0.05, 0.0, 200), 0.99);
  EXPECT_GE(share_of(Verdict::ineffective, 0.05, 0.3, 200), 0.99);
}

TEST(Phases, AreLateAfterTheirBudgetAndStopWithTheIncident) {
  const auto open = phases(in_state(State::active), {}, kNoon + minutes(21));
  EXPECT_TRUE(open[0].late);
  EXPECT_TRUE(open[1].late);
  EXPECT_FALSE(open[2].late);
  EXPECT_EQ(open[2].state, PhaseState::running);
  EXPECT_EQ(open[3].state, PhaseState::waiting);
  EXPECT_EQ(open[1].missing.size(), 1U);

  // incident-community issue 89: the duration kept ticking after the end.
  const Incident declined =
      after(in_state(State::active), Moved{State::declined, "x", {}, {}}, kBen, kNoon + minutes(5));
  EXPECT_FALSE(phases(declined, {}, kNoon + std::chrono::hours(9))[0].late);

  const auto done = phases(in_state(State::active), complete(), kNoon + minutes(50));
  EXPECT_EQ(done[1].met_at, kNoon + minutes(5));
  EXPECT_FALSE(done[1].late);
  EXPECT_EQ(done[2].met_at, kNoon + minutes(7));
}

TEST(Scorecard, SaysNoDataWithAReasonAndIsTheSameTwice) {
  const Scorecard card = make_scorecard(in_state(State::active), {}, {});
  const auto json = card.to_json();
  EXPECT_EQ(json["speed"]["points"], "no data");
  EXPECT_EQ(json["follow_through"]["percent"], "no data");
  for (const auto& one : json["speed"]["measures"]) {
    if (one["ms"] == "no data") {
      EXPECT_FALSE(one["reason"].get<std::string>().empty());
    }
  }
  EXPECT_LT(card.evidence_score, 100);
  EXPECT_NE(card.to_text().find("no data"), std::string::npos);
  EXPECT_EQ(codec::write_json(json),
            codec::write_json(make_scorecard(in_state(State::active), {}, {}).to_json()));
}

TEST(Scorecard, IsFullWhenEverythingIsThereInTime) {
  Incident incident = with_effective_test(in_state(State::active));
  incident.confirmed_by = kAnna;
  incident.confirmed_at = kNoon + minutes(1);
  incident = after(incident, CommanderAccepted{}, kAnna, kNoon + minutes(2));
  incident = after(incident, Moved{State::stable, "held", {}, {}}, kAnna, kNoon + minutes(30));
  UpdateDrafted draft;
  draft.update = "INC-2026-00001-U01";
  incident = after(incident, FollowedUp{draft}, kAnna, kNoon + minutes(3));
  incident =
      after(incident, FollowedUp{UpdateSent{draft.update, {}, {}, {}}}, kAnna, kNoon + minutes(4));
  ScoreFacts facts;
  facts.first_harm = kNoon - seconds(20);
  facts.rulepacks = {"core-leakage@ab"};
  facts.generation = 7;
  const Scorecard card = make_scorecard(incident, complete(), facts);
  EXPECT_EQ(card.evidence_score, 100) << card.to_text();
  ASSERT_TRUE(card.speed_points.has_value()) << card.speed_reason;
  EXPECT_DOUBLE_EQ(*card.speed_points, 40);
}

}  // namespace
}  // namespace cordon::incident
