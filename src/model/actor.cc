#include "model/actor.h"

#include <fmt/format.h>

namespace cordon::model {

std::string Actor::text() const {
  return fmt::format("{}:{}", kind == ActorKind::person ? "person" : "service", name);
}

Result<Actor> Actor::parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (colon == text.npos || colon + 1 == text.size() || (kind != "person" && kind != "service")) {
    return fail(Errc::invalid,
                fmt::format("not an actor like person:anna: '{}'", text.substr(0, 64)));
  }
  return Actor{kind == "person" ? ActorKind::person : ActorKind::service,
               std::string(text.substr(colon + 1))};
}

}  // namespace cordon::model
