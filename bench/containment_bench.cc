// What a ruling, a check and a sweep cost. Prints figures; nothing here passes or fails.
#include "base/clock.h"
#include "containment/generations.h"
#include "containment/registry.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace cordon;
using namespace cordon::containment;

constexpr int kRoutes = 100;
constexpr int kTenants = 1'000;
constexpr int kInFlight = 100'000;
constexpr int kRulings = 1'000'000;

std::shared_ptr<const Effective> with(int tenant_switches, std::vector<std::string> scopes) {
  model::Generation generation;
  generation.number = 1;
  for (int i = 0; i < kRoutes; ++i) {
    generation.routes.push_back(
        {"route-" + std::to_string(i), {{"sim", "small"}, {"big", "large"}}, {}, {}, {}, {}});
  }
  for (int i = 0; i < kTenants; ++i) {
    generation.tenants.push_back({"tenant-" + std::to_string(i), {}, {"*"}});
  }
  for (int i = 0; i < tenant_switches; ++i) scopes.push_back("tenant=tenant-" + std::to_string(i));
  for (const std::string& scope : scopes) {
    generation.measures.push_back(
        {"s-" + scope, model::Measure::kill_switch, model::Scope::parse(scope).value(), {}});
  }
  return std::make_shared<const Effective>(seal(std::move(generation)));
}

struct Quiet final : SweepListener {
  void swept(const Sweep&) noexcept override {}
};

struct Stream final : InFlight {
  Stream(std::string_view route, std::string_view tenant) {
    place.route = route;
    place.tenant = tenant;
    place.provider = "sim";
    place.model = "small";
  }
  CutResult cut(const Forbidden&) override {
    ++cuts;
    return CutResult::cut;
  }
  int cuts = 0;
};

void time_rulings(const Clock& clock, const char* what, const Effective& effective) {
  std::vector<std::string> tenants;
  for (int i = 0; i < kTenants; ++i) tenants.push_back("tenant-" + std::to_string(i));
  std::size_t targets = 0;
  const MonoTime begin = clock.mono();
  for (int i = 0; i < kRulings; ++i) {
    model::Place place;
    place.route = "route-7";
    place.tenant = tenants[static_cast<std::size_t>(i % kTenants)];
    targets += effective.rule(place).target_count;
  }
  const auto spent = clock.mono() - begin;
  std::printf("rule  %-28s %6lld ns each (%zu targets)\n", what,
              static_cast<long long>(spent.count() / kRulings), targets);
}

void time_sweep(const Clock& clock, const char* what, std::vector<std::string> scopes,
                int tenant_switches) {
  Quiet quiet;
  std::vector<std::string> routes;
  std::vector<std::string> tenants;
  for (int i = 0; i < kRoutes; ++i) routes.push_back("route-" + std::to_string(i));
  for (int i = 0; i < kTenants; ++i) tenants.push_back("tenant-" + std::to_string(i));
  Registry registry(with(0, {}), quiet);
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < kInFlight; ++i) {
    streams.push_back(std::make_unique<Stream>(routes[static_cast<std::size_t>(i % kRoutes)],
                                               tenants[static_cast<std::size_t>(i % kTenants)]));
    static_cast<void>(registry.add(*streams.back()));
  }
  const auto next = with(tenant_switches, std::move(scopes));
  const MonoTime begin = clock.mono();
  const std::uint64_t cut = registry.sweep(next);
  const auto spent = clock.mono() - begin;
  std::printf("sweep %-28s %6lld us for %d, cut %llu\n", what,
              static_cast<long long>(spent.count() / 1000), kInFlight,
              static_cast<unsigned long long>(cut));
}

}  // namespace

int main() {
  const SystemClock clock;
  time_rulings(clock, "no switch", *with(0, {}));
  time_rulings(clock, "one on another route", *with(0, {"route=route-8"}));
  time_rulings(clock, "one on a provider", *with(0, {"provider=big"}));
  time_rulings(clock, "500 on tenants", *with(500, {}));
  time_sweep(clock, "no switch", {}, 0);
  time_sweep(clock, "one route of 100", {"route=route-7"}, 0);
  time_sweep(clock, "everything", {"route=*"}, 0);
  time_sweep(clock, "500 tenants of 1000", {}, 500);
  return 0;
}
