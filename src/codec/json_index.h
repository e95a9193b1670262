// JSON for the hot path: where every value of a text stands, without building a tree.
//
// What is forwarded is the caller's own bytes, so a value is a span of the source and an edit is a
// splice. What two parsers could read differently is refused: duplicate keys (also when they are
// spelled with escapes), invalid UTF-8, lone surrogates, text after the value. An index is reused:
// once warm, parsing allocates nothing.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::codec {

class JsonValue;

/// Bounds on one text; each is refused as `exhausted` with an error that names it.
struct JsonIndexLimits {
  std::size_t bytes_max = 16 * 1024 * 1024;
  std::size_t depth_max = 64;  ///< at most kJsonDepthMax
  std::size_t values_max = 262'144;
};
inline constexpr std::size_t kJsonDepthMax = 64;

/// The values of one JSON text. Belongs to one thread. Views and JsonValues taken from it last
/// until the next parse, and only as long as the text does.
class JsonIndex {
 public:
  JsonIndex();
  ~JsonIndex();
  JsonIndex(const JsonIndex&) = delete;
  JsonIndex& operator=(const JsonIndex&) = delete;

  /// Refuses as `invalid` what is not one strict JSON text and as `exhausted` what passes a
  /// limit. The detail ends in `at byte N` and quotes nothing. After a refusal it is empty.
  [[nodiscard]] Status parse(std::string_view text, const JsonIndexLimits& limits = {});

  /// The value the text holds; an absent value before the first successful parse.
  [[nodiscard]] JsonValue root() const noexcept;
  [[nodiscard]] std::string_view source() const noexcept { return source_; }
  /// Frees what one unusually large text made it keep.
  void shrink_to(std::size_t bytes);

 private:
  friend class JsonValue;
  friend class JsonIndexer;
  struct Node;
  struct Structure;

  /// A key of one object, while its keys are compared.
  struct Key {
    std::uint32_t fingerprint = 0;
    std::uint32_t node = 0;
  };

  [[nodiscard]] std::string_view decoded(std::uint32_t node) const;
  [[nodiscard]] std::string_view unescaped(const Node& node, std::string_view raw) const;

  std::string_view source_;
  std::vector<Node> nodes_;
  std::vector<Key> keys_;      ///< scratch: the keys of one object
  mutable std::string arena_;  ///< decoded strings; never larger than the source
  std::unique_ptr<Structure> structure_;
};

/// One value of a JsonIndex, or the absence of one: every question to an absent value has a quiet
/// answer, so a path can be asked for without a check at each step. A copyable view.
class JsonValue {
 public:
  enum class Kind : std::uint8_t { absent, null, boolean, number, string, array, object };

  JsonValue() noexcept = default;

  [[nodiscard]] Kind kind() const noexcept;
  [[nodiscard]] explicit operator bool() const noexcept { return index_ != nullptr; }
  [[nodiscard]] bool is_null() const noexcept { return kind() == Kind::null; }
  [[nodiscard]] bool is_string() const noexcept { return kind() == Kind::string; }
  [[nodiscard]] bool is_array() const noexcept { return kind() == Kind::array; }
  [[nodiscard]] bool is_object() const noexcept { return kind() == Kind::object; }

  /// Where the value stands in the source: a string with its quotes, an object with its braces.
  [[nodiscard]] std::size_t begin_byte() const noexcept;
  [[nodiscard]] std::size_t end_byte() const noexcept;
  [[nodiscard]] std::string_view raw() const noexcept;

  /// A string's text, escapes resolved; empty for the other kinds.
  [[nodiscard]] std::string_view text() const;
  [[nodiscard]] std::optional<bool> boolean() const noexcept;
  /// A number written without fraction and exponent that fits.
  [[nodiscard]] std::optional<std::int64_t> integer() const noexcept;

  /// The member of an object by its key; absent if it has none or this is no object.
  [[nodiscard]] JsonValue find(std::string_view key) const;
  /// Members of an object or items of an array; 0 for the other kinds.
  [[nodiscard]] std::size_t size() const noexcept;

  /// The first item of an array or value of an object, then the one after this one; absent at
  /// the end. `for (auto v = a.first(); v; v = v.next())`.
  [[nodiscard]] JsonValue first() const noexcept;
  [[nodiscard]] JsonValue next() const noexcept;
  /// The key of a value that was reached through first() or next() of an object's members.
  [[nodiscard]] std::string_view key() const;

 private:
  friend class JsonIndex;
  JsonValue(const JsonIndex* index, std::uint32_t node, std::uint32_t end, bool member) noexcept
      : index_(index), node_(node), end_(end), member_(member) {}

  const JsonIndex* index_ = nullptr;
  std::uint32_t node_ = 0;
  std::uint32_t end_ = 0;  ///< first node past the container it is iterated in
  bool member_ = false;
};

/// Appends `text` as a JSON string with its quotes. `text` must be valid UTF-8.
void append_json_string(std::string& out, std::string_view text);

/// One edit: bytes [begin, end) of a source become `text`.
struct Splice {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;
};

/// Puts splices in the order in which they stand.
void sort_splices(std::vector<Splice>& splices);
/// Appends the source with its splices applied, everything else byte for byte. Splices must be
/// in order and must not overlap.
void append_spliced(std::string& out, std::string_view source, const std::vector<Splice>& splices);

}  // namespace cordon::codec
