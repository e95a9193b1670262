// Handlers of pages: who was to be called, what became of it, and who said that they know.
#include "api/control_plane.h"
#include "api/handlers.h"

#include <fmt/format.h>

namespace cordon::api {

using codec::Json;

net::Task<Result<Reply>> handle_pages(ControlPlane& control, const Call& call) {
  std::string incident;
  for (const auto& [key, value] : call.query) {
    if (key != "incident") {
      co_return fail(Errc::invalid,
                     fmt::format("unknown query key '{}', expected incident", key.substr(0, 40)));
    }
    incident = value;
  }
  Json items = Json::array();
  for (const Page* page : control.pages().all()) {
    if (incident.empty() || page->incident == incident) items.push_back(to_json(*page));
  }
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_ack_page(ControlPlane& control, const Call& call) {
  std::string id = call.id;
  model::Actor by = call.caller.actor();
  const Status done = co_await control.ack_page(std::move(id), std::move(by));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return Reply{200, to_json(*control.pages().find(call.id)), {}};
}

}  // namespace cordon::api
