// What people read: aligned columns and key-value lists, safe for a terminal.
//
// Anything a server or a file sends may have been chosen by an attacker: control characters,
// escape sequences and bidirectional overrides are written out, never sent to the terminal.
#pragma once

#include "codec/json.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cordon::cli::internal {

/// Control characters as \n, \t, \xNN or \u{NNNN}; all else unchanged. Invalid UTF-8 byte by byte.
[[nodiscard]] std::string printable(std::string_view text);
/// How many columns a printable text takes on a terminal.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// Rows under titles. Cells are made printable when added.
class Table {
 public:
  explicit Table(std::vector<std::string> titles);
  /// As many cells as there are titles.
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  /// One line a row, two blanks between columns. If `width` is not 0, the widest columns are cut,
  /// ending in `…`, until a line fits or every column is at 8.
  [[nodiscard]] std::string text(std::size_t width) const;

 private:
  std::vector<std::string> titles_;
  std::vector<std::vector<std::string>> rows_;
};

/// How a value of the API is shown.
enum class Show : std::uint8_t { plain, time };

/// One column, or one line of a list: where in the JSON it stands.
struct Column {
  std::string_view title;
  std::string_view key;  ///< dotted: "journal.durable"
  Show show = Show::plain;
};

/// The value at `key`, for people; `-` when absent or null. Times as 2026-01-05 10:12:03Z.
[[nodiscard]] std::string show(const codec::Json& value, std::string_view key,
                               Show how = Show::plain);
[[nodiscard]] std::string show_time(std::string_view rfc3339);

/// `items` (a list of objects) as a table.
[[nodiscard]] Table make_table(const codec::Json& items, const std::vector<Column>& columns);
/// One object as aligned `title  value` lines; absent values are left out.
[[nodiscard]] std::string make_list(const codec::Json& object, const std::vector<Column>& lines);

}  // namespace cordon::cli::internal
