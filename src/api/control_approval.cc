// What takes a second person: asked for by one, decided anew upon the yes of another.
#include "api/control_plane.h"
#include "api/internal/rulepack_judge.h"

#include <fmt/format.h>

namespace cordon::api {

using containment::Act;
using containment::Asked;
using model::EntryKind;

namespace {

/// The command of an incident that waits, as an Asked without its head; nothing for others.
Asked describe(const incident::Command& command, const std::string& incident) {
  Asked asked;
  asked.about = incident;
  asked.incident = incident;
  asked.order = codec::Json::object();
  if (const auto* move = std::get_if<incident::Move>(&command)) {
    asked.act = Act::move;
    asked.order["to"] = incident::to_string(move->to);
    asked.what = fmt::format("move {} to {}", incident, incident::to_string(move->to));
    asked.reason = move->reason;
  } else if (const auto* set = std::get_if<incident::SetSeverity>(&command)) {
    asked.act = Act::severity;
    asked.order["to"] = incident::to_string(set->to);
    asked.what = fmt::format("lower {} to {}", incident, incident::to_string(set->to));
    asked.reason = set->reason;
  } else if (const auto* family = std::get_if<incident::FollowingUp>(&command)) {
    asked.act = Act::exception;
    asked.what = fmt::format("close {} without a hardening change", incident);
    const auto* sign = std::get_if<incident::SignException>(&family->command);
    if (sign != nullptr) asked.reason = sign->reason;
  }
  return asked;
}

/// The other way round, with the second person's approval.
Result<incident::Command> command_of(const Asked& asked, const containment::Approval& approval) {
  if (asked.act == Act::exception) {
    return incident::FollowingUp{incident::SignException{asked.reason, approval}};
  }
  const std::string to = asked.order.value("to", "");
  if (asked.act == Act::severity) {
    CORDON_TRY(const incident::Severity severity, incident::parse_severity(to));
    return incident::SetSeverity{severity, asked.reason, approval};
  }
  CORDON_TRY(const incident::State state, incident::parse_state(to));
  return incident::Move{state, asked.reason, approval};
}

ReloadOrder order_of(const Asked& asked, const containment::Approval& approval) {
  ReloadOrder order;
  order.by = asked.by;
  order.token = asked.by_token;
  order.reason = asked.reason;
  order.digest = asked.order.value("digest", "");
  order.approval = approval;
  return order;
}

containment::Command approved(containment::Wish wish, const containment::Approval& approval) {
  if (auto* set = std::get_if<containment::Set>(&wish)) {
    set->approval = approval;
    return std::move(*set);
  }
  auto& release = std::get<containment::Release>(wish);
  release.approval = approval;
  return std::move(release);
}

}  // namespace

net::Task<Result<Asked>> ControlPlane::ask(Asked asked) {
  const model::Actor by = asked.by;
  if (asked.id.empty()) asked.id = make_id();
  auto event = approvals_.ask(std::move(asked));
  if (!event) {
    co_await refuse("ask", by, event.error());
    co_return tl::make_unexpected(event.error());
  }
  Draft draft{EntryKind::approval, containment::to_body(containment::ApprovalEvent(*event))};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return event;
}

net::Task<Result<std::optional<Asked>>> ControlPlane::order(std::string incident,
                                                            containment::Identity by,
                                                            incident::Command command) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  model::Actor actor = by.actor();
  std::string needs;
  auto drafts = decide(incident, actor, command, now(), &needs);
  if (!drafts && !needs.empty()) {
    Asked wanted = describe(command, watch_.desk().find(incident)->id);
    wanted.why = std::move(needs);
    wanted.by = std::move(actor);
    wanted.by_token = by.token;
    wanted.at = now();
    auto asked = co_await ask(std::move(wanted));
    if (!asked) co_return tl::make_unexpected(asked.error());
    co_return std::optional<Asked>(*std::move(asked));
  }
  if (!drafts) {
    co_await refuse(incident::name_of(command), actor, drafts.error());
    co_return tl::make_unexpected(drafts.error());
  }
  const Status recorded = co_await record_all(*std::move(drafts));
  if (!recorded) co_return tl::make_unexpected(recorded.error());
  co_return std::optional<Asked>();
}

net::Task<Result<Given>> ControlPlane::give(std::string id, containment::Identity by) {
  const containment::Approval approval{by.actor(), by.token, id};
  // A rulepack is judged before the turn is taken, because that takes long.
  const auto early = approvals_.give(id, approval, tokens_, now());
  if (early && early->act == Act::rulepack) {
    Asked asked = *early;
    co_return co_await give_rulepack(std::move(asked), approval);
  }
  if (early && early->act == Act::reload) {
    ReloadOrder wanted = order_of(*early, approval);
    auto done = co_await reload(std::move(wanted));
    if (!done) co_return tl::make_unexpected(done.error());
    co_return Given(*std::move(done));
  }
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  const auto asked = approvals_.give(id, approval, tokens_, now());
  if (!asked) {
    co_await refuse("give_approval", approval.by, asked.error());
    co_return tl::make_unexpected(asked.error());
  }
  if (asked->act == Act::set || asked->act == Act::release) {
    co_return co_await give_measure(*asked, approval);
  }
  co_return co_await give_command(*asked, approval);
}

net::Task<Result<Given>> ControlPlane::give_measure(Asked asked, containment::Approval approval) {
  auto wish = containment::wish_of(asked);
  if (!wish) co_return tl::make_unexpected(wish.error());
  const containment::Command command = approved(*std::move(wish), approval);
  auto event = containment::decide(measures_, command, context());
  if (!event) {
    co_await refuse("give_approval", approval.by, event.error());
    co_return tl::make_unexpected(event.error());
  }
  auto done = co_await take_effect(*std::move(event), approval.by);
  if (!done) co_return tl::make_unexpected(done.error());
  co_return Given(*std::move(done));
}

net::Task<Result<Given>> ControlPlane::give_command(Asked asked, containment::Approval approval) {
  auto command = command_of(asked, approval);
  if (!command) co_return tl::make_unexpected(command.error());
  auto drafts = decide(asked.about, asked.by, *command, now(), nullptr);
  if (!drafts) {
    co_await refuse("give_approval", approval.by, drafts.error());
    co_return tl::make_unexpected(drafts.error());
  }
  const Status recorded = co_await record_all(*std::move(drafts));
  if (!recorded) co_return tl::make_unexpected(recorded.error());
  co_return Given(Commanded{asked.about});
}

net::Task<Result<Given>> ControlPlane::give_rulepack(Asked asked, containment::Approval approval) {
  RulepackOrder order;
  auto judged = co_await judge_again(asked, order);
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  // It may have been declined, or have become too old, while it was judged.
  const auto still = approvals_.give(asked.id, approval, tokens_, now());
  Status allowed;
  if (!still) {
    allowed = tl::make_unexpected(still.error());
  } else if (!judged) {
    allowed = tl::make_unexpected(judged.error());
  } else {
    allowed = may_take_effect(order, *judged);
  }
  if (!allowed) {
    co_await refuse("give_approval", approval.by, allowed.error());
    co_return tl::make_unexpected(allowed.error());
  }
  RulepackChange change = change_of(order, *judged, asked.at);
  change.approval = approval;
  auto done = co_await put_in_force(*std::move(judged), std::move(change));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return Given(*std::move(done));
}

net::Task<Result<containment::Declined>> ControlPlane::decline(std::string id, std::string reason,
                                                               model::Actor by) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  auto event = approvals_.decline(id, std::move(reason), by, now());
  if (!event) {
    co_await refuse("decline_approval", by, event.error());
    co_return tl::make_unexpected(event.error());
  }
  Draft draft{EntryKind::approval, containment::to_body(containment::ApprovalEvent(*event))};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return event;
}

/// What happened leaves nothing to say yes to.
void ControlPlane::settle(const model::Entry& entry) {
  const auto text = [&entry](const char* key) {
    const auto found = entry.body.find(key);
    return found != entry.body.end() && found->is_string() ? found->get<std::string>()
                                                           : std::string();
  };
  const std::string event = text("event");
  if (entry.kind == EntryKind::containment && (event == "set" || event == "released")) {
    approvals_.settle(Act::set, text("containment"));
    if (event == "released") approvals_.settle(Act::release, text("containment"));
    const auto replaced = entry.body.find("replaces");
    if (replaced == entry.body.end() || !replaced->is_array()) return;
    for (const codec::Json& id : *replaced) {
      if (id.is_string()) approvals_.settle(Act::release, id.get<std::string>());
    }
  } else if (entry.kind == EntryKind::rulepack_change) {
    approvals_.settle(Act::rulepack, text("name"));
  } else if (entry.kind == EntryKind::config_change) {
    approvals_.settle(Act::reload, text("digest"));
  } else if (entry.kind == EntryKind::incident_event) {
    if (event == "moved") approvals_.settle(Act::move, text("incident"));
    if (event == "severity_changed") approvals_.settle(Act::severity, text("incident"));
    if (event == "exception_signed") approvals_.settle(Act::exception, text("incident"));
  }
}

}  // namespace cordon::api
