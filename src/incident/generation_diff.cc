#include "incident/generation_diff.h"

#include <fmt/format.h>

#include <map>

namespace cordon::incident {
namespace {

using codec::Json;
using Flat = std::map<std::string, std::string>;

std::string key_of(const Json& item, std::size_t index) {
  if (item.is_object()) {
    for (const char* key : {"name", "id"}) {
      const auto found = item.find(key);
      if (found != item.end() && found->is_string()) return found->get<std::string>();
    }
  }
  return fmt::format("{}", index);
}

/// Depth is bounded by the parser that made the value.
void flatten(const Json& value, const std::string& path, Flat& out) {  // NOLINT(misc-no-recursion)
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, member] : value.items()) {
      if (path.empty() && key == "number") continue;
      flatten(member, path.empty() ? key : path + "." + key, out);
    }
  } else if (value.is_array() && !value.empty()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      flatten(value[i], fmt::format("{}[{}]", path, key_of(value[i], i)), out);
    }
  } else {
    out[path] = codec::write_json(value);
  }
}

}  // namespace

std::vector<std::string> diff_generations(const Json& before, const Json& after) {
  Flat from;
  Flat to;
  flatten(before, "", from);
  flatten(after, "", to);
  std::vector<std::string> lines;
  for (const auto& [path, value] : from) {
    const auto now = to.find(path);
    if (now == to.end()) {
      lines.push_back(fmt::format("{}: {} -> removed", path, value));
    } else if (now->second != value) {
      lines.push_back(fmt::format("{}: {} -> {}", path, value, now->second));
    }
  }
  for (const auto& [path, value] : to) {
    if (!from.contains(path)) lines.push_back(fmt::format("{}: added {}", path, value));
  }
  if (lines.size() > kDiffLinesMax) {
    const std::size_t more = lines.size() - kDiffLinesMax;
    lines.resize(kDiffLinesMax);
    lines.push_back(fmt::format("and {} more", more));
  }
  return lines;
}

}  // namespace cordon::incident
