// Live numbers: what passed in the last hour per route, target, tenant and rule, and what harm
// reached clients in any scope. A fold over the ends of exchanges, in whole seconds.
//
// A second belongs to a window if the window's end lies in it or after it, and its start before
// it: `{now, 60s}` is the running second and the 59 before it. Nothing here asks a clock.
#pragma once

#include "base/clock.h"
#include "detect/known.h"
#include "model/exchange.h"
#include "model/scope.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::detect {

/// What a series is kept for. `all` has one series, with an empty name.
enum class Subject : std::uint8_t { all, route, target, tenant, rule };
inline constexpr std::size_t kSubjectCount = 5;
[[nodiscard]] std::string_view to_string(Subject subject) noexcept;
/// The series of all names beyond a bound.
inline constexpr std::string_view kOther = "(other)";
/// The name of a target's series: `provider/model`.
[[nodiscard]] std::string target_name(std::string_view provider, std::string_view model);

/// The seconds of (end - length, end].
struct Window {
  WallTime end{};
  std::chrono::seconds length{};
};

/// Of one class. Exchanges are independent of each other, matches inside one are not: tests
/// count exchanges, people count matches. A shadow rule counts in its own series only.
struct ClassCounts {
  std::uint64_t matches = 0;
  std::uint64_t matches_delivered = 0;
  std::uint64_t exchanges_hit = 0;
  std::uint64_t exchanges_delivered = 0;
};

inline constexpr std::size_t kEndCount = 9;

/// Sums over a window. Of a rule's series only `exchanges` (in which it matched) and
/// `by_class` are kept.
struct Counts {
  std::uint64_t exchanges = 0;
  std::array<std::uint64_t, kEndCount> ends{};
  std::uint64_t blocked = 0;  ///< a rule stopped the request or the answer
  std::uint64_t errors = 0;   ///< upstream_error, upstream_cut or timeout
  std::uint64_t tokens_in = 0;
  std::uint64_t tokens_out = 0;
  std::array<ClassCounts, model::kIncidentClassCount> by_class{};

  [[nodiscard]] const ClassCounts& of(model::IncidentClass of_class) const noexcept {
    return by_class[static_cast<std::size_t>(of_class)];
  }
};

/// Harm that reached clients in a scope: of one class, over one window.
struct Harm {
  std::uint64_t exchanges = 0;  ///< with a delivered match
  std::uint64_t records = 0;    ///< delivered matches
  std::uint64_t personal = 0;   ///< of these, personal data
  std::uint64_t attempts = 0;   ///< exchanges with a match, delivered or not
  std::map<std::string, std::uint64_t, std::less<>> routes;   ///< exchanges harmed on each
  std::map<std::string, std::uint64_t, std::less<>> tenants;  ///< and of each tenant
  std::set<std::string, std::less<>> targets;
  std::set<std::string, std::less<>> use_cases;
  WallTime first{};  ///< second of the first delivered match; only if exchanges > 0
  WallTime last{};
};

/// When an exchange began, from when its end was recorded and how long it took.
[[nodiscard]] WallTime began_of(const model::EndRecord& end, WallTime recorded) noexcept;

/// Bounds. A name beyond its bound is counted under `other`, and asking for it is unknown.
struct WindowsOptions {
  std::size_t routes_max = 64;
  std::size_t targets_max = 64;
  std::size_t tenants_max = 256;
  std::size_t rules_max = 512;
  std::size_t seconds_max = 3'600;        ///< kept per series, active seconds
  std::size_t harm_items_max = 200'000;   ///< seconds x places x classes with a match
  std::size_t places_max = 8'192;         ///< distinct route x target x tenant x use case
  WallTime known_from = WallTime::min();  ///< where the feed began, if not at entry 0
};

/// One thread's. Feed every end of an exchange in journal order; under 1 us each.
class Windows {
 public:
  explicit Windows(WindowsOptions options = {});
  ~Windows();
  Windows(const Windows&) = delete;
  Windows& operator=(const Windows&) = delete;

  void observe(const model::EndRecord& end, WallTime recorded);

  /// Unknown if the window reaches back before what is kept, or `name` went into `other`. A
  /// name that was never seen has counted nothing: zero, known.
  [[nodiscard]] Known<Counts> counts(Subject subject, std::string_view name, Window window) const;
  /// Exchanges per second.
  [[nodiscard]] Known<double> rate(Subject subject, std::string_view name, Window window) const;
  /// Exchanges with a delivered match of the class, in per cent; unknown over no exchanges.
  [[nodiscard]] Known<double> delivered_percent(Subject subject, std::string_view name,
                                                model::IncidentClass of_class, Window window) const;
  /// Total time of exchanges, in microseconds, at quantile `q` of (0, 1], off by at most 1/16;
  /// all, routes and targets only. Unknown over no exchanges. Whole tens of seconds.
  [[nodiscard]] Known<std::uint64_t> latency_us(Subject subject, std::string_view name, double q,
                                                Window window) const;

  /// Harm in any of `scopes`. An exchange that began before `began_from` or was killed after
  /// it is left out: a containment is judged by what it let begin.
  [[nodiscard]] Known<Harm> harm(std::span<const model::Scope> scopes,
                                 model::IncidentClass of_class, Window window,
                                 WallTime began_from = WallTime::min()) const;

  /// When the first end was recorded; nothing before there was one.
  [[nodiscard]] std::optional<WallTime> watching_since() const noexcept;
  /// Names that have a series, sorted.
  [[nodiscard]] std::vector<std::string> names(Subject subject) const;
  /// Names that went into `other`, counted once per exchange.
  [[nodiscard]] std::uint64_t folded(Subject subject) const noexcept;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace cordon::detect
