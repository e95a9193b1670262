// A replay test: an incident as texts and what must become of them, with all that is needed to
// decide again. Hermetic: the rulepacks in force then are inside. docs/formats/replay.md.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "model/action.h"
#include "model/actor.h"
#include "model/incident_class.h"
#include "model/mode.h"
#include "policy/rulepack.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::replay {

/// Where a case's text came from.
enum class Source : std::uint8_t { capture, sample };
[[nodiscard]] std::string_view to_string(Source source) noexcept;

/// A rulepack that was in force, whole.
struct PackThen {
  std::string name;
  std::string version;
  std::string digest;
  std::string text;
};

/// One text, what was decided then, and what must be decided from now on.
struct Case {
  std::string name;  ///< `1`, `2`, ...
  Source source = Source::sample;
  std::string exchange;  ///< of a capture; else empty
  policy::Part part = policy::Part::response;
  std::string text;
  model::Action then = model::Action::allow;     ///< by the packs inside, in standard mode
  model::Action expect = model::Action::redact;  ///< this or stronger, in standard mode
  std::vector<std::string> hide;                 ///< must not stand in what would be released
};

/// The whole file. A value.
struct ReplayTest {
  std::string id;        ///< `RT-2026-00017-01`
  std::string salt;      ///< random, so that the file's digest says nothing about its texts
  std::string incident;  ///< `INC-2026-00017`
  model::IncidentClass incident_class = model::IncidentClass::data_leakage;
  std::string route;
  model::Mode mode_then = model::Mode::standard;  ///< of the route, when the incident opened
  WallTime built_at{};
  model::Actor built_by;
  std::vector<PackThen> packs;
  std::vector<Case> cases;
};

/// Bounds on a file; each is refused with an error that names it.
inline constexpr std::size_t kTestBytesMax = 16 * 1024 * 1024;
inline constexpr std::size_t kCasesMax = 100;
inline constexpr std::size_t kCaseBytesMax = 256 * 1024;
inline constexpr std::size_t kHideMax = 100;
inline constexpr std::size_t kPacksMax = 100;

/// Refuses as `invalid` and lists the parts.
[[nodiscard]] Result<policy::Part> parse_part(std::string_view word);

/// The file's bytes.
[[nodiscard]] std::string write(const ReplayTest& test);
/// Refuses as `invalid` what is not the format, as `exhausted` what passes a bound. That the packs
/// have their digests is for compile() to see.
[[nodiscard]] Result<ReplayTest> read(std::string_view bytes);

}  // namespace cordon::replay
