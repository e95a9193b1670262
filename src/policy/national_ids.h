// Numbers that states and banks issue with check digits. A pattern finds the shape; these decide.
//
// Every function reads digits past spaces, hyphens and dots, and refuses any other sign, any other
// length, and one digit repeated.
#pragma once

#include <string_view>

namespace cordon::policy {

/// A United States bank routing number: weights 3, 7, 1 and a Federal Reserve prefix.
[[nodiscard]] bool passes_aba(std::string_view text) noexcept;
/// A United Kingdom NHS number: modulo 11.
[[nodiscard]] bool passes_nhs(std::string_view text) noexcept;
/// A Brazilian CPF: two check digits modulo 11.
[[nodiscard]] bool passes_cpf(std::string_view text) noexcept;
/// A Spanish DNI or NIE: the letter is the number modulo 23.
[[nodiscard]] bool passes_dni(std::string_view text) noexcept;
/// An Italian codice fiscale: the last letter is a weighted sum modulo 26.
[[nodiscard]] bool passes_codice_fiscale(std::string_view text) noexcept;
/// A French NIR of the mainland: key is 97 minus the number modulo 97.
[[nodiscard]] bool passes_nir(std::string_view text) noexcept;
/// A Polish PESEL: weights 1, 3, 7, 9.
[[nodiscard]] bool passes_pesel(std::string_view text) noexcept;
/// A Dutch BSN: the sum of weighted digits is a multiple of 11.
[[nodiscard]] bool passes_bsn(std::string_view text) noexcept;
/// Twelve digits that end in their Verhoeff check digit, as an Indian Aadhaar number does.
[[nodiscard]] bool passes_verhoeff(std::string_view text) noexcept;

}  // namespace cordon::policy
