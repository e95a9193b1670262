// A moment as people and tools read it, and what differs between two.
#pragma once

#include "codec/json.h"
#include "containment/history.h"

#include <memory>

namespace cordon::containment {

/// A measure as the control API shows it.
[[nodiscard]] codec::Json to_json(const Containment& measure);

/// Routes, modes, rulepacks, flags, switches and fallbacks in force. `generation` is the moment's
/// own, or why it cannot be read: then what only it knows is listed under `unknown`.
[[nodiscard]] codec::Json to_json(
    const Moment& moment, const Result<std::shared_ptr<const model::Generation>>& generation);

/// What differs between two answers of to_json(), one line each: `what` (a dotted path, list
/// items by name or id), `from` and `to` (null where it was not there). What one of them does
/// not know is named under `unknown`.
[[nodiscard]] codec::Json diff(const codec::Json& from, const codec::Json& to);

}  // namespace cordon::containment
