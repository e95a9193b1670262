#include "policy/national_ids.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace cordon::policy {
namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_gap(char c) noexcept {
  return c == ' ' || c == '-' || c == '.';
}

// Exactly so many digits, not all the same.
template <std::size_t Count>
std::optional<std::array<int, Count>> digits_of(std::string_view text) noexcept {
  std::array<int, Count> digits{};
  std::size_t count = 0;
  for (const char c : text) {
    if (is_gap(c)) continue;
    if (!is_digit(c) || count == Count) return std::nullopt;
    digits[count++] = c - '0';
  }
  const bool repeated =
      std::all_of(digits.begin(), digits.end(), [&](int d) { return d == digits[0]; });
  if (count != Count || repeated) return std::nullopt;
  return digits;
}

template <std::size_t Count>
int weighted(const std::array<int, Count>& digits, std::string_view weights) noexcept {
  int sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += digits[i] * (weights[i] - '0');
  return sum;
}

}  // namespace

bool passes_aba(std::string_view text) noexcept {
  const auto digits = digits_of<9>(text);
  if (!digits || weighted(*digits, "371371371") % 10 != 0) return false;
  const int prefix = (*digits)[0] * 10 + (*digits)[1];
  return prefix <= 12 || (prefix >= 21 && prefix <= 32) || (prefix >= 61 && prefix <= 72) ||
         prefix == 80;
}

bool passes_nhs(std::string_view text) noexcept {
  const auto digits = digits_of<10>(text);
  if (!digits) return false;
  int sum = 0;
  for (std::size_t i = 0; i < 9; ++i) sum += (*digits)[i] * (10 - static_cast<int>(i));
  return (11 - sum % 11) % 11 == (*digits)[9];
}

bool passes_cpf(std::string_view text) noexcept {
  const auto digits = digits_of<11>(text);
  if (!digits) return false;
  for (const std::size_t at : {std::size_t{9}, std::size_t{10}}) {
    int sum = 0;
    for (std::size_t i = 0; i < at; ++i) sum += (*digits)[i] * static_cast<int>(at + 1 - i);
    if (sum * 10 % 11 % 10 != (*digits)[at]) return false;
  }
  return true;
}

bool passes_dni(std::string_view text) noexcept {
  constexpr std::string_view kLetters = "TRWAGMYFPDXBNJZSQVHLCKE";
  if (text.empty()) return false;
  std::uint32_t number = 0;
  std::size_t digits = 0;
  std::string_view body = text.substr(0, text.size() - 1);
  const std::size_t foreign = std::string_view("XYZ").find(body.empty() ? ' ' : body[0]);
  if (foreign != std::string_view::npos) {
    number = static_cast<std::uint32_t>(foreign);
    digits = 1;
    body.remove_prefix(1);
  }
  for (const char c : body) {
    if (is_gap(c)) continue;
    if (!is_digit(c) || ++digits > 8) return false;
    number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return digits == 8 && kLetters[number % 23] == text.back();
}

bool passes_codice_fiscale(std::string_view text) noexcept {
  // What a sign in an odd place counts, by its place in the alphabet or its digit.
  constexpr std::array<int, 26> kOdd = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                        20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  if (text.size() != 16) return false;
  int sum = 0;
  for (std::size_t i = 0; i < 15; ++i) {
    const char c = text[i];
    const bool letter = c >= 'A' && c <= 'Z';
    if (!letter && !is_digit(c)) return false;
    const int value = letter ? c - 'A' : c - '0';
    sum += i % 2 == 0 ? kOdd[static_cast<std::size_t>(value)] : value;
  }
  return 'A' + sum % 26 == text[15];
}

bool passes_nir(std::string_view text) noexcept {
  const auto digits = digits_of<15>(text);
  if (!digits) return false;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 13; ++i)
    number = number * 10 + static_cast<std::uint64_t>((*digits)[i]);
  return 97 - number % 97 == static_cast<std::uint64_t>((*digits)[13] * 10 + (*digits)[14]);
}

bool passes_pesel(std::string_view text) noexcept {
  const auto digits = digits_of<11>(text);
  return digits && weighted(*digits, "13791379131") % 10 == 0;
}

bool passes_bsn(std::string_view text) noexcept {
  const auto digits = digits_of<9>(text);
  return digits && (weighted(*digits, "98765432") - (*digits)[8]) % 11 == 0;
}

bool passes_verhoeff(std::string_view text) noexcept {
  // The dihedral group of ten, and how a digit turns by its place.
  constexpr std::array<std::array<int, 10>, 8> kTurn = {{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
                                                         {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
                                                         {5, 8, 0, 3, 7, 9, 6, 1, 4, 2},
                                                         {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
                                                         {9, 4, 5, 3, 1, 2, 6, 8, 7, 0},
                                                         {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
                                                         {2, 7, 9, 3, 8, 0, 6, 4, 1, 5},
                                                         {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}}};
  const auto digits = digits_of<12>(text);
  if (!digits) return false;
  int check = 0;
  for (std::size_t i = 0; i < 12; ++i) {
    const int turned = kTurn[i % 8][static_cast<std::size_t>((*digits)[11 - i])];
    if (check < 5) {
      check = turned < 5 ? (check + turned) % 5 : 5 + (check + turned - 5) % 5;
    } else {
      check = turned < 5 ? 5 + (check - 5 + 5 - turned) % 5 : (check - turned + 5) % 5;
    }
  }
  return check == 0;
}

}  // namespace cordon::policy
