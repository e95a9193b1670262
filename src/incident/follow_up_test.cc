#include "incident/follow_up.h"

#include "base/random.h"
#include "incident/incident.h"

#include <gtest/gtest.h>

namespace cordon::incident {
namespace {

using model::Audience;
using std::chrono::hours;
using std::chrono::minutes;

const WallTime kNoon = *parse_rfc3339("2026-01-05T12:00:00Z");
const model::Actor kAnna{model::ActorKind::person, "anna"};
const model::Actor kBen{model::ActorKind::person, "ben"};
const model::Actor kCleo{model::ActorKind::person, "cleo"};
const model::Actor kService{model::ActorKind::service, "connect"};

/// An incident that is told what to do, as if every event were journalled.
class Room {
 public:
  Room() {
    Opened event;
    event.scope = *model::Scope::parse("route=support");
    event.t0 = kNoon;
    apply(event, kService);
    SeverityChanged change;
    change.to = Severity::sev1;
    apply(change, kService);
    apply(Moved{State::active, "seen", {}, {}}, kAnna);
    apply(CommanderAccepted{}, kAnna);
  }

  /// The code of a refusal; nothing if it was done.
  std::optional<Errc> ask(const model::Actor& actor, FollowUpCommand command) {
    auto event = decide(incident, actor, FollowingUp{std::move(command)}, {now, standing, {}});
    if (!event) {
      said = event.error().detail;
      return event.error().code;
    }
    apply(*event, actor);
    return std::nullopt;
  }

  void apply(const Event& event, const model::Actor& actor) {
    Happening happening;
    happening.incident = "INC-2026-00001";
    happening.revision = incident.revision + 1;
    happening.actor = actor;
    happening.time = happening.recorded = now;
    happening.event = event;
    // Through its bytes, as it would come back.
    const model::EntryWriter writer("node-1", "boot-1", clock, random);
    const auto entry =
        model::parse_entry(writer.write(model::EntryKind::incident_event, to_body(happening)));
    ASSERT_TRUE(entry.has_value());
    auto read = parse_happening(*entry);
    ASSERT_TRUE(read.has_value()) << read.error().detail;
    read->recorded = now;
    incident = evolve(std::move(incident), *read);
  }

  std::string draft(Audience audience, const model::Actor& by, std::string approver = {},
                    std::vector<std::string> unresolved = {}) {
    UpdateDrafted draft;
    draft.audience = audience;
    draft.digest = std::string(64, 'a');
    draft.title = "t";
    draft.state = incident.state;
    draft.severity = incident.severity;
    draft.approver = std::move(approver);
    draft.unresolved = std::move(unresolved);
    draft.token = "0011223344556677";
    EXPECT_EQ(ask(by, DraftUpdate{draft}), std::nullopt) << said;
    return incident.follow_up.updates.back().draft.update;
  }
  const Update& update(const std::string& id) { return *incident.follow_up.update(id); }

  ManualClock clock{kNoon};
  SeededRandom random{3};
  WallTime now = kNoon + minutes(5);
  Incident incident;
  Standing standing;
  std::string said;
};

TEST(UpdateLife, AnInternalOneIsSentByASeparateActAndAcknowledgedByName) {
  Room room;
  const std::string id = room.draft(Audience::support, kAnna);
  EXPECT_EQ(id, "INC-2026-00001-U01");
  EXPECT_EQ(room.ask(kBen, AckUpdate{id}), Errc::conflict) << "not sent yet";
  EXPECT_EQ(room.ask(kService, SendUpdate{id, {}}), Errc::invalid) << "a person sends";
  EXPECT_EQ(room.ask(kAnna, SendUpdate{id, {"chat"}}), std::nullopt) << room.said;
  EXPECT_EQ(room.ask(kAnna, SendUpdate{id, {"chat"}}), Errc::conflict) << "once";
  EXPECT_EQ(room.ask(kBen, AckUpdate{id}), std::nullopt);
  EXPECT_EQ(room.ask(kBen, AckUpdate{id}), Errc::conflict);
  EXPECT_EQ(room.update(id).acks.size(), 1U);
  EXPECT_EQ(state_of(room.update(id)), "sent");
  EXPECT_EQ(room.ask(kAnna, SendUpdate{"INC-2026-00001-U09", {}}), Errc::not_found);
}

TEST(UpdateLife, WithoutAConnectorTheLocalRoomSaysThatNobodyWasNotified) {
  Room room;
  const std::string id = room.draft(Audience::product, kAnna);
  EXPECT_EQ(room.ask(kAnna, SendUpdate{id, {}}), std::nullopt);
  EXPECT_EQ(room.update(id).local_reason, "no connector serves product");
  EXPECT_TRUE(room.update(id).outbox.empty());
}

TEST(UpdateLife, LegalAndCustomerTextsWaitForTheNamedApproverWhoIsNotTheDrafter) {
  for (const Audience audience : {Audience::legal, Audience::customer}) {
    Room room;
    const std::string id = room.draft(audience, kAnna, "ben");
    EXPECT_EQ(room.ask(kAnna, SendUpdate{id, {}}), Errc::conflict) << "unapproved";
    EXPECT_EQ(room.ask(kAnna, ApproveUpdate{id, {}}), Errc::conflict) << "the drafter";
    EXPECT_EQ(room.ask(kCleo, ApproveUpdate{id, {}}), Errc::conflict) << "not the named one";
    EXPECT_EQ(room.ask(kBen, ApproveUpdate{id, "minted by anna"}), Errc::conflict);
    EXPECT_EQ(room.said, "minted by anna");
    EXPECT_EQ(room.ask(kBen, ApproveUpdate{id, {}}), std::nullopt) << room.said;
    EXPECT_EQ(room.ask(kAnna, SendUpdate{id, {}}), std::nullopt) << room.said;
    EXPECT_EQ(room.update(id).approved_by, kBen);
  }
  Room room;
  const std::string internal = room.draft(Audience::support, kAnna);
  EXPECT_EQ(room.ask(kBen, ApproveUpdate{internal, {}}), Errc::conflict) << "needs none";
}

TEST(UpdateLife, APlaceholderOrAStateThatMovedOnBlocksSending) {
  Room room;
  const std::string open = room.draft(Audience::support, kAnna, {}, {"eta"});
  EXPECT_EQ(room.ask(kAnna, SendUpdate{open, {}}), Errc::conflict);
  EXPECT_NE(room.said.find("{{eta}}"), std::string::npos) << room.said;
  const std::string legal = room.draft(Audience::legal, kAnna, {}, {"eta"});
  EXPECT_EQ(room.ask(kBen, ApproveUpdate{legal, {}}), Errc::conflict);

  const std::string stale = room.draft(Audience::support, kAnna);
  room.apply(Moved{State::contained, "stopped", {}, {}}, kAnna);
  EXPECT_EQ(room.ask(kAnna, SendUpdate{stale, {}}), Errc::conflict);
  EXPECT_NE(room.said.find("it says SEV-1 active, but the incident is SEV-1 contained"),
            std::string::npos)
      << room.said;
}

TEST(UpdateLife, ADeliveryBeginsOnceAndEndsOnce) {
  Room room;
  const std::string id = room.draft(Audience::support, kAnna);
  EXPECT_EQ(room.ask(kService, BeginDelivery{id, "chat"}), Errc::not_found) << "not sent";
  ASSERT_EQ(room.ask(kAnna, SendUpdate{id, {"chat", "pager"}}), std::nullopt);
  EXPECT_EQ(room.ask(kService, BeginDelivery{id, "chat"}), std::nullopt);
  EXPECT_EQ(room.ask(kService, BeginDelivery{id, "chat"}), Errc::conflict);
  model::Delivery delivery{model::DeliveryOutcome::in_doubt, 2, 503, "why"};
  EXPECT_EQ(room.ask(kService, EndDelivery{id, "chat", delivery}), std::nullopt);
  EXPECT_EQ(room.ask(kService, EndDelivery{id, "chat", delivery}), Errc::conflict);
  const OutboxItem& item = room.update(id).outbox[0];
  ASSERT_TRUE(item.ended.has_value());
  EXPECT_EQ(item.ended->outcome, model::DeliveryOutcome::in_doubt);
  EXPECT_EQ(item.ended->attempts, 2U);
  EXPECT_EQ(item.ended->status, 503);
  EXPECT_FALSE(room.update(id).outbox[1].begun);
}

AddAction hardening(std::string verify_by = "replay:rt-1") {
  AddAction add;
  add.action.title = "make the card rule live";
  add.action.owner = "ben";
  add.action.due = kNoon + hours(24);
  add.action.kind = ActionKind::hardening;
  add.action.verify_by = std::move(verify_by);
  add.owner = Known::yes;
  return add;
}

TEST(Actions, AreRefusedWithoutAPersonADateAheadOrAProof) {
  Room room;
  AddAction add = hardening();
  add.action.owner.clear();
  EXPECT_EQ(room.ask(kAnna, add), Errc::invalid);
  add = hardening();
  add.action.owner = "team-safety";
  add.owner = Known::no;
  EXPECT_EQ(room.ask(kAnna, add), Errc::invalid) << "a team holds no token";
  add = hardening();
  add.action.due = room.now;
  EXPECT_EQ(room.ask(kAnna, add), Errc::invalid);
  EXPECT_NE(room.said.find("in the past"), std::string::npos);
  for (const char* proof : {"", "later", "replay:", "tracker"}) {
    EXPECT_EQ(room.ask(kAnna, hardening(proof)), Errc::invalid) << proof;
  }
  add = hardening();
  add.action.title.clear();
  EXPECT_EQ(room.ask(kAnna, add), Errc::invalid);
  EXPECT_TRUE(room.incident.follow_up.actions.empty());
  EXPECT_EQ(room.ask(kAnna, hardening()), std::nullopt) << room.said;
  EXPECT_EQ(room.incident.follow_up.actions[0].added.action, "INC-2026-00001-A01");
}

TEST(Actions, DoneIsNotVerifiedAndTheProofIsTheOneThatWasNamed) {
  Room room;
  ASSERT_EQ(room.ask(kAnna, hardening()), std::nullopt);
  ASSERT_EQ(room.ask(kAnna, hardening("person")), std::nullopt);
  const std::string by_replay = "INC-2026-00001-A01";
  const std::string by_person = "INC-2026-00001-A02";
  EXPECT_EQ(room.ask(kCleo, VerifyAction{by_replay, "replay:rt-1", ReplayVerdict::passes, {}}),
            Errc::conflict)
      << "not done";
  ASSERT_EQ(room.ask(kBen, FinishAction{by_replay, "merged"}), std::nullopt);
  EXPECT_EQ(room.ask(kBen, FinishAction{by_replay, "merged"}), Errc::conflict);
  ASSERT_EQ(room.ask(kBen, FinishAction{by_person, "merged"}), std::nullopt);
  EXPECT_EQ(state_of(*room.incident.follow_up.action(by_replay)), "done");

  EXPECT_EQ(room.ask(kCleo, VerifyAction{by_replay, "person", ReplayVerdict::passes, {}}),
            Errc::conflict);
  const auto verify = [&by_replay](ReplayVerdict verdict) {
    return VerifyAction{by_replay, "replay:rt-1", verdict, "core-leakage 12ab"};
  };
  EXPECT_EQ(room.ask(kCleo, verify(ReplayVerdict::not_run)), Errc::conflict);
  EXPECT_EQ(room.ask(kCleo, verify(ReplayVerdict::fails)), Errc::conflict);
  EXPECT_EQ(room.ask(kCleo, verify(ReplayVerdict::passes)), std::nullopt) << room.said;
  EXPECT_TRUE(hardens(*room.incident.follow_up.action(by_replay)));

  EXPECT_EQ(room.ask(kBen, VerifyAction{by_person, "person", ReplayVerdict::not_run, {}}),
            Errc::conflict)
      << "neither its owner nor who did it";
  EXPECT_EQ(room.ask(kCleo, VerifyAction{by_person, "person", ReplayVerdict::not_run, {}}),
            std::nullopt)
      << room.said;
}

TEST(Closing, WantsAReviewAndAHardeningChangeWhoseReplayTestPasses) {
  Room room;
  const auto missing = [&room] { return missing_to_close(room.incident.follow_up).size(); };
  EXPECT_EQ(missing(), 2U);
  ReviewDrafted review;
  review.digest = std::string(64, 'b');
  ASSERT_EQ(room.ask(kAnna, DraftReview{review}), std::nullopt);
  ASSERT_EQ(room.ask(kAnna, MoveReview{ReviewState::in_review, "read it"}), std::nullopt);
  EXPECT_EQ(room.ask(kBen, MoveReview{ReviewState::reviewed, "ok"}), Errc::conflict)
      << "no control is listed";
  review.controls = {{"leak.card", ControlFinding::disabled, "in shadow"}};
  ASSERT_EQ(room.ask(kAnna, DraftReview{review}), std::nullopt);
  EXPECT_EQ(room.ask(kBen, MoveReview{ReviewState::reviewed, "ok"}), Errc::conflict)
      << "a new text is a draft again";
  ASSERT_EQ(room.ask(kAnna, MoveReview{ReviewState::in_review, "read it"}), std::nullopt);
  EXPECT_EQ(room.ask(kAnna, MoveReview{ReviewState::reviewed, "ok"}), Errc::conflict)
      << "its author";
  ASSERT_EQ(room.ask(kBen, MoveReview{ReviewState::reviewed, "ok"}), std::nullopt) << room.said;
  EXPECT_EQ(missing(), 1U);
  EXPECT_EQ(room.ask(kBen, MoveReview{ReviewState::closed, "over"}), Errc::conflict)
      << "the incident is open";

  ASSERT_EQ(room.ask(kAnna, hardening("person")), std::nullopt);
  ASSERT_EQ(room.ask(kBen, FinishAction{"INC-2026-00001-A01", "merged"}), std::nullopt);
  ASSERT_EQ(
      room.ask(kCleo, VerifyAction{"INC-2026-00001-A01", "person", ReplayVerdict::not_run, {}}),
      std::nullopt);
  EXPECT_EQ(missing(), 1U) << "a person's word is no replay test";
  ASSERT_EQ(room.ask(kAnna, hardening()), std::nullopt);
  ASSERT_EQ(room.ask(kBen, FinishAction{"INC-2026-00001-A02", "merged"}), std::nullopt);
  EXPECT_EQ(missing(), 1U) << "only a verified one counts";
  ASSERT_EQ(room.ask(kCleo, VerifyAction{"INC-2026-00001-A02", "replay:rt-1", ReplayVerdict::passes,
                                         "core-leakage 12ab"}),
            std::nullopt);
  EXPECT_EQ(missing(), 0U);
}

TEST(Closing, AnExceptionTakesTheCommanderAndASecondPerson) {
  Room room;
  const auto yes_of = [](const model::Actor& person) {
    return containment::Approval{person, "00aa11bb22cc33dd", "approval-1"};
  };
  EXPECT_EQ(room.ask(kBen, SignException{"", yes_of(kAnna)}), Errc::invalid);
  EXPECT_EQ(room.ask(kBen, SignException{"no rule can see it"}), Errc::conflict) << "alone";
  EXPECT_EQ(room.said,
            "an exception takes a second person with the approver role: the commander, "
            "anna");
  EXPECT_EQ(room.ask(kBen, SignException{"yes", yes_of(kCleo)}), Errc::conflict)
      << "no commander among them";
  EXPECT_FALSE(room.incident.follow_up.exception.has_value());
  EXPECT_EQ(room.ask(kBen, SignException{"yes", yes_of(kAnna)}), std::nullopt) << room.said;
  EXPECT_EQ(room.incident.follow_up.exception->approval, yes_of(kAnna));
  EXPECT_EQ(room.incident.follow_up.exception_signed_by, kBen);
}

TEST(Review, WordingThatBlamesIsKeptOnlyForAReason) {
  Room room;
  ReviewDrafted review;
  review.digest = std::string(64, 'b');
  review.lint = 2;
  ASSERT_EQ(room.ask(kAnna, DraftReview{review}), std::nullopt);
  EXPECT_EQ(room.ask(kAnna, MoveReview{ReviewState::in_review, "go"}), Errc::conflict);
  review.kept_because = "quotes the ticket";
  ASSERT_EQ(room.ask(kAnna, DraftReview{review}), std::nullopt);
  EXPECT_EQ(room.ask(kAnna, MoveReview{ReviewState::in_review, "go"}), std::nullopt) << room.said;
}

}  // namespace
}  // namespace cordon::incident
