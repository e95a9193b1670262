#include "model/action.h"
#include "model/incident_class.h"
#include "model/mode.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

namespace cordon::model {
namespace {

constexpr std::array<std::string_view, 4> kActions = {"allow", "warn", "redact", "block"};
constexpr std::array<std::string_view, 4> kModes = {"observe", "standard", "emergency", "lockdown"};
constexpr std::array<std::string_view, kIncidentClassCount> kClasses = {
    "prompt_injection_bypass", "unsafe_output", "data_leakage", "policy_drift"};

template <std::size_t n>
Result<std::size_t> find_word(const std::array<std::string_view, n>& words, std::string_view text,
                              std::string_view what) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) {
    return fail(Errc::invalid, fmt::format("unknown {} '{}', expected one of {}", what,
                                           text.substr(0, 64), fmt::join(words, ", ")));
  }
  return static_cast<std::size_t>(found - words.begin());
}

/// Levenshtein distance, for words of at most 64 bytes.
std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view to_string(Action action) noexcept {
  return kActions[static_cast<std::size_t>(action)];
}
Result<Action> parse_action(std::string_view text) {
  CORDON_TRY(const std::size_t index, find_word(kActions, text, "action"));
  return static_cast<Action>(index);
}

std::string_view to_string(Mode mode) noexcept {
  return kModes[static_cast<std::size_t>(mode)];
}
Result<Mode> parse_mode(std::string_view text) {
  CORDON_TRY(const std::size_t index, find_word(kModes, text, "mode"));
  return static_cast<Mode>(index);
}

std::string_view to_string(IncidentClass of) noexcept {
  return kClasses[static_cast<std::size_t>(of)];
}
Result<IncidentClass> parse_incident_class(std::string_view text) {
  const auto found = find_word(kClasses, text, "class");
  if (found) return static_cast<IncidentClass>(*found);
  const std::string_view asked = text.substr(0, 64);
  const auto nearest = std::min_element(kClasses.begin(), kClasses.end(),
                                        [asked](std::string_view a, std::string_view b) {
                                          return edits_between(asked, a) < edits_between(asked, b);
                                        });
  return fail(Errc::invalid, fmt::format("{}; the nearest is {}", found.error().detail, *nearest));
}

}  // namespace cordon::model
