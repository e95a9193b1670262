#include "policy/national_ids.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace cordon::policy {
namespace {

struct Scheme {
  std::string_view name;
  bool (*passes)(std::string_view) noexcept;
  std::string_view good;
};

// Published examples of each scheme.
constexpr std::array<Scheme, 11> kSchemes = {
    {{"aba", passes_aba, "021000021"},
     {"aba", passes_aba, "111000025"},
     {"nhs", passes_nhs, "943 476 5919"},
     {"cpf", passes_cpf, "111.444.777-35"},
     {"dni", passes_dni, "12345678Z"},
     {"nie", passes_dni, "X1234567L"},
     {"codice fiscale", passes_codice_fiscale, "RSSMRA85T10A562S"},
     {"nir", passes_nir, "2 55 08 14 168 025 38"},
     {"pesel", passes_pesel, "44051401359"},
     {"bsn", passes_bsn, "111222333"},
     {"verhoeff", passes_verhoeff, "2341 2341 2346"}}};

TEST(PolicyNationalIds, AcceptWhatWasIssued) {
  for (const Scheme& scheme : kSchemes) EXPECT_TRUE(scheme.passes(scheme.good)) << scheme.name;
}

// A check digit exists to find one wrong sign. The last one is tried in every other form.
TEST(PolicyNationalIds, RefuseEveryOtherLastSign) {
  for (const Scheme& scheme : kSchemes) {
    std::string wrong(scheme.good);
    const char right = wrong.back();
    const bool digit = right >= '0' && right <= '9';
    for (char c = digit ? '0' : 'A'; c <= (digit ? '9' : 'Z'); ++c) {
      wrong.back() = c;
      EXPECT_EQ(scheme.passes(wrong), c == right) << scheme.name << " " << wrong;
    }
  }
}

TEST(PolicyNationalIds, RefuseOtherLengthsSignsAndOneDigitRepeated) {
  for (const Scheme& scheme : kSchemes) {
    const std::string good(scheme.good);
    for (const std::string& text : {std::string(), good + "0", good.substr(1), "?" + good.substr(1),
                                    std::string(9, '0'), std::string(11, '1')}) {
      EXPECT_FALSE(scheme.passes(text)) << scheme.name << " " << text;
    }
  }
}

}  // namespace
}  // namespace cordon::policy
