// What a switch, a mode or a fallback applies to: a selector over six dimensions.
#pragma once

#include "base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cordon::model {

/// The dimensions a scope may name, in the order in which its text lists them.
enum class Dimension : std::uint8_t { route, model, provider, tenant, use_case, flag };
inline constexpr std::size_t kDimensionCount = 6;

[[nodiscard]] std::string_view to_string(Dimension dimension) noexcept;

/// Where one exchange stands. `model` and `provider` are empty until a target is chosen.
/// Views into what the exchange owns.
struct Place {
  std::string_view route;
  std::string_view model;
  std::string_view provider;
  std::string_view tenant;
  std::string_view use_case;
  std::span<const std::string> flags;
  std::string_view key = {};  ///< id of the issued key that was presented; else empty
};

/// Every dimension that is named must agree; one that is not named agrees with anything. The
/// value `*` is the same as not naming it, but a scope must name at least one dimension, so
/// that "everything" is only ever said on purpose: `route=*`.
class Scope {
 public:
  /// Reads `route=support,tenant=acme`. Refuses an unknown or repeated dimension, an empty or
  /// overlong value, and a scope that names nothing, as `invalid`.
  [[nodiscard]] static Result<Scope> parse(std::string_view text);

  /// The form that parse() reads, dimensions in their order. One scope has one text.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool covers(const Place& place) const noexcept;
  /// True if it covers every target of the route that `place` names: a scope that names a model
  /// or a provider does not.
  [[nodiscard]] bool covers_any_target(const Place& place) const noexcept;
  [[nodiscard]] const std::optional<std::string>& named(Dimension dimension) const noexcept;

  friend bool operator==(const Scope&, const Scope&) = default;

 private:
  std::array<std::optional<std::string>, kDimensionCount> values_;
};

inline constexpr std::size_t kScopeValueBytesMax = 128;

}  // namespace cordon::model
