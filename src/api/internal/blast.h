// What a scope touched, or would have, as the control API says it.
#pragma once

#include "codec/json.h"
#include "containment/recent.h"
#include "model/scope.h"

namespace cordon::api {
class ControlPlane;
}

namespace cordon::api::internal {

/// `exchanges` and how many there were of each route, target, tenant and use case.
[[nodiscard]] codec::Json show_touched(const containment::Touched& touched);

/// The exchanges of the last kRecent in `scope`, or `unknown` with the reason.
[[nodiscard]] codec::Json blast_radius(const ControlPlane& control, const model::Scope& scope);

}  // namespace cordon::api::internal
