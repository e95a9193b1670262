#include "incident/follow_up.h"

#include "incident/incident.h"
#include "incident/internal/checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace cordon::incident {
namespace {

using codec::Json;
using internal::check_person;
using internal::check_text;
using model::Actor;

Status check_goes_on(const Incident& incident) {
  if (incident.state != State::merged && incident.state != State::declined) return {};
  return fail(Errc::conflict, fmt::format("{} is {}", incident.id, to_string(incident.state)));
}

Result<const Update*> find_update(const Incident& incident, const std::string& id) {
  const Update* const found = incident.follow_up.update(id);
  if (found != nullptr) return found;
  return fail(Errc::not_found, fmt::format("no update '{}'", id.substr(0, 64)));
}

Result<const Action*> find_action(const Incident& incident, const std::string& id) {
  const Action* const found = incident.follow_up.action(id);
  if (found != nullptr) return found;
  return fail(Errc::not_found, fmt::format("no action '{}'", id.substr(0, 64)));
}

const OutboxItem* item_of(const Update& update, const std::string& connector) {
  const auto found =
      std::find_if(update.outbox.begin(), update.outbox.end(),
                   [&connector](const OutboxItem& one) { return one.connector == connector; });
  return found == update.outbox.end() ? nullptr : &*found;
}

// Updates.

Result<FollowUpChange> decide(const Incident& incident, const Actor&, const DraftUpdate& command,
                              const DecideContext&) {
  CORDON_CHECK(check_goes_on(incident));
  const auto& all = incident.follow_up.updates;
  if (all.size() >= kUpdatesMax) {
    return fail(Errc::exhausted, fmt::format("an incident has at most {} updates", kUpdatesMax));
  }
  UpdateDrafted draft = command.draft;
  draft.update = fmt::format("{}-U{:02}", incident.id, all.size() + 1);
  return draft;
}

Result<FollowUpChange> decide(const Incident& incident, const Actor& actor,
                              const ApproveUpdate& command, const DecideContext&) {
  CORDON_CHECK(check_person(actor, "approve an update"));
  CORDON_TRY(const Update* update, find_update(incident, command.update));
  const UpdateDrafted& draft = update->draft;
  if (!model::needs_approval(draft.audience)) {
    return fail(Errc::conflict, fmt::format("an update for {} needs no approval",
                                            model::to_string(draft.audience)));
  }
  if (update->approved_at) return fail(Errc::conflict, "it is approved already");
  if (!draft.unresolved.empty()) {
    return fail(Errc::conflict, fmt::format("it still says {{{{{}}}}}; draft it again",
                                            fmt::join(draft.unresolved, "}}, {{")));
  }
  if (update->by == actor) {
    return fail(Errc::conflict,
                fmt::format("approving takes a second person; {} drafted it", actor.name));
  }
  if (!draft.approver.empty() && draft.approver != actor.name) {
    return fail(Errc::conflict, fmt::format("it waits for the approval of {}; draft it again to "
                                            "name somebody else",
                                            draft.approver));
  }
  if (!command.objection.empty()) return fail(Errc::conflict, command.objection);
  return UpdateApproved{draft.update, draft.digest};
}

Result<FollowUpChange> decide(const Incident& incident, const Actor& actor,
                              const SendUpdate& command, const DecideContext&) {
  CORDON_CHECK(check_person(actor, "send an update"));
  CORDON_CHECK(check_goes_on(incident));
  CORDON_TRY(const Update* update, find_update(incident, command.update));
  const UpdateDrafted& draft = update->draft;
  if (update->sent_at) return fail(Errc::conflict, "it was sent already; draft another");
  if (!draft.unresolved.empty()) {
    return fail(Errc::conflict, fmt::format("it still says {{{{{}}}}}; draft it again",
                                            fmt::join(draft.unresolved, "}}, {{")));
  }
  if (model::needs_approval(draft.audience) && !update->approved_at) {
    return fail(
        Errc::conflict,
        fmt::format("a text for {} is sent once {} approved it", model::to_string(draft.audience),
                    draft.approver.empty() ? "an approver" : draft.approver));
  }
  if (draft.state != incident.state || draft.severity != incident.severity) {
    return fail(Errc::conflict,
                fmt::format("it says {} {}, but the incident is {} {}; draft it again",
                            draft.severity ? to_string(*draft.severity) : "severity unset",
                            to_string(draft.state),
                            incident.severity ? to_string(*incident.severity) : "severity unset",
                            to_string(incident.state)));
  }
  UpdateSent sent{draft.update, draft.digest, command.connectors, {}};
  if (sent.connectors.empty()) {
    sent.reason = fmt::format("no connector serves {}", model::to_string(draft.audience));
  }
  return sent;
}

Result<FollowUpChange> decide(const Incident& incident, const Actor& actor,
                              const AckUpdate& command, const DecideContext&) {
  CORDON_CHECK(check_person(actor, "acknowledge an update"));
  CORDON_TRY(const Update* update, find_update(incident, command.update));
  if (!update->sent_at) return fail(Errc::conflict, "it was not sent yet");
  const bool known = std::any_of(update->acks.begin(), update->acks.end(),
                                 [&actor](const Ack& ack) { return ack.by == actor; });
  if (known) return fail(Errc::conflict, fmt::format("{} acknowledged it already", actor.name));
  return UpdateAcked{update->draft.update};
}

Result<FollowUpChange> decide(const Incident& incident, const Actor&, const BeginDelivery& command,
                              const DecideContext&) {
  CORDON_TRY(const Update* update, find_update(incident, command.update));
  const OutboxItem* const item = item_of(*update, command.connector);
  if (item == nullptr) return fail(Errc::not_found, "it is not for that connector");
  if (item->begun || item->ended) return fail(Errc::conflict, "that delivery has begun already");
  return DeliveryBegun{command.update, command.connector};
}

Result<FollowUpChange> decide(const Incident& incident, const Actor&, const EndDelivery& command,
                              const DecideContext&) {
  CORDON_TRY(const Update* update, find_update(incident, command.update));
  const OutboxItem* const item = item_of(*update, command.connector);
  if (item == nullptr) return fail(Errc::not_found, "it is not for that connector");
  if (item->ended) return fail(Errc::conflict, "that delivery has ended already");
  return DeliveryEnded{command.update, command.connector, command.delivery};
}

// The review.

Result<FollowUpChange> decide(const Incident& incident, const Actor& actor,
                              const DraftReview& command, const DecideContext&) {
  CORDON_CHECK(check_person(actor, "draft a review"));
  CORDON_CHECK(check_goes_on(incident));
  const auto& review = incident.follow_up.review;
  if (review && review->state == ReviewState::closed) {
    return fail(Errc::conflict, "the review is closed");
  }
  if (review && review->drafts >= kReviewDraftsMax) {
    return fail(Errc::exhausted, fmt::format("a review has at most {} drafts", kReviewDraftsMax));
  }
  if (command.draft.kept_because.size() > kTextBytesMax) {
    return fail(Errc::invalid, "the reason for keeping the wording is too long");
  }
  return command.draft;
}

Result<FollowUpChange> decide(const Incident& incident, const Actor& actor,
                              const MoveReview& command, const DecideContext&) {
  CORDON_CHECK(check_person(actor, "move a review"));
  CORDON_CHECK(check_text(command.reason, "the reason"));
  const auto& review = incident.follow_up.review;
  if (!review) return fail(Errc::not_found, "there is no review yet; draft it");
  const ReviewState from = review->state;
  const ReviewState to = command.to;
  const bool forward = static_cast<int>(to) == static_cast<int>(from) + 1;
  const bool back = from == ReviewState::in_review && to == ReviewState::draft;
  if (!forward && !back) {
    return fail(Errc::conflict,
                fmt::format("{} does not follow {}", to_string(to), to_string(from)));
  }
  if (to == ReviewState::in_review && review->draft.lint > 0 &&
      review->draft.kept_because.empty()) {
    return fail(Errc::conflict, fmt::format("{} places make a person the cause; reword them, or "
                                            "draft it with a reason to keep them",
                                            review->draft.lint));
  }
  if (to == ReviewState::reviewed) {
    if (review->draft.controls.empty()) {
      return fail(Errc::conflict, "it lists no control, so it does not say why none prevented it");
    }
    if (review->by == actor) {
      return fail(Errc::conflict,
                  fmt::format("reviewing takes a second person; {} wrote it", actor.name));
    }
  }
  if (to == ReviewState::closed && is_open(incident.state)) {
    return fail(Errc::conflict, "the review closes after its incident");
  }
  return ReviewMoved{to, command.reason};
}

// Actions.

Result<FollowUpChange> decide(const Incident& incident, const Actor& actor,
                              const AddAction& command, const DecideContext& context) {
  CORDON_CHECK(check_person(actor, "add an action"));
  CORDON_CHECK(check_goes_on(incident));
  ActionAdded added = command.action;
  CORDON_CHECK(check_text(added.title, "what is to be done"));
  CORDON_CHECK(check_text(added.owner, "the owner"));
  if (command.owner == Known::no) {
    return fail(Errc::invalid, fmt::format("an action is owned by one person who holds a token; "
                                           "'{}' does not",
                                           added.owner.substr(0, 64)));
  }
  if (added.due <= context.now) {
    return fail(Errc::invalid, fmt::format("due {} is in the past", format_rfc3339(added.due)));
  }
  CORDON_CHECK(check_verify_by(added.verify_by));
  const auto& all = incident.follow_up.actions;
  if (all.size() >= kActionsMax) {
    return fail(Errc::exhausted, fmt::format("an incident has at most {} actions", kActionsMax));
  }
  added.action = fmt::format("{}-A{:02}", incident.id, all.size() + 1);
  return added;
}

Result<FollowUpChange> decide(const Incident& incident, const Actor& actor,
                              const FinishAction& command, const DecideContext&) {
  CORDON_CHECK(check_person(actor, "finish an action"));
  CORDON_CHECK(check_text(command.note, "the note on what was done"));
  CORDON_TRY(const Action* action, find_action(incident, command.action));
  if (action->done_at) {
    return fail(Errc::conflict, fmt::format("it is {} already", state_of(*action)));
  }
  return ActionDone{action->added.action, command.note};
}

Result<FollowUpChange> decide(const Incident& incident, const Actor& actor,
                              const VerifyAction& command, const DecideContext&) {
  CORDON_CHECK(check_person(actor, "verify an action"));
  CORDON_TRY(const Action* action, find_action(incident, command.action));
  const ActionAdded& added = action->added;
  if (action->verified_at) return fail(Errc::conflict, "it is verified already");
  if (!action->done_at) return fail(Errc::conflict, "it is not done yet; done comes first");
  if (command.proof != added.verify_by) {
    return fail(Errc::conflict, fmt::format("it is verified by '{}', not by '{}'", added.verify_by,
                                            command.proof.substr(0, 64)));
  }
  const std::string test(replay_of(command.proof));
  if (test.empty()) {
    if (actor.name == added.owner || actor == action->done_by) {
      return fail(Errc::conflict, "a second person verifies it, neither its owner nor who did it");
    }
  } else {
    if (command.replay == ReplayVerdict::not_run) {
      return fail(Errc::conflict, fmt::format("the replay test {} has not run: {}",
                                              test.substr(0, 64), command.detail));
    }
    if (command.replay == ReplayVerdict::fails) {
      return fail(Errc::conflict, fmt::format("the replay test {} does not pass: {}",
                                              test.substr(0, 64), command.detail));
    }
  }
  return ActionVerified{added.action, command.proof, command.detail};
}

Result<FollowUpChange> decide(const Incident& incident, const Actor& actor,
                              const SignException& command, const DecideContext& context) {
  CORDON_CHECK(check_person(actor, "sign an exception"));
  CORDON_CHECK(check_goes_on(incident));
  CORDON_CHECK(check_text(command.reason, "the reason of an exception"));
  if (incident.follow_up.exception) return fail(Errc::conflict, "an exception is signed already");
  const internal::Pair pair{actor, command.approval, internal::Commander::one_of_them};
  CORDON_CHECK(internal::check_pair(incident, pair, context, "an exception"));
  return ExceptionSigned{command.reason, *command.approval};
}

// Applying.

Update* update_in(FollowUp& state, const std::string& id) {
  return const_cast<Update*>(std::as_const(state).update(id));
}
Action* action_in(FollowUp& state, const std::string& id) {
  return const_cast<Action*>(std::as_const(state).action(id));
}
OutboxItem* item_in(FollowUp& state, const std::string& update, const std::string& connector) {
  Update* const found = update_in(state, update);
  return found == nullptr ? nullptr : const_cast<OutboxItem*>(item_of(*found, connector));
}

void apply(FollowUp& state, const Happening& at, const UpdateDrafted& event) {
  Update update;
  update.draft = event;
  update.by = at.actor;
  update.at = at.recorded;
  update.entry = at.entry;
  state.updates.push_back(std::move(update));
}
void apply(FollowUp& state, const Happening& at, const UpdateApproved& event) {
  if (Update* const update = update_in(state, event.update)) {
    update->approved_by = at.actor;
    update->approved_at = at.recorded;
  }
}
void apply(FollowUp& state, const Happening& at, const UpdateSent& event) {
  Update* const update = update_in(state, event.update);
  if (update == nullptr) return;
  update->sent_by = at.actor;
  update->sent_at = at.recorded;
  update->local_reason = event.reason;
  for (const std::string& connector : event.connectors) {
    update->outbox.push_back({connector, false, std::nullopt, std::nullopt});
  }
}
void apply(FollowUp& state, const Happening&, const DeliveryBegun& event) {
  if (OutboxItem* const item = item_in(state, event.update, event.connector)) item->begun = true;
}
void apply(FollowUp& state, const Happening& at, const DeliveryEnded& event) {
  OutboxItem* const item = item_in(state, event.update, event.connector);
  if (item == nullptr) return;
  item->ended = event.delivery;
  item->ended_at = at.recorded;
}
void apply(FollowUp& state, const Happening& at, const UpdateAcked& event) {
  if (Update* const update = update_in(state, event.update)) {
    update->acks.push_back({at.actor, at.recorded});
  }
}
void apply(FollowUp& state, const Happening& at, const CustomerDue& event) {
  state.customer = CustomerDuty{event, at.recorded, false};
}
void apply(FollowUp& state, const Happening&, const CustomerLate&) {
  if (state.customer) state.customer->late = true;
}
void apply(FollowUp& state, const Happening& at, const ReviewDrafted& event) {
  Review review;
  review.drafts = (state.review ? state.review->drafts : 0) + 1;
  review.draft = event;
  review.by = at.actor;
  review.at = at.recorded;
  review.entry = at.entry;
  state.review = std::move(review);
}
void apply(FollowUp& state, const Happening& at, const ReviewMoved& event) {
  if (!state.review) return;
  state.review->state = event.to;
  if (event.to == ReviewState::in_review) state.review->submitted_by = at.actor;
  if (event.to == ReviewState::reviewed) {
    state.review->reviewed_by = at.actor;
    state.review->reviewed_at = at.recorded;
  }
}
void apply(FollowUp& state, const Happening& at, const ActionAdded& event) {
  Action action;
  action.added = event;
  action.by = at.actor;
  action.at = at.recorded;
  action.entry = at.entry;
  state.actions.push_back(std::move(action));
}
void apply(FollowUp& state, const Happening& at, const ActionDone& event) {
  if (Action* const action = action_in(state, event.action)) {
    action->done_by = at.actor;
    action->done_at = at.recorded;
  }
}
void apply(FollowUp& state, const Happening& at, const ActionVerified& event) {
  if (Action* const action = action_in(state, event.action)) {
    action->verified_by = at.actor;
    action->verified_at = at.recorded;
    action->proof = event.proof;
  }
}
void apply(FollowUp& state, const Happening&, const ActionOverdue& event) {
  if (Action* const action = action_in(state, event.action)) action->overdue = true;
}
void apply(FollowUp& state, const Happening& at, const ExceptionSigned& event) {
  state.exception = event;
  state.exception_signed_by = at.actor;
}

}  // namespace

std::string_view name_of(const FollowUpCommand& command) noexcept {
  constexpr std::string_view kNames[] = {"draft_update",  "approve_update", "send_update",
                                         "ack_update",    "begin_delivery", "end_delivery",
                                         "draft_review",  "move_review",    "add_action",
                                         "finish_action", "verify_action",  "sign_exception"};
  static_assert(std::size(kNames) == std::variant_size_v<FollowUpCommand>);
  return kNames[command.index()];
}

const Update* FollowUp::update(std::string_view id) const noexcept {
  const auto found = std::find_if(updates.begin(), updates.end(),
                                  [id](const Update& one) { return one.draft.update == id; });
  return found == updates.end() ? nullptr : &*found;
}

const Action* FollowUp::action(std::string_view id) const noexcept {
  const auto found = std::find_if(actions.begin(), actions.end(),
                                  [id](const Action& one) { return one.added.action == id; });
  return found == actions.end() ? nullptr : &*found;
}

const Update* FollowUp::latest(model::Audience audience) const noexcept {
  const auto found = std::find_if(updates.rbegin(), updates.rend(), [audience](const Update& one) {
    return one.draft.audience == audience;
  });
  return found == updates.rend() ? nullptr : &*found;
}

Result<FollowUpChange> decide_follow_up(const Incident& incident, const Actor& actor,
                                        const FollowUpCommand& command,
                                        const DecideContext& context) {
  return std::visit(
      [&](const auto& one) -> Result<FollowUpChange> {
        return decide(incident, actor, one, context);
      },
      command);
}

void apply_follow_up(FollowUp& state, const Happening& happening, const FollowUpChange& change) {
  std::visit([&](const auto& event) { apply(state, happening, event); }, change);
}

std::vector<std::string> missing_to_close(const FollowUp& state) {
  std::vector<std::string> missing;
  const bool reviewed = state.review && (state.review->state == ReviewState::reviewed ||
                                         state.review->state == ReviewState::closed);
  if (!reviewed) {
    missing.push_back(fmt::format("a review that is reviewed (it is {})",
                                  state.review ? to_string(state.review->state) : "not begun"));
  }
  const bool hardened = std::any_of(state.actions.begin(), state.actions.end(), hardens);
  if (!hardened && !state.exception) {
    missing.emplace_back(
        "a hardening action verified by a replay test that passes, or a signed exception");
  }
  return missing;
}

void put_follow_up(Json& incident, const FollowUp& state, WallTime now) {
  Json updates = Json::array();
  for (const Update& update : state.updates) updates.push_back(to_json(update));
  incident["updates"] = std::move(updates);
  if (state.customer) {
    const CustomerDuty& duty = *state.customer;
    const Update* const draft = state.latest(model::Audience::customer);
    Json customer = {{"rule", duty.due.rule},
                     {"number", duty.due.number},
                     {"threshold", duty.due.threshold},
                     {"due", format_rfc3339(duty.due.due)},
                     {"draft", draft != nullptr ? Json(draft->draft.update) : Json()},
                     {"late", duty.late || (draft == nullptr && now > duty.due.due)}};
    incident["customer_message"] = std::move(customer);
  }
  if (state.review) incident["review"] = to_json(*state.review);
  Json actions = Json::array();
  for (const Action& action : state.actions) actions.push_back(to_json(action));
  incident["actions"] = std::move(actions);
  if (state.exception) {
    incident["exception"] = {{"reason", state.exception->reason},
                             {"signed_by", state.exception_signed_by->text()},
                             {"approved_by", state.exception->approval.by.text()}};
  }
}

}  // namespace cordon::incident
