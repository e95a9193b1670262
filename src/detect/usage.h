// What was used: requests, tokens and money by tenant, key, route, target and hour. A fold over the
// ends of exchanges, so live numbers and those after a restart are the same.
//
// Every attempt counts for the target that billed it; the request counts where it was answered.
// Nothing here asks a clock.
#pragma once

#include "base/clock.h"
#include "model/exchange.h"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace cordon::detect {

/// By what sums are grouped.
enum class UsageBy : std::uint8_t { tenant, key, route, model, provider, day };
inline constexpr std::size_t kUsageByCount = 6;
[[nodiscard]] std::string_view to_string(UsageBy by) noexcept;
/// Refuses as `invalid`, and names all.
[[nodiscard]] Result<UsageBy> parse_usage_by(std::string_view text);

/// Sums of one group.
struct UsageSums {
  std::uint64_t requests = 0;
  std::uint64_t blocked = 0;  ///< a rule stopped the request or the answer
  std::uint64_t tokens_in = 0;
  std::uint64_t tokens_cached = 0;  ///< of tokens_in, read from a prompt cache
  std::uint64_t tokens_out = 0;
  std::uint64_t exact = 0;      ///< requests whose tokens the provider counted
  std::uint64_t estimated = 0;  ///< requests whose tokens were estimated
  std::uint64_t unknown = 0;    ///< requests that a provider was asked for, and nobody knows
  std::uint64_t unpriced = 0;   ///< requests with a part for which no price was in force
  /// Nano-units by currency.
  std::map<std::string, std::uint64_t, std::less<>> cost = {};
  void add(const UsageSums& other);
  friend bool operator==(const UsageSums&, const UsageSums&) = default;
};

/// What was asked for.
struct UsageReport {
  WallTime from{};    ///< the hour in which the answer begins
  bool whole = true;  ///< false: it was asked from before what is kept
  std::map<std::string, UsageSums, std::less<>> groups;
  UsageSums all;
};

/// Bounds. What is beyond is counted under `(other)`, or forgotten with its whole hour.
struct UsageOptions {
  std::size_t places_max = 4'096;   ///< distinct tenant x key x route x target in an hour
  std::size_t cells_max = 100'000;  ///< of all hours; past it the oldest hour goes
  std::size_t hours_max = 24 * 62;
};

/// One thread's. Feed every end of an exchange in the order of the journal.
class Usage {
 public:
  explicit Usage(UsageOptions options = {}) : options_(options) {}

  void observe(const model::EndRecord& end, WallTime recorded);

  /// From the hour in which `since` lies. Groups are by name; a key of the configuration without
  /// limits has none.
  [[nodiscard]] UsageReport report(WallTime since, UsageBy by) const;

  /// What limits of a day count: of the latest day of UTC in which an exchange ended.
  struct Day {
    std::uint64_t requests = 0;
    std::uint64_t tokens = 0;
    std::uint64_t cost = 0;  ///< nano-units, whatever their currency
    friend bool operator==(const Day&, const Day&) = default;
  };
  struct Today {
    std::int64_t day = 0;  ///< since 1970
    std::map<std::string, Day, std::less<>> tenants;
    std::map<std::string, Day, std::less<>> keys;
  };
  [[nodiscard]] const Today& today() const noexcept { return today_; }

  /// Requests that were counted under `(other)`.
  [[nodiscard]] std::uint64_t folded() const noexcept { return folded_; }

 private:
  struct Place {
    std::string tenant;
    std::string key;
    std::string route;
    std::string provider;
    std::string model;
    auto operator<=>(const Place&) const = default;
  };
  struct Hour {
    std::int64_t hour = 0;  ///< since 1970
    std::map<Place, UsageSums> cells;
  };
  [[nodiscard]] Hour& hour_of(WallTime recorded);
  void add(Hour& hour, Place place, const UsageSums& sums);
  void note_today(const model::EndRecord& end, WallTime recorded);
  [[nodiscard]] static std::string name_of(const Place& place, std::int64_t hour, UsageBy by);

  UsageOptions options_;
  std::deque<Hour> hours_;  ///< in order
  std::size_t cells_ = 0;
  std::int64_t forgotten_ = 0;  ///< hours up to this one are not kept; 0: none was
  std::uint64_t folded_ = 0;
  Today today_;
};

}  // namespace cordon::detect
