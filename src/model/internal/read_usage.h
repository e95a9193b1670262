// Reads `prices` and the `limits` of tenants and their keys from cordon.yaml.
#pragma once

#include "model/config.h"
#include "model/internal/yaml_fields.h"

namespace cordon::model::internal {

/// After the providers, which prices point at.
[[nodiscard]] Status read_prices(const YamlNode& root, Config& config);
/// The `limits` of `owner`, if it has any. A limit of cost takes prices.
[[nodiscard]] Status read_usage_limits(const YamlNode& owner, const Prices& prices,
                                       UsageLimits& limits);

}  // namespace cordon::model::internal
