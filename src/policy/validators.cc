#include "policy/validators.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace cordon::policy {
namespace {

constexpr std::size_t kDigitsMax = 32;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
char upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

struct Digits {
  std::array<std::uint8_t, kDigitsMax> value{};
  std::size_t count = 0;
};

// Nothing when the text holds anything but digits, spaces and hyphens, or too many digits.
std::optional<Digits> digits_of(std::string_view text) noexcept {
  Digits digits;
  for (const char c : text) {
    if (c == ' ' || c == '-') continue;
    if (!is_digit(c) || digits.count == kDigitsMax) return std::nullopt;
    digits.value[digits.count++] = static_cast<std::uint8_t>(c - '0');
  }
  return digits;
}

struct Country {
  std::string_view code;
  std::size_t length;
};

// The IBAN registry's countries and lengths.
constexpr std::array<Country, 89> kCountries = {
    {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
     {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
     {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
     {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
     {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26},
     {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20},
     {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20},
     {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
     {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24},
     {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25},
     {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20},
     {"YE", 30}}};

}  // namespace

bool passes_luhn(std::string_view text) noexcept {
  const auto digits = digits_of(text);
  if (!digits || digits->count < 12 || digits->count > 19) return false;
  const auto* first = digits->value.begin();
  const auto* last = first + digits->count;
  if (std::all_of(first, last, [&](std::uint8_t digit) { return digit == *first; })) return false;
  unsigned sum = 0;
  for (std::size_t i = 0; i < digits->count; ++i) {
    unsigned digit = digits->value[digits->count - 1 - i];
    if (i % 2 == 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 == 0;
}

bool passes_iban(std::string_view text) noexcept {
  std::array<char, 40> compact{};
  std::size_t size = 0;
  for (const char c : text) {
    if (c == ' ') continue;
    if ((!is_digit(c) && !is_letter(c)) || size == compact.size()) return false;
    compact[size++] = upper(c);
  }
  const std::string_view iban(compact.data(), size);
  const auto* country = std::find_if(kCountries.begin(), kCountries.end(),
                                     [&](const Country& c) { return iban.starts_with(c.code); });
  if (country == kCountries.end() || country->length != size) return false;
  if (!is_digit(iban[2]) || !is_digit(iban[3])) return false;
  unsigned remainder = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const char c = iban[(i + 4) % size];
    const auto value = static_cast<unsigned>(is_digit(c) ? c - '0' : c - 'A' + 10);
    remainder = (value > 9 ? remainder * 100 + value : remainder * 10 + value) % 97;
  }
  return remainder == 1;
}

std::size_t iban_bytes(std::string_view text) noexcept {
  const auto* country = std::find_if(kCountries.begin(), kCountries.end(),
                                     [&](const Country& c) { return text.starts_with(c.code); });
  if (country == kCountries.end()) return 0;
  std::size_t size = 0;
  std::size_t counted = 0;
  while (size < text.size() && counted < country->length) {
    if (text[size++] != ' ') ++counted;
  }
  const bool ends = size == text.size() || (!is_digit(text[size]) && !is_letter(text[size]));
  return ends && passes_iban(text.substr(0, size)) ? size : 0;
}

bool passes_ssn(std::string_view text) noexcept {
  const auto digits = digits_of(text);
  if (!digits || digits->count != 9) return false;
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 9; ++i) number = number * 10 + digits->value[i];
  const std::uint32_t area = number / 1'000'000;
  const std::uint32_t group = number / 10'000 % 100;
  const std::uint32_t serial = number % 10'000;
  if (area == 0 || area == 666 || area >= 900 || group == 0 || serial == 0) return false;
  return number != 78'051'120 && number != 219'099'999 && number != 123'456'789;
}

double entropy_bits(std::string_view text) noexcept {
  if (text.empty()) return 0;
  std::array<std::uint32_t, 256> counts{};
  for (const char c : text) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  const auto size = static_cast<double>(text.size());
  for (const std::uint32_t count : counts) {
    if (count == 0) continue;
    const double share = count / size;
    bits -= share * std::log2(share);
  }
  return bits;
}

bool looks_generated(std::string_view text) noexcept {
  if (text.empty()) return false;
  const auto holds = [&](auto&& is) { return std::any_of(text.begin(), text.end(), is); };
  const bool lower_case = holds([](char c) { return c >= 'a' && c <= 'z'; });
  const bool upper_case = holds([](char c) { return c >= 'A' && c <= 'Z'; });
  if (!lower_case && !upper_case) return false;
  // A variable begins with its sign; inside a word a sign was put there on purpose.
  const bool sign = text.find_first_of("!@#$%^&*~", 1) != std::string_view::npos;
  if (!holds(is_digit) && !(sign && lower_case && upper_case)) return false;
  std::size_t steps = 0;
  std::size_t repeats = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == text[i - 1]) ++repeats;
    if (text[i] == text[i - 1] + 1) ++steps;
  }
  return (steps + repeats) * 2 < text.size();
}

}  // namespace cordon::policy
