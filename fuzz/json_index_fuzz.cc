// Whatever the index accepts, the strict parser of the cold path accepts, with the same meaning;
// and what it refuses the other refuses too, but for limits.
#include "codec/json.h"
#include "codec/json_index.h"

#include <cstdint>
#include <cstdlib>

namespace {

using cordon::codec::Json;
using cordon::codec::JsonIndex;
using cordon::codec::JsonValue;

void check(bool claim) {
  if (!claim) std::abort();
}

void compare(const JsonValue& seen, const Json& expected) {
  switch (seen.kind()) {
    case JsonValue::Kind::absent:
      std::abort();
    case JsonValue::Kind::null:
      return check(expected.is_null());
    case JsonValue::Kind::boolean:
      return check(expected.is_boolean() && expected.get<bool>() == *seen.boolean());
    case JsonValue::Kind::number:
      return check(expected.is_number());
    case JsonValue::Kind::string:
      return check(expected.is_string() && expected.get_ref<const std::string&>() == seen.text());
    case JsonValue::Kind::array:
    case JsonValue::Kind::object:
      break;
  }
  check(expected.size() == seen.size());
  check(expected.is_object() == seen.is_object());
  auto other = expected.begin();
  for (JsonValue value = seen.first(); value; value = value.next(), ++other) {
    check(other != expected.end());
    if (seen.is_object()) {
      check(other.key() == value.key());
      check(seen.find(value.key()).begin_byte() == value.begin_byte());
    }
    compare(value, *other);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static JsonIndex index;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = index.parse(text);
  // The cold parser skips a byte order mark and cannot hold numbers past a double's range.
  const auto expected = cordon::codec::parse_json(text);
  if (parsed && expected) {
    compare(index.root(), *expected);
  } else if (parsed) {
    check(expected.error().detail.find("out of range") != std::string::npos ||
          expected.error().detail.find("number overflow") != std::string::npos);
  } else if (expected) {
    check(text.starts_with("\xEF\xBB\xBF") || parsed.error().code == cordon::Errc::exhausted);
  }
  return 0;
}
