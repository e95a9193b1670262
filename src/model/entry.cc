#include "model/entry.h"

#include "base/assert.h"
#include "base/uuid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace cordon::model {
namespace {

constexpr std::array<std::string_view, 19> kKinds = {
    "decision",       "response_end",  "generation_change", "containment",  "receipt",  "signal",
    "incident_event", "config_change", "rulepack_change",   "token_change", "refusal",  "custody",
    "recovery",       "signal_end",    "baseline",          "replay_test",  "approval", "page",
    "key_change"};
constexpr std::string_view kHeadStart = R"({"v":1,"kind":")";
constexpr std::array<std::string_view, 7> kHeadKeys = {"v",       "kind", "id",  "ts",
                                                       "mono_ns", "boot", "node"};

Result<EntryKind> parse_kind(std::string_view word) {
  const auto found = std::find(kKinds.begin(), kKinds.end(), word);
  if (found == kKinds.end()) {
    return fail(Errc::corrupt, fmt::format("unknown entry kind '{}'", word.substr(0, 40)));
  }
  return static_cast<EntryKind>(found - kKinds.begin());
}

}  // namespace

std::string_view to_string(EntryKind kind) noexcept {
  return kKinds[static_cast<std::size_t>(kind)];
}

Result<EntryKind> peek_kind(std::string_view bytes) noexcept {
  const std::size_t end =
      bytes.starts_with(kHeadStart) ? bytes.find('"', kHeadStart.size()) : std::string_view::npos;
  if (end == bytes.npos) return fail(Errc::corrupt, "an entry without a head");
  return parse_kind(bytes.substr(kHeadStart.size(), end - kHeadStart.size()));
}

Result<Entry> parse_entry(std::string_view bytes) {
  CORDON_TRY(codec::Json value, codec::parse_json(bytes));
  if (!value.is_object() || value.value("v", codec::Json(0)) != 1) {
    return fail(Errc::corrupt, "an entry that is not a version 1 object");
  }
  const auto text = [&value](const char* key) {
    const auto found = value.find(key);
    return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  Entry entry;
  CORDON_TRY(entry.kind, parse_kind(text("kind")));
  CORDON_TRY(entry.recorded, parse_rfc3339(text("ts")));
  entry.id = text("id");
  entry.boot = text("boot");
  entry.node = text("node");
  const auto mono = value.find("mono_ns");
  if (mono == value.end() || !mono->is_number_integer() || !is_uuid(entry.id)) {
    return fail(Errc::corrupt, "an entry whose head is incomplete");
  }
  entry.mono_ns = mono->get<std::int64_t>();
  for (const std::string_view key : kHeadKeys) value.erase(std::string(key));
  entry.body = std::move(value);
  return entry;
}

EntryWriter::EntryWriter(std::string node, std::string boot, const Clock& clock, Random& random)
    : node_(std::move(node)), boot_(std::move(boot)), clock_(clock), random_(random) {}

std::string EntryWriter::open(EntryKind kind, std::string& out) const {
  constexpr std::size_t kUsualBytes = 1'024;
  out.reserve(out.size() + kUsualBytes);
  std::string id = make_uuid7(clock_, random_);
  std::array<char, 20> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), clock_.mono().count()).ptr;
  out.append(kHeadStart).append(to_string(kind)).append(R"(","id":")").append(id);
  out.append(R"(","ts":")").append(format_rfc3339(clock_.wall())).append(R"(","mono_ns":)");
  out.append(digits.data(), end).append(R"(,"boot":")").append(boot_);
  out.append(R"(","node":")").append(node_).append(1, '"');
  return id;
}

Result<EntryWriter::Written> EntryWriter::compose(EntryKind kind, const codec::Json& body) const {
  if (!body.is_object()) return fail(Errc::invalid, "the body of an entry is not an object");
  for (const std::string_view key : kHeadKeys) {
    if (body.contains(std::string(key))) {
      return fail(Errc::invalid, fmt::format("the body of an entry of kind {} has the key '{}' of "
                                             "its head",
                                             to_string(kind), key));
    }
  }
  Written written;
  written.id = open(kind, written.bytes);
  const std::string rest = codec::write_json(body);
  if (rest.size() > 2) {
    written.bytes += ',';
    written.bytes.append(rest, 1);
  } else {
    written.bytes += '}';
  }
  if (written.bytes.size() > kEntryBytesMax) {
    return fail(Errc::invalid, fmt::format("an entry of {} bytes, at most {} are allowed",
                                           written.bytes.size(), kEntryBytesMax));
  }
  return written;
}

std::string EntryWriter::write(EntryKind kind, const codec::Json& body) const {
  auto written = compose(kind, body);
  CORDON_ASSERT(written.has_value());
  return std::move(written->bytes);
}

}  // namespace cordon::model
