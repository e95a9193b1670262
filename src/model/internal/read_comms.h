// The sections `connectors` and `updates` of cordon.yaml.
#pragma once

#include "codec/yaml.h"
#include "model/config.h"

namespace cordon::model::internal {

/// Refuses as `invalid` a URL that is not http or https, both or neither of url and url_env, and
/// an audience that no update has.
[[nodiscard]] Status read_connectors(const codec::YamlNode& root, Config& config);
[[nodiscard]] Status read_updates(const codec::YamlNode& root, UpdatesConfig& updates);

}  // namespace cordon::model::internal
