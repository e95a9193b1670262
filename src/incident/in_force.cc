#include "incident/internal/in_force.h"

#include "incident/internal/file.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::incident::internal {
namespace {

/// Of what came before the impact is known to have begun.
constexpr std::chrono::minutes kBefore{5};

std::string text_at(const codec::Json& body, const char* key) {
  const auto found = body.find(key);
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

void InForce::read_generation(const codec::Json& body) {
  const auto number = count_at(body, "number");
  if (!number) return;
  generation_ = number;
  digest_ = text_at(body, "digest");
}

void InForce::read_rulepack(const codec::Json& body) {
  packs_[text_at(body, "name")] = {text_at(body, "version"), text_at(body, "digest")};
}

std::vector<std::string> InForce::rulepacks() const {
  std::vector<std::string> list;
  for (const auto& [name, pack] : packs_) list.push_back(fmt::format("{}@{}", name, pack.digest));
  return list;
}

Snapshot InForce::snapshot(const detect::Signal& signal, const detect::Windows& windows,
                           WallTime now) const {
  Snapshot snapshot{generation_.value_or(0), digest_, {}, {}};
  for (const auto& [name, pack] : packs_) {
    snapshot.rulepacks.push_back(fmt::format("{} {} {}", name, pack.version, pack.digest));
  }
  const auto& route = signal.scope.named(model::Dimension::route);
  const bool all = !route || *route == "*";
  const WallTime from = std::min(signal.time, now) - kBefore;
  const detect::Window window{now, std::chrono::ceil<std::chrono::seconds>(now - from)};
  const auto counts = windows.counts(all ? detect::Subject::all : detect::Subject::route,
                                     all ? std::string() : *route, window);
  snapshot.records = counts ? fmt::format("{} records between {} and {}", counts->exchanges,
                                          format_rfc3339(from), format_rfc3339(now))
                            : fmt::format("unknown: {}", counts.error().reason);
  return snapshot;
}

}  // namespace cordon::incident::internal
