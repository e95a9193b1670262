#include "policy/internal/byte_classes.h"

#include "policy/internal/characters.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cordon::policy {
namespace {

// One byte at a time: for processors of another kind, and what the others are tested against.
void classify_each(const char* bytes, std::size_t blocks, ByteClasses* out) noexcept {
  for (std::size_t i = 0; i < blocks * kClassedBytes; ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    ByteClasses& classes = out[i / kClassedBytes];
    if (i % kClassedBytes == 0) classes = {};
    const std::uint64_t bit = std::uint64_t{1} << (i % kClassedBytes);
    if (is_letter(c)) classes.letter |= bit;
    if (is_letter(c) || is_digit(c)) classes.word |= bit;
    if (is_base64(c)) classes.base64 |= bit;
    if (is_joint(c)) classes.joint |= bit;
    if (is_digit(c) || c == '@' || c == '$') classes.swap |= bit;
    if (c >= 0x80 || c == '%' || c == '&' || c == '\\') classes.rare |= bit;
  }
}

#if defined(__x86_64__)
// Lower case and upper case letters differ in one bit. Comma, hyphen, full stop and slash are
// neighbours, and so are percent and ampersand.
void add_16(const char* bytes, unsigned at, ByteClasses& out) noexcept {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  const auto is = [&](char c) { return _mm_cmpeq_epi8(text, _mm_set1_epi8(c)); };
  const auto within = [](__m128i from, char first, char count) {
    const __m128i past = _mm_sub_epi8(from, _mm_set1_epi8(first));
    return _mm_cmpeq_epi8(_mm_min_epu8(past, _mm_set1_epi8(count)), past);
  };
  const auto either = [](__m128i a, __m128i b) { return _mm_or_si128(a, b); };
  const auto put = [&](std::uint64_t& mask, __m128i which) {
    mask |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(which))} << at;
  };
  const __m128i letters = within(either(text, _mm_set1_epi8(0x20)), 'a', 25);
  const __m128i digits = within(text, '0', 9);
  const __m128i words = either(letters, digits);
  const __m128i low_line = is('_');
  const __m128i base64 = either(either(is('-'), is('/')), either(is('+'), low_line));
  put(out.letter, letters);
  put(out.word, words);
  put(out.base64, either(words, base64));
  put(out.joint, either(either(within(text, ',', 3), low_line), either(is('*'), is('|'))));
  put(out.swap, either(digits, either(is('@'), is('$'))));
  put(out.rare, either(text, either(within(text, '%', 1), is('\\'))));
}

void classify_by_16(const char* bytes, std::size_t blocks, ByteClasses* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i, bytes += kClassedBytes) {
    out[i] = {};
    for (unsigned at = 0; at < kClassedBytes; at += 16) add_16(bytes + at, at, out[i]);
  }
}

// The same by 32. Only functions that are compiled for it may use its instructions, so there are no
// lambdas here.
[[gnu::target("avx2")]] inline __m256i is_32(__m256i text, char c) noexcept {
  return _mm256_cmpeq_epi8(text, _mm256_set1_epi8(c));
}
[[gnu::target("avx2")]] inline __m256i within_32(__m256i text, char first, char count) noexcept {
  const __m256i past = _mm256_sub_epi8(text, _mm256_set1_epi8(first));
  return _mm256_cmpeq_epi8(_mm256_min_epu8(past, _mm256_set1_epi8(count)), past);
}
[[gnu::target("avx2")]] inline __m256i either_32(__m256i a, __m256i b) noexcept {
  return _mm256_or_si256(a, b);
}
[[gnu::target("avx2")]] inline std::uint64_t bits_32(__m256i which) noexcept {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(which));
}

[[gnu::target("avx2")]] inline ByteClasses classes_32(const char* bytes) noexcept {
  const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
  const __m256i letters = within_32(either_32(text, _mm256_set1_epi8(0x20)), 'a', 25);
  const __m256i digits = within_32(text, '0', 9);
  const __m256i words = either_32(letters, digits);
  const __m256i low_line = is_32(text, '_');
  const __m256i base64 = either_32(either_32(is_32(text, '-'), is_32(text, '/')),
                                   either_32(is_32(text, '+'), low_line));
  const __m256i joints = either_32(either_32(within_32(text, ',', 3), low_line),
                                   either_32(is_32(text, '*'), is_32(text, '|')));
  const __m256i swaps = either_32(digits, either_32(is_32(text, '@'), is_32(text, '$')));
  const __m256i rare = either_32(text, either_32(within_32(text, '%', 1), is_32(text, '\\')));
  return {bits_32(letters), bits_32(words), bits_32(either_32(words, base64)),
          bits_32(joints),  bits_32(swaps), bits_32(rare)};
}

[[gnu::target("avx2")]] void classify_by_32(const char* bytes, std::size_t blocks,
                                            ByteClasses* out) noexcept {
  for (std::size_t i = 0; i < blocks; ++i, bytes += kClassedBytes) {
    const ByteClasses low = classes_32(bytes);
    const ByteClasses high = classes_32(bytes + 32);
    out[i] = {low.letter | high.letter << 32, low.word | high.word << 32,
              low.base64 | high.base64 << 32, low.joint | high.joint << 32,
              low.swap | high.swap << 32,     low.rare | high.rare << 32};
  }
}
#endif

}  // namespace

std::vector<Classify*> ways_to_classify() {
  std::vector<Classify*> ways = {&classify_each};
#if defined(__x86_64__)
  ways.push_back(&classify_by_16);
  if (__builtin_cpu_supports("avx2")) ways.push_back(&classify_by_32);
#endif
  return ways;
}

void classify(const char* bytes, std::size_t blocks, ByteClasses* out) noexcept {
  static Classify* const kBest = ways_to_classify().back();
  kBest(bytes, blocks, out);
}

}  // namespace cordon::policy
