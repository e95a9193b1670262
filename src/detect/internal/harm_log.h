// Every recent exchange with a live match, and where it stood, so that harm can be told for any
// scope, also one that nobody had thought of when it happened.
#pragma once

#include "detect/internal/series.h"

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace cordon::detect::internal {

/// Bounded by items and places; what does not fit makes answers unknown, not smaller.
class HarmLog {
 public:
  explicit HarmLog(const WindowsOptions& options);
  void observe(const model::EndRecord& end, WallTime recorded);
  [[nodiscard]] Known<Harm> sum(std::span<const model::Scope> scopes, model::IncidentClass of_class,
                                Seconds seconds, WallTime began_from) const;

 private:
  /// One exchange and one class.
  struct Item {
    Second second = 0;
    WallTime began{};
    std::uint32_t place = 0;
    model::IncidentClass of_class = model::IncidentClass::data_leakage;
    bool killed = false;
    std::uint32_t delivered = 0;
    std::uint32_t personal = 0;
  };
  struct Where {
    std::string route, model, provider, tenant, use_case;
    std::vector<std::string> flags;
  };

  [[nodiscard]] std::uint32_t place_of(const model::ExchangeHead& head);

  std::size_t items_max_;
  std::size_t places_max_;
  std::deque<Item> items_;
  std::vector<Where> places_;
  std::unordered_map<std::string, std::uint32_t> ids_;
  Second dropped_until_ = INT64_MIN;
};

}  // namespace cordon::detect::internal
