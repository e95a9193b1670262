// Reading the keys of one YAML map into fields: a key that is absent leaves the default.
#pragma once

#include "codec/yaml.h"
#include "model/scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cordon::model::internal {

using codec::YamlNode;
using Words = std::span<const std::string_view>;
using Milliseconds = std::chrono::milliseconds;

/// The value of a key whose absence and whose emptiness mean the same: a section or a list.
inline const YamlNode* section(const YamlNode& map, std::string_view key) {
  const YamlNode* node = map.find(key);
  return node == nullptr || node->is_null() ? nullptr : node;
}

inline Status read_text(const YamlNode& map, std::string_view key, std::string& out) {
  const YamlNode* node = map.find(key);
  if (node == nullptr) return {};
  CORDON_TRY(out, node->as_nonempty_string());
  return {};
}

inline Status read_duration(const YamlNode& map, std::string_view key, Milliseconds min,
                            Milliseconds max, Milliseconds& out) {
  const YamlNode* node = map.find(key);
  if (node == nullptr) return {};
  CORDON_TRY(out, node->as_duration(min, max));
  return {};
}

inline Status read_bytes(const YamlNode& map, std::string_view key, std::uint64_t min,
                         std::uint64_t max, std::uint64_t& out) {
  const YamlNode* node = map.find(key);
  if (node == nullptr) return {};
  CORDON_TRY(out, node->as_bytes(min, max));
  return {};
}

template <class T>
Status read_count(const YamlNode& map, std::string_view key, std::int64_t min, std::int64_t max,
                  T& out) {
  const YamlNode* node = map.find(key);
  if (node == nullptr) return {};
  CORDON_TRY(const std::int64_t value, node->as_int(min, max));
  out = static_cast<T>(value);
  return {};
}

inline Status read_number(const YamlNode& map, std::string_view key, double min, double max,
                          double& out) {
  const YamlNode* node = map.find(key);
  if (node == nullptr) return {};
  CORDON_TRY(out, node->as_double(min, max));
  return {};
}

/// `words` are in the order of the enumeration.
template <class T>
Status read_word(const YamlNode& map, std::string_view key, Words words, T& out) {
  const YamlNode* node = map.find(key);
  if (node == nullptr) return {};
  CORDON_TRY(const std::size_t index, node->as_one_of(words));
  out = static_cast<T>(index);
  return {};
}

/// A name as routes, providers, models and tenants have: what a scope can hold, without `*`.
inline Result<std::string> as_name(const YamlNode& node) {
  CORDON_TRY(std::string name, node.as_nonempty_string());
  const bool fits =
      name.size() <= kScopeValueBytesMax && std::all_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte > 0x20 && byte != 0x7f &&
               std::string_view(",=\"*").find(c) == std::string_view::npos;
      });
  if (fits) return name;
  return tl::make_unexpected(node.expected(fmt::format(
      "a name of 1 to {} bytes without spaces, commas, quotes, '=' or '*'", kScopeValueBytesMax)));
}

/// The name that each item of a list must have, once each.
class Names {
 public:
  /// `what` is the noun in errors.
  explicit Names(std::string_view what) : what_(what) {}

  Result<std::string> take(const YamlNode& item) {
    CORDON_TRY(const YamlNode* node, item.require("name"));
    CORDON_TRY(std::string name, as_name(*node));
    const auto [found, fresh] = lines_.emplace(name, node->line());
    if (fresh) return name;
    return tl::make_unexpected(node->error(
        fmt::format("found the {} '{}' a second time, expected each name once (first on line {})",
                    what_, name, found->second)));
  }

 private:
  std::string_view what_;
  std::map<std::string, std::size_t> lines_;
};

/// Names that another part of the file may point at.
inline std::vector<std::string_view> views_of(const auto& items, auto name_of) {
  std::vector<std::string_view> views;
  for (const auto& item : items) views.push_back(name_of(item));
  return views;
}

/// Calls `read` for each item of the list at `key`; an absent or empty list has none.
template <class Read>
Status each(const YamlNode& map, std::string_view key, std::size_t items_max, Read read) {
  const YamlNode* list = section(map, key);
  if (list == nullptr) return {};
  CORDON_TRY(const auto items, list->sequence());
  if (items.size() > items_max) {
    return tl::make_unexpected(
        list->error(fmt::format("found {} {}, expected at most {}", items.size(), key, items_max)));
  }
  for (const YamlNode& item : items) {
    CORDON_CHECK(read(item));
  }
  return {};
}

}  // namespace cordon::model::internal
