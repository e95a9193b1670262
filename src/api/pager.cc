#include "api/pager.h"

#include "base/log.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api {
namespace {

constexpr std::chrono::milliseconds kEvery{200};
/// Nobody is called for what happened before that: the node was away, and people moved on.
constexpr std::chrono::hours kPageWithin{1};

}  // namespace

net::Task<void> Pager::run(net::Scope& scope) {
  while (!scope.stopping()) {
    co_await route_new();
    std::vector<Pending> pending;
    for (const Page* page : control_.pages().open()) {
      for (const PageDelivery& one : page->outbox) {
        if (!one.ended && busy_.insert(one.connector).second) {
          pending.push_back({page->id, one.connector});
        }
      }
    }
    for (Pending& item : pending) net::spawn(scope, carry(scope, std::move(item)));
    const Status slept = co_await net::sleep(scope, kEvery);
    if (!slept) break;
  }
}

net::Task<void> Pager::route_new() {
  std::vector<PageRouted> routes;
  for (const Page* page : control_.pages().open()) {
    if (page->routed) continue;
    PageRouted route{page->id, {}, {}};
    for (const model::ConnectorConfig& connector : control_.options().config.connectors) {
      const bool calls = std::any_of(
          connector.pages.begin(), connector.pages.end(),
          [page](model::PageAudience who) { return model::to_string(who) == page->audience; });
      if (calls) route.connectors.push_back(connector.name);
    }
    if (route.connectors.empty()) {
      route.reason = fmt::format("no connector pages {}", page->audience);
    } else if (control_.now() - page->at > kPageWithin) {
      route.connectors.clear();
      route.reason = "it was due more than 1h ago, while the node was away";
    }
    routes.push_back(std::move(route));
  }
  for (PageRouted& route : routes) {
    if (!route.reason.empty()) {
      log::warn("page_not_sent", {{"page", route.page}, {"reason", route.reason}});
    }
    PageEvent event = std::move(route);
    const Status done = co_await control_.note_page_event(std::move(event));
    if (!done) log::error("page_not_routed", {{"detail", done.error().detail}});
  }
}

model::Message Pager::message_for(const Page& page, const std::string& connector) const {
  model::Message message;
  message.key = fmt::format("page/{}/{}", page.id, connector);
  message.page = page.id;
  message.incident = page.incident;
  message.audience = page.audience;
  message.person = page.person;
  message.severity = "unset";
  message.source = fmt::format("/cordon/{}", control_.node());
  message.sent_at = page.at;
  const incident::Incident* const incident = control_.watch().desk().find(page.incident);
  if (incident != nullptr) {
    if (incident->severity) message.severity = incident::to_string(*incident->severity);
    message.state = incident::to_string(incident->state);
    message.title = fmt::format("{} {}: {}", message.severity, incident->id, incident->title);
  } else {
    message.title = "Cordon: a containment is overdue";
  }
  message.text =
      fmt::format("{}: {}\nAcknowledge with: cordon page ack {}",
                  page.person.empty() ? page.audience : page.person, page.reason, page.id);
  return message;
}

net::Task<void> Pager::carry(net::Scope& scope, Pending item) {
  const Page* const page = control_.pages().find(item.page);
  std::optional<model::Delivery> delivery;
  if (page != nullptr) {
    model::Message message = message_for(*page, item.connector);
    std::string connector = item.connector;
    delivery = co_await courier_.deliver(scope, std::move(connector), std::move(message));
  }
  if (delivery) {
    if (delivery->outcome != model::DeliveryOutcome::sent) {
      log::error("page_not_delivered", {{"page", item.page}, {"connector", item.connector}});
    }
    PageEvent ended = PageEnded{item.page, item.connector, *std::move(delivery)};
    const Status done = co_await control_.note_page_event(std::move(ended));
    if (!done) log::error("page_end_not_recorded", {{"detail", done.error().detail}});
  }
  busy_.erase(item.connector);
}

}  // namespace cordon::api
