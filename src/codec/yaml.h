// YAML as Cordon accepts it: a strict subset, with the place of every node.
//
// Configuration and rulepacks are read by people under stress and signed by auditors, so one
// text must have one meaning. Refused: duplicate keys, aliases, anchors, tags, merge keys, raw
// tabs and control characters, several documents, and anything past YamlLimits. Errors read
// `file:line:col: found X, expected Y`. The only door to libfyaml.
#pragma once

#include "base/result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cordon::codec {

/// Bounds on one document; each is refused with an error that names it.
struct YamlLimits {
  std::size_t text_bytes_max = 4 * 1024 * 1024;
  std::size_t depth_max = 64;
  std::size_t nodes_max = 200'000;
};

/// One value of a document: a scalar, a list or a map. Immutable and owns what it holds, so it
/// may be copied and may outlive the text. Lines and columns count from 1, columns in bytes.
class YamlNode {
 public:
  /// `null` is an absent value: an empty document, `key:` with nothing after it, `~` or `null`.
  enum class Kind : std::uint8_t { null, scalar, sequence, mapping };
  /// One key of a map. The key is a scalar node with a place of its own.
  struct Entry;

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] bool is_null() const noexcept { return kind_ == Kind::null; }
  [[nodiscard]] bool is_scalar() const noexcept { return kind_ == Kind::scalar; }
  [[nodiscard]] bool is_sequence() const noexcept { return kind_ == Kind::sequence; }
  [[nodiscard]] bool is_mapping() const noexcept { return kind_ == Kind::mapping; }
  [[nodiscard]] std::size_t line() const noexcept { return line_; }
  [[nodiscard]] std::size_t column() const noexcept { return column_; }

  /// A scalar's text as written, whatever it looks like; empty for the other kinds.
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

  /// The typed readings. Each refuses another kind as `invalid`, saying what was found, what
  /// was expected and where. Quotes matter: "5" and "true" in quotes are text only.
  [[nodiscard]] Result<std::string> as_string() const;
  /// The same, and refuses an empty text.
  [[nodiscard]] Result<std::string> as_nonempty_string() const;
  [[nodiscard]] Result<bool> as_bool() const;
  [[nodiscard]] Result<std::int64_t> as_int(std::int64_t min, std::int64_t max) const;
  [[nodiscard]] Result<double> as_double(double min, double max) const;
  /// A whole number and a unit: ms, s, m, h or d, as in `250ms`.
  [[nodiscard]] Result<std::chrono::milliseconds> as_duration(std::chrono::milliseconds min,
                                                              std::chrono::milliseconds max) const;
  /// Bytes: a whole number with an optional KiB, MiB or GiB, as in `64KiB`.
  [[nodiscard]] Result<std::uint64_t> as_bytes(std::uint64_t min, std::uint64_t max) const;
  /// The index in `words` of this scalar; the error lists them and names the nearest.
  [[nodiscard]] Result<std::size_t> as_one_of(std::span<const std::string_view> words) const;

  /// Items of a list; empty for the other kinds, so check the kind or use `sequence()`.
  [[nodiscard]] std::span<const YamlNode> items() const noexcept { return items_; }
  /// Keys of a map in the order written; empty for the other kinds.
  [[nodiscard]] std::span<const Entry> entries() const noexcept;
  /// Items, or the error that this is not a list.
  [[nodiscard]] Result<std::span<const YamlNode>> sequence() const;
  /// Keys, or the error that this is not a map.
  [[nodiscard]] Result<std::span<const Entry>> mapping() const;
  /// Items as strings, or the error of the first that is not one.
  [[nodiscard]] Result<std::vector<std::string>> strings() const;

  /// Null when this is not a map or has no such key. A key written with a null value is found.
  [[nodiscard]] const YamlNode* find(std::string_view key) const noexcept;
  /// The value of a key that must be there; refuses a missing one at this map's place.
  [[nodiscard]] Result<const YamlNode*> require(std::string_view key) const;
  /// Refuses what is not a map, and the first key that is not in `known`:
  /// `unknown key 'actoin', expected one of action, id, match (nearest: action)`.
  [[nodiscard]] Status check_keys(std::span<const std::string_view> known) const;

  /// What stands here, for a message: `the list`, `the map`, `nothing` or `'text'` (cut at 40).
  [[nodiscard]] std::string describe() const;
  /// `file:line:col: found <describe()>, expected <expected>`.
  [[nodiscard]] Error expected(std::string_view expected) const;
  /// `file:line:col: <message>`.
  [[nodiscard]] Error error(std::string_view message) const;

 private:
  friend class YamlBuilder;

  Kind kind_ = Kind::null;
  bool quoted_ = false;
  std::uint32_t line_ = 1;
  std::uint32_t column_ = 1;
  std::string text_;
  std::vector<YamlNode> items_;
  std::vector<Entry> entries_;
  std::shared_ptr<const std::string> file_;
};

/// One key of a map and its value.
struct YamlNode::Entry {
  YamlNode key;
  YamlNode value;
};

/// Reads one document; an empty text is a null node. `file` only names the source in errors.
/// Refuses as `invalid` what the header names, and as `exhausted` what passes a limit.
[[nodiscard]] Result<YamlNode> parse_yaml(std::string_view text, std::string_view file,
                                          const YamlLimits& limits = {});

/// Of `words`, the one closest to `word` by edits, or empty when none is close.
[[nodiscard]] std::string_view nearest_word(std::string_view word,
                                            std::span<const std::string_view> words);

}  // namespace cordon::codec
