// What requests and answers share: characters, field lines, and the fields that frame a message.
#pragma once

#include "net/http1.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace cordon::net::internal {

enum CharClass : std::uint8_t { kToken = 1, kValue = 2, kTarget = 4, kHost = 8 };

constexpr std::array<std::uint8_t, 256> make_char_classes() {
  std::array<std::uint8_t, 256> table{};
  constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
  constexpr std::string_view kHostMarks = "-._~%!$&'()*+;=:[]";
  for (unsigned i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    unsigned bits = 0;
    if (alnum || kTokenMarks.find(c) != std::string_view::npos) bits |= kToken;
    if (alnum || kHostMarks.find(c) != std::string_view::npos) bits |= kHost;
    if (i == '\t' || (i >= 0x20 && i != 0x7F)) bits |= kValue;
    if (i > 0x20 && i < 0x7F && c != '#') bits |= kTarget;
    if (i == 0) bits = 0;
    table[i] = static_cast<std::uint8_t>(bits);
  }
  return table;
}
inline constexpr std::array<std::uint8_t, 256> kCharClasses = make_char_classes();

[[nodiscard]] inline bool is_a(char c, CharClass what) noexcept {
  return (kCharClasses[static_cast<unsigned char>(c)] & what) != 0;
}
[[nodiscard]] inline bool all_are(std::string_view text, CharClass what) noexcept {
  std::uint8_t bits = what;
  for (const char c : text) bits &= kCharClasses[static_cast<unsigned char>(c)];
  return bits != 0;
}
[[nodiscard]] constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Bytes up to and including the empty line (ended by LF, however badly); 0 if there is none.
[[nodiscard]] std::size_t find_head_end(std::string_view buffer) noexcept;

/// Takes one line off the front, without its CRLF. False if it does not end in exactly CRLF.
[[nodiscard]] bool take_line(std::string_view& rest, std::string_view& line) noexcept;

/// The fields that say where a message ends and what becomes of its connection.
struct FramingFields {
  int lengths = 0;
  int codings = 0;
  int hosts = 0;
  bool close = false;
  bool keep_alive = false;
  bool names_framing = false;  ///< a Connection field names one of the framing fields
  bool look_alike = false;     ///< content_length or transfer_encoding, with an underscore
  std::string_view length;
  std::string_view coding;
  std::string_view host;
  std::string_view upgrade;
  std::string_view expect;
};

/// Field lines up to the empty line. On refusal the status is 400 or 431.
[[nodiscard]] tl::expected<void, HttpError> parse_fields(std::string_view rest,
                                                         std::size_t headers_max, Headers& out,
                                                         FramingFields& framing);

/// The value of a Content-Length: 1 to 19 digits and nothing else.
[[nodiscard]] std::optional<std::uint64_t> parse_length(std::string_view text) noexcept;

/// Calls `visit` for each element of a comma list, without blanks; false as soon as `visit` is.
template <class Visit>
bool for_each_element(std::string_view list, Visit visit) {
  for (;;) {
    const std::size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t'))
      element.remove_prefix(1);
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t'))
      element.remove_suffix(1);
    if (!visit(element)) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

/// The framing that length and coding fields give, the same for either direction.
struct Framed {
  Framing framing = Framing::none;
  std::uint64_t length = 0;
};
[[nodiscard]] tl::expected<Framed, HttpError> frame_by(const FramingFields& fields,
                                                       Version version);

[[nodiscard]] inline tl::unexpected<HttpError> refuse(int status, std::string_view reason) {
  return tl::make_unexpected(HttpError{status, reason});
}

}  // namespace cordon::net::internal
