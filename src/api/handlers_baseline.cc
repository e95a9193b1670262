// Handlers of the pinned policy.
#include "api/control_plane.h"
#include "api/handlers.h"

namespace cordon::api {

net::Task<Result<Reply>> handle_baseline(ControlPlane& control, const Call&) {
  if (control.baseline() == nullptr) {
    co_return fail(Errc::not_found, "no baseline is pinned, so drift cannot be assessed");
  }
  co_return Reply{200, to_json(*control.baseline()), {}};
}

net::Task<Result<Reply>> handle_baseline_diff(ControlPlane& control, const Call&) {
  const auto diff = co_await control.diff_baseline();
  if (!diff) co_return tl::make_unexpected(diff.error());
  co_return Reply{200, to_json(*diff), {}};
}

net::Task<Result<Reply>> handle_pin_baseline(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "baseline");
  std::string reason = reader.text_or("reason", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  model::Actor by = call.caller.actor();
  const auto pinned = co_await control.pin_baseline(std::move(reason), std::move(by));
  if (!pinned) co_return tl::make_unexpected(pinned.error());
  co_return Reply{201, to_json(*pinned), {}};
}

}  // namespace cordon::api
