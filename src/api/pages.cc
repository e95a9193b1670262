#include "api/pages.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api {
namespace {

using codec::Json;
using codec::ObjectReader;
using model::DeliveryOutcome;

bool is_over(const Page& page) {
  return page.routed && std::all_of(page.outbox.begin(), page.outbox.end(),
                                    [](const PageDelivery& one) { return one.ended.has_value(); });
}

void put(Json& body, const PageRouted& event) {
  body["event"] = "routed";
  body["page"] = event.page;
  body["connectors"] = event.connectors;
  if (!event.reason.empty()) body["reason"] = event.reason;
}
void put(Json& body, const PageEnded& event) {
  body.update({{"event", "ended"},
               {"page", event.page},
               {"connector", event.connector},
               {"outcome", model::to_string(event.delivery.outcome)},
               {"attempts", event.delivery.attempts},
               {"status", event.delivery.status},
               {"reason", event.delivery.reason}});
}
void put(Json& body, const PageAcked& event) {
  body.update({{"event", "acked"}, {"page", event.page}});
}

/// One event with who caused it.
struct Read {
  PageEvent event;
  model::Actor actor;
};

Result<PageEvent> read_routed(ObjectReader& reader, std::string page) {
  PageRouted event{std::move(page), {}, reader.text_or("reason", "")};
  const Json& list = reader.any("connectors");
  if (!list.is_array()) return fail(Errc::invalid, "page: connectors is no list");
  for (const Json& name : list) {
    if (!name.is_string()) return fail(Errc::invalid, "page: connectors holds no names");
    event.connectors.push_back(name.get<std::string>());
  }
  return event;
}

Result<PageEvent> read_ended(ObjectReader& reader, std::string page) {
  PageEnded event{std::move(page), reader.text("connector"), {}};
  const std::int64_t attempts = reader.integer("attempts");
  event.delivery.attempts =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(attempts, 0, 1'000'000));
  event.delivery.status =
      static_cast<int>(std::clamp<std::int64_t>(reader.integer("status"), 0, 999));
  event.delivery.reason = reader.text("reason");
  CORDON_TRY(event.delivery.outcome, model::parse_delivery_outcome(reader.text("outcome")));
  return event;
}

Result<Read> read(const Json& body) {
  ObjectReader reader(body, "page");
  const std::string word = reader.text("event");
  std::string page = reader.text("page");
  (void)reader.text_or("incident", "");
  const std::string actor = reader.text("actor");
  Result<PageEvent> event = fail(Errc::invalid, "page: unknown event");
  if (word == "routed")
    event = read_routed(reader, std::move(page));
  else if (word == "ended")
    event = read_ended(reader, std::move(page));
  else if (word == "acked")
    event = PageEvent(PageAcked{std::move(page)});
  if (!event) return tl::make_unexpected(event.error());
  CORDON_CHECK(reader.finish());
  CORDON_TRY(model::Actor by, model::Actor::parse(actor));
  return Read{*std::move(event), std::move(by)};
}

}  // namespace

std::string_view Page::status() const noexcept {
  const auto sent = [](const PageDelivery& one) {
    return one.ended && one.ended->outcome == DeliveryOutcome::sent;
  };
  if (std::any_of(outbox.begin(), outbox.end(), sent)) return "sent";
  if (!is_over(*this)) return "waiting";
  return outbox.empty() ? "unsent" : "failed";
}

Json to_json(const Page& page) {
  Json json = {{"id", page.id}, {"at", format_rfc3339(page.at)}};
  if (!page.incident.empty()) json["incident"] = page.incident;
  if (!page.containment.empty()) json["containment"] = page.containment;
  if (!page.person.empty()) json["person"] = page.person;
  json["audience"] = page.audience;
  json["reason"] = page.reason;
  json["status"] = page.status();
  if (!page.unsent.empty()) json["unsent"] = page.unsent;
  json["deliveries"] = Json::array();
  for (const PageDelivery& one : page.outbox) {
    Json delivery = {{"connector", one.connector}};
    delivery["outcome"] = one.ended ? Json(model::to_string(one.ended->outcome)) : Json("waiting");
    if (one.ended) {
      delivery["attempts"] = one.ended->attempts;
      delivery["status"] = one.ended->status;
      delivery["reason"] = one.ended->reason;
      delivery["ended_at"] = format_rfc3339(*one.ended_at);
    }
    json["deliveries"].push_back(std::move(delivery));
  }
  if (page.acked_by) {
    json["acked_by"] = page.acked_by->text();
    json["acked_at"] = format_rfc3339(*page.acked_at);
  }
  return json;
}

Json to_body(const PageEvent& event, std::string_view incident, const model::Actor& actor) {
  Json body = Json::object();
  std::visit([&body](const auto& one) { put(body, one); }, event);
  if (!incident.empty()) body["incident"] = incident;
  body["actor"] = actor.text();
  return body;
}

void Pages::add(Page page) {
  order_.push_back(page.id);
  open_.insert(page.id);
  std::string id = page.id;
  pages_.insert_or_assign(std::move(id), std::move(page));
  while (order_.size() > kPagesMax && is_over(pages_.find(order_.front())->second)) {
    pages_.erase(pages_.find(order_.front()));
    order_.pop_front();
  }
}

Page* Pages::update(std::string_view id) noexcept {
  const auto found = pages_.find(id);
  return found == pages_.end() ? nullptr : &found->second;
}

Status Pages::observe(const Json& body, WallTime recorded) {
  auto event = read(body);
  if (!event) return fail(Errc::corrupt, std::move(event).error().detail);
  if (const auto* routed = std::get_if<PageRouted>(&event->event)) {
    Page* const page = update(routed->page);
    if (page == nullptr || page->routed) return {};
    if (routed->connectors.empty()) open_.erase(page->id);
    page->routed = true;
    page->unsent = routed->reason;
    for (const std::string& connector : routed->connectors) {
      page->outbox.push_back({connector, std::nullopt, std::nullopt});
    }
  } else if (const auto* ended = std::get_if<PageEnded>(&event->event)) {
    Page* const page = update(ended->page);
    if (page == nullptr) return {};
    for (PageDelivery& one : page->outbox) {
      if (one.connector != ended->connector || one.ended) continue;
      one.ended = ended->delivery;
      one.ended_at = recorded;
    }
    if (is_over(*page)) open_.erase(page->id);
  } else if (Page* const page = update(std::get<PageAcked>(event->event).page)) {
    page->acked_by = event->actor;
    page->acked_at = recorded;
  }
  return {};
}

const Page* Pages::find(std::string_view id) const noexcept {
  const auto found = pages_.find(id);
  return found == pages_.end() ? nullptr : &found->second;
}

std::vector<const Page*> Pages::all() const {
  std::vector<const Page*> list;
  for (const std::string& id : order_) list.push_back(&pages_.find(id)->second);
  return list;
}

std::vector<const Page*> Pages::open() const {
  std::vector<const Page*> list;
  for (const std::string& id : open_) list.push_back(&pages_.find(id)->second);
  return list;
}

}  // namespace cordon::api
