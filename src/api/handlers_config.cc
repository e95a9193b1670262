// Handlers of the configuration: the file, read again while the node runs.
#include "api/control_plane.h"
#include "api/handlers.h"
#include "api/internal/show.h"

namespace cordon::api {

using codec::Json;

Json internal::show_reload(const ReloadAnswer& answer) {
  Json json = {{"config", answer.digest},
               {"state", answer.asked             ? "waiting"
                         : answer.changed.empty() ? "unchanged"
                                                  : "in_force"},
               {"changed", answer.changed},
               {"second_person", answer.weaker}};
  if (answer.asked) json["waiting"] = show_asked(*answer.asked);
  if (!answer.receipt) return json;
  json["entry"] = answer.entry;
  json["receipt"] = answer.receipt->to_json();
  return json;
}

net::Task<Result<Reply>> handle_reload_config(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "reload");
  ReloadOrder order;
  order.reason = reader.text_or("reason", "");
  CORDON_CO_CHECK(reader.finish());
  order.by = call.caller.actor();
  order.token = call.caller.token;
  const auto done = co_await control.reload(std::move(order));
  if (!done) co_return tl::make_unexpected(done.error());
  co_return Reply{done->asked ? 202 : 200, internal::show_reload(*done), {}};
}

}  // namespace cordon::api
