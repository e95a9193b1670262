// What the flight recorder may keep of an exchange on a route with `capture: on`.
#pragma once

#include "base/clock.h"
#include "model/mode.h"
#include "policy/rulepack.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::gateway {

/// One text, whole, before any redaction.
struct CapturedText {
  policy::Part part = policy::Part::response;
  std::string text;
};

/// Texts of one exchange. Belongs to it until it ends. A text that would pass the bound is left
/// out, because a part of a text decides nothing.
struct Captured {
  static constexpr std::size_t kBytesMax = 256 * 1024;

  std::string exchange;
  WallTime at{};
  std::string route;
  std::string provider;
  std::string model;
  std::string tenant;
  std::string use_case;
  model::Mode mode = model::Mode::standard;
  std::vector<CapturedText> texts;
  std::size_t bytes = 0;

  void add(policy::Part part, std::string_view text) {
    if (text.empty() || text.size() > kBytesMax - bytes) return;
    bytes += text.size();
    texts.push_back({part, std::string(text)});
  }
};

/// Takes what was captured. Implemented by app. Any thread; never blocks; may drop.
class CaptureSink {
 public:
  virtual ~CaptureSink() = default;
  virtual void keep(Captured captured) = 0;
};

}  // namespace cordon::gateway
