#include "cli/internal/table.h"

#include "base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kColumnWidthMin = 8;
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

/// One character: its code point and bytes; 0 bytes stand for one byte of invalid UTF-8.
struct Character {
  std::uint32_t point = 0;
  std::size_t bytes = 0;
};

Character next_character(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : (lead >= 0xE0 ? 3 : 2);
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  std::uint32_t point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    point = (point << 6) | (byte(i) & 0x3FU);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < kSmallest[length] || point > 0x10FFFF || surrogate) return {};
  return {point, length};
}

/// Changes what a terminal does, or the order in which it shows what follows.
bool is_hostile(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) || (point >= 0x200B && point <= 0x200F) ||
         (point >= 0x2028 && point <= 0x202E) || (point >= 0x2060 && point <= 0x206F) ||
         point == 0xFEFF || (point >= 0xE0000 && point <= 0xE007F);
}

bool is_wide(std::uint32_t point) {
  return (point >= 0x1100 && point <= 0x115F) || (point >= 0x2E80 && point <= 0xA4CF) ||
         (point >= 0xAC00 && point <= 0xD7A3) || (point >= 0xF900 && point <= 0xFAFF) ||
         (point >= 0xFE30 && point <= 0xFE6F) || (point >= 0xFF00 && point <= 0xFF60) ||
         (point >= 0xFFE0 && point <= 0xFFE6) || (point >= 0x1F300 && point <= 0x1FAFF) ||
         (point >= 0x20000 && point <= 0x3FFFD);
}

std::size_t width_of(std::uint32_t point) {
  if (point >= 0x300 && point <= 0x36F) return 0;
  return is_wide(point) ? 2 : 1;
}

std::string cut_to(const std::string& cell, std::size_t width) {
  if (display_width(cell) <= width) return cell;
  std::string kept;
  std::size_t used = 0;
  for (std::string_view rest = cell; !rest.empty();) {
    const Character character = next_character(rest);
    const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
    const std::size_t columns = width_of(character.point);
    if (used + columns + 1 > width) break;
    kept += rest.substr(0, bytes);
    used += columns;
    rest.remove_prefix(bytes);
  }
  return kept.append(kEllipsis);
}

std::size_t total(const std::vector<std::size_t>& widths) {
  std::size_t sum = 0;
  for (const std::size_t width : widths) sum += width + 2;
  return sum - 2;
}

void append_row(std::string& out, const std::vector<std::string>& cells,
                const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string cell = cut_to(cells[i], widths[i]);
    line += cell;
    line.append(widths[i] - display_width(cell) + 2, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out += line;
  out += '\n';
}

const codec::Json* find(const codec::Json& value, std::string_view key) {
  const codec::Json* at = &value;
  while (!key.empty()) {
    const std::size_t dot = std::min(key.find('.'), key.size());
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string(key.substr(0, dot)));
    if (found == at->end()) return nullptr;
    at = &*found;
    key.remove_prefix(std::min(dot + 1, key.size()));
  }
  return at;
}

std::string words_of(const codec::Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_array()) {
    std::string joined;
    for (const auto& item : value) joined += (joined.empty() ? "" : ", ") + words_of(item);
    return joined;
  }
  return codec::write_json(value);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = next_character(text);
    if (character.bytes == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    if (character.point == '\n') {
      out += "\\n";
    } else if (character.point == '\t') {
      out += "\\t";
    } else if (!is_hostile(character.point)) {
      out += text.substr(0, character.bytes);
    } else {
      out += character.point < 0x100 ? fmt::format("\\x{:02x}", character.point)
                                     : fmt::format("\\u{{{:x}}}", character.point);
    }
    text.remove_prefix(character.bytes);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character character = next_character(text);
    width += character.bytes == 0 ? 1 : width_of(character.point);
    text.remove_prefix(std::max<std::size_t>(character.bytes, 1));
  }
  return width;
}

Table::Table(std::vector<std::string> titles) : titles_(std::move(titles)) {}

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = printable(cell);
  cells.resize(titles_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < titles_.size(); ++i) {
    std::size_t widest = display_width(titles_[i]);
    for (const auto& row : rows_) widest = std::max(widest, display_width(row[i]));
    widths.push_back(widest);
  }
  while (width != 0 && total(widths) > width) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kColumnWidthMin) break;
    const std::size_t excess = total(widths) - width;
    *widest = std::max(kColumnWidthMin, *widest > excess ? *widest - excess : 0);
  }
  std::string out;
  append_row(out, titles_, widths);
  for (const auto& row : rows_) append_row(out, row, widths);
  return out;
}

std::string show_time(std::string_view rfc3339) {
  const auto time = parse_rfc3339(rfc3339);
  if (!time) return std::string(rfc3339);
  std::string text = format_rfc3339(*time).substr(0, 19);
  text[10] = ' ';
  return text + "Z";
}

std::string show(const codec::Json& value, std::string_view key, Show how) {
  const codec::Json* const found = find(value, key);
  if (found == nullptr || found->is_null()) return "-";
  const std::string words = words_of(*found);
  if (words.empty()) return "-";
  return how == Show::time ? show_time(words) : words;
}

Table make_table(const codec::Json& items, const std::vector<Column>& columns) {
  std::vector<std::string> titles;
  for (const Column& column : columns) titles.emplace_back(column.title);
  Table table(std::move(titles));
  for (const auto& item : items) {
    std::vector<std::string> cells;
    for (const Column& column : columns) cells.push_back(show(item, column.key, column.show));
    table.add(std::move(cells));
  }
  return table;
}

std::string make_list(const codec::Json& object, const std::vector<Column>& lines) {
  std::size_t width = 0;
  for (const Column& line : lines) width = std::max(width, line.title.size());
  std::string out;
  for (const Column& line : lines) {
    const std::string value = show(object, line.key, line.show);
    if (value == "-") continue;
    out += fmt::format("{:<{}}  {}\n", line.title, width, printable(value));
  }
  return out;
}

}  // namespace cordon::cli::internal
