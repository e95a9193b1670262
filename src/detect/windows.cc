#include "detect/windows.h"

#include "detect/internal/harm_log.h"
#include "detect/internal/series.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace cordon::detect {
namespace {

constexpr std::array<std::string_view, kSubjectCount> kSubjects = {"all", "route", "target",
                                                                   "tenant", "rule"};

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view name) const noexcept {
    return std::hash<std::string_view>{}(name);
  }
};

/// All series of one subject.
template <class Series>
struct Family {
  std::unordered_map<std::string, Series, NameHash, std::equal_to<>> by_name;
  Series other;
  std::uint64_t folded = 0;

  Series& at(std::string_view name, std::size_t names_max) {
    if (const auto found = by_name.find(name); found != by_name.end()) return found->second;
    if (by_name.size() >= names_max) {
      ++folded;
      return other;
    }
    return by_name.try_emplace(std::string(name)).first->second;
  }
  /// Null with `folded` 0: the name was never seen.
  [[nodiscard]] const Series* find(std::string_view name) const {
    if (name == kOther) return &other;
    const auto found = by_name.find(name);
    return found == by_name.end() ? nullptr : &found->second;
  }
};

void append(std::string& out, std::string_view provider, std::string_view model) {
  out.append(provider);
  out += '/';
  out.append(model);
}

}  // namespace

std::string_view to_string(Subject subject) noexcept {
  return kSubjects[static_cast<std::size_t>(subject)];
}

std::string target_name(std::string_view provider, std::string_view model) {
  std::string name;
  append(name, provider, model);
  return name;
}

class Windows::Core {
 public:
  explicit Core(WindowsOptions options) : options_(options), harm_(options) {}

  void observe(const model::EndRecord& end, WallTime recorded) {
    const internal::Second second = internal::second_of(recorded);
    first_ = std::min(first_.value_or(recorded), recorded);
    internal::Bucket one = internal::bucket_of(end);
    target_.clear();
    append(target_, end.head.provider, end.head.model);
    const auto add = [&](internal::ExchangeSeries& series, bool timed) {
      series.add(second, one, options_.seconds_max);
      if (timed) series.add_latency(second, end.total_us, options_.seconds_max);
    };
    add(all_, true);
    add(routes_.at(end.head.route, options_.routes_max), true);
    if (target_.size() > 1) add(targets_.at(target_, options_.targets_max), true);
    add(tenants_.at(end.head.tenant, options_.tenants_max), false);
    for (const model::Hit& hit : end.hits) {
      if (hit.count == 0) continue;
      rules_.at(hit.rule, options_.rules_max).add(second, hit, options_.seconds_max);
    }
    harm_.observe(end, recorded);
  }

  [[nodiscard]] const Family<internal::ExchangeSeries>& family(Subject subject) const {
    return subject == Subject::route ? routes_ : subject == Subject::target ? targets_ : tenants_;
  }

  /// The series of a name; null if it has counted nothing; unknown if it cannot be told.
  template <class Series>
  [[nodiscard]] Known<const Series*> series_of(const Family<Series>& family, Subject subject,
                                               std::string_view name) const {
    const Series* found = family.find(name);
    if (found == nullptr && family.folded > 0) {
      return unknown(fmt::format("more {}s than are kept apart; this one is under {}",
                                 to_string(subject), kOther));
    }
    return found;
  }

  [[nodiscard]] Known<const internal::ExchangeSeries*> exchanges_of(Subject subject,
                                                                    std::string_view name) const {
    if (subject == Subject::all) return &all_;
    return series_of(family(subject), subject, name);
  }

  [[nodiscard]] Known<void> check(Window window) const {
    if (window.length <= std::chrono::seconds(0)) return unknown("a window without length");
    if (options_.known_from != WallTime::min() &&
        window.end - window.length < options_.known_from) {
      return unknown(
          fmt::format("what was before {} was not read", format_rfc3339(options_.known_from)));
    }
    return {};
  }

  WindowsOptions options_;
  internal::ExchangeSeries all_;
  Family<internal::ExchangeSeries> routes_;
  Family<internal::ExchangeSeries> targets_;
  Family<internal::ExchangeSeries> tenants_;
  Family<internal::RuleSeries> rules_;
  internal::HarmLog harm_;
  std::optional<WallTime> first_;
  std::string target_;  ///< scratch
};

Windows::Windows(WindowsOptions options) : core_(std::make_unique<Core>(options)) {}
Windows::~Windows() = default;

void Windows::observe(const model::EndRecord& end, WallTime recorded) {
  core_->observe(end, recorded);
}

Known<Counts> Windows::counts(Subject subject, std::string_view name, Window window) const {
  CORDON_CHECK(core_->check(window));
  const internal::Seconds seconds = internal::seconds_of(window);
  if (subject == Subject::rule) {
    CORDON_TRY(const internal::RuleSeries* series, core_->series_of(core_->rules_, subject, name));
    return series == nullptr ? Known<Counts>(Counts{}) : series->sum(seconds);
  }
  CORDON_TRY(const internal::ExchangeSeries* series, core_->exchanges_of(subject, name));
  return series == nullptr ? Known<Counts>(Counts{}) : series->sum(seconds);
}

Known<double> Windows::rate(Subject subject, std::string_view name, Window window) const {
  CORDON_TRY(const Counts sums, counts(subject, name, window));
  return static_cast<double>(sums.exchanges) / static_cast<double>(window.length.count());
}

Known<double> Windows::delivered_percent(Subject subject, std::string_view name,
                                         model::IncidentClass of_class, Window window) const {
  CORDON_TRY(const Counts sums, counts(subject, name, window));
  if (sums.exchanges == 0) return unknown("no exchanges in the window");
  return 100.0 * static_cast<double>(sums.of(of_class).exchanges_delivered) /
         static_cast<double>(sums.exchanges);
}

Known<std::uint64_t> Windows::latency_us(Subject subject, std::string_view name, double q,
                                         Window window) const {
  CORDON_CHECK(core_->check(window));
  if (subject == Subject::rule || subject == Subject::tenant) {
    return unknown(fmt::format("latency is not kept per {}", to_string(subject)));
  }
  if (!(q > 0 && q <= 1)) return unknown("a quantile lies above 0 and not above 1");
  CORDON_TRY(const internal::ExchangeSeries* series, core_->exchanges_of(subject, name));
  if (series == nullptr) return unknown("no exchanges in the window");
  return series->latency(internal::seconds_of(window), q);
}

Known<Harm> Windows::harm(std::span<const model::Scope> scopes, model::IncidentClass of_class,
                          Window window, WallTime began_from) const {
  CORDON_CHECK(core_->check(window));
  return core_->harm_.sum(scopes, of_class, internal::seconds_of(window), began_from);
}

std::optional<WallTime> Windows::watching_since() const noexcept {
  return core_->first_;
}

std::vector<std::string> Windows::names(Subject subject) const {
  std::vector<std::string> names;
  const auto collect = [&names](const auto& family) {
    for (const auto& [name, series] : family.by_name) names.push_back(name);
  };
  if (subject == Subject::rule) {
    collect(core_->rules_);
  } else if (subject != Subject::all) {
    collect(core_->family(subject));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::uint64_t Windows::folded(Subject subject) const noexcept {
  if (subject == Subject::all) return 0;
  return subject == Subject::rule ? core_->rules_.folded : core_->family(subject).folded;
}

}  // namespace cordon::detect
