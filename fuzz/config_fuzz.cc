// Any bytes are a configuration or an error that says where; and what was accepted makes a
// generation that reads back as itself.
#include "model/config.h"
#include "model/generation.h"

#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = cordon::model::Config::parse(text, "f");
  if (!config) {
    if (!config.error().detail.starts_with("f:")) std::abort();
    return 0;
  }
  cordon::model::Generation generation;
  for (const auto& each : config->providers) generation.providers.push_back(each.provider);
  for (const auto& each : config->routes) {
    generation.routes.push_back(
        {each.name, each.targets, each.fallback, {}, each.mode, each.durability});
  }
  generation.tenants = config->tenants;
  generation.flags = config->flags;
  generation.limits = config->limits;
  const auto json = cordon::codec::parse_json(cordon::codec::write_json(generation.to_json()));
  if (!json) std::abort();
  const auto back = cordon::model::Generation::from_json(*json);
  if (!back || *back != generation) std::abort();
  return 0;
}
