#include "policy/validators.h"

#include <gtest/gtest.h>

#include <string>

namespace cordon::policy {
namespace {

TEST(PolicyValidators, LuhnAcceptsOnlyTheRightCheckDigit) {
  for (const std::string_view number :
       {"4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005",
        "6011000990139424", "30569309025904", "4222222222222"}) {
    EXPECT_TRUE(passes_luhn(number)) << number;
    for (char digit = '0'; digit <= '9'; ++digit) {
      std::string wrong(number);
      if (wrong.back() == digit) continue;
      wrong.back() = digit;
      EXPECT_FALSE(passes_luhn(wrong)) << wrong;
    }
  }
  for (const std::string_view text :
       {"", "0", "0000000000000000", "411111111111111a", "18", "41111111111111111111"}) {
    EXPECT_FALSE(passes_luhn(text)) << text;
  }
}

TEST(PolicyValidators, IbanAsksCountryLengthAndRemainder) {
  for (const std::string_view iban :
       {"DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR1420041010050500013M02606",
        "NO9386011117947", "MT84MALT011000012345MTLCAST001S", "gb82west12345698765432"}) {
    EXPECT_TRUE(passes_iban(iban)) << iban;
  }
  for (const std::string_view text :
       {"", "DE", "DE88370400440532013000", "GB82WEST1234569876543", "XX82WEST12345698765432",
        "GB82-WEST-1234-5698-7654-32", "GBA2WEST12345698765432"}) {
    EXPECT_FALSE(passes_iban(text)) << text;
  }
}

TEST(PolicyValidators, IbanEndsWhereItsCountrySays) {
  EXPECT_EQ(iban_bytes("ES91 2100 0418 4502 0005 1332 THIS"), 29U);
  EXPECT_EQ(iban_bytes("GB82WEST12345698765432"), 22U);
  EXPECT_EQ(iban_bytes("GB82WEST123456987654321"), 0U);
  EXPECT_EQ(iban_bytes("GB82WEST"), 0U);
}

TEST(PolicyValidators, SsnMustHaveBeenIssued) {
  for (const std::string_view text : {"536-22-8726", "212097694", "001-01-0001"}) {
    EXPECT_TRUE(passes_ssn(text)) << text;
  }
  for (const std::string_view text :
       {"000-22-8726", "666-22-8726", "900-22-8726", "536-00-8726", "536-22-0000", "078-05-1120",
        "123-45-6789", "53622872", "5362287260", "536-22-872a", ""}) {
    EXPECT_FALSE(passes_ssn(text)) << text;
  }
}

TEST(PolicyValidators, EntropyIsInBitsPerByte) {
  EXPECT_DOUBLE_EQ(entropy_bits(""), 0.0);
  EXPECT_DOUBLE_EQ(entropy_bits("aaaa"), 0.0);
  EXPECT_DOUBLE_EQ(entropy_bits("abab"), 1.0);
  EXPECT_DOUBLE_EQ(entropy_bits("abcd"), 2.0);
}

TEST(PolicyValidators, TellsGeneratedValuesFromWordsAndPlaceholders) {
  for (const std::string_view text :
       {"hR7-vx29Qe", "KWoGGN$g4PLbD", "aPXAIR$VGwUqO", "x7f3a9c0b"}) {
    EXPECT_TRUE(looks_generated(text)) << text;
  }
  for (const std::string_view text : {"", "correcthorse", "getPassword", "$userPassword",
                                      "12345678", "aaaaaaa1", "abcdefg1", "snake_case_name"}) {
    EXPECT_FALSE(looks_generated(text)) << text;
  }
}

}  // namespace
}  // namespace cordon::policy
