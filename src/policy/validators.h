// What a candidate must also satisfy. Check digits are what makes a number a card and not an
// order: a pattern finds the shape, these decide.
#pragma once

#include <cstddef>
#include <string_view>

namespace cordon::policy {

/// Whether the digits, read past spaces and hyphens, are 12 to 19, end in their Luhn check digit
/// (ISO/IEC 7812) and are not one digit repeated.
[[nodiscard]] bool passes_luhn(std::string_view text) noexcept;

/// Whether the text, read past spaces, is an IBAN: a known country, that country's length, and
/// the remainder 1 modulo 97 (ISO 13616). Letters of either case.
[[nodiscard]] bool passes_iban(std::string_view text) noexcept;

/// The bytes of the IBAN with which the text begins, or 0 when it begins with none. A pattern
/// cannot know where an IBAN ends when words in capitals follow it; the country does.
[[nodiscard]] std::size_t iban_bytes(std::string_view text) noexcept;

/// Whether nine digits, read past spaces and hyphens, are a United States social security number
/// that could have been issued and is not one of those printed in advertisements.
[[nodiscard]] bool passes_ssn(std::string_view text) noexcept;

/// Shannon entropy of the bytes, in bits per byte; 0 for an empty text.
[[nodiscard]] double entropy_bits(std::string_view text) noexcept;

/// Whether the text looks like a value somebody chose or generated, not a word, a variable or a
/// placeholder: it holds a letter, and a digit or letters of both cases around a sign such as `$`,
/// and mostly neither repeats one byte nor counts up.
[[nodiscard]] bool looks_generated(std::string_view text) noexcept;

}  // namespace cordon::policy
