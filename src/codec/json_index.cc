#include "codec/json_index.h"

#include "codec/utf8.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace cordon::codec {

using Kind = JsonValue::Kind;

/// A value, or the key before one. Children follow their container in order.
struct JsonIndex::Node {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;         ///< of the raw text, quotes and braces included
  std::uint32_t after = 0;       ///< first node that does not belong to this value
  std::uint32_t count = 0;       ///< members or items; of a key, its fingerprint
  mutable std::uint32_t at = 0;  ///< in the arena, once decoded
  mutable std::uint32_t size = kNotDecoded;
  Kind kind = Kind::null;
  bool escaped = false;
  static constexpr std::uint32_t kNotDecoded = 0xFFFFFFFF;
};

/// simdjson's first stage: finds where tokens begin and checks UTF-8 and quotes, 64 bytes a step.
/// The grammar is ours, because we need offsets and refuse what its second stage lets pass.
struct JsonIndex::Structure {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;

  simdjson::error_code find(std::string_view text) {
    if (!parser || parser->capacity() < text.size()) {
      const std::size_t capacity = std::max<std::size_t>(text.size() + text.size() / 2, 4096);
      const auto problem = simdjson::get_active_implementation()->create_dom_parser_implementation(
          capacity, kJsonDepthMax, parser);
      if (problem != simdjson::SUCCESS) return problem;
    }
    return parser->stage1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                          simdjson::stage1_mode::regular);
  }
};

namespace {

struct Fault {
  Errc code;
  std::string_view reason;
  std::size_t byte;
};

/// Tells most keys apart without reading them: the ends of the text and its length.
std::uint32_t fingerprint_of(std::string_view text) noexcept {
  if (text.empty()) return 0;
  std::uint32_t head = 0;
  std::uint32_t tail = 0;
  const std::size_t bytes = std::min(text.size(), sizeof head);
  std::memcpy(&head, text.data(), bytes);
  std::memcpy(&tail, text.data() + text.size() - bytes, bytes);
  return head * 0x9E3779B1U ^ tail * 0x85EBCA77U ^ static_cast<std::uint32_t>(text.size());
}

constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// The number grammar of RFC 8259; "two parsers" differ on leading zeros and bare points.
bool is_number(std::string_view text) noexcept {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > from;
  };
  if (i < text.size() && text[i] == '-') ++i;
  if (i < text.size() && text[i] == '0') {
    ++i;
  } else if (!digits()) {
    return false;
  }
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits()) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == text.size();
}

/// The value of four hexadecimal digits, or -1.
std::int32_t hex4(std::string_view text) noexcept {
  if (text.size() < 4) return -1;
  std::int32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c)) {
      value = value * 16 + (c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + (lower - 'a' + 10);
    } else {
      return -1;
    }
  }
  return value;
}

constexpr std::string_view kShortEscapes = "\"\\/bfnrt";
constexpr std::string_view kShortMeanings = "\"\\/\b\f\n\r\t";

/// Checks the escape at the front of `text` ("\\..."): its length, or 0 and why not.
std::size_t escape_bytes(std::string_view text, std::string_view& reason) noexcept {
  reason = "unknown escape";
  if (text.size() < 2) return 0;
  if (text[1] != 'u') return kShortEscapes.find(text[1]) == std::string_view::npos ? 0 : 2;
  const std::int32_t unit = hex4(text.substr(2));
  if (unit < 0) return 0;
  if (unit < 0xD800 || unit > 0xDFFF) return 6;
  reason = "lone surrogate";
  if (unit > 0xDBFF || text.size() < 12 || text[6] != '\\' || text[7] != 'u') return 0;
  const std::int32_t low = hex4(text.substr(8));
  return low >= 0xDC00 && low <= 0xDFFF ? 12 : 0;
}

void append_code_point(std::string& out, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | code >> 6U);
    byte(0x80 | (code & 0x3FU));
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12U);
    byte(0x80 | (code >> 6U & 0x3FU));
    byte(0x80 | (code & 0x3FU));
  } else {
    byte(0xF0 | code >> 18U);
    byte(0x80 | (code >> 12U & 0x3FU));
    byte(0x80 | (code >> 6U & 0x3FU));
    byte(0x80 | (code & 0x3FU));
  }
}

/// Appends the text of a string whose escapes have been checked; `raw` comes without its quotes.
void append_decoded(std::string& out, std::string_view raw) {
  while (!raw.empty()) {
    const std::size_t escape = std::min(raw.find('\\'), raw.size());
    out.append(raw.substr(0, escape));
    raw.remove_prefix(escape);
    if (raw.empty()) return;
    if (raw[1] != 'u') {
      out += kShortMeanings[kShortEscapes.find(raw[1])];
      raw.remove_prefix(2);
      continue;
    }
    auto code = static_cast<std::uint32_t>(hex4(raw.substr(2)));
    std::size_t length = 6;
    if (code >= 0xD800 && code <= 0xDBFF) {
      const auto low = static_cast<std::uint32_t>(hex4(raw.substr(8)));
      code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
      length = 12;
    }
    append_code_point(out, code);
    raw.remove_prefix(length);
  }
}

/// What the first stage refused, and where: it does not say, so this looks again, slowly.
Fault fault_of(simdjson::error_code problem, std::string_view text) {
  const std::size_t valid = utf8_valid_bytes(text);
  if (valid < text.size()) return {Errc::invalid, "invalid UTF-8", valid};
  if (problem == simdjson::EMPTY) return {Errc::invalid, "no value", text.size()};
  bool inside = false;
  std::size_t opened = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (inside && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      inside = !inside;
      opened = i;
    } else if (inside && static_cast<unsigned char>(text[i]) < 0x20) {
      return {Errc::invalid, "control character in a string", i};
    }
  }
  if (inside) return {Errc::invalid, "string without an end", opened};
  return {Errc::invalid, "not JSON", 0};
}

}  // namespace

inline std::string_view JsonIndex::decoded(std::uint32_t at) const {
  const Node& node = nodes_[at];
  const std::string_view raw(source_.data() + node.begin + 1, node.end - node.begin - 2);
  return node.escaped ? unescaped(node, raw) : raw;
}

/// The second stage: one pass over the tokens, with a stack of open containers.
class JsonIndexer {
 public:
  JsonIndexer(JsonIndex& index, const JsonIndexLimits& limits)
      : index_(index),
        limits_(limits),
        text_(index.source_),
        tokens_(index.structure_->parser->structural_indexes.get()),
        token_count_(index.structure_->parser->n_structural_indexes) {}

  bool run();
  [[nodiscard]] const Fault& fault() const noexcept { return fault_; }

 private:
  /// What the grammar allows next.
  enum class Expect : std::uint8_t { value, value_or_close, key, key_or_close, comma_or_close };

  bool refuse(Errc code, std::string_view reason, std::size_t byte) {
    fault_ = {code, reason, byte};
    return false;
  }
  [[nodiscard]] std::string_view token_text() const noexcept;
  bool step();
  bool take_value();
  bool take_key();
  bool take_string(bool is_key);
  bool take_scalar();
  bool open(Kind kind);
  bool close();
  bool add(Kind kind, std::size_t end);
  bool check_keys(const JsonIndex::Node& object, std::uint32_t first);
  bool refuse_second(std::string_view name, const JsonIndex::Node& object, std::uint32_t first);
  void value_done() {
    if (depth_ == 0) {
      done_ = true;
    } else {
      expect_ = Expect::comma_or_close;
    }
  }
  [[nodiscard]] JsonIndex::Node& container() { return index_.nodes_[stack_[depth_ - 1]]; }

  JsonIndex& index_;
  const JsonIndexLimits& limits_;
  std::string_view text_;
  const std::uint32_t* tokens_;
  std::size_t token_count_;
  std::size_t token_ = 0;
  std::size_t at_ = 0;  ///< byte of the current token
  std::array<std::uint32_t, kJsonDepthMax> stack_{};
  std::size_t depth_ = 0;
  Expect expect_ = Expect::value;
  bool done_ = false;
  Fault fault_{Errc::invalid, "not JSON", 0};
};

bool JsonIndexer::run() {
  for (; token_ < token_count_; ++token_) {
    at_ = tokens_[token_];
    if (done_) return refuse(Errc::invalid, "text after the value", at_);
    if (!step()) return false;
  }
  return done_ || refuse(Errc::invalid, "value without an end", text_.size());
}

bool JsonIndexer::step() {
  const char c = text_[at_];
  switch (expect_) {
    case Expect::value_or_close:
      return c == ']' ? close() : take_value();
    case Expect::value:
      return take_value();
    case Expect::key_or_close:
      return c == '}' ? close() : take_key();
    case Expect::key:
      return take_key();
    case Expect::comma_or_close:
      break;
  }
  const bool in_object = container().kind == Kind::object;
  if (c == ',') {
    expect_ = in_object ? Expect::key : Expect::value;
    return true;
  }
  if (c == (in_object ? '}' : ']')) return close();
  return refuse(Errc::invalid, in_object ? "expected ',' or '}'" : "expected ',' or ']'", at_);
}

/// From the token's first byte to the next token, without blanks.
std::string_view JsonIndexer::token_text() const noexcept {
  std::size_t end = token_ + 1 < token_count_ ? tokens_[token_ + 1] : text_.size();
  while (end > at_ + 1 && is_blank(text_[end - 1])) --end;
  return text_.substr(at_, end - at_);
}

bool JsonIndexer::add(Kind kind, std::size_t end) {
  if (index_.nodes_.size() >= limits_.values_max) {
    return refuse(Errc::exhausted, "too many values (values_max)", at_);
  }
  JsonIndex::Node& node = index_.nodes_.emplace_back();
  node.begin = static_cast<std::uint32_t>(at_);
  node.end = static_cast<std::uint32_t>(end);
  node.after = static_cast<std::uint32_t>(index_.nodes_.size());
  node.kind = kind;
  return true;
}

bool JsonIndexer::take_value() {
  if (depth_ > 0) ++container().count;
  switch (text_[at_]) {
    case '{':
      return open(Kind::object);
    case '[':
      return open(Kind::array);
    case '"':
      return take_string(false);
    default:
      return take_scalar();
  }
}

bool JsonIndexer::take_key() {
  if (text_[at_] != '"') return refuse(Errc::invalid, "expected a key", at_);
  if (!take_string(true)) return false;
  if (++token_ == token_count_) return refuse(Errc::invalid, "value without an end", text_.size());
  at_ = tokens_[token_];
  if (text_[at_] != ':') return refuse(Errc::invalid, "expected ':'", at_);
  expect_ = Expect::value;
  return true;
}

bool JsonIndexer::take_string(bool is_key) {
  const std::string_view raw = token_text();
  if (raw.size() < 2 || raw.back() != '"') return refuse(Errc::invalid, "not a string", at_);
  if (!add(Kind::string, at_ + raw.size())) return false;
  const std::string_view body = raw.substr(1, raw.size() - 2);
  for (std::size_t i = body.find('\\'); i != body.npos; i = body.find('\\', i)) {
    std::string_view reason;
    const std::size_t length = escape_bytes(body.substr(i), reason);
    if (length == 0) return refuse(Errc::invalid, reason, at_ + 1 + i);
    index_.nodes_.back().escaped = true;
    i += length;
  }
  if (is_key) {
    const auto key = static_cast<std::uint32_t>(index_.nodes_.size() - 1);
    index_.nodes_.back().count = fingerprint_of(index_.decoded(key));
  } else {
    value_done();
  }
  return true;
}

bool JsonIndexer::take_scalar() {
  const std::string_view raw = token_text();
  Kind kind = Kind::number;
  if (raw == "true" || raw == "false") {
    kind = Kind::boolean;
  } else if (raw == "null") {
    kind = Kind::null;
  } else if (!is_number(raw)) {
    return refuse(Errc::invalid, "expected a value", at_);
  }
  if (!add(kind, at_ + raw.size())) return false;
  value_done();
  return true;
}

bool JsonIndexer::open(Kind kind) {
  if (depth_ >= std::min(limits_.depth_max, kJsonDepthMax)) {
    return refuse(Errc::exhausted, "nested too deep (depth_max)", at_);
  }
  if (!add(kind, at_ + 1)) return false;
  stack_[depth_++] = static_cast<std::uint32_t>(index_.nodes_.size() - 1);
  expect_ = kind == Kind::object ? Expect::key_or_close : Expect::value_or_close;
  return true;
}

bool JsonIndexer::close() {
  JsonIndex::Node& node = container();
  node.end = static_cast<std::uint32_t>(at_ + 1);
  node.after = static_cast<std::uint32_t>(index_.nodes_.size());
  if (node.kind == Kind::object && node.count > 1 && !check_keys(node, stack_[depth_ - 1] + 1)) {
    return false;
  }
  --depth_;
  value_done();
  return true;
}

/// Sorting keeps a hostile object of 100,000 keys at n log n.
bool JsonIndexer::check_keys(const JsonIndex::Node& object, std::uint32_t first) {
  auto& keys = index_.keys_;
  keys.clear();
  const auto& nodes = index_.nodes_;
  for (std::uint32_t key = first; key < object.after; key = nodes[key + 1].after) {
    keys.push_back({nodes[key].count, key});
  }
  const auto same = [&](const JsonIndex::Key& a, const JsonIndex::Key& b) {
    return a.fingerprint == b.fingerprint && index_.decoded(a.node) == index_.decoded(b.node);
  };
  constexpr std::size_t kSmall = 32;
  if (keys.size() <= kSmall) {
    for (std::size_t i = 1; i < keys.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (same(keys[i], keys[j]))
          return refuse_second(index_.decoded(keys[i].node), object, first);
      }
    }
    return true;
  }
  std::sort(keys.begin(), keys.end(), [&](const JsonIndex::Key& a, const JsonIndex::Key& b) {
    if (a.fingerprint != b.fingerprint) return a.fingerprint < b.fingerprint;
    return index_.decoded(a.node) < index_.decoded(b.node);
  });
  const auto twice = std::adjacent_find(keys.begin(), keys.end(), same);
  return twice == keys.end() || refuse_second(index_.decoded(twice->node), object, first);
}

bool JsonIndexer::refuse_second(std::string_view name, const JsonIndex::Node& object,
                                std::uint32_t first) {
  bool seen = false;
  std::uint32_t key = first;
  for (; key < object.after; key = index_.nodes_[key + 1].after) {
    if (index_.decoded(key) != name) continue;
    if (seen) break;
    seen = true;
  }
  return refuse(Errc::invalid, "duplicate key", index_.nodes_[key].begin);
}

JsonIndex::JsonIndex() : structure_(std::make_unique<Structure>()) {}
JsonIndex::~JsonIndex() = default;

Status JsonIndex::parse(std::string_view text, const JsonIndexLimits& limits) {
  nodes_.clear();
  arena_.clear();
  source_ = text;
  if (text.size() > std::min<std::size_t>(limits.bytes_max, 0x7FFFFFFF)) {
    return fail(Errc::exhausted, fmt::format("{} bytes of JSON, at most {} are allowed (bytes_max)",
                                             text.size(), limits.bytes_max));
  }
  const auto problem = text.empty() ? simdjson::EMPTY : structure_->find(text);
  Fault fault{};
  if (problem != simdjson::SUCCESS) {
    fault = fault_of(problem, text);
  } else {
    JsonIndexer indexer(*this, limits);
    if (indexer.run()) return {};
    fault = indexer.fault();
  }
  nodes_.clear();
  return fail(fault.code, fmt::format("{} at byte {}", fault.reason, fault.byte));
}

JsonValue JsonIndex::root() const noexcept {
  return nodes_.empty() ? JsonValue() : JsonValue(this, 0, nodes_.front().after, false);
}

void JsonIndex::shrink_to(std::size_t bytes) {
  if (nodes_.capacity() * sizeof(Node) + arena_.capacity() + keys_.capacity() * sizeof(Key) <=
          bytes &&
      (!structure_->parser || structure_->parser->capacity() * 4 <= bytes)) {
    return;
  }
  source_ = {};
  nodes_ = {};
  keys_ = {};
  arena_ = {};
  structure_->parser.reset();
}

std::string_view JsonIndex::unescaped(const Node& node, std::string_view raw) const {
  if (node.size == Node::kNotDecoded) {
    // Decoded texts together are shorter than the source, so the arena never moves.
    if (arena_.empty()) arena_.reserve(source_.size());
    node.at = static_cast<std::uint32_t>(arena_.size());
    append_decoded(arena_, raw);
    node.size = static_cast<std::uint32_t>(arena_.size() - node.at);
  }
  return std::string_view(arena_).substr(node.at, node.size);
}

Kind JsonValue::kind() const noexcept {
  return index_ == nullptr ? Kind::absent : index_->nodes_[node_].kind;
}
std::size_t JsonValue::begin_byte() const noexcept {
  return index_ == nullptr ? 0 : index_->nodes_[node_].begin;
}
std::size_t JsonValue::end_byte() const noexcept {
  return index_ == nullptr ? 0 : index_->nodes_[node_].end;
}
std::string_view JsonValue::raw() const noexcept {
  return index_ == nullptr ? std::string_view()
                           : index_->source_.substr(begin_byte(), end_byte() - begin_byte());
}
std::string_view JsonValue::text() const {
  return is_string() ? index_->decoded(node_) : std::string_view();
}
std::optional<bool> JsonValue::boolean() const noexcept {
  if (kind() != Kind::boolean) return std::nullopt;
  return index_->source_[begin_byte()] == 't';
}
std::optional<std::int64_t> JsonValue::integer() const noexcept {
  if (kind() != Kind::number) return std::nullopt;
  const std::string_view text = raw();
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

JsonValue JsonValue::find(std::string_view key) const {
  if (!is_object()) return {};
  const auto* const nodes = index_->nodes_.data();
  const std::uint32_t after = nodes[node_].after;
  const std::uint32_t wanted = fingerprint_of(key);
  for (std::uint32_t at = node_ + 1; at < after; at = nodes[at + 1].after) {
    if (nodes[at].count == wanted && index_->decoded(at) == key)
      return {index_, at + 1, after, true};
  }
  return {};
}

std::size_t JsonValue::size() const noexcept {
  return index_ == nullptr ? 0 : index_->nodes_[node_].count;
}

JsonValue JsonValue::first() const noexcept {
  if (size() == 0) return {};
  const bool member = is_object();
  return {index_, node_ + (member ? 2U : 1U), index_->nodes_[node_].after, member};
}

JsonValue JsonValue::next() const noexcept {
  if (index_ == nullptr) return {};
  const std::uint32_t after = index_->nodes_[node_].after;
  if (after >= end_) return {};
  return {index_, after + (member_ ? 1U : 0U), end_, member_};
}

std::string_view JsonValue::key() const {
  return member_ ? index_->decoded(node_ - 1) : std::string_view();
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.reserve(out.size() + text.size() + 2);
  out += '"';
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out.append(text.substr(from, i - from));
    from = i + 1;
    out += '\\';
    const std::size_t meaning = kShortMeanings.find(text[i]);
    if (meaning != kShortMeanings.npos) {
      out += kShortEscapes[meaning];
    } else {
      out += "u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  out.append(text.substr(from));
  out += '"';
}

void sort_splices(std::vector<Splice>& splices) {
  std::sort(splices.begin(), splices.end(),
            [](const Splice& a, const Splice& b) { return a.begin < b.begin; });
}

void append_spliced(std::string& out, std::string_view source, const std::vector<Splice>& splices) {
  std::size_t size = out.size() + source.size();
  for (const Splice& splice : splices) size += splice.text.size();
  out.reserve(size);
  std::size_t from = 0;
  for (const Splice& splice : splices) {
    out.append(source.substr(from, splice.begin - from));
    out.append(splice.text);
    from = splice.end;
  }
  out.append(source.substr(from));
}

}  // namespace cordon::codec
