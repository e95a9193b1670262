// What a scope would have touched: the exchanges of the last quarter of an hour, by where they
// stood. A fold over the ends of exchanges; what runs now is asked of the registries.
#pragma once

#include "base/clock.h"
#include "model/exchange.h"
#include "model/scope.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cordon::containment {

inline constexpr std::chrono::minutes kRecent{15};

/// Exchanges by name. A use case that was not named counts under an empty name.
struct Touched {
  std::uint64_t exchanges = 0;
  std::map<std::string, std::uint64_t, std::less<>> routes;
  std::map<std::string, std::uint64_t, std::less<>> targets;  ///< `provider/model`
  std::map<std::string, std::uint64_t, std::less<>> tenants;
  std::map<std::string, std::uint64_t, std::less<>> use_cases;

  void add(const model::Place& place, std::uint64_t count);
  void add(const Touched& other);
};

/// Bounds of what is kept.
struct RecentOptions {
  std::size_t places_max = 8'192;     ///< distinct places of exchanges
  std::size_t seconds_max = 500'000;  ///< counts kept, one for a place and a second
};

/// One thread's. Feed every end of an exchange in journal order.
class Recent {
 public:
  explicit Recent(RecentOptions options = {}) : options_(options) {}

  void observe(const model::EndRecord& end, WallTime recorded);

  /// What ended in `scope` within kRecent before `now`, in whole seconds. `exhausted` if more was
  /// seen in that time than the bounds allow to keep.
  [[nodiscard]] Result<Touched> touched(const model::Scope& scope, WallTime now) const;

 private:
  using Second = std::chrono::sys_seconds;
  /// Where exchanges stood, and how many ended there in which second.
  struct Spot {
    std::string route, model, provider, tenant, use_case;
    std::vector<std::string> flags;
    std::deque<std::pair<Second, std::uint64_t>> seconds;
    [[nodiscard]] model::Place place() const noexcept;
  };
  Spot* spot_of(const model::ExchangeHead& head);
  void forget(Second before);

  RecentOptions options_;
  std::unordered_map<std::string, Spot> spots_;
  std::size_t kept_ = 0;
  Second forgotten_{};             ///< everything before was let go
  std::optional<Second> lost_at_;  ///< last second in which something was not kept
  std::string key_;
};

}  // namespace cordon::containment
