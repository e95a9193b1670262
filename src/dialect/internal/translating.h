// What the translations of requests and answers have in common: JSON as it is written, members that
// may be there, refusals by name.
#pragma once

#include "dialect/translation.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::dialect::internal {

/// Begins a member of the object that is being written.
void put_key(std::string& out, std::string_view key);
/// The same with a value that is JSON, or one that is text.
void put_raw(std::string& out, std::string_view key, std::string_view json);
void put_text(std::string& out, std::string_view key, std::string_view text);
/// Begins an item of the array that is being written.
void put_item(std::string& out);

/// Absent, null, or an array or object with nothing in it.
[[nodiscard]] bool is_nothing(const codec::JsonValue& value);

using Checked = Request::Checked;
/// `'param' WHY.`, with the code `unsupported_parameter`.
[[nodiscard]] tl::unexpected<RequestFault> no_equal(std::string param,
                                                    std::string_view why = "has no equal there");
/// Refuses a member that is not among these, unless it says nothing. `at` names the object.
[[nodiscard]] Checked only_keys(const codec::JsonValue& object, const std::string& at,
                                std::initializer_list<std::string_view> keys);
/// Refuses what is not a string.
[[nodiscard]] Checked need_text(const codec::JsonValue& value, const std::string& param);
[[nodiscard]] std::string item_param(const std::string& at, std::size_t index);

/// A surface's own half of translate_request().
[[nodiscard]] Checked chat_into_messages(const codec::JsonValue& root, std::string& out);
[[nodiscard]] Checked messages_into_chat(const codec::JsonValue& root, std::string& out);

/// Tokens as Anthropic counts them: what was read from a prompt cache or written to it apart.
struct Tokens {
  std::optional<std::int64_t> in;
  std::optional<std::int64_t> cache_read;
  std::optional<std::int64_t> cache_written;
  std::optional<std::int64_t> out;

  [[nodiscard]] bool any() const noexcept { return in || out; }
  /// With what was read from a cache or written to it as a part of what went in.
  [[nodiscard]] Usage usage() const noexcept;
  /// What is said later replaces what was said before.
  void take_anthropic(const codec::JsonValue& usage);
  void take_openai(const codec::JsonValue& usage);
};
/// The member `usage` in either form.
void put_openai_usage(std::string& out, const Tokens& tokens);
void put_anthropic_usage(std::string& out, const Tokens& tokens);

/// A stop reason in the other dialect's words; nothing if it has none.
[[nodiscard]] std::optional<std::string_view> finish_of(std::string_view stop_reason) noexcept;
[[nodiscard]] std::optional<std::string_view> stop_of(std::string_view finish_reason) noexcept;

/// The arguments of a call as the object that `input` is; no arguments are an empty one. Nothing if
/// they are no JSON object.
[[nodiscard]] std::optional<std::string> input_of(std::string_view arguments);

[[nodiscard]] tl::unexpected<Error> untold(std::string_view what);

}  // namespace cordon::dialect::internal
