// The keys of `cordon.yaml` about providers that fail.
#pragma once

#include "codec/yaml.h"
#include "model/config.h"

namespace cordon::model::internal {

/// `breaker` and `retry_budget` of a provider.
[[nodiscard]] Status read_health(const codec::YamlNode& provider, Provider& into);
/// `retry`, `choose` and `on_cut` of a route whose targets have been read. Refuses weights on a
/// route that does not weigh.
[[nodiscard]] Status read_resilience(const codec::YamlNode& route, RouteConfig& into);

}  // namespace cordon::model::internal
