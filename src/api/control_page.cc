// Who is to be called: noticed in the entries that say so, routed, delivered, acknowledged.
#include "api/control_plane.h"

#include <fmt/format.h>

namespace cordon::api {

using model::EntryKind;

namespace {

const model::Actor kPager{model::ActorKind::service, "connect"};

std::string text_at(const codec::Json& body, const char* key) {
  const auto found = body.find(key);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

void ControlPlane::note_page(const model::Entry& entry) {
  const std::string event = text_at(entry.body, "event");
  Page page;
  page.id = entry.id;
  page.at = entry.recorded;
  if (entry.kind == EntryKind::incident_event && event == "paged") {
    page.incident = text_at(entry.body, "incident");
    page.person = text_at(entry.body, "person");
    page.audience = text_at(entry.body, "audience");
    page.reason = text_at(entry.body, "reason");
    pages_.add(std::move(page));
    return;
  }
  const bool overdue = event == "became_overdue" || event == "paged";
  if (entry.kind != EntryKind::containment || !overdue) return;
  const auto* measure = measures_.find(text_at(entry.body, "containment"));
  if (measure == nullptr) return;
  page.incident = measure->incident;
  page.containment = measure->id;
  if (measure->by.kind == model::ActorKind::person) page.person = measure->by.name;
  page.audience = model::to_string(model::PageAudience::on_call);
  page.reason =
      fmt::format("{} {} for {} passed its expiry {} and stays in force; renew or release it ({})",
                  model::to_string(measure->measure), measure->id, measure->scope.text(),
                  format_rfc3339(measure->expires_at), measure->reason);
  pages_.add(std::move(page));
}

net::Task<Status> ControlPlane::record_page(PageEvent event, model::Actor actor) {
  const std::string id = std::visit([](const auto& one) { return one.page; }, event);
  const Page* const page = pages_.find(id);
  Draft draft{EntryKind::page,
              to_body(event, page == nullptr ? std::string() : page->incident, actor)};
  const auto written = co_await ledger_.record(std::move(draft));
  if (!written) co_return tl::make_unexpected(written.error());
  co_return Status{};
}

net::Task<Status> ControlPlane::note_page_event(PageEvent event) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  model::Actor actor = kPager;
  co_return co_await record_page(std::move(event), std::move(actor));
}

net::Task<Status> ControlPlane::ack_page(std::string id, model::Actor by) {
  auto turn = co_await ledger_.take_turn();
  if (!turn) co_return tl::make_unexpected(turn.error());
  const Page* const page = pages_.find(id);
  std::optional<Error> refused;
  if (page == nullptr) {
    refused = Error{Errc::not_found, fmt::format("no page '{}'", id.substr(0, 64))};
  } else if (page->acked_by) {
    refused = Error{Errc::conflict, fmt::format("{} acknowledged it at {}", page->acked_by->text(),
                                                format_rfc3339(*page->acked_at))};
  }
  if (refused) {
    co_await refuse("ack_page", by, *refused);
    co_return tl::make_unexpected(*std::move(refused));
  }
  PageEvent event = PageAcked{std::move(id)};
  co_return co_await record_page(std::move(event), std::move(by));
}

}  // namespace cordon::api
