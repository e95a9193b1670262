// An exchange as the flight recorder keeps it: its texts, and where it belongs.
// docs/formats/replay.md.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "model/mode.h"
#include "model/scope.h"
#include "policy/rulepack.h"

#include <string>
#include <string_view>
#include <vector>

namespace cordon::replay {

/// One text, whole, before any redaction.
struct CapturedText {
  policy::Part part = policy::Part::response;
  std::string text;
  friend bool operator==(const CapturedText&, const CapturedText&) = default;
};

/// Texts of one exchange. A text that passed the recorder's bound is not among them.
struct CapturedExchange {
  std::string exchange;
  WallTime at{};
  std::string route;
  std::string provider;
  std::string model;
  std::string tenant;
  std::string use_case;
  model::Mode mode = model::Mode::standard;
  std::vector<CapturedText> texts;

  [[nodiscard]] model::Place place() const noexcept {
    return {route, model, provider, tenant, use_case, {}};
  }
  friend bool operator==(const CapturedExchange&, const CapturedExchange&) = default;
};

/// The bytes of a record: one JSON object.
[[nodiscard]] std::string write(const CapturedExchange& exchange);
/// Refuses as `corrupt`.
[[nodiscard]] Result<CapturedExchange> read_captured(std::string_view bytes);

}  // namespace cordon::replay
