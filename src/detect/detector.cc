#include "detect/detector.h"

#include "detect/burst.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cordon::detect {
namespace {

constexpr double kLooksPerDay = 86'400;
constexpr std::size_t kKeysMax = 10'000;
// A learned baseline shorter than this many windows says too little about matches.
constexpr int kBaselineWindowsMin = 5;
constexpr std::string_view kCanaryKind = "canary";
constexpr std::string_view kTokenRule = "canary.";
constexpr std::string_view kEverywhere = "route=*";

model::Scope scope_of_route(const std::string& route) {
  auto scope = model::Scope::parse("route=" + route);
  return scope ? *std::move(scope) : *model::Scope::parse(kEverywhere);
}

std::uint64_t counted(const BurstOptions& burst, const Counts& counts) {
  const ClassCounts& of = counts.of(burst.of_class);
  return burst.metric == BurstMetric::delivered ? of.exchanges_delivered : of.exchanges_hit;
}

bool counts_for(const BurstOptions& burst, const model::EndRecord& end) {
  return std::any_of(end.hits.begin(), end.hits.end(), [&burst](const model::Hit& hit) {
    return hit.live && hit.of_class == burst.of_class && hit.count > 0 &&
           (burst.metric == BurstMetric::matched || hit.delivered > 0);
  });
}

bool is_canary(const CanaryOptions& canary, const model::Hit& hit) {
  if (hit.count == 0) return false;
  if (canary.rules.contains(hit.rule)) return true;
  return hit.data_kind == kCanaryKind && !hit.rule.starts_with(kTokenRule);
}

std::string_view word(BurstMetric metric) {
  return metric == BurstMetric::delivered ? "exchanges_delivered" : "exchanges_matched";
}

std::string_view word(ThresholdMetric metric) {
  switch (metric) {
    case ThresholdMetric::error_percent:
      return "error_percent";
    case ThresholdMetric::delivered_percent:
      return "delivered_percent";
    case ThresholdMetric::blocked_percent:
      return "blocked_percent";
  }
  return "error_percent";
}

Signal base_signal(const std::string& detector, model::IncidentClass of_class, model::Scope scope) {
  Signal signal;
  signal.source = SignalSource::detector;
  signal.detector = detector;
  signal.reporter = {model::ActorKind::service, "detect"};
  signal.of_class = of_class;
  signal.scope = std::move(scope);
  return signal;
}

/// What a burst is compared with.
struct Baseline {
  std::uint64_t count = 0;
  double seconds = 0;
  double exchanges = 0;
  double assumed_quiet_s = 0;
};

/// None if too little was watched to say what is normal.
std::optional<Baseline> learn(const BurstOptions& burst, const Windows& windows,
                              const std::string& route, const Counts& now_counts,
                              std::chrono::seconds window, WallTime now) {
  const WallTime end = now - window;
  const WallTime since = windows.watching_since().value_or(now);
  const auto watched = std::clamp(std::chrono::floor<std::chrono::seconds>(end - since),
                                  std::chrono::seconds(0), burst.baseline);
  const auto before = windows.counts(Subject::route, route, {end, burst.baseline});
  const bool quiet = burst.metric == BurstMetric::delivered;
  if (!quiet && (!before || watched < kBaselineWindowsMin * window)) return std::nullopt;
  Baseline baseline;
  if (before) {
    baseline.count = counted(burst, *before);
    baseline.seconds = static_cast<double>(watched.count());
    baseline.exchanges = static_cast<double>(before->exchanges);
  }
  if (quiet) {
    baseline.assumed_quiet_s = static_cast<double>(burst.baseline.count()) - baseline.seconds;
    baseline.seconds += baseline.assumed_quiet_s;
    baseline.exchanges += static_cast<double>(now_counts.exchanges) * baseline.assumed_quiet_s /
                          static_cast<double>(window.count());
  }
  return baseline;
}

}  // namespace

DetectorsOptions DetectorsOptions::defaults() {
  DetectorsOptions options;
  for (const auto of_class :
       {model::IncidentClass::data_leakage, model::IncidentClass::unsafe_output,
        model::IncidentClass::prompt_injection_bypass, model::IncidentClass::policy_drift}) {
    BurstOptions burst;
    burst.of_class = of_class;
    burst.name = fmt::format("burst.{}", model::to_string(of_class));
    options.bursts.push_back(burst);
    burst.metric = BurstMetric::matched;
    burst.name = fmt::format("attempts.{}", model::to_string(of_class));
    options.bursts.push_back(std::move(burst));
  }
  options.canaries.push_back({});
  return options;
}

std::string DetectorsOptions::canary_rule(std::string_view detector) {
  return fmt::format("{}{}", kTokenRule, detector);
}

DetectorsOptions DetectorsOptions::from(std::span<const model::DetectorConfig> configured) {
  if (configured.empty()) return defaults();
  DetectorsOptions options;
  const auto kept = std::chrono::seconds(WindowsOptions{}.seconds_max);
  for (const model::DetectorConfig& one : configured) {
    if (one.kind == model::DetectorKind::canary) {
      options.canaries.push_back({.name = one.name, .rules = {canary_rule(one.name)}});
      continue;
    }
    BurstOptions burst;
    burst.name = one.name;
    burst.of_class = one.of_class;
    burst.window = std::clamp(std::chrono::ceil<std::chrono::seconds>(one.window),
                              std::chrono::seconds(1), kept / 2);
    burst.baseline = std::clamp(std::chrono::ceil<std::chrono::seconds>(one.baseline), burst.window,
                                kept - burst.window);
    burst.min_count = one.min_count;
    burst.false_alarms_per_day = one.false_alarms_per_day;
    options.bursts.push_back(std::move(burst));
  }
  return options;
}

Detectors::Detectors(DetectorsOptions options, const Windows& windows)
    : options_(std::move(options)), windows_(windows) {}

Detectors::Key Detectors::key_of(const std::string& detector, model::IncidentClass of_class,
                                 const std::string& route) const {
  Key key{detector, of_class, scope_of_route(route).text()};
  if (memory_.size() >= kKeysMax && !memory_.contains(key)) key.scope = kEverywhere;
  return key;
}

void Detectors::count(const Key& key, WallTime at) {
  Memory& memory = memory_[key];
  if (memory.fired && !memory.armed) {
    const WallTime last = std::max(*memory.fired, memory.counted.value_or(*memory.fired));
    if (at - last >= options_.rearm) memory.armed = true;
  }
  memory.counted = std::max(memory.counted.value_or(at), at);
}

void Detectors::observe(const model::EndRecord& end, WallTime recorded) {
  if (end.hits.empty()) return;
  for (const BurstOptions& burst : options_.bursts) {
    if (counts_for(burst, end)) {
      count(key_of(burst.name, burst.of_class, end.head.route), recorded);
    }
  }
  for (const CanaryOptions& canary : options_.canaries) {
    for (const model::Hit& hit : end.hits) {
      if (!is_canary(canary, hit)) continue;
      const Key key = key_of(canary.name, hit.of_class, end.head.route);
      count(key, recorded);
      Sighting& sighting = sightings_[key];
      if (sighting.exchanges == 0) sighting.first = began_of(end, recorded);
      ++sighting.exchanges;
      sighting.delivered += hit.delivered;
      if (sighting.rules.size() < kCanaryRulesMax) sighting.rules.insert(hit.rule);
    }
  }
}

void Detectors::observe(const Signal& signal) {
  if (signal.source != SignalSource::detector) return;
  const Key key{signal.detector, signal.of_class, signal.scope.text()};
  Memory& memory = memory_[key];
  memory.fired = signal.recorded;
  memory.armed = false;
  sightings_.erase(key);
}

void Detectors::rearm(model::IncidentClass of_class, const model::Scope& scope, WallTime at) {
  const auto& resolved = scope.named(model::Dimension::route);
  for (auto& [key, memory] : memory_) {
    const auto own = model::Scope::parse(key.scope);
    const auto& route = own->named(model::Dimension::route);
    const bool touches = !resolved || *resolved == "*" || *route == "*" || *resolved == *route;
    if (key.of_class != of_class || !touches) continue;
    memory.armed = true;
    memory.since = at;
    sightings_.erase(key);
  }
}

bool Detectors::may_fire(const Key& key, WallTime now) const {
  const auto found = memory_.find(key);
  if (found == memory_.end() || found->second.armed) return true;
  return now - *found->second.fired >= options_.hold;
}

std::chrono::seconds Detectors::clip(const Key& key, std::chrono::seconds window,
                                     WallTime now) const {
  const auto found = memory_.find(key);
  if (found == memory_.end() || !found->second.since) return window;
  return std::min(window, std::chrono::floor<std::chrono::seconds>(now - *found->second.since));
}

std::optional<Signal> Detectors::look_burst(const BurstOptions& burst, const std::string& route,
                                            WallTime now) const {
  const Key key = key_of(burst.name, burst.of_class, route);
  const auto window = clip(key, burst.window, now);
  if (!may_fire(key, now) || window <= std::chrono::seconds(0)) return std::nullopt;
  const auto counts = windows_.counts(Subject::route, route, {now, window});
  if (!counts) return std::nullopt;
  const std::uint64_t count = counted(burst, *counts);
  if (count < burst.min_count) return std::nullopt;

  const double p_limit = burst.false_alarms_per_day / kLooksPerDay;
  const auto window_s = static_cast<double>(window.count());
  codec::Json numbers = {{"metric", word(burst.metric)},
                         {"count", count},
                         {"window_s", window.count()},
                         {"exchanges", counts->exchanges}};
  double p = 1;
  if (burst.rate_per_s) {
    p = poisson_tail(count, *burst.rate_per_s * window_s);
    numbers.update({{"rate_per_s", *burst.rate_per_s},
                    {"p_seconds", p},
                    {"p_limit", p_limit},
                    {"method", "Poisson tail at the declared rate"}});
  } else {
    const auto before = learn(burst, windows_, route, *counts, window, now);
    if (!before) return std::nullopt;
    const double p_seconds = burst_p_value({count, window_s, before->count, before->seconds});
    const double p_exchanges = burst_p_value(
        {count, static_cast<double>(counts->exchanges), before->count, before->exchanges});
    p = std::max(p_seconds, p_exchanges);
    numbers.update({{"baseline_count", before->count},
                    {"baseline_s", before->seconds},
                    {"baseline_exchanges", before->exchanges},
                    {"assumed_quiet_s", before->assumed_quiet_s},
                    {"p_seconds", p_seconds},
                    {"p_exchanges", p_exchanges},
                    {"p_limit", p_limit},
                    {"method", "conditional binomial test against the learned baseline"}});
  }
  if (p > p_limit) return std::nullopt;

  Signal signal = base_signal(burst.name, burst.of_class, scope_of_route(route));
  const auto harm = windows_.harm({&signal.scope, 1}, burst.of_class, {now, window});
  signal.time = harm && harm->exchanges > 0 ? harm->first : now - window;
  signal.summary =
      fmt::format("{} exchanges on route {} {} {} in {} s; by chance at most {:.2g}", count, route,
                  burst.metric == BurstMetric::delivered ? "delivered" : "matched",
                  model::to_string(burst.of_class), window.count(), p);
  signal.numbers = std::move(numbers);
  return signal;
}

std::optional<Signal> Detectors::look_threshold(const ThresholdOptions& threshold,
                                                const std::string& route, WallTime now) const {
  const Key key = key_of(threshold.name, threshold.of_class, route);
  const auto window = clip(key, threshold.window, now);
  if (!may_fire(key, now) || window <= std::chrono::seconds(0)) return std::nullopt;
  const auto counts = windows_.counts(Subject::route, route, {now, window});
  if (!counts || counts->exchanges < threshold.min_exchanges || counts->exchanges == 0) {
    return std::nullopt;
  }
  const std::uint64_t bad = threshold.metric == ThresholdMetric::error_percent ? counts->errors
                            : threshold.metric == ThresholdMetric::blocked_percent
                                ? counts->blocked
                                : counts->of(threshold.of_class).exchanges_delivered;
  const double value = 100.0 * static_cast<double>(bad) / static_cast<double>(counts->exchanges);
  if (value <= threshold.above) return std::nullopt;
  Signal signal = base_signal(threshold.name, threshold.of_class, scope_of_route(route));
  signal.time = now - window;
  signal.summary = fmt::format("{} on route {} is {:.4g}, above {:.4g}", word(threshold.metric),
                               route, value, threshold.above);
  signal.numbers = {{"metric", word(threshold.metric)},
                    {"value", value},
                    {"above", threshold.above},
                    {"window_s", window.count()},
                    {"exchanges", counts->exchanges}};
  return signal;
}

void Detectors::look_canaries(WallTime now, std::vector<Signal>& out) const {
  for (const auto& [key, sighting] : sightings_) {
    if (!may_fire(key, now)) continue;
    Signal signal = base_signal(key.detector, key.of_class, *model::Scope::parse(key.scope));
    signal.time = sighting.first;
    signal.summary = fmt::format("a canary that must never appear was seen in {} exchanges at {}",
                                 sighting.exchanges, key.scope);
    signal.numbers = {{"exchanges", sighting.exchanges},
                      {"delivered", sighting.delivered},
                      {"rules", sighting.rules}};
    out.push_back(std::move(signal));
  }
}

std::vector<Signal> Detectors::look(WallTime now) const {
  std::vector<Signal> signals;
  look_canaries(now, signals);
  for (const std::string& route : windows_.names(Subject::route)) {
    for (const BurstOptions& burst : options_.bursts) {
      if (auto signal = look_burst(burst, route, now)) signals.push_back(*std::move(signal));
    }
    for (const ThresholdOptions& threshold : options_.thresholds) {
      if (auto signal = look_threshold(threshold, route, now)) {
        signals.push_back(*std::move(signal));
      }
    }
  }
  return signals;
}

}  // namespace cordon::detect
