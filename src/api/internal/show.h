// What several handlers show alike.
#pragma once

#include "api/control_plane.h"
#include "codec/json.h"

namespace cordon::api::internal {

/// Something that waits for a second person.
[[nodiscard]] codec::Json show_asked(const containment::Asked& asked);
/// A measure that took hold, with the proof, and with what it touched.
[[nodiscard]] codec::Json show_contained(const ControlPlane& control, const Contained& contained);
/// What became of an order about a rulepack.
[[nodiscard]] codec::Json show_answer(const ControlPlane& control, const RulepackAnswer& answer,
                                      RulepackAct act);
/// What became of a reload of the configuration.
[[nodiscard]] codec::Json show_reload(const ReloadAnswer& answer);
/// An incident as its page shows it, with what of it waits for a second person.
[[nodiscard]] codec::Json show_incident(const ControlPlane& control,
                                        const incident::Incident& incident);

}  // namespace cordon::api::internal
