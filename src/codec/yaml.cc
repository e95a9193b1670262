#include "codec/yaml.h"

#include <libfyaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <optional>

namespace cordon::codec {
namespace {

constexpr std::size_t kShownBytes = 40;

std::string place(std::string_view file, std::size_t line, std::size_t column) {
  return std::string(file) + ":" + std::to_string(line) + ":" + std::to_string(column) + ": ";
}

// Cuts between characters and hides what would break a terminal or a log line.
std::string quote(std::string_view text) {
  std::size_t size = std::min(text.size(), kShownBytes);
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80)
    --size;
  std::string shown = "'";
  for (const char c : text.substr(0, size))
    shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  return shown + (size < text.size() ? "...'" : "'");
}

std::string joined(std::span<const std::string_view> words) {
  std::string list;
  for (const auto word : words) {
    if (!list.empty()) list += ", ";
    list += word;
  }
  return list;
}

std::string with_nearest(std::string_view word, std::span<const std::string_view> words) {
  std::string text = "one of " + joined(words);
  if (const auto near = nearest_word(word, words); !near.empty()) {
    text += " (nearest: " + std::string(near) + ")";
  }
  return text;
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<Unit, 5> kDurations = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 4> kSizes = {
    {{"", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}}};

// A whole number and one of the units, or nothing; refuses what would overflow.
std::optional<std::uint64_t> with_unit(std::string_view text, std::span<const Unit> units) {
  std::uint64_t count = 0;
  const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (code != std::errc{}) return std::nullopt;
  const std::string_view name(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (count > std::numeric_limits<std::int64_t>::max() / unit.factor) return std::nullopt;
    return count * unit.factor;
  }
  return std::nullopt;
}

std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t swapped = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, swapped}));
    }
  }
  return row[b.size()];
}

struct Cursor {
  std::size_t line = 1;
  std::size_t column = 1;
};

// Length of the well-formed UTF-8 sequence at `at`, or 0.
std::size_t sequence_bytes(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(at);
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(at + 1);
  if (lead == 0xE0 && second < 0xA0) return 0;
  if (lead == 0xED && second > 0x9F) return 0;
  if (lead == 0xF0 && second < 0x90) return 0;
  if (lead == 0xF4 && second > 0x8F) return 0;
  return size;
}

// The bytes a document may not hold, whatever their place in its grammar.
Status check_bytes(std::string_view text, std::string_view file) {
  Cursor at;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    const std::size_t size = sequence_bytes(text, i);
    const auto refuse = [&](std::string_view found, std::string_view expected) {
      return fail(Errc::invalid, place(file, at.line, at.column) + "found " + std::string(found) +
                                     ", expected " + std::string(expected));
    };
    if (size == 0) return refuse("bytes that are not UTF-8", "UTF-8 text");
    if (c == '\t') return refuse("a tab", "spaces (write \\t inside double quotes)");
    const bool carriage_return = c == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && !carriage_return) || byte == 0x7F) {
      return refuse("a control character", "printable text");
    }
    at.column = c == '\n' ? 1 : at.column + 1;
    if (c == '\n') ++at.line;
    i += size;
  }
  return {};
}

struct DestroyDiag {
  void operator()(fy_diag* diag) const { fy_diag_destroy(diag); }
};
struct DestroyParser {
  void operator()(fy_parser* parser) const { fy_parser_destroy(parser); }
};

}  // namespace

/// Turns libfyaml's events into nodes. Lives for one parse.
class YamlBuilder {
 public:
  YamlBuilder(std::string_view text, std::string_view file, const YamlLimits& limits)
      : text_(text), file_(std::make_shared<const std::string>(file)), limits_(limits) {
    root_.file_ = file_;
  }

  Result<YamlNode> run();

 private:
  /// A list or map that is still open, and the key that waits for its value.
  struct Open {
    YamlNode node;
    std::optional<YamlNode> key;
  };

  Status take(const fy_event& event);
  Status scalar(const fy_event_scalar_data& scalar);
  Status single_quoted(YamlNode& node, fy_token* token) const;
  Status begin(YamlNode::Kind kind, const fy_token* anchor, const fy_token* tag, fy_token* start);
  Status document(const fy_event_document_start_data& start);
  Status put(YamlNode node);
  Status plain(const fy_token* anchor, const fy_token* tag, const YamlNode& node) const;
  Status close();
  [[nodiscard]] Error syntax_error(fy_diag* diag) const;
  [[nodiscard]] YamlNode node_at(YamlNode::Kind kind, fy_token* token) const;
  [[nodiscard]] tl::unexpected<Error> exhausted(const YamlNode& node, std::string_view what) const;

  std::string_view text_;
  std::shared_ptr<const std::string> file_;
  YamlLimits limits_;
  std::vector<Open> open_;
  YamlNode root_;
  std::size_t nodes_ = 0;
  std::size_t documents_ = 0;
};

YamlNode YamlBuilder::node_at(YamlNode::Kind kind, fy_token* token) const {
  YamlNode node;
  node.kind_ = kind;
  node.file_ = file_;
  if (const fy_mark* mark = token == nullptr ? nullptr : fy_token_start_mark(token)) {
    node.line_ = static_cast<std::uint32_t>(mark->line + 1);
    node.column_ = static_cast<std::uint32_t>(mark->column + 1);
  } else if (!open_.empty()) {
    const YamlNode& near = open_.back().key ? *open_.back().key : open_.back().node;
    node.line_ = near.line_;
    node.column_ = near.column_;
  }
  return node;
}

tl::unexpected<Error> YamlBuilder::exhausted(const YamlNode& node, std::string_view what) const {
  return fail(Errc::exhausted, node.error(what).detail);
}

Status YamlBuilder::plain(const fy_token* anchor, const fy_token* tag, const YamlNode& node) const {
  const auto refuse = [&](std::string_view found) {
    return tl::make_unexpected(
        node.error("found " + std::string(found) + ", expected the value itself"));
  };
  if (anchor != nullptr) return refuse("an anchor");
  if (tag != nullptr) return refuse("a tag");
  return {};
}

Status YamlBuilder::put(YamlNode node) {
  if (++nodes_ > limits_.nodes_max) {
    return exhausted(node, "more than " + std::to_string(limits_.nodes_max) + " values");
  }
  if (open_.empty()) {
    root_ = std::move(node);
    return {};
  }
  Open& parent = open_.back();
  if (parent.node.kind_ == YamlNode::Kind::sequence) {
    parent.node.items_.push_back(std::move(node));
    return {};
  }
  if (parent.key) {
    parent.node.entries_.push_back({std::move(*parent.key), std::move(node)});
    parent.key.reset();
    return {};
  }
  if (!node.is_scalar()) return tl::make_unexpected(node.expected("a key"));
  if (node.text_ == "<<") return tl::make_unexpected(node.expected("a key, not a merge"));
  if (const YamlNode* first = parent.node.find(node.text_)) {
    return tl::make_unexpected(node.error("found the key " + quote(node.text_) +
                                          " a second time, expected it once (the first value is "
                                          "on line " +
                                          std::to_string(first->line_) + ")"));
  }
  parent.key = std::move(node);
  return {};
}

// libfyaml 0.7.12 loses characters behind `''''` and leaks, so the quotes are undone here: inside
// one line, `''` is all that a single-quoted text can escape.
Status YamlBuilder::single_quoted(YamlNode& node, fy_token* token) const {
  const std::string_view raw =
      text_.substr(fy_token_start_mark(token)->input_pos,
                   fy_token_end_mark(token)->input_pos - fy_token_start_mark(token)->input_pos);
  if (raw.find_first_of("\r\n") != raw.npos) {
    return tl::make_unexpected(
        node.error("found a single-quoted text over several lines, expected it on one line "
                   "(or as a block after |)"));
  }
  for (std::size_t i = 0; i < raw.size(); ++i) {
    node.text_ += raw[i];
    if (raw[i] == '\'') ++i;
  }
  return {};
}

Status YamlBuilder::scalar(const fy_event_scalar_data& scalar) {
  YamlNode node = node_at(YamlNode::Kind::scalar, scalar.value);
  CORDON_CHECK(plain(scalar.anchor, scalar.tag, node));
  if (scalar.value != nullptr) {
    const fy_scalar_style style = fy_token_scalar_style(scalar.value);
    node.quoted_ = style != FYSS_PLAIN;
    // The mark of a quoted scalar stands behind its quote; a person looks for the quote.
    const bool in_quotes = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    if (in_quotes && node.column_ > 1) --node.column_;
    if (style == FYSS_SINGLE_QUOTED) {
      CORDON_CHECK(single_quoted(node, scalar.value));
    } else {
      std::size_t size = 0;
      const char* text = fy_token_get_text(scalar.value, &size);
      if (text != nullptr) node.text_.assign(text, size);
    }
  }
  const bool absent =
      !node.quoted_ && (node.text_.empty() || node.text_ == "~" || node.text_ == "null");
  if (absent) {
    node.kind_ = YamlNode::Kind::null;
    node.text_.clear();
  }
  return put(std::move(node));
}

Status YamlBuilder::begin(YamlNode::Kind kind, const fy_token* anchor, const fy_token* tag,
                          fy_token* start) {
  YamlNode node = node_at(kind, start);
  CORDON_CHECK(plain(anchor, tag, node));
  if (open_.size() >= limits_.depth_max) {
    return exhausted(node, "nested deeper than " + std::to_string(limits_.depth_max) + " levels");
  }
  const bool is_key = !open_.empty() && open_.back().node.is_mapping() && !open_.back().key;
  if (is_key) return tl::make_unexpected(node.expected("a key"));
  open_.push_back({std::move(node), std::nullopt});
  return {};
}

Status YamlBuilder::close() {
  YamlNode node = std::move(open_.back().node);
  open_.pop_back();
  return put(std::move(node));
}

Status YamlBuilder::document(const fy_event_document_start_data& start) {
  const YamlNode node = node_at(YamlNode::Kind::null, start.document_start);
  if (++documents_ > 1) {
    return tl::make_unexpected(node.error("found a second document, expected one"));
  }
  if (fy_document_state_version_explicit(start.document_state) ||
      fy_document_state_tags_explicit(start.document_state)) {
    return tl::make_unexpected(node.error("found a directive, expected none"));
  }
  return {};
}

Status YamlBuilder::take(const fy_event& event) {
  switch (event.type) {
    case FYET_DOCUMENT_START:
      return document(event.document_start);
    case FYET_ALIAS: {
      const YamlNode node = node_at(YamlNode::Kind::null, event.alias.anchor);
      return tl::make_unexpected(node.error("found an alias, expected the value itself"));
    }
    case FYET_SCALAR:
      return scalar(event.scalar);
    case FYET_SEQUENCE_START:
      return begin(YamlNode::Kind::sequence, event.sequence_start.anchor, event.sequence_start.tag,
                   event.sequence_start.sequence_start);
    case FYET_MAPPING_START:
      return begin(YamlNode::Kind::mapping, event.mapping_start.anchor, event.mapping_start.tag,
                   event.mapping_start.mapping_start);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
      return close();
    default:
      return {};
  }
}

Error YamlBuilder::syntax_error(fy_diag* diag) const {
  void* iterator = nullptr;
  const fy_diag_error* first = fy_diag_errors_iterate(diag, &iterator);
  if (first == nullptr) return {Errc::invalid, *file_ + ": this is not YAML"};
  const auto line = static_cast<std::size_t>(std::max(first->line, 1));
  const auto column = static_cast<std::size_t>(std::max(first->column, 1));
  return {Errc::invalid, place(*file_, line, column) + (first->msg != nullptr ? first->msg : "")};
}

Result<YamlNode> YamlBuilder::run() {
  if (text_.size() > limits_.text_bytes_max) {
    return fail(Errc::exhausted,
                *file_ + ": longer than " + std::to_string(limits_.text_bytes_max) + " bytes");
  }
  CORDON_CHECK(check_bytes(text_, *file_));

  fy_diag_cfg diag_cfg;
  fy_diag_cfg_default(&diag_cfg);
  diag_cfg.fp = nullptr;
  const std::unique_ptr<fy_diag, DestroyDiag> diag(fy_diag_create(&diag_cfg));
  fy_diag_set_collect_errors(diag.get(), true);
  fy_parse_cfg cfg{};
  cfg.flags = static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE |
                                              FYPCF_DISABLE_DEPTH_LIMIT);
  cfg.diag = diag.get();
  const std::unique_ptr<fy_parser, DestroyParser> parser(fy_parser_create(&cfg));
  if (!parser || fy_parser_set_string(parser.get(), text_.data(), text_.size()) != 0) {
    return fail(Errc::exhausted, *file_ + ": no memory to parse");
  }
  while (fy_event* event = fy_parser_parse(parser.get())) {
    const bool last = event->type == FYET_STREAM_END;
    const Status taken = take(*event);
    fy_parser_event_free(parser.get(), event);
    CORDON_CHECK(taken);
    if (last) break;
  }
  if (fy_parser_get_stream_error(parser.get())) {
    return tl::make_unexpected(syntax_error(diag.get()));
  }
  return std::move(root_);
}

Result<YamlNode> parse_yaml(std::string_view text, std::string_view file,
                            const YamlLimits& limits) {
  return YamlBuilder(text, file, limits).run();
}

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> words) {
  constexpr std::size_t kWordBytesMax = 64;
  std::string_view nearest;
  std::size_t fewest = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto candidate : words) {
    if (word.size() > kWordBytesMax) break;
    const std::size_t edits = edits_between(word, candidate);
    if (edits >= fewest || edits >= candidate.size()) continue;
    fewest = edits;
    nearest = candidate;
  }
  return nearest;
}

std::span<const YamlNode::Entry> YamlNode::entries() const noexcept {
  return entries_;
}

std::string YamlNode::describe() const {
  switch (kind_) {
    case Kind::null:
      return "nothing";
    case Kind::sequence:
      return "a list";
    case Kind::mapping:
      return "a map";
    case Kind::scalar:
      return quote(text_);
  }
  return "nothing";
}

Error YamlNode::error(std::string_view message) const {
  return {Errc::invalid, place(file_ ? *file_ : "", line_, column_) + std::string(message)};
}

Error YamlNode::expected(std::string_view expected) const {
  return error("found " + describe() + ", expected " + std::string(expected));
}

Result<std::string> YamlNode::as_string() const {
  if (!is_scalar()) return tl::make_unexpected(expected("a text"));
  return text_;
}

Result<std::string> YamlNode::as_nonempty_string() const {
  if (!is_scalar() || text_.empty()) return tl::make_unexpected(expected("a text"));
  return text_;
}

Result<bool> YamlNode::as_bool() const {
  if (is_scalar() && !quoted_ && (text_ == "true" || text_ == "false")) return text_ == "true";
  return tl::make_unexpected(expected("true or false"));
}

Result<std::int64_t> YamlNode::as_int(std::int64_t min, std::int64_t max) const {
  std::int64_t value = 0;
  const char* end = text_.data() + text_.size();
  const auto [rest, code] = std::from_chars(text_.data(), end, value);
  const bool whole = is_scalar() && !quoted_ && code == std::errc{} && rest == end;
  if (whole && value >= min && value <= max) return value;
  return tl::make_unexpected(
      expected("a whole number from " + std::to_string(min) + " to " + std::to_string(max)));
}

Result<double> YamlNode::as_double(double min, double max) const {
  double value = 0;
  const char* end = text_.data() + text_.size();
  const auto [rest, code] = std::from_chars(text_.data(), end, value);
  const bool whole = is_scalar() && !quoted_ && code == std::errc{} && rest == end;
  if (whole && std::isfinite(value) && value >= min && value <= max) return value;
  std::array<char, 80> range{};
  std::snprintf(range.data(), range.size(), "a number from %g to %g", min, max);
  return tl::make_unexpected(expected(range.data()));
}

Result<std::chrono::milliseconds> YamlNode::as_duration(std::chrono::milliseconds min,
                                                        std::chrono::milliseconds max) const {
  const auto count = is_scalar() && !quoted_ ? with_unit(text_, kDurations) : std::nullopt;
  if (count) {
    const std::chrono::milliseconds value(static_cast<std::int64_t>(*count));
    if (value >= min && value <= max) return value;
  }
  return tl::make_unexpected(expected("a duration from " + std::to_string(min.count()) + "ms to " +
                                      std::to_string(max.count()) +
                                      "ms, such as 250ms, 10s, 5m, 1h or 30d"));
}

Result<std::uint64_t> YamlNode::as_bytes(std::uint64_t min, std::uint64_t max) const {
  const auto count = is_scalar() && !quoted_ ? with_unit(text_, kSizes) : std::nullopt;
  if (count && *count >= min && *count <= max) return *count;
  return tl::make_unexpected(expected("a size from " + std::to_string(min) + " to " +
                                      std::to_string(max) +
                                      " bytes, such as 4096, 64KiB or 10MiB"));
}

Result<std::size_t> YamlNode::as_one_of(std::span<const std::string_view> words) const {
  if (is_scalar()) {
    const auto found = std::find(words.begin(), words.end(), text_);
    if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  }
  return tl::make_unexpected(expected(with_nearest(text_, words)));
}

Result<std::span<const YamlNode>> YamlNode::sequence() const {
  if (!is_sequence()) return tl::make_unexpected(expected("a list"));
  return std::span<const YamlNode>(items_);
}

Result<std::span<const YamlNode::Entry>> YamlNode::mapping() const {
  if (!is_mapping()) return tl::make_unexpected(expected("a map"));
  return entries();
}

Result<std::vector<std::string>> YamlNode::strings() const {
  CORDON_TRY(const auto nodes, sequence());
  std::vector<std::string> texts;
  texts.reserve(nodes.size());
  for (const YamlNode& node : nodes) {
    CORDON_TRY(auto text, node.as_string());
    texts.push_back(std::move(text));
  }
  return texts;
}

const YamlNode* YamlNode::find(std::string_view key) const noexcept {
  for (const Entry& entry : entries_) {
    if (entry.key.text_ == key) return &entry.value;
  }
  return nullptr;
}

Result<const YamlNode*> YamlNode::require(std::string_view key) const {
  if (!is_mapping()) return tl::make_unexpected(expected("a map"));
  if (const YamlNode* value = find(key)) return value;
  return tl::make_unexpected(error("missing key " + quote(key)));
}

Status YamlNode::check_keys(std::span<const std::string_view> known) const {
  if (!is_mapping()) return tl::make_unexpected(expected("a map"));
  for (const Entry& entry : entries_) {
    if (std::find(known.begin(), known.end(), entry.key.text_) != known.end()) continue;
    return tl::make_unexpected(entry.key.error("unknown key " + quote(entry.key.text_) +
                                               ", expected " +
                                               with_nearest(entry.key.text_, known)));
  }
  return {};
}

}  // namespace cordon::codec
