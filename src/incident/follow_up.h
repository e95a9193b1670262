// What follows besides states and severity: updates, the review, actions. One alternative of
// Event and one of Command each stand for all of it, and one member of Incident holds it.
#pragma once

#include "incident/actions.h"
#include "incident/review.h"
#include "incident/updates.h"
#include "model/entry.h"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cordon::incident {

struct Incident;
struct Standing;
struct DecideContext;
struct Happening;

using FollowUpChange =
    std::variant<UpdateDrafted, UpdateApproved, UpdateSent, DeliveryBegun, DeliveryEnded,
                 UpdateAcked, CustomerDue, CustomerLate, ReviewDrafted, ReviewMoved, ActionAdded,
                 ActionDone, ActionVerified, ActionOverdue, ExceptionSigned>;

/// An event of this family.
struct FollowedUp {
  FollowUpChange change;
};
/// `update_drafted` and so on.
[[nodiscard]] std::string_view name_of(const FollowUpChange& change) noexcept;
/// Adds the keys of the event's own fields.
void put(codec::Json& body, const FollowUpChange& change);
/// Nothing if the name is none of this family; `corrupt` if a key is missing or mistyped.
[[nodiscard]] Result<std::optional<FollowUpChange>> get_follow_up(std::string_view name,
                                                                  codec::ObjectReader& reader);
/// One line of the timeline; empty if the event is none of this family.
[[nodiscard]] std::string say_follow_up(const codec::Json& body);

/// What it all adds up to.
struct FollowUp {
  std::vector<Update> updates;
  std::optional<CustomerDuty> customer;
  std::optional<Review> review;
  std::vector<Action> actions;
  std::optional<ExceptionSigned> exception;
  std::optional<model::Actor> exception_signed_by;

  [[nodiscard]] const Update* update(std::string_view id) const noexcept;
  [[nodiscard]] const Action* action(std::string_view id) const noexcept;
  /// The last one for that audience; null if there is none.
  [[nodiscard]] const Update* latest(model::Audience audience) const noexcept;
};

// Commands. Ids are given by the decision.

/// Keeps a text that the caller has put into the archive.
struct DraftUpdate {
  UpdateDrafted draft;
};
/// Stands by the text. `objection` says why the actor may not, as far as tokens tell.
struct ApproveUpdate {
  std::string update;
  std::string objection;
};
/// Sends it to the connectors that serve its audience.
struct SendUpdate {
  std::string update;
  std::vector<std::string> connectors;
};
/// Says that the actor has read it.
struct AckUpdate {
  std::string update;
};
/// The first attempt comes next.
struct BeginDelivery {
  std::string update;
  std::string connector;
};
/// Says what became of the attempts.
struct EndDelivery {
  std::string update;
  std::string connector;
  model::Delivery delivery;
};
/// Keeps a text of the review that the caller has put into the archive.
struct DraftReview {
  ReviewDrafted draft;
};
/// Submits, accepts, returns or closes the review.
struct MoveReview {
  ReviewState to = ReviewState::in_review;
  std::string reason;
};
/// Whether somebody of that name is known: holds a token.
enum class Known : std::uint8_t { no, yes };
/// Somebody will do something.
struct AddAction {
  ActionAdded action;
  Known owner = Known::no;
};
/// It is done.
struct FinishAction {
  std::string action;
  std::string note;
};
/// What a replay test said just now, against the rulepacks in force.
enum class ReplayVerdict : std::uint8_t { not_run, fails, passes };
/// It is proved, by the proof that was agreed on.
struct VerifyAction {
  std::string action;
  std::string proof;
  ReplayVerdict replay = ReplayVerdict::not_run;
  std::string detail;  ///< of that test: why it does not pass, or what it passes on
};
/// Closes without a hardening change; takes two people.
struct SignException {
  std::string reason;
  std::optional<containment::Approval> approval = {};
};

using FollowUpCommand =
    std::variant<DraftUpdate, ApproveUpdate, SendUpdate, AckUpdate, BeginDelivery, EndDelivery,
                 DraftReview, MoveReview, AddAction, FinishAction, VerifyAction, SignException>;
/// A command of this family.
struct FollowingUp {
  FollowUpCommand command;
};
[[nodiscard]] std::string_view name_of(const FollowUpCommand& command) noexcept;

/// Refuses as `invalid` what only a person may do and what is incomplete, as `not_found` an
/// update or action that does not exist, as `conflict` what its state or a second person forbids.
[[nodiscard]] Result<FollowUpChange> decide_follow_up(const Incident& incident,
                                                      const model::Actor& actor,
                                                      const FollowUpCommand& command,
                                                      const DecideContext& context);
/// Total, like evolve.
void apply_follow_up(FollowUp& state, const Happening& happening, const FollowUpChange& change);

/// What is missing before a SEV-1 or SEV-2 may be closed: review, actions, hardening.
[[nodiscard]] std::vector<std::string> missing_to_close(const FollowUp& state);
/// `updates`, `customer`, `review`, `actions`, as parts of an incident.
void put_follow_up(codec::Json& incident, const FollowUp& state, WallTime now);

}  // namespace cordon::incident
