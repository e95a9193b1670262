#include "journal/internal/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace cordon::journal::internal {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78U;

/// Row k advances a byte by k more zero bytes, so eight bytes take eight independent look-ups.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t state = byte;
    for (int bit = 0; bit < 8; ++bit) {
      state = (state >> 1U) ^ ((state & 1U) != 0 ? kPolynomial : 0U);
    }
    tables[0][byte] = state;
  }
  for (std::size_t row = 1; row < tables.size(); ++row) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[row - 1][byte];
      tables[row][byte] = (before >> 8U) ^ tables[0][before & 0xffU];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t extend_by_instruction(
    std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  std::uint64_t wide = state;
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    wide = _mm_crc32_u64(wide, word);
    bytes = bytes.subspan(8);
  }
  auto narrow = static_cast<std::uint32_t>(wide);
  for (const std::byte byte : bytes) {
    narrow = _mm_crc32_u8(narrow, std::to_integer<std::uint8_t>(byte));
  }
  return narrow;
}
#endif

using Extend = std::uint32_t (*)(std::uint32_t, std::span<const std::byte>) noexcept;

Extend choose() noexcept {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse4.2")) return extend_by_instruction;
#endif
  return crc_extend_by_table;
}

}  // namespace

std::uint32_t crc_extend_by_table(std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  const auto at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); };
  while (bytes.size() >= 8) {
    const std::uint32_t low = state ^ (at(0) | at(1) << 8U | at(2) << 16U | at(3) << 24U);
    state = kTables[7][low & 0xffU] ^ kTables[6][(low >> 8U) & 0xffU] ^
            kTables[5][(low >> 16U) & 0xffU] ^ kTables[4][low >> 24U] ^ kTables[3][at(4)] ^
            kTables[2][at(5)] ^ kTables[1][at(6)] ^ kTables[0][at(7)];
    bytes = bytes.subspan(8);
  }
  for (const std::byte byte : bytes) {
    state = (state >> 8U) ^ kTables[0][(state ^ std::to_integer<std::uint32_t>(byte)) & 0xffU];
  }
  return state;
}

std::uint32_t crc_extend(std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  static const Extend extend = choose();
  return extend(state, bytes);
}

}  // namespace cordon::journal::internal
