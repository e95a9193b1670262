// Who did it: a person by the name on their token, or a part of Cordon.
#pragma once

#include "codec/json.h"

#include <cstdint>
#include <string>

namespace cordon::model {

enum class ActorKind : std::uint8_t { person, service };

/// `person:anna` or `service:detect`. Values; compared by both fields.
struct Actor {
  ActorKind kind = ActorKind::service;
  std::string name;

  [[nodiscard]] std::string text() const;
  /// Refuses as `invalid` what text() does not write.
  [[nodiscard]] static Result<Actor> parse(std::string_view text);
  friend bool operator==(const Actor&, const Actor&) = default;
};

}  // namespace cordon::model
