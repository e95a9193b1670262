#include "policy/internal/unicode.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uspoof.h>

#include <array>
#include <memory>
#include <string>
#include <unordered_map>

namespace cordon::policy {
namespace {

std::string utf8_of(const icu::UnicodeString& text) {
  std::string result;
  text.toUTF8String(result);
  return result;
}

// Quotes and dashes are typed in many ways and mean one thing in every pattern.
char32_t plain_sign(char32_t c) noexcept {
  if (c == 0x2018 || c == 0x2019 || c == 0x201B || c == 0x02BC || c == 0x2032) return '\'';
  if (c >= 0x201C && c <= 0x201F) return '"';
  if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212) return '-';
  return c;
}

// Fillers that are letters by their class and show nothing.
bool is_filler(char32_t c) noexcept {
  return c == 0x115F || c == 0x1160 || c == 0x3164 || c == 0xFFA0 || c == 0x2800 || c == 0x180E;
}

bool is_mark(char32_t c) noexcept {
  return u_charType(static_cast<UChar32>(c)) == U_NON_SPACING_MARK;
}

// Marks that accent Latin letters. Those of other scripts are letters there and stay.
bool is_accent(char32_t c) noexcept {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x1AB0 && c <= 0x1AFF) ||
         (c >= 0x1DC0 && c <= 0x1DFF) || (c >= 0x20D0 && c <= 0x20FF) ||
         (c >= 0xFE20 && c <= 0xFE2F);
}

struct FreeChecker {
  void operator()(USpoofChecker* checker) const { uspoof_close(checker); }
};

// The bytes of a character that is not ASCII, as they stood in the text: of what ICU takes for none
// too.
std::string bytes_of(char32_t c) {
  std::string bytes;
  const auto put = [&](std::uint32_t byte) { bytes += static_cast<char>(byte); };
  if (c >= 0x10000) {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
  } else if (c >= 0x800) {
    put(0xE0 | c >> 12);
  } else {
    put(0xC0 | c >> 6);
  }
  if (c >= 0x800) put(0x80 | (c >> 6 & 0x3F));
  put(0x80 | (c & 0x3F));
  return bytes;
}

struct Entry {
  std::string folded;
  std::string skeleton;
  ViewSet otherwise = 0;
};

/// Immutable once made, so any thread may ask.
class Tables {
 public:
  Tables() {
    UErrorCode error = U_ZERO_ERROR;
    fold_ = icu::Normalizer2::getNFKCCasefoldInstance(error);
    decompose_ = icu::Normalizer2::getNFKDInstance(error);
    checker_.reset(uspoof_open(&error));
  }

  Entry entry(char32_t c) const {
    Entry entry;
    entry.folded = folded(c);
    entry.skeleton = skeleton(c, entry.folded);
    if (entry.folded != bytes_of(c)) entry.otherwise |= in(View::folded);
    if (entry.skeleton != entry.folded) entry.otherwise |= in(View::skeleton);
    return entry;
  }

 private:
  std::string folded(char32_t c) const {
    const char32_t sign = plain_sign(c);
    if (sign != c) return std::string(1, static_cast<char>(sign));
    if (is_filler(c) ||
        u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) {
      return {};
    }
    // A capital of another form, such as a fullwidth one, stays a capital: keys have them.
    const icu::UnicodeString whole(static_cast<UChar32>(c));
    UErrorCode error = U_ZERO_ERROR;
    const std::string plain = utf8_of(decompose_->normalize(whole, error));
    if (U_SUCCESS(error) && plain.size() == 1) return plain;
    error = U_ZERO_ERROR;
    const icu::UnicodeString folded = fold_->normalize(whole, error);
    return U_SUCCESS(error) ? utf8_of(folded) : utf8_of(whole);
  }

  std::string skeleton(char32_t c, const std::string& folded) const {
    if (folded.size() <= 1 || is_accent(c)) return is_accent(c) ? std::string() : folded;
    UErrorCode error = U_ZERO_ERROR;
    const icu::UnicodeString whole(static_cast<UChar32>(c));
    const icu::UnicodeString parts = decompose_->normalize(whole, error);
    std::string latin;
    for (std::int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) {
      const auto part = static_cast<char32_t>(parts.char32At(i));
      if (is_accent(part) || (is_mark(part) && !latin.empty())) continue;
      if (part < 0x80) {
        latin += static_cast<char>(part);
        continue;
      }
      const std::string alike = confusable(part);
      if (alike.size() != 1) return folded;
      latin += alike;
    }
    return latin.empty() ? folded : latin;
  }

  // The ASCII letter or digit that looks like it, by UTS 39; empty when there is none.
  std::string confusable(char32_t c) const {
    UErrorCode error = U_ZERO_ERROR;
    const icu::UnicodeString whole(static_cast<UChar32>(c));
    icu::UnicodeString alike;
    uspoof_getSkeletonUnicodeString(checker_.get(), 0, whole, alike, &error);
    if (U_FAILURE(error) || alike.length() != 1 || alike[0] >= 0x80) return {};
    // A capital that looks like l is an I, and its reader takes it for one.
    const bool upper = u_isupper(static_cast<UChar32>(c)) != 0;
    const char letter = static_cast<char>(alike[0]);
    return std::string(1, upper && letter == 'l' ? 'I' : letter);
  }

  const icu::Normalizer2* fold_ = nullptr;
  const icu::Normalizer2* decompose_ = nullptr;
  std::unique_ptr<USpoofChecker, FreeChecker> checker_;
};

}  // namespace

Likeness likeness_of(char32_t character) {
  // Text uses few characters: what one thread has met it keeps, up to a bound. Those it met last
  // are found at once.
  constexpr std::size_t kKeptMax = 8192;
  constexpr std::size_t kAtOnce = 1024;
  struct Last {
    char32_t character = 0;
    const Entry* entry = nullptr;
  };
  static const Tables kTables;
  thread_local std::unordered_map<char32_t, Entry> kept;
  thread_local std::array<Last, kAtOnce> lately;
  Last& last = lately[character % kAtOnce];
  if (last.entry == nullptr || last.character != character) {
    if (kept.size() >= kKeptMax) {
      lately.fill({});
      kept.clear();
    }
    const auto [place, fresh] = kept.try_emplace(character);
    if (fresh) place->second = kTables.entry(character);
    last = {character, &place->second};
  }
  return {last.entry->folded, last.entry->skeleton, last.entry->otherwise};
}

}  // namespace cordon::policy
