// JSON for the cold path: configuration, the control API, entries read by people.
//
// Strict: duplicate keys, invalid UTF-8, lone surrogates, comments and trailing text are
// refused, because two parsers that read one text differently are a way around a policy.
#pragma once

#include "base/result.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::codec {

/// A JSON value that keeps the order in which its keys were written.
using Json = nlohmann::ordered_json;

/// Bounds on one text, so that a hostile one costs no more than its share.
struct JsonLimits {
  std::size_t bytes_max = 8 * 1024 * 1024;
  std::size_t depth_max = 64;
};

/// Refuses as `invalid` what is not one strict JSON text, with the byte where it went wrong,
/// and as `exhausted` what is larger or deeper than `limits`.
[[nodiscard]] Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

/// Compact text, keys in their order. Invalid UTF-8 in a value is replaced by U+FFFD.
[[nodiscard]] std::string write_json(const Json& value);

/// Reads the members of one object and remembers which were asked for, so that what is
/// unknown or missing is refused by name. Lives no longer than the value it reads.
class ObjectReader {
 public:
  /// `what` names the object in errors, for example "switch".
  ObjectReader(const Json& value, std::string what);
  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] std::string text_or(std::string_view key, std::string fallback);
  [[nodiscard]] std::optional<std::string> optional_text(std::string_view key);
  [[nodiscard]] std::int64_t integer(std::string_view key);
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t fallback);
  [[nodiscard]] double number_or(std::string_view key, double fallback);
  [[nodiscard]] bool boolean_or(std::string_view key, bool fallback);
  /// A null value when absent.
  [[nodiscard]] const Json& any(std::string_view key);
  /// The first thing that was wrong, or a key that nobody asked for, as `invalid`.
  [[nodiscard]] Status finish() const;

 private:
  const Json* find(std::string_view key);
  void complain(std::string problem);

  const Json& value_;
  std::string what_;
  std::vector<std::string> asked_;
  std::optional<std::string> problem_;
};

}  // namespace cordon::codec
