#include "model/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>

namespace cordon::model {
namespace {

constexpr std::array<std::string_view, 3> kDurabilities = {"before_answer", "before_forward",
                                                           "deferred"};
constexpr std::array<std::string_view, 9> kEnds = {"complete", "blocked",        "killed",
                                                   "refused",  "upstream_error", "upstream_cut",
                                                   "timeout",  "client_gone",    "end_unknown"};
constexpr std::array<std::string_view, 5> kRoles = {"none", "system", "user", "assistant", "tool"};
constexpr std::array<std::string_view, kAttemptEndCount> kAttemptEnds = {
    "answered", "unreachable", "timeout", "overloaded", "failed", "cut", "open", "untranslatable"};
constexpr std::array<std::string_view, 3> kUsageSources = {"unknown", "provider", "estimated"};

template <class T, std::size_t n>
Result<T> parse_word(const std::array<std::string_view, n>& words, std::string_view text,
                     std::string_view what) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) {
    return fail(Errc::invalid, fmt::format("unknown {} '{}'", what, text.substr(0, 40)));
  }
  return static_cast<T>(found - words.begin());
}

bool is_plain(char c) noexcept {
  return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
}

/// Writes a JSON string. Names in records are bounded and mostly plain.
void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const auto odd = std::find_if_not(text.begin(), text.end(), is_plain);
    const auto plain = static_cast<std::size_t>(odd - text.begin());
    out.append(text.substr(0, plain));
    if (odd == text.end()) break;
    const auto byte = static_cast<unsigned char>(*odd);
    if (byte < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += '\\';
      out += *odd;
    }
    text.remove_prefix(plain + 1);
  }
  out += '"';
}

/// `key` comes with its comma, quotes and colon.
void append_text(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  out.append(key);
  append_string(out, value);
}

void append_count(std::string& out, std::string_view key, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(key);
  out.append(digits.data(), end);
}

void append_head(std::string& out, const ExchangeHead& head) {
  append_text(out, R"(,"exchange":)", head.exchange);
  append_count(out, R"(,"generation":)", head.generation);
  append_text(out, R"(,"tenant":)", head.tenant);
  append_text(out, R"(,"route":)", head.route);
  append_text(out, R"(,"use_case":)", head.use_case);
  append_text(out, R"(,"provider":)", head.provider);
  append_text(out, R"(,"model":)", head.model);
  append_text(out, R"(,"mode":)", to_string(head.mode));
  append_text(out, R"(,"surface":)", head.surface);
  append_text(out, R"(,"key":)", head.key);
  if (head.flags.empty()) return;
  out += R"(,"flags":[)";
  for (const std::string& flag : head.flags) {
    if (&flag != &head.flags.front()) out += ',';
    append_string(out, flag);
  }
  out += ']';
}

void append_hits(std::string& out, const Scanned& scanned, const std::vector<Hit>& hits) {
  append_count(out, R"(,"scanned":{"bytes":)", scanned.bytes);
  append_count(out, R"(,"parts":)", scanned.parts);
  out += R"(},"rules":[)";
  bool first = true;
  for (const Hit& hit : hits) {
    if (!first) out += ',';
    first = false;
    out += R"({"rule":)";
    append_string(out, hit.rule);
    append_text(out, R"(,"class":)", to_string(hit.of_class));
    append_text(out, R"(,"kind":)", hit.data_kind);
    if (hit.personal) out += R"(,"personal":true)";
    append_text(out, R"(,"state":)", hit.live ? "live" : "shadow");
    append_text(out, R"(,"verdict":)", to_string(hit.verdict));
    append_text(out, R"(,"action":)", to_string(hit.action));
    append_count(out, R"(,"count":)", hit.count);
    append_count(out, R"(,"delivered":)", hit.delivered);
    append_text(out, R"(,"view":)", hit.view);
    append_text(out, R"(,"commit":)", hit.commit);
    if (hit.side == Side::request) out += R"(,"on":"request")";
    if (hit.role != Role::none) append_text(out, R"(,"role":)", to_string(hit.role));
    out += '}';
  }
  out += ']';
}

void append_tried(std::string& out, const std::vector<AttemptRecord>& tried) {
  if (tried.empty()) return;
  out += R"(,"tried":[)";
  for (const AttemptRecord& attempt : tried) {
    if (&attempt != &tried.front()) out += ',';
    out += R"({"provider":)";
    append_string(out, attempt.provider);
    append_text(out, R"(,"model":)", attempt.model);
    append_text(out, R"(,"end":)", to_string(attempt.end));
    if (attempt.status != 0) {
      append_count(out, R"(,"status":)", static_cast<std::uint64_t>(attempt.status));
    }
    append_count(out, R"(,"us":)", attempt.us);
    if (attempt.tokens_in != 0 || attempt.tokens_out != 0) {
      append_count(out, R"(,"usage":{"in":)", attempt.tokens_in);
      append_count(out, R"(,"out":)", attempt.tokens_out);
      out += '}';
    }
    if (attempt.cost_nano != 0) append_count(out, R"(,"cost_nano":)", attempt.cost_nano);
    out += '}';
  }
  out += ']';
}

void append_cost(std::string& out, const Cost& cost) {
  if (cost.known == Cost::Known::none) return;
  out += R"(,"cost":{)";
  if (cost.known == Cost::Known::unpriced) {
    out += R"("unpriced":true})";
    return;
  }
  append_count(out, R"("nano":)", cost.nano);
  append_text(out, R"(,"currency":)", cost.currency);
  if (cost.price_from != WallTime{}) {
    append_text(out, R"(,"price_from":)", format_rfc3339(cost.price_from));
  }
  if (cost.known == Cost::Known::partly) out += R"(,"unpriced":true)";
  if (cost.estimated) out += R"(,"estimated":true)";
  out += '}';
}

/// Reads keys of one object and remembers the first that was not as the format says.
class Fields {
 public:
  Fields(codec::JsonValue object, std::string_view what) : object_(object), what_(what) {
    if (!object.is_object()) complain("is not an object");
  }

  std::string text(std::string_view key) {
    const codec::JsonValue value = find(key);
    if (!value.is_string()) complain(key);
    return std::string(value.text());
  }
  std::string text_or_empty(std::string_view key) {
    const codec::JsonValue value = find(key);
    if (value && !value.is_string()) complain(key);
    return std::string(value.text());
  }
  std::uint64_t count(std::string_view key) {
    const auto value = find(key).integer();
    if (!value || *value < 0) {
      complain(key);
      return 0;
    }
    return static_cast<std::uint64_t>(*value);
  }
  [[nodiscard]] bool has(std::string_view key) const { return bool(object_.find(key)); }
  std::uint64_t count_or_zero(std::string_view key) { return has(key) ? count(key) : 0; }
  bool boolean_or_false(std::string_view key) {
    const codec::JsonValue value = find(key);
    if (!value) return false;
    const auto found = value.boolean();
    if (!found) complain(key);
    return found.value_or(false);
  }
  /// A word out of a closed set, read by `parse`.
  template <class T, class Parse>
  void word(std::string_view key, T& out, Parse parse) {
    const auto value = parse(find(key).text());
    if (value)
      out = *value;
    else
      complain(key);
  }
  /// Strings; empty when there is no such list.
  std::vector<std::string> texts_or_none(std::string_view key) {
    std::vector<std::string> texts;
    const codec::JsonValue value = find(key);
    if (value && !value.is_array()) complain(key);
    for (auto item = value.first(); item; item = item.next()) {
      if (!item.is_string()) complain(key);
      texts.emplace_back(item.text());
    }
    return texts;
  }
  Fields object(std::string_view key) { return Fields(find(key), key); }
  codec::JsonValue list(std::string_view key) {
    const codec::JsonValue value = find(key);
    if (!value.is_array()) complain(key);
    return value;
  }
  void inherit(const Fields& part) {
    if (!problem_ && part.problem_) problem_ = part.problem_;
  }
  [[nodiscard]] Status finish() const {
    return problem_ ? Status(fail(Errc::corrupt, *problem_)) : Status{};
  }

 private:
  /// Keys are read in the order in which they are written, so the next one is mostly it.
  codec::JsonValue find(std::string_view key) {
    const codec::JsonValue next = last_ ? last_.next() : object_.first();
    const codec::JsonValue found = next && next.key() == key ? next : object_.find(key);
    if (found) last_ = found;
    return found;
  }
  void complain(std::string_view key) {
    if (!problem_) problem_ = fmt::format("{}: '{}' is missing or mistyped", what_, key);
  }
  codec::JsonValue object_;
  codec::JsonValue last_;
  std::string_view what_;
  std::optional<std::string> problem_;
};

void read_head(Fields& fields, ExchangeHead& head) {
  head.exchange = fields.text("exchange");
  head.generation = fields.count("generation");
  head.tenant = fields.text_or_empty("tenant");
  head.route = fields.text_or_empty("route");
  head.use_case = fields.text_or_empty("use_case");
  head.provider = fields.text_or_empty("provider");
  head.model = fields.text_or_empty("model");
  fields.word("mode", head.mode, parse_mode);
  head.surface = fields.text_or_empty("surface");
  head.key = fields.text_or_empty("key");
  head.flags = fields.texts_or_none("flags");
}

Result<Side> parse_side(std::string_view text) {
  if (text == "request") return Side::request;
  return fail(Errc::invalid, "unknown side");
}

Hit read_hit(Fields& parent, codec::JsonValue value) {
  Fields fields(value, "rules");
  Hit hit;
  hit.rule = fields.text("rule");
  fields.word("class", hit.of_class, parse_incident_class);
  hit.data_kind = fields.text_or_empty("kind");
  hit.personal = fields.boolean_or_false("personal");
  hit.live = fields.text("state") == "live";
  fields.word("verdict", hit.verdict, parse_action);
  fields.word("action", hit.action, parse_action);
  hit.count = static_cast<std::uint32_t>(fields.count("count"));
  hit.delivered = static_cast<std::uint32_t>(fields.count("delivered"));
  hit.view = fields.text_or_empty("view");
  hit.commit = fields.text_or_empty("commit");
  if (!fields.text_or_empty("on").empty()) fields.word("on", hit.side, parse_side);
  if (!fields.text_or_empty("role").empty()) fields.word("role", hit.role, parse_role);
  parent.inherit(fields);
  return hit;
}

void read_scan(Fields& fields, Scanned& scanned, std::vector<Hit>& hits) {
  Fields part = fields.object("scanned");
  scanned.bytes = part.count("bytes");
  scanned.parts = static_cast<std::uint32_t>(part.count("parts"));
  fields.inherit(part);
  for (auto item = fields.list("rules").first(); item; item = item.next()) {
    hits.push_back(read_hit(fields, item));
  }
}

AttemptRecord read_attempt(Fields& parent, codec::JsonValue value) {
  Fields fields(value, "tried");
  AttemptRecord attempt;
  attempt.provider = fields.text("provider");
  attempt.model = fields.text("model");
  fields.word("end", attempt.end, parse_attempt_end);
  attempt.status = static_cast<int>(fields.count_or_zero("status"));
  attempt.us = fields.count("us");
  if (value.find("usage")) {
    Fields usage = fields.object("usage");
    attempt.tokens_in = usage.count("in");
    attempt.tokens_out = usage.count("out");
    fields.inherit(usage);
  }
  attempt.cost_nano = fields.count_or_zero("cost_nano");
  parent.inherit(fields);
  return attempt;
}

void read_tried(Fields& fields, std::vector<AttemptRecord>& tried) {
  if (!fields.has("tried")) return;
  for (auto item = fields.list("tried").first(); item; item = item.next()) {
    tried.push_back(read_attempt(fields, item));
  }
}

void read_cost(Fields& fields, Cost& cost) {
  if (!fields.has("cost")) return;
  Fields part = fields.object("cost");
  const bool priced = part.has("nano");
  if (priced) {
    cost.nano = part.count("nano");
    cost.currency = part.text("currency");
    if (part.has("price_from")) part.word("price_from", cost.price_from, parse_rfc3339);
  }
  const bool unpriced = part.boolean_or_false("unpriced");
  cost.estimated = part.boolean_or_false("estimated");
  cost.known = !priced    ? Cost::Known::unpriced
               : unpriced ? Cost::Known::partly
                          : Cost::Known::whole;
  fields.inherit(part);
}

Result<UsageSource> parse_usage_source(std::string_view text) {
  return parse_word<UsageSource>(kUsageSources, text, "usage source");
}

DecisionRecord read_decision(Fields& fields) {
  DecisionRecord record;
  read_head(fields, record.head);
  fields.word("durability", record.durability, parse_durability);
  fields.word("verdict", record.verdict, parse_action);
  fields.word("action", record.action, parse_action);
  record.reason = fields.text_or_empty("reason");
  record.switch_id = fields.text_or_empty("switch");
  record.uninspected = fields.text_or_empty("uninspected");
  read_scan(fields, record.scanned, record.hits);
  for (Hit& hit : record.hits) hit.side = Side::request;
  Fields request = fields.object("req");
  record.request_commit = request.text_or_empty("commit");
  record.request_bytes = request.count("len");
  fields.inherit(request);
  return record;
}

EndRecord read_response_end(Fields& fields) {
  EndRecord record;
  read_head(fields, record.head);
  fields.word("end", record.end, parse_end);
  record.status = static_cast<int>(fields.count("status"));
  record.upstream_status = static_cast<int>(fields.count("upstream_status"));
  record.stream = fields.boolean_or_false("stream");
  record.translated = fields.boolean_or_false("translated");
  fields.word("verdict", record.verdict, parse_action);
  fields.word("action", record.action, parse_action);
  read_scan(fields, record.scanned, record.hits);
  record.received_bytes = fields.count("received");
  record.released_bytes = fields.count("released");
  Fields usage = fields.object("usage");
  record.tokens_in = usage.count("in");
  record.tokens_out = usage.count("out");
  record.tokens_cached = usage.count_or_zero("cached");
  record.tokens_cache_write = usage.count_or_zero("cache_write");
  usage.word("source", record.usage, parse_usage_source);
  fields.inherit(usage);
  read_cost(fields, record.cost);
  Fields spent = fields.object("us");
  record.first_byte_us = spent.count("first_byte");
  record.total_us = spent.count("total");
  fields.inherit(spent);
  record.attempts = static_cast<std::uint32_t>(fields.count("attempts"));
  read_tried(fields, record.tried);
  Fields response = fields.object("resp");
  record.response_commit = response.text_or_empty("commit");
  fields.inherit(response);
  record.amends = fields.text_or_empty("amends");
  return record;
}

}  // namespace

std::string_view to_string(Durability durability) noexcept {
  return kDurabilities[static_cast<std::size_t>(durability)];
}
Result<Durability> parse_durability(std::string_view text) {
  return parse_word<Durability>(kDurabilities, text, "durability");
}
std::string_view to_string(Role role) noexcept {
  return kRoles[static_cast<std::size_t>(role)];
}
Result<Role> parse_role(std::string_view text) {
  return parse_word<Role>(kRoles, text, "role");
}
std::string_view to_string(End end) noexcept {
  return kEnds[static_cast<std::size_t>(end)];
}
Result<End> parse_end(std::string_view text) {
  return parse_word<End>(kEnds, text, "end");
}

std::string_view to_string(AttemptEnd end) noexcept {
  return kAttemptEnds[static_cast<std::size_t>(end)];
}
Result<AttemptEnd> parse_attempt_end(std::string_view text) {
  return parse_word<AttemptEnd>(kAttemptEnds, text, "end of an attempt");
}

std::string append_entry(const EntryWriter& writer, const DecisionRecord& record,
                         std::string& out) {
  std::string id = writer.open(EntryKind::decision, out);
  append_head(out, record.head);
  append_text(out, R"(,"durability":)", to_string(record.durability));
  append_text(out, R"(,"verdict":)", to_string(record.verdict));
  append_text(out, R"(,"action":)", to_string(record.action));
  append_text(out, R"(,"reason":)", record.reason);
  append_text(out, R"(,"switch":)", record.switch_id);
  append_text(out, R"(,"uninspected":)", record.uninspected);
  append_hits(out, record.scanned, record.hits);
  out += R"(,"req":{"commit":)";
  append_string(out, record.request_commit);
  append_count(out, R"(,"len":)", record.request_bytes);
  out += "}}";
  return id;
}

std::string append_entry(const EntryWriter& writer, const EndRecord& record, std::string& out) {
  std::string id = writer.open(EntryKind::response_end, out);
  append_head(out, record.head);
  append_text(out, R"(,"end":)", to_string(record.end));
  append_count(out, R"(,"status":)", static_cast<std::uint64_t>(record.status));
  append_count(out, R"(,"upstream_status":)", static_cast<std::uint64_t>(record.upstream_status));
  out += record.stream ? R"(,"stream":true)" : R"(,"stream":false)";
  if (record.translated) out += R"(,"translated":true)";
  append_text(out, R"(,"verdict":)", to_string(record.verdict));
  append_text(out, R"(,"action":)", to_string(record.action));
  append_hits(out, record.scanned, record.hits);
  append_count(out, R"(,"received":)", record.received_bytes);
  append_count(out, R"(,"released":)", record.released_bytes);
  append_count(out, R"(,"usage":{"in":)", record.tokens_in);
  append_count(out, R"(,"out":)", record.tokens_out);
  if (record.tokens_cached != 0) append_count(out, R"(,"cached":)", record.tokens_cached);
  if (record.tokens_cache_write != 0) {
    append_count(out, R"(,"cache_write":)", record.tokens_cache_write);
  }
  append_text(out, R"(,"source":)", kUsageSources[static_cast<std::size_t>(record.usage)]);
  out += '}';
  append_cost(out, record.cost);
  append_count(out, R"(,"us":{"first_byte":)", record.first_byte_us);
  append_count(out, R"(,"total":)", record.total_us);
  append_count(out, R"(},"attempts":)", record.attempts);
  append_tried(out, record.tried);
  out += R"(,"resp":{"commit":)";
  append_string(out, record.response_commit);
  append_count(out, R"(,"len":)", record.received_bytes);
  out += '}';
  append_text(out, R"(,"amends":)", record.amends);
  out += '}';
  return id;
}

Result<WallTime> ExchangeReader::open(std::string_view bytes, EntryKind kind) {
  CORDON_TRY(const EntryKind found, peek_kind(bytes));
  if (found != kind) {
    return fail(Errc::corrupt,
                fmt::format("an entry of kind {}, expected {}", to_string(found), to_string(kind)));
  }
  if (const Status parsed = index_.parse(bytes); !parsed) {
    return fail(Errc::corrupt, parsed.error().detail);
  }
  const auto recorded = parse_rfc3339(index_.root().find("ts").text());
  if (!recorded) return fail(Errc::corrupt, "an entry without its time");
  return recorded;
}

Result<ExchangeReader::Read<DecisionRecord>> ExchangeReader::decision(std::string_view bytes) {
  CORDON_TRY(const WallTime recorded, open(bytes, EntryKind::decision));
  Fields fields(index_.root(), "decision");
  Read<DecisionRecord> read{recorded, read_decision(fields)};
  CORDON_CHECK(fields.finish());
  return read;
}

Result<ExchangeReader::Read<EndRecord>> ExchangeReader::response_end(std::string_view bytes) {
  CORDON_TRY(const WallTime recorded, open(bytes, EntryKind::response_end));
  Fields fields(index_.root(), "response_end");
  Read<EndRecord> read{recorded, read_response_end(fields)};
  CORDON_CHECK(fields.finish());
  return read;
}

}  // namespace cordon::model
