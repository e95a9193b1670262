// Handlers of the review, of actions and exceptions, and of the evidence score.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "api/internal/show.h"
#include "api/review_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace cordon::api {

using codec::Json;
using incident::Incident;

namespace {

Result<const Incident*> find_incident(const ControlPlane& control, std::string_view id) {
  const Incident* const found = control.watch().desk().find(id);
  if (found == nullptr) {
    return fail(Errc::not_found, fmt::format("no incident '{}'", id.substr(0, 64)));
  }
  return found;
}

/// `INC-2026-00017-A01` belongs to `INC-2026-00017`.
Result<const Incident*> find_by_action(const ControlPlane& control, const std::string& id) {
  const Incident* const found =
      control.watch().desk().find(std::string_view(id).substr(0, id.rfind('-')));
  if (found == nullptr || found->follow_up.action(id) == nullptr) {
    return fail(Errc::not_found, fmt::format("no action '{}'", id.substr(0, 64)));
  }
  return found;
}

net::Task<Status> run(ControlPlane& control, const Call& call, std::string incident,
                      incident::FollowUpCommand what) {
  model::Actor actor = call.caller.actor();
  incident::Command command = incident::FollowingUp{std::move(what)};
  const Status done =
      co_await control.command(std::move(incident), std::move(actor), std::move(command));
  co_return done;
}

/// People whose names a review should not put where a cause belongs.
std::vector<std::string> people(const ControlPlane& control) {
  std::set<std::string> names;
  for (const auto& [id, token] : control.tokens().all()) names.insert(token.person);
  names.erase("admin");
  return {names.begin(), names.end()};
}

Json lint_json(const std::vector<incident::LintFinding>& findings) {
  Json list = Json::array();
  for (const incident::LintFinding& one : findings) {
    list.push_back({{"line", one.line}, {"found", one.found}, {"advice", one.advice}});
  }
  return list;
}

Result<Reply> review_reply(const ControlPlane& control, const std::string& id, int status) {
  CORDON_TRY(const Incident* incident, find_incident(control, id));
  const auto& review = incident->follow_up.review;
  if (!review) return fail(Errc::not_found, fmt::format("{} has no review yet", incident->id));
  Json json = incident::to_json(*review);
  json["incident"] = incident->id;
  CORDON_TRY(std::string text, control.blob(review->draft.digest));
  json["findings"] = lint_json(incident::lint(text, people(control)));
  json["text"] = std::move(text);
  return Reply{status, std::move(json), {}};
}

Result<Reply> action_reply(const ControlPlane& control, const std::string& id, int status) {
  CORDON_TRY(const Incident* incident, find_by_action(control, id));
  return Reply{status, incident::to_json(*incident->follow_up.action(id)), {}};
}

/// A day means its end, in UTC.
Result<WallTime> parse_due(const std::string& text) {
  const bool day = text.size() == 10;
  const auto due = parse_rfc3339(day ? text + "T23:59:59Z" : text);
  if (due) return *due;
  return fail(Errc::invalid, fmt::format("action: 'due' is '{}', expected a day like 2026-12-01 "
                                         "or an RFC 3339 time",
                                         text.substr(0, 40)));
}

Result<incident::AddAction> read_action(const ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "action");
  incident::AddAction add;
  add.action.title = reader.text_or("title", "");
  add.action.owner = reader.text_or("owner", "");
  add.action.verify_by = reader.text_or("verify_by", "");
  const std::string due = reader.text("due");
  const std::string kind = reader.text("kind");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(add.action.due, parse_due(due));
  CORDON_TRY(add.action.kind, incident::parse_action_kind(kind));
  const auto& tokens = control.tokens().all();
  const bool known = std::any_of(tokens.begin(), tokens.end(), [&add](const auto& one) {
    return one.second.person == add.action.owner && !one.second.revoked_at;
  });
  add.owner = known ? incident::Known::yes : incident::Known::no;
  return add;
}

}  // namespace

net::Task<Result<Reply>> handle_review(ControlPlane& control, const Call& call) {
  co_return review_reply(control, call.id, 200);
}

net::Task<Result<Reply>> handle_draft_review(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "review");
  const auto own = reader.optional_text("text");
  const std::string keep = reader.text_or("keep_because", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  std::string id = (*found)->id;
  const auto material = co_await control.gather_review(std::move(id));
  if (!material) co_return tl::make_unexpected(material.error());
  const auto again = find_incident(control, call.id);
  if (!again) co_return tl::make_unexpected(again.error());
  const Incident& incident = **again;
  auto checked = own ? incident::check_review(*own, material->citable)
                     : control.draft_review(incident, *material);
  if (!checked) co_return tl::make_unexpected(checked.error());
  incident::ReviewDrafted draft;
  draft.controls = std::move(checked->controls);
  draft.assertions = checked->assertions;
  draft.lint = incident::lint(checked->text, people(control)).size();
  draft.kept_because = keep;
  auto digest = control.keep(checked->text);
  if (!digest) co_return tl::make_unexpected(digest.error());
  draft.digest = *std::move(digest);
  id = incident.id;
  incident::FollowUpCommand what = incident::DraftReview{std::move(draft)};
  const Status done = co_await run(control, call, std::move(id), std::move(what));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return review_reply(control, call.id, 201);
}

net::Task<Result<Reply>> handle_lint_review(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "review");
  const std::string text = reader.text("text");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  std::string id = (*found)->id;
  const auto material = co_await control.gather_review(std::move(id));
  if (!material) co_return tl::make_unexpected(material.error());
  const auto checked = incident::check_review(text, material->citable);
  if (!checked) co_return tl::make_unexpected(checked.error());
  Json json = {{"items", lint_json(incident::lint(text, people(control)))},
               {"assertions", checked->assertions},
               {"controls", checked->controls.size()}};
  co_return Reply{200, std::move(json), {}};
}

net::Task<Result<Reply>> handle_move_review(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "review");
  const std::string to = reader.text("to");
  std::string reason = reader.text_or("reason", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  const auto state = incident::parse_review_state(to);
  if (!state) co_return tl::make_unexpected(state.error());
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  std::string id = (*found)->id;
  incident::FollowUpCommand what = incident::MoveReview{*state, std::move(reason)};
  const Status done = co_await run(control, call, std::move(id), std::move(what));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return review_reply(control, call.id, 200);
}

net::Task<Result<Reply>> handle_actions(ControlPlane& control, const Call& call) {
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  Json items = Json::array();
  for (const incident::Action& action : (*found)->follow_up.actions) {
    items.push_back(incident::to_json(action));
  }
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_add_action(ControlPlane& control, const Call& call) {
  auto add = read_action(control, call);
  if (!add) co_return tl::make_unexpected(add.error());
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  const std::string incident_id = (*found)->id;
  const std::string title = add->action.title;
  std::string id = incident_id;
  incident::FollowUpCommand what = *std::move(add);
  const Status done = co_await run(control, call, std::move(id), std::move(what));
  if (!done) co_return tl::make_unexpected(done.error());
  const auto& actions = control.watch().desk().find(incident_id)->follow_up.actions;
  std::string made;
  for (const incident::Action& action : actions) {
    if (action.added.title == title && action.by == call.caller.actor()) made = action.added.action;
  }
  co_return action_reply(control, made, 201);
}

net::Task<Result<Reply>> handle_finish_action(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "action");
  std::string note = reader.text_or("note", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  const auto found = find_by_action(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  std::string id = (*found)->id;
  incident::FollowUpCommand what = incident::FinishAction{call.id, std::move(note)};
  const Status done = co_await run(control, call, std::move(id), std::move(what));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return action_reply(control, call.id, 200);
}

namespace {

/// A proof `replay:RT-...` is run under what is in force, not believed.
net::Task<void> run_proof(ControlPlane& control, incident::VerifyAction& verify) {
  constexpr std::string_view kReplay = "replay:";
  verify.detail = "there is no such test";
  if (!verify.proof.starts_with(kReplay)) co_return;
  RunReplays tests;
  tests.ids.push_back(verify.proof.substr(kReplay.size()));
  const auto reports = co_await control.run_replays(std::move(tests));
  if (!reports || reports->empty()) {
    if (!reports) verify.detail = reports.error().detail;
    co_return;
  }
  const replay::Report& report = reports->front();
  const bool passes = report.outcome() == replay::Outcome::pass;
  verify.replay = passes ? incident::ReplayVerdict::passes : incident::ReplayVerdict::fails;
  verify.detail =
      report.missing.empty() ? fmt::format("{} cases", report.cases.size()) : report.missing;
}

}  // namespace

net::Task<Result<Reply>> handle_verify_action(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "action");
  std::string proof = reader.text_or("proof", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  const auto found = find_by_action(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  std::string id = (*found)->id;
  incident::VerifyAction verify{call.id, std::move(proof), incident::ReplayVerdict::not_run, {}};
  co_await run_proof(control, verify);
  incident::FollowUpCommand what = std::move(verify);
  const Status done = co_await run(control, call, std::move(id), std::move(what));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return action_reply(control, call.id, 200);
}

net::Task<Result<Reply>> handle_exception(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "exception");
  std::string reason = reader.text_or("reason", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  std::string id = (*found)->id;
  containment::Identity by = call.caller;
  incident::Command command = incident::FollowingUp{incident::SignException{std::move(reason)}};
  const auto asked = co_await control.order(std::move(id), std::move(by), std::move(command));
  if (!asked) co_return tl::make_unexpected(asked.error());
  if (*asked) co_return Reply{202, internal::show_asked(**asked), {}};
  co_return fail(Errc::conflict, "an exception always waits for a second person");
}

net::Task<Result<Reply>> handle_score(ControlPlane& control, const Call& call) {
  const auto found = find_incident(control, call.id);
  if (!found) co_return tl::make_unexpected(found.error());
  const auto& desk = control.watch().desk();
  Json json = {{"incident", (*found)->id}};
  json.update(incident::to_json(desk.evidence_items(**found)));
  json["outcomes"] = incident::to_json(desk.outcomes(**found, control.now()));
  co_return Reply{200, std::move(json), {}};
}

}  // namespace cordon::api
