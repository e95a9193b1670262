#include "containment/internal/weaker.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::containment::internal {
namespace {

template <class T>
const T* named(const std::vector<T>& all, std::string_view name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [name](const T& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

/// How early the evidence of an exchange must be on disk: more is stricter.
int strictness(model::Durability durability) noexcept {
  switch (durability) {
    case model::Durability::before_forward:
      return 2;
    case model::Durability::before_answer:
      return 1;
    case model::Durability::deferred:
      break;
  }
  return 0;
}

/// Rulepacks of a fallback are the route's own unless it has others.
const std::vector<model::RulepackRef>& on_fallback(const model::Route& route) {
  return route.fallback_rulepacks ? *route.fallback_rulepacks : route.rulepacks;
}

void compare(std::string_view what, const std::vector<model::RulepackRef>& now,
             const std::vector<model::RulepackRef>& then, std::vector<std::string>& found) {
  for (const model::RulepackRef& pack : now) {
    const auto* other = named(then, pack.name);
    if (other == nullptr) {
      found.push_back(fmt::format("{} would lose the rulepack {}", what, pack.name));
    } else if (other->digest != pack.digest) {
      found.push_back(
          fmt::format("{} would get another version of the rulepack {}", what, pack.name));
    }
  }
}

}  // namespace

void compare(const model::Route& now, const model::Route& then, std::vector<std::string>& found) {
  if (then.mode < now.mode) {
    found.push_back(fmt::format("route {} would go from mode {} to {}", now.name,
                                to_string(now.mode), to_string(then.mode)));
  }
  compare(fmt::format("route {}", now.name), now.rulepacks, then.rulepacks, found);
  if (now.fallback_rulepacks || then.fallback_rulepacks) {
    compare(fmt::format("the fallback of route {}", now.name), on_fallback(now), on_fallback(then),
            found);
  }
  if (strictness(then.durability) < strictness(now.durability)) {
    found.push_back(fmt::format("route {} would write its evidence later: {}, not {}", now.name,
                                to_string(then.durability), to_string(now.durability)));
  }
  if (then.uninspected == model::Uninspected::pass &&
      now.uninspected == model::Uninspected::refuse) {
    found.push_back(fmt::format("route {} would let pass what no rule can read", now.name));
  }
}

std::vector<std::string> weaker(const model::Generation& now, const model::Generation& then) {
  std::vector<std::string> found;
  for (const model::Route& route : then.routes) {
    const model::Route* current = named(now.routes, route.name);
    if (current == nullptr) {
      found.push_back(fmt::format("route {} would be there again", route.name));
    } else {
      compare(*current, route, found);
    }
  }
  for (const model::Flag& flag : then.flags) {
    const model::Flag* current = named(now.flags, flag.name);
    if (flag.enabled && (current == nullptr || !current->enabled)) {
      found.push_back(fmt::format("flag {} would be on again", flag.name));
    }
  }
  return found;
}

}  // namespace cordon::containment::internal
