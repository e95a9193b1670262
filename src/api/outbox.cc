#include "api/outbox.h"

#include "base/log.h"

#include <fmt/format.h>

namespace cordon::api {
namespace {

const model::Actor kOutbox{model::ActorKind::service, "connect"};
constexpr std::chrono::milliseconds kEvery{200};

}  // namespace

std::vector<Outbox::Pending> Outbox::pending(Stage stage) const {
  std::vector<Pending> all;
  for (const incident::Incident* incident : control_.watch().desk().incidents()) {
    for (const incident::Update& update : incident->follow_up.updates) {
      for (const incident::OutboxItem& item : update.outbox) {
        if (item.ended || item.begun != (stage == Stage::begun)) continue;
        all.push_back({incident->id, update.draft.update, item.connector});
      }
    }
  }
  return all;
}

net::Task<void> Outbox::run(net::Scope& scope) {
  co_await say_in_doubt();
  while (!scope.stopping()) {
    for (Pending& item : pending(Stage::waiting)) {
      if (!busy_.insert(item.connector).second) continue;
      net::spawn(scope, carry(scope, std::move(item)));
    }
    const Status slept = co_await net::sleep(scope, kEvery);
    if (!slept) break;
  }
}

net::Task<void> Outbox::say_in_doubt() {
  const std::vector<Pending> left = pending(Stage::begun);
  for (const Pending& item : left) {
    log::warn("delivery_in_doubt", {{"update", item.update}, {"connector", item.connector}});
    model::Delivery delivery;
    delivery.outcome = model::DeliveryOutcome::in_doubt;
    delivery.reason = "the node stopped during the delivery; it may have arrived";
    Pending copy = item;
    const Status said = co_await end(std::move(copy), std::move(delivery));
    if (!said) log::error("delivery_not_recorded", {{"update", item.update}});
  }
}

Result<model::Message> Outbox::message_for(const Pending& item) const {
  const incident::Incident* const incident = control_.watch().desk().find(item.incident);
  if (incident == nullptr) return fail(Errc::not_found, "its incident is gone");
  const incident::Update* const update = incident->follow_up.update(item.update);
  if (update == nullptr) return fail(Errc::not_found, "the update is gone");
  const incident::UpdateDrafted& draft = update->draft;
  model::Message message;
  CORDON_TRY(message.text, control_.blob(draft.digest));
  message.key = fmt::format("{}/{}", item.update, item.connector);
  message.incident = incident->id;
  message.update = item.update;
  message.audience = model::to_string(draft.audience);
  message.severity = draft.severity ? incident::to_string(*draft.severity) : "unset";
  message.state = incident::to_string(draft.state);
  message.title = draft.title;
  message.source = fmt::format("/cordon/{}", control_.node());
  message.sent_at = update->sent_at.value_or(control_.now());
  return message;
}

net::Task<Status> Outbox::end(Pending item, model::Delivery delivery) {
  incident::Command command = incident::FollowingUp{
      incident::EndDelivery{item.update, item.connector, std::move(delivery)}};
  model::Actor actor = kOutbox;
  const Status done =
      co_await control_.command(std::move(item.incident), std::move(actor), std::move(command));
  co_return done;
}

net::Task<void> Outbox::carry(net::Scope& scope, Pending item) {
  auto message = message_for(item);
  incident::Command begin =
      incident::FollowingUp{incident::BeginDelivery{item.update, item.connector}};
  std::string incident = item.incident;
  model::Actor actor = kOutbox;
  const Status begun =
      co_await control_.command(std::move(incident), std::move(actor), std::move(begin));
  std::optional<model::Delivery> delivery;
  if (!begun) {
    log::error("delivery_not_begun", {{"update", item.update}, {"detail", begun.error().detail}});
  } else if (!message) {
    delivery = model::Delivery{};
    delivery->reason = message.error().detail;
  } else {
    std::string connector = item.connector;
    delivery = co_await courier_.deliver(scope, std::move(connector), *std::move(message));
  }
  const std::string connector = item.connector;
  if (delivery) {
    const Status ended = co_await end(std::move(item), *std::move(delivery));
    if (!ended) log::error("delivery_not_recorded", {{"detail", ended.error().detail}});
  }
  busy_.erase(connector);
}

}  // namespace cordon::api
