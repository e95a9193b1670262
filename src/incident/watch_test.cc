#include "incident/incident_test_support.h"

namespace cordon::incident {
namespace {

using detect::clean;
using detect::kNoon;
using detect::leak;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Desk, OpensAnIncidentByItselfWithSeverityAndTheNumberThatFired) {
  Node node;
  for (int i = 0; i < 200; ++i) node.pass(clean());
  node.settle();
  EXPECT_TRUE(node.watch->desk().incidents().empty()) << "clean traffic opens nothing";
  for (int i = 0; i < 10; ++i) {
    node.clock.advance(std::chrono::milliseconds(100));
    node.pass(leak(2));
  }
  node.settle();
  const Incident& incident = node.only();
  EXPECT_EQ(incident.id, "INC-2026-00001");
  EXPECT_EQ(incident.state, State::triage);
  EXPECT_EQ(incident.severity, Severity::sev1);
  EXPECT_TRUE(incident.provisional);
  EXPECT_EQ(incident.severities.front().change.rule, "harm_active");
  EXPECT_EQ(incident.severities.front().change.number, 10);
  EXPECT_EQ(node.watch->desk().impact(incident).records, 20U);
  EXPECT_EQ(node.watch->desk().impact(incident).personal, 20U);
}

TEST(Desk, ACanaryNeedsNobodyAndNoCount) {
  Node node;
  auto end = leak(0);
  end.hits[0].data_kind = "canary";
  node.pass(end);
  node.settle();
  EXPECT_EQ(node.only().severity, Severity::sev3) << "it was blocked: no impact so far";
  node.clock.advance(seconds(1));
  node.pass(leak(1));
  node.settle();
  EXPECT_EQ(node.only().severity, Severity::sev1) << "raised by itself on the first impact";
}

TEST(Desk, JoinsByClassScopeAndTimeOnly) {
  Node node;
  const auto count = [&node] { return node.watch->desk().incidents().size(); };
  const std::string first = node.report(node.signal("route=support"));
  node.report(node.signal("route=support,tenant=acme"));
  node.report(node.signal("tenant=acme"));
  EXPECT_EQ(count(), 1U);
  node.report(node.signal("route=sales,tenant=umbrella"));
  EXPECT_EQ(count(), 2U);
  node.report(node.signal("route=support", model::IncidentClass::unsafe_output));
  EXPECT_EQ(count(), 3U);
  node.clock.advance(minutes(61));
  const std::string late = node.report(node.signal("route=support"));
  EXPECT_EQ(count(), 4U);
  EXPECT_EQ(node.watch->desk().incident_of(first), "INC-2026-00001");
  EXPECT_EQ(node.watch->desk().incident_of(late), "INC-2026-00004");
  EXPECT_EQ(node.watch->desk().find("INC-2026-00001")->signals.size(), 3U);
}

// Keep issue 2481: a resolved incident kept swallowing new alerts.
TEST(Desk, AClosedOrDeclinedIncidentTakesNoSignal) {
  Node node;
  node.report(node.signal("route=support"));
  const std::string id = node.only().id;
  ASSERT_TRUE(node.command(id, kAnna, Move{State::declined, "a test"}));
  node.report(node.signal("route=support"));
  EXPECT_EQ(node.watch->desk().incidents().size(), 2U);
}

TEST(Desk, EarlierImpactArrivingLateMovesTheImpactAndNotTheClock) {
  Node node;
  node.report(node.signal("route=support"));
  node.clock.advance(minutes(2));
  detect::Signal older = node.signal("route=support");
  older.time = kNoon - minutes(7);
  node.report(older);
  EXPECT_EQ(node.only().t0, kNoon);
  EXPECT_EQ(node.only().impact_start, kNoon - minutes(7));
}

TEST(Desk, AnEntryDeliveredTwiceChangesNothing) {
  Node node;
  for (int i = 0; i < 10; ++i) node.pass(leak(1));
  node.settle();
  const std::string before = node.watch->desk().fingerprint();
  for (std::size_t i = 0; i < node.journal.size(); ++i) {
    EXPECT_TRUE(node.watch->observe(i, node.journal[i]).has_value());
  }
  EXPECT_EQ(node.watch->desk().fingerprint(), before);
}

TEST(Desk, TellsASenderThatRepeatsItself) {
  Node node;
  detect::Signal signal = node.signal("route=support");
  signal.dedupe_key = "ticket-9";
  ASSERT_TRUE(node.watch->desk().report(signal));
  node.report(signal);
  EXPECT_EQ(node.watch->desk().report(signal).error().code, Errc::conflict);
  ASSERT_TRUE(node.command(node.only().id, kAnna, Move{State::declined, "known"}));
  EXPECT_TRUE(node.watch->desk().report(signal)) << "a resolved incident swallows nothing";
}

TEST(Desk, ASignalFromTheFutureIsTakenAndTheClockStartsWhenItWasRecorded) {
  Node node;
  detect::Signal signal = node.signal("route=support");
  signal.time = kNoon + minutes(6);
  node.report(signal);
  EXPECT_EQ(node.only().t0, kNoon);
  EXPECT_TRUE(node.watch->desk().signals().front().clock_suspect());
}

TEST(Desk, ABrokenBodyIsRefusedAndChangesNothing) {
  Node node;
  node.report(node.signal("route=support"));
  const std::string before = node.watch->desk().fingerprint();
  for (const auto kind : {model::EntryKind::signal, model::EntryKind::incident_event,
                          model::EntryKind::containment, model::EntryKind::receipt}) {
    const auto refused =
        node.watch->observe(node.journal.size(), node.writer.write(kind, {{"event", "x"}}));
    ASSERT_FALSE(refused.has_value()) << to_string(kind);
    EXPECT_EQ(refused.error().code, Errc::corrupt);
  }
  EXPECT_EQ(node.watch->desk().fingerprint(), before);
}

// The whole hour in one test: leak, confirm, test, contain, verdict, evidence, close.
/// What an incident finds in force, as a node writes it when it starts.
void start(Node& node) {
  node.append(model::EntryKind::rulepack_change,
              {{"name", "core-leakage"}, {"version", "1"}, {"digest", "ab"}, {"actor", "x"}});
  node.append(model::EntryKind::generation_change, {{"number", 7U}, {"digest", "cd"}});
}

TEST(Desk, RunsTheHourFromFirstLeakToClosed) {
  Node node;
  start(node);
  for (int i = 0; i < 100; ++i) node.pass(clean());
  for (int i = 0; i < 10; ++i) node.pass(leak(1));
  node.settle();
  const std::string id = node.only().id;
  ASSERT_TRUE(node.command(id, kAnna, Move{State::active, "confirmed"}));
  ASSERT_TRUE(node.command(id, kAnna, AcceptCommander{}));
  MitigationTest test;
  test.id = "m-1";
  test.scope = *model::Scope::parse("route=support");
  test.limit = 0.05;
  test.window = seconds(10);
  ASSERT_TRUE(node.command(id, kAnna, DeclareMitigation{test}));
  EXPECT_FALSE(node.command(id, kAnna, Move{State::contained, "hope"}));
  node.contain("c-1", id, "route=support");
  node.clock.advance(seconds(1));
  node.acknowledge("c-1");
  ASSERT_TRUE(node.command(id, kAnna, Move{State::contained, "receipt"}));
  // What began before the switch and was cut by it is neither new harm nor a sample.
  auto cut = leak(1);
  cut.end = model::End::killed;
  cut.total_us = 5'000'000;
  node.pass(cut);
  node.settle();
  EXPECT_EQ(node.only().state, State::contained);

  for (int i = 0; i < 20; ++i) {
    node.clock.advance(seconds(1));
    for (int k = 0; k < 5; ++k) node.pass(clean());
    node.settle();
  }
  const Mitigation* mitigation = node.only().mitigation("m-1");
  EXPECT_EQ(mitigation->judged.verdict, Verdict::effective);
  EXPECT_EQ(mitigation->judged.bad, 0U);
  ASSERT_TRUE(node.command(id, kAnna, Move{State::stable, "held"}));
  EXPECT_FALSE(node.command(id, kAnna, Move{State::closed, "done"})) << "no evidence yet";
  node.freeze(id);
  EXPECT_FALSE(node.command(id, kBen, Move{State::closed, "done"})) << "no review yet";
  DraftReview review;
  review.draft.controls = {{"leak.card", ControlFinding::disabled, "the route observed"}};
  ASSERT_TRUE(node.command(id, kAnna, FollowingUp{review}));
  ASSERT_TRUE(node.command(id, kAnna, FollowingUp{MoveReview{ReviewState::in_review, "read"}}));
  ASSERT_TRUE(node.command(id, kBen, FollowingUp{MoveReview{ReviewState::reviewed, "ok"}}));
  EXPECT_FALSE(node.command(id, kBen, FollowingUp{SignException{"no rule can see it"}}));
  const containment::Approval annas{kAnna, "00aa11bb22cc33dd", "a-1"};
  EXPECT_FALSE(node.command(id, kBen, Move{State::closed, "done", annas})) << "no exception yet";
  ASSERT_TRUE(node.command(id, kBen, FollowingUp{SignException{"no rule can see it", annas}}));
  EXPECT_FALSE(node.command(id, kBen, Move{State::closed, "done"})) << "one person alone";
  ASSERT_TRUE(node.command(id, kBen, Move{State::closed, "done", annas}));
  EXPECT_EQ(node.only().state, State::closed);
  EXPECT_EQ(node.watch->desk().strays(), 0U);

  const std::string lines = to_lines(node.watch->desk().timeline(node.only()));
  for (const char* kind : {"signal", "incident_event", "containment", "receipt", "custody"}) {
    EXPECT_NE(lines.find("\"kind\":\"" + std::string(kind) + "\""), std::string::npos) << kind;
  }
  const std::string before = node.watch->desk().fingerprint();
  const std::string card = node.watch->desk().scorecard(node.only(), node.clock.wall()).to_text();
  node.restart();
  EXPECT_EQ(node.watch->desk().fingerprint(), before);
  EXPECT_EQ(node.watch->desk().scorecard(node.only(), node.clock.wall()).to_text(), card);
}

TEST(Desk, HarmAfterContainmentMakesItActiveAgain) {
  Node node;
  for (int i = 0; i < 10; ++i) node.pass(leak(1));
  node.settle();
  const std::string id = node.only().id;
  ASSERT_TRUE(node.command(id, kAnna, Move{State::active, "confirmed"}));
  node.contain("c-1", id, "route=support");
  node.acknowledge("c-1");
  ASSERT_TRUE(node.command(id, kAnna, Move{State::contained, "receipt"}));
  node.clock.advance(seconds(3));
  node.settle();
  EXPECT_EQ(node.only().state, State::contained);
  node.pass(leak(1));
  node.settle();
  EXPECT_EQ(node.only().state, State::active);
}

TEST(Desk, MergesBothTimelinesStay) {
  Node node;
  node.report(node.signal("route=support"));
  node.report(node.signal("route=sales"));
  ASSERT_FALSE(node.command("INC-2026-00001", kAnna, Merge{"INC-2026-00009", "same"}));
  ASSERT_TRUE(node.command("INC-2026-00001", kAnna, Merge{"INC-2026-00002", "same"}));
  EXPECT_EQ(node.watch->desk().find("INC-2026-00001")->merged_into, "INC-2026-00002");
  EXPECT_EQ(node.watch->desk().find("INC-2026-00002")->absorbed.size(), 1U);
  EXPECT_FALSE(node.command("INC-2026-00001", kAnna, Move{State::active, "undo"}));
}

/// Some command, most of them nonsense where they land.
/// Of somebody, or of nobody.
std::optional<containment::Approval> some_approval(SeededRandom& random) {
  if (random.below(2) == 0) return std::nullopt;
  return containment::Approval{random.below(2) == 0 ? kAnna : kBen, "00aa11bb22cc33dd", "a-1"};
}

FollowUpCommand some_follow_up(SeededRandom& random, const std::string& id, WallTime now) {
  const std::string number = "0" + std::to_string(1 + random.below(3));
  const std::string update = id + "-U" + number;
  const std::string action = id + "-A" + number;
  const std::string connector = random.below(2) == 0 ? "chat" : "pages";
  switch (random.below(12)) {
    case 0: {
      DraftUpdate draft;
      draft.draft.audience = static_cast<model::Audience>(random.below(model::kAudienceCount));
      draft.draft.state = State(random.below(4));
      draft.draft.severity = Severity(1 + random.below(3));
      return draft;
    }
    case 1:
      return ApproveUpdate{update, random.below(3) == 0 ? "no" : ""};
    case 2:
      return SendUpdate{update, {"chat", "pages"}};
    case 3:
      return AckUpdate{update};
    case 4:
      return BeginDelivery{update, connector};
    case 5:
      return EndDelivery{update, connector, {model::DeliveryOutcome(random.below(3)), 1, 200, "x"}};
    case 6: {
      DraftReview draft;
      if (random.below(2) == 0) draft.draft.controls = {{"rule", ControlFinding::held, ""}};
      return draft;
    }
    case 7:
      return MoveReview{ReviewState(random.below(4)), "because"};
    case 8: {
      AddAction add{{{}, "x", "ben", now + minutes(random.below(60)), {}, "person"}, Known::yes};
      if (random.below(4) == 0) add.action.verify_by = "replay:rt-1";
      return add;
    }
    case 9:
      return FinishAction{action, random.below(4) == 0 ? "" : "done"};
    case 10:
      return VerifyAction{action, random.below(2) == 0 ? "person" : "replay:rt-1",
                          ReplayVerdict(random.below(3)), "x"};
    default:
      return SignException{"because", some_approval(random)};
  }
}

Command some_command(SeededRandom& random, int round, const std::string& id, WallTime now) {
  if (random.below(3) == 0) return FollowingUp{some_follow_up(random, id, now)};
  const auto scope = *model::Scope::parse(random.below(2) == 0 ? "route=support" : "route=sales");
  switch (random.below(13)) {
    case 10:
      return ProposeRole{Role(random.below(kRoleCount)), random.below(3) == 0 ? "" : "cleo",
                         random.below(2) == 0 ? "" : "shift ends"};
    case 11:
      return AcceptRole{Role(random.below(kRoleCount)), random.below(2) == 0 ? "" : "I was asked"};
    case 12:
      return StateAffected{{{"acme"}, {}, {"support"}, random.below(3) == 0 ? "" : "tickets"}};
    case 0:
      return ProposeCommander{random.below(2) == 0 ? "ben" : ""};
    case 1:
      return AcceptCommander{};
    case 2:
      return ConfirmSeverity{};
    case 3:
      return SetSeverity{Severity(1 + random.below(3)), "because", some_approval(random)};
    case 4:
      return StateExposure{random.below(2) == 0, "counsel"};
    case 5: {
      DeclareMitigation declare;
      declare.test.id = "m-" + std::to_string(round);
      declare.test.scope = scope;
      declare.test.limit = random.below(4) == 0 ? 0.0 : 0.1;
      declare.test.window = seconds(2);
      return declare;
    }
    case 6:
      return Note{random.below(4) == 0 ? "" : "noted"};
    case 7:
      return Merge{"INC-2026-0000" + std::to_string(random.below(9)), "same"};
    default:
      return Move{State(random.below(kStateCount)), random.below(5) == 0 ? "" : "because",
                  some_approval(random)};
  }
}

// Thousands of things happen, in an order no one planned. Reading the journal again gives what
// was there; a refused command leaves no trace.
TEST(Desk, TheFoldOfTheJournalIsTheLiveState) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    WatchOptions options;
    options.desk.people.rota = {"anna", "ben"};
    Node node(options);
    SeededRandom random(seed);
    const model::Actor actors[] = {kAnna, kBen, kCleo, {model::ActorKind::service, "incident"}};
    std::size_t accepted = 0;
    std::size_t refused = 0;
    for (int round = 0; round < 1'500; ++round) {
      node.clock.advance(std::chrono::milliseconds(random.below(30'000)));
      if (random.below(50) == 0) node.clock.jump(-seconds(random.below(400)));
      const auto all = node.watch->desk().incidents();
      const std::string id = all.empty() ? "none" : all[random.below(all.size())]->id;
      const char* scope = random.below(2) == 0 ? "route=support" : "route=sales";
      switch (random.below(8)) {
        case 0:
          node.pass(leak(static_cast<std::uint32_t>(random.below(2))));
          break;
        case 1:
          if (random.below(4) == 0) {
            const detect::SignalEnd end{detect::SignalSource::alert,
                                        "k" + std::to_string(random.below(30)), kAnna,
                                        node.clock.wall()};
            if (const auto draft = node.watch->desk().report(end)) {
              node.append(draft->kind, draft->body);
            }
          }
          node.pass(clean(random.below(2) == 0 ? "support" : "sales"));
          break;
        case 2:
          if (random.below(6) == 0) {
            detect::Signal signal = node.signal(scope);
            signal.severity = static_cast<std::uint8_t>(random.below(4));
            signal.dedupe_key = "k" + std::to_string(random.below(30));
            signal.source = detect::SignalSource::alert;
            if (node.watch->desk().report(signal)) node.report(signal);
          }
          break;
        case 3:
          if (random.below(4) == 0) node.contain("c-" + std::to_string(round), id, scope);
          break;
        case 4:
          node.acknowledge("c-" + std::to_string(random.below(std::uint64_t(round) + 1)));
          break;
        case 5:
          if (random.below(20) == 0) node.freeze(id);
          break;
        default: {
          const std::size_t before = node.journal.size();
          const Command command = some_command(random, round, id, node.clock.wall());
          if (node.command(id, actors[random.below(4)], command)) {
            ++accepted;
          } else {
            ++refused;
            ASSERT_EQ(node.journal.size(), before);
          }
        }
      }
      if (random.below(3) == 0) node.settle();
    }
    EXPECT_GT(accepted, 50U);
    EXPECT_GT(refused, 50U);
    const std::string live = node.watch->desk().fingerprint();
    node.restart();
    EXPECT_EQ(node.watch->desk().fingerprint(), live) << "seed " << seed;
    EXPECT_EQ(node.watch->desk().strays(), 0U);
  }
}

/// The drafts for customers that the first incident has.
std::size_t customer_drafts(const Node& node) {
  std::size_t count = 0;
  for (const Update& update : node.only().follow_up.updates) {
    if (update.draft.audience == model::Audience::customer) ++count;
  }
  return count;
}

TEST(Desk, DraftsForCustomersAtTheThresholdOnceAndBelowItNever) {
  Node node;
  auto end = leak(0);
  end.hits[0].data_kind = "canary";
  node.pass(end);
  node.settle();
  ASSERT_EQ(node.only().severity, Severity::sev3);
  EXPECT_FALSE(node.only().follow_up.customer.has_value());
  EXPECT_EQ(customer_drafts(node), 0U);
  node.clock.advance(seconds(1));
  node.pass(leak(1));
  node.settle();
  ASSERT_TRUE(node.only().follow_up.customer.has_value());
  EXPECT_EQ(node.only().follow_up.customer->due.rule, "severity");
  EXPECT_EQ(customer_drafts(node), 1U);
  EXPECT_EQ(state_of(node.only().follow_up.updates[0]), "draft") << "sending is another act";
  node.clock.advance(minutes(90));
  node.settle();
  EXPECT_EQ(customer_drafts(node), 1U);
  EXPECT_FALSE(node.only().follow_up.customer->late) << "there is a draft";
}

TEST(Desk, WhenPeopleDraftForCustomersTheyAreLateOnceAfterTheHour) {
  WatchOptions options;
  options.desk.updates.customer_draft = model::CustomerDraft::by_person;
  Node node(options);
  for (int i = 0; i < 5; ++i) node.pass(leak(1));
  node.settle();
  ASSERT_TRUE(node.only().follow_up.customer.has_value());
  EXPECT_EQ(customer_drafts(node), 0U);
  node.clock.advance(minutes(59));
  node.settle();
  EXPECT_FALSE(node.only().follow_up.customer->late);
  node.clock.advance(minutes(2));
  node.settle();
  EXPECT_TRUE(node.only().follow_up.customer->late);
  const std::size_t written = node.journal.size();
  node.clock.advance(minutes(60));
  node.settle();
  EXPECT_EQ(node.journal.size(), written) << "said once";
}

TEST(Desk, AnActionThatPassesItsDateEscalatesOnceEvenWhenTheIncidentIsOver) {
  Node node;
  node.report(node.signal("route=support"));
  const std::string id = node.only().id;
  AddAction add{{{}, "x", "ben", node.clock.wall() + minutes(5), {}, "person"}, Known::yes};
  ASSERT_TRUE(node.command(id, kAnna, FollowingUp{add}));
  ASSERT_TRUE(node.command(id, kAnna, Move{State::declined, "a test"}));
  node.clock.advance(minutes(4));
  node.settle();
  EXPECT_FALSE(node.only().follow_up.actions[0].overdue);
  node.clock.advance(minutes(2));
  node.settle();
  EXPECT_TRUE(node.only().follow_up.actions[0].overdue);
  const std::size_t written = node.journal.size();
  node.settle();
  EXPECT_EQ(node.journal.size(), written);
}

// What is filled in and cannot be checked scores nothing.
TEST(Desk, EvidenceScoresOnlyOnceABundleVerifies) {
  Node node;
  start(node);
  for (int i = 0; i < 5; ++i) node.pass(leak(1));
  node.settle();
  const auto scores = [&node](const char* name) {
    for (const EvidenceItem& one : node.watch->desk().evidence_items(node.only())) {
      if (one.name == name) return std::pair(one.present, one.verifiable);
    }
    return std::pair(false, false);
  };
  EXPECT_EQ(scores("rulepack_versions"), std::pair(true, false));
  EXPECT_EQ(scores("owner"), std::pair(false, false));
  node.freeze(node.only().id);
  EXPECT_EQ(scores("rulepack_versions"), std::pair(true, true));
  EXPECT_EQ(scores("decisions"), std::pair(true, true));
  codec::Json failed = {{"evidence", "EV-1"}, {"incident", node.only().id},
                        {"act", "verified"},  {"actor", "person:anna"},
                        {"purpose", "x"},     {"sha256", "00"},
                        {"ok", false}};
  node.append(model::EntryKind::custody, failed);
  EXPECT_EQ(scores("rulepack_versions"), std::pair(true, false));
  EXPECT_EQ(scores("bundle"), std::pair(true, false));
}

// A crash between a signal and the incident that it opens loses neither.
TEST(Desk, ARestartAnywhereComesToTheSameRest) {
  Node node;
  for (int i = 0; i < 10; ++i) node.pass(leak(1));
  const std::size_t before = node.journal.size();
  node.settle();
  const std::vector<std::string> whole = node.journal;
  for (std::size_t cut = before; cut <= whole.size(); ++cut) {
    node.journal.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
    node.restart();
    node.settle();
    EXPECT_EQ(node.journal.size(), whole.size()) << "cut at " << cut;
    EXPECT_EQ(node.only().severity, Severity::sev1) << "cut at " << cut;
  }
}

}  // namespace
}  // namespace cordon::incident
