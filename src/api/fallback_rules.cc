#include "api/internal/fallback_rules.h"

#include "policy/strength.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api::internal {
namespace {

using Pack = std::shared_ptr<const policy::Rulepack>;

Result<std::vector<Pack>> packs_of(const std::vector<model::RulepackRef>& refs,
                                   const ControlOptions& options) {
  std::vector<Pack> packs;
  for (const model::RulepackRef& ref : refs) {
    const auto loaded = options.rulepacks.find(ref.name);
    if (loaded == options.rulepacks.end() || loaded->second.digest != ref.digest) {
      return fail(Errc::conflict, fmt::format("rulepack {} with digest {} is not loaded, so the "
                                              "fallback's rules cannot be compared",
                                              ref.name, ref.digest));
    }
    CORDON_TRY(Pack pack, policy::Rulepack::parse(loaded->second.text, ref.name));
    packs.push_back(std::move(pack));
  }
  return packs;
}

}  // namespace

Result<std::vector<std::string>> fallback_losses(const model::Route& route,
                                                 const ControlOptions& options) {
  if (!route.fallback_rulepacks || *route.fallback_rulepacks == route.rulepacks) {
    return std::vector<std::string>();
  }
  CORDON_TRY(const auto own, packs_of(route.rulepacks, options));
  CORDON_TRY(const auto other, packs_of(*route.fallback_rulepacks, options));
  return policy::losses(own, other);
}

Status check_fallback_rules(const model::Generation& generation, const model::Scope& scope,
                            std::string_view break_glass, const ControlOptions& options) {
  const auto& name = scope.named(model::Dimension::route);
  const auto route = std::find_if(generation.routes.begin(), generation.routes.end(),
                                  [&](const model::Route& each) { return each.name == name; });
  // What is wrong with the scope is for the decision to say.
  if (!name || route == generation.routes.end() || !break_glass.empty()) return {};
  CORDON_TRY(const auto lost, fallback_losses(*route, options));
  if (lost.empty()) return {};
  constexpr std::size_t kNamed = 5;
  std::vector<std::string> named(
      lost.begin(),
      lost.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(lost.size(), kNamed)));
  if (lost.size() > kNamed) named.push_back(fmt::format("and {} more", lost.size() - kNamed));
  return fail(Errc::conflict,
              fmt::format("the fallback of route {} has weaker rules: {}; that takes `break_glass` "
                          "with the reason",
                          route->name, fmt::join(named, ", ")));
}

}  // namespace cordon::api::internal
