// How a measure comes into force, is renewed, becomes overdue and is released.
#include "api/control_plane.h"
#include "api/internal/fallback_rules.h"
#include "base/log.h"

#include <fmt/format.h>

namespace cordon::api {

using model::EntryKind;

namespace {

const model::Actor kClock{model::ActorKind::service, "clock"};

}  // namespace

containment::Context ControlPlane::context() const {
  return {now(), *generation_, tokens_, options_.config.containment.expiry_max, &past_};
}

net::Task<Result<Ordered<Contained>>> ControlPlane::contain(containment::Set command) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  if (!command.incident.empty() && watch_.desk().find(command.incident) == nullptr) {
    Error missing{Errc::not_found, fmt::format("no incident {}", command.incident.substr(0, 64))};
    co_await refuse("set", command.by, missing);
    co_return tl::make_unexpected(std::move(missing));
  }
  if (command.measure == model::Measure::fallback) {
    const auto scope = model::Scope::parse(command.scope);
    const Status rules =
        scope ? internal::check_fallback_rules(*generation_, *scope, command.break_glass, options_)
              : Status{};  // the decision says what is wrong with it
    if (!rules) {
      co_await refuse("set", command.by, rules.error());
      co_return tl::make_unexpected(rules.error());
    }
  }
  containment::Asked head;
  head.act = containment::Act::set;
  head.id = command.id;
  head.about = command.id;
  head.incident = command.incident;
  head.reason = command.reason;
  head.by = command.by;
  head.by_token = command.by_token;
  containment::Wish wish(std::move(command));
  co_return co_await do_or_ask(std::move(wish), std::move(head));
}

net::Task<Result<Ordered<Contained>>> ControlPlane::do_or_ask(containment::Wish wish,
                                                              containment::Asked head) {
  const auto second = containment::second_person(measures_, wish, context());
  if (second && !second->empty()) {
    head.why = *second;
    head.what = containment::say(wish);
    head.order = containment::to_order(wish);
    head.at = now();
    auto asked = co_await ask(std::move(head));
    if (!asked) co_return tl::make_unexpected(asked.error());
    co_return Ordered<Contained>(*std::move(asked));
  }
  const auto* const set = std::get_if<containment::Set>(&wish);
  const containment::Command command =
      set != nullptr ? containment::Command(*set)
                     : containment::Command(std::get<containment::Release>(wish));
  auto event = containment::decide(measures_, command, context());
  if (!event) {
    co_await refuse(containment::name_of(command), head.by, event.error());
    co_return tl::make_unexpected(event.error());
  }
  auto done = co_await take_effect(*std::move(event), head.by);
  if (!done) co_return tl::make_unexpected(done.error());
  co_return Ordered<Contained>(*std::move(done));
}

net::Task<Result<containment::Event>> ControlPlane::record_event(containment::Command command,
                                                                 model::Actor actor) {
  auto event = containment::decide(measures_, command, context());
  if (!event) {
    co_await refuse(containment::name_of(command), actor, event.error());
    co_return tl::make_unexpected(event.error());
  }
  Draft draft{EntryKind::containment, containment::to_body(*event)};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return event;
}

Result<model::Generation> ControlPlane::origin(
    const model::Generation& configured,
    const std::optional<containment::PastGeneration>& rollback) const {
  if (!rollback) return configured;
  CORDON_TRY(const auto past, past_.read(*rollback));
  return containment::rolled_back(configured, *past);
}

net::Task<Result<Contained>> ControlPlane::take_effect(containment::Event event,
                                                       model::Actor actor) {
  const auto from = origin(*configured_, containment::rollback_after(measures_, event));
  if (!from) co_return tl::make_unexpected(from.error());
  const auto next = containment::with_measures(*from, generation_->number + 1, measures_, event);
  // Where only measures change, nobody waits for the archive before the cut: should it be missing
  // after a crash, restore() makes it again from the one before.
  const bool derivable = next->routes == generation_->routes && next->flags == generation_->flags;
  if (!derivable) {
    const auto ready = co_await parts_.gateways.prepare(next, nullptr);
    if (!ready) {
      co_await refuse("rollback", actor, ready.error());
      co_return tl::make_unexpected(ready.error());
    }
    CORDON_CO_CHECK(archive(parts_.archive, *next));
  }

  // Both go out in one commit: what changed, and what everybody obeys from now on.
  const std::string id(containment::id_of(event));
  const Draft change{EntryKind::containment, containment::to_body(event)};
  auto changed = ledger_.append(change);
  if (!changed) co_return tl::make_unexpected(changed.error());
  const Draft obeyed{EntryKind::generation_change,
                     containment::generation_change_body(*next, changed->id, actor)};
  auto written = ledger_.append(obeyed);
  if (!written) co_return tl::make_unexpected(written.error());
  const Status applied = co_await ledger_.applied(*written);
  if (!applied) co_return tl::make_unexpected(applied.error());

  auto receipt = co_await publish(next, id);
  if (!receipt) co_return tl::make_unexpected(receipt.error());
  co_return Contained{*measures_.find(id), *std::move(receipt)};
}

net::Task<Result<containment::Receipt>> ControlPlane::publish(
    std::shared_ptr<const model::Generation> next, std::string containment) {
  generation_ = next;
  containment::Receipt receipt;
  receipt.containment = std::move(containment);
  receipt.generation = next->number;
  receipt.nodes = co_await parts_.gateways.adopt(next);
  if (receipt.partial()) {
    log::error("containment_partial",
               {{"containment", receipt.containment}, {"generation", receipt.generation}});
  }
  // It is in force: an archive that fails must not hide that. The next start makes it again.
  if (const Status archived = archive(parts_.archive, *next); !archived) {
    log::error("generation_not_archived",
               {{"generation", receipt.generation}, {"detail", archived.error().detail}});
  }
  Draft draft{EntryKind::receipt, receipt.to_json()};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return receipt;
}

std::vector<TargetStanding> ControlPlane::targets() const {
  return parts_.gateways.targets();
}

net::Task<Result<containment::Touched>> ControlPlane::running(model::Scope scope) {
  return parts_.gateways.running(std::move(scope));
}

net::Task<Result<containment::Containment>> ControlPlane::renew(containment::Renew command) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  model::Actor actor = command.by;
  const std::string id = command.id;
  containment::Command wanted(std::move(command));
  const auto event = co_await record_event(std::move(wanted), std::move(actor));
  if (!event) co_return tl::make_unexpected(event.error());
  co_return *measures_.find(id);
}

net::Task<Result<Ordered<Contained>>> ControlPlane::release(std::string id, std::string reason,
                                                            containment::Identity caller) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  containment::Asked head;
  head.act = containment::Act::release;
  head.about = id;
  if (const auto* measure = measures_.find(id)) head.incident = measure->incident;
  head.reason = reason;
  head.by = caller.actor();
  head.by_token = caller.token;
  containment::Wish wish(containment::Release{id, reason, head.by, caller.token, std::nullopt});
  co_return co_await do_or_ask(std::move(wish), std::move(head));
}

net::Task<Result<containment::PastGeneration>> ControlPlane::revoke_generation(
    containment::RevokeGeneration command) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  model::Actor by = command.by;
  containment::Command wanted(std::move(command));
  const auto event = co_await record_event(std::move(wanted), std::move(by));
  if (!event) co_return tl::make_unexpected(event.error());
  co_return std::get<containment::GenerationRevoked>(*event).generation;
}

net::Task<void> ControlPlane::mark_overdue() {
  std::vector<containment::Command> wanted;
  for (const std::string& id : measures_.due(now())) {
    wanted.emplace_back(containment::MarkOverdue{id});
  }
  for (const std::string& id : measures_.unpaged(now())) wanted.emplace_back(containment::Page{id});
  for (const containment::Command& command : wanted) {
    auto turn = co_await ledger_.take_turn();
    if (!turn) co_return;
    const auto event = containment::decide(measures_, command, context());
    if (!event) continue;  // renewed or released since
    log::warn("containment_overdue", {{"containment", containment::id_of(*event)}});
    Draft draft{EntryKind::containment, containment::to_body(*event)};
    const auto written = co_await ledger_.record(std::move(draft));
    if (!written) co_return;
  }
}

}  // namespace cordon::api
