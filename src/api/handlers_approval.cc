// Handlers of what waits for a second person, whatever it is.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "api/internal/show.h"

namespace cordon::api {

using codec::Json;

namespace internal {

Json show_asked(const containment::Asked& asked) {
  Json json = {{"id", asked.id},
               {"act", containment::to_string(asked.act)},
               {"about", asked.about},
               {"what", asked.what},
               {"why", asked.why},
               {"reason", asked.reason},
               {"order", asked.order},
               {"asked_by", asked.by.text()},
               {"asked_at", format_rfc3339(asked.at)},
               {"until", format_rfc3339(asked.until)}};
  if (!asked.incident.empty()) json["incident"] = asked.incident;
  return json;
}

}  // namespace internal

namespace {

/// What the yes made happen, as the order itself would have answered.
struct ShowGiven {
  const ControlPlane& control;
  Json operator()(const Contained& done) const { return internal::show_contained(control, done); }
  Json operator()(const RulepackAnswer& done) const {
    return internal::show_answer(control, done, RulepackAct::carry_out);
  }
  Json operator()(const ReloadAnswer& done) const { return internal::show_reload(done); }
  Json operator()(const Commanded& done) const {
    return internal::show_incident(control, *control.watch().desk().find(done.incident));
  }
};

}  // namespace

net::Task<Result<Reply>> handle_approvals(ControlPlane& control, const Call&) {
  Json items = Json::array();
  for (const auto* asked : control.approvals().waiting(control.now())) {
    items.push_back(internal::show_asked(*asked));
  }
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_give_approval(ControlPlane& control, const Call& call) {
  std::string id = call.id;
  containment::Identity by = call.caller;
  const auto done = co_await control.give(std::move(id), std::move(by));
  if (!done) co_return tl::make_unexpected(done.error());
  Json json = std::visit(ShowGiven{control}, *done);
  json["approval"] = call.id;
  co_return Reply{200, std::move(json), {}};
}

net::Task<Result<Reply>> handle_decline(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "decline");
  std::string reason = reader.text_or("reason", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  std::string id = call.id;
  model::Actor by = call.caller.actor();
  const auto done = co_await control.decline(std::move(id), std::move(reason), std::move(by));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return Reply{200, {{"id", call.id}, {"declined_by", done->by.text()}}, {}};
}

}  // namespace cordon::api
