#include "model/scope.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace cordon::model {
namespace {

constexpr std::array<std::string_view, kDimensionCount> kNames = {"route",  "model",    "provider",
                                                                  "tenant", "use_case", "flag"};
constexpr std::string_view kAny = "*";

bool agrees(const std::optional<std::string>& wanted, std::string_view found) noexcept {
  return !wanted || *wanted == kAny || *wanted == found;
}

/// A name as config and callers may write it: no separators, no spaces, no control characters.
bool is_name(std::string_view value) noexcept {
  return !value.empty() && value.size() <= kScopeValueBytesMax &&
         std::all_of(value.begin(), value.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte != 0x7f && c != ',' && c != '=' && c != '"';
         });
}

}  // namespace

std::string_view to_string(Dimension dimension) noexcept {
  return kNames[static_cast<std::size_t>(dimension)];
}

Result<Scope> Scope::parse(std::string_view text) {
  if (text.empty()) {
    return fail(Errc::invalid,
                "the scope is empty; name at least one of route, model, provider, "
                "tenant, use_case, flag, for example route=support");
  }
  Scope scope;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t equals = part.find('=');
    const std::string_view name = part.substr(0, equals);
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    if (equals == part.npos || found == kNames.end()) {
      return fail(Errc::invalid,
                  fmt::format("unknown scope dimension '{}', expected one of {} as name=value",
                              name.substr(0, 64), fmt::join(kNames, ", ")));
    }
    const std::string_view value = part.substr(equals + 1);
    if (!is_name(value)) {
      return fail(Errc::invalid,
                  fmt::format("the scope's {} must be 1 to {} bytes without spaces, commas, "
                              "quotes or '='",
                              name, kScopeValueBytesMax));
    }
    auto& slot = scope.values_[static_cast<std::size_t>(found - kNames.begin())];
    if (slot) return fail(Errc::invalid, fmt::format("the scope names {} twice", name));
    slot = std::string(value);
    if (comma == text.npos) return scope;
    text.remove_prefix(comma + 1);
  }
}

std::string Scope::text() const {
  std::string text;
  for (std::size_t i = 0; i < kDimensionCount; ++i) {
    if (!values_[i]) continue;
    if (!text.empty()) text += ',';
    text += kNames[i];
    text += '=';
    text += *values_[i];
  }
  return text;
}

const std::optional<std::string>& Scope::named(Dimension dimension) const noexcept {
  return values_[static_cast<std::size_t>(dimension)];
}

bool Scope::covers_any_target(const Place& place) const noexcept {
  const auto& flag = named(Dimension::flag);
  const bool flagged =
      !flag || *flag == kAny ||
      std::find(place.flags.begin(), place.flags.end(), *flag) != place.flags.end();
  return flagged && agrees(named(Dimension::model), "") && agrees(named(Dimension::provider), "") &&
         agrees(named(Dimension::route), place.route) &&
         agrees(named(Dimension::tenant), place.tenant) &&
         agrees(named(Dimension::use_case), place.use_case);
}

bool Scope::covers(const Place& place) const noexcept {
  const auto& flag = named(Dimension::flag);
  const bool flagged =
      !flag || *flag == kAny ||
      std::find(place.flags.begin(), place.flags.end(), *flag) != place.flags.end();
  return flagged && agrees(named(Dimension::model), place.model) &&
         agrees(named(Dimension::provider), place.provider) &&
         agrees(named(Dimension::route), place.route) &&
         agrees(named(Dimension::tenant), place.tenant) &&
         agrees(named(Dimension::use_case), place.use_case);
}

}  // namespace cordon::model
