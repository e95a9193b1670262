// A generation, indexed for the request path: one call says what holds for an exchange.
#pragma once

#include "model/generation.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cordon::containment {

/// Whether an exchange may begin.
enum class Admission : std::uint8_t {
  admitted,
  switched_off,     ///< a switch covers the exchange, or every target it could go to
  locked_down,      ///< a lockdown does
  unknown_route,    ///< no such route
  forbidden_route,  ///< the tenant or its key may not use it, or there is no such tenant
  key_revoked,      ///< the key under which it runs was taken back
};

/// What holds for one exchange. Views into the Effective that made it, which must outlive it.
struct Ruling {
  Admission admission = Admission::unknown_route;
  std::string_view measure_id;   ///< of the switch or lockdown that refused; else empty
  std::string_view fallback_id;  ///< of the fallback that chose the targets; else empty
  /// The strictest of the route's own and of every mode that covers a target below.
  model::Mode mode = model::Mode::standard;
  const model::Route* route = nullptr;  ///< durability and rulepacks are the route's
  std::array<const model::Target*, model::kTargetsMax> target_slots{};
  std::size_t target_count = 0;
  /// To be tried in this order; empty unless admitted.
  [[nodiscard]] std::span<const model::Target* const> targets() const noexcept {
    return {target_slots.data(), target_count};
  }
};

/// Who presents a key. Views into the Effective that answered.
struct Caller {
  const model::Tenant* tenant = nullptr;      ///< null: nobody
  const model::IssuedKey* key = nullptr;      ///< null: a key of the configuration
  const model::KeyLimits* limited = nullptr;  ///< of a key of the configuration that has limits
};

/// Why an exchange may not go on.
struct Forbidden {
  std::string_view measure_id;  ///< empty if its key was revoked
  Admission why = Admission::switched_off;
};

/// Immutable; any number of threads may ask. Asking never allocates.
class Effective {
 public:
  /// `generation` must be sealed; see generations.h.
  explicit Effective(std::shared_ptr<const model::Generation> generation);
  Effective(const Effective&) = delete;
  Effective& operator=(const Effective&) = delete;

  [[nodiscard]] const model::Generation& generation() const noexcept { return *generation_; }

  /// Who presents this key; nobody when it is unknown, or expired by `clock`, which is asked only
  /// where a key expires. Compares digests in constant time.
  [[nodiscard]] Caller caller_of(std::string_view key, const Clock& clock) const;
  [[nodiscard]] const model::Provider* provider(std::string_view name) const noexcept;
  [[nodiscard]] const model::Route* route(std::string_view name) const noexcept;
  [[nodiscard]] bool may_use(const Caller& caller, std::string_view route) const noexcept;

  /// Rules on a new exchange. `place.model` and `place.provider` are ignored, unless the route has
  /// no targets: then it is rule_as_named().
  [[nodiscard]] Ruling rule(const model::Place& place) const noexcept;
  /// The same for the fallback that its route declares, whether or not one is in force.
  [[nodiscard]] Ruling rule_fallback(const model::Place& place) const noexcept;
  /// Rules on an exchange that somebody else carries, to the provider and the model that `place`
  /// names, as far as it names them. No target is chosen and no fallback stands in.
  [[nodiscard]] Ruling rule_as_named(const model::Place& place) const noexcept;
  /// The switch or lockdown that covers `place` as it stands, with the target it chose; or that
  /// its key was revoked. Ask before a target is used: the generation may have changed since the
  /// ruling.
  [[nodiscard]] std::optional<Forbidden> forbids(const model::Place& place) const noexcept;
  /// Null when no flag of this name is configured.
  [[nodiscard]] const model::Flag* flag(std::string_view name) const noexcept;
  /// The switch or lockdown in force that names the flag and covers `place`, whose own flags are
  /// ignored.
  [[nodiscard]] std::optional<Forbidden> forbids_flag(const model::Flag& flag,
                                                      const model::Place& place) const noexcept;
  /// False when the flag is unknown or configured off, or a switch in force names it.
  [[nodiscard]] bool flag_enabled(std::string_view flag, const model::Place& place) const noexcept;

 private:
  using Measures = std::vector<const model::MeasureInForce*>;
  using Targets = std::vector<model::Target>;
  struct RouteIndex {
    const model::Route* route = nullptr;
    const std::vector<model::Target>* targets = nullptr;  ///< after fallback
    std::string_view fallback_id;
    Measures stops;  ///< switches and lockdowns that may cover this route, whoever calls
    Measures modes;
  };
  struct TenantIndex {
    const model::Tenant* tenant = nullptr;
    bool every_route = false;
    std::vector<std::string_view> routes;  ///< sorted
    Measures stops;                        ///< those that name this tenant
    Measures modes;
    [[nodiscard]] bool may_use(std::string_view route) const noexcept;
  };
  struct KeyIndex {
    std::array<std::byte, 32> digest;
    const model::Tenant* tenant;
    const model::IssuedKey* issued;  ///< null: of the configuration
    const model::KeyLimits* limited;
  };
  [[nodiscard]] Ruling rule_on(const model::Place& place, const RouteIndex* route,
                               const Targets* targets) const noexcept;
  [[nodiscard]] Ruling rule_as_named(const model::Place& place,
                                     const RouteIndex* route) const noexcept;
  /// Whether the tenant, and the key under which it asks, may use the route.
  [[nodiscard]] bool may_ask(const TenantIndex* tenant, const model::Place& place) const noexcept;
  void index_names();
  void index_key(std::string_view sha256, const model::Tenant& tenant,
                 const model::IssuedKey* issued, const model::KeyLimits* limited);
  void index_measure(const model::MeasureInForce& measure);
  [[nodiscard]] const RouteIndex* route_index(std::string_view route) const noexcept;
  [[nodiscard]] const TenantIndex* tenant_index(std::string_view tenant) const noexcept;
  /// Null when no key has that id, or it was revoked.
  [[nodiscard]] const model::IssuedKey* issued_key(std::string_view id) const noexcept;

  std::shared_ptr<const model::Generation> generation_;
  std::unordered_map<std::string_view, RouteIndex> routes_;
  std::unordered_map<std::string_view, TenantIndex> tenants_;
  std::vector<KeyIndex> keys_;  ///< sorted by digest
  Measures stops_;              ///< all of them
  Measures flag_stops_;         ///< those that name a flag
};

}  // namespace cordon::containment
