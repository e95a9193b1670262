#include "journal/internal/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace cordon::journal::internal {
namespace {

constexpr std::string_view kMagic = "CORDONJ1";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kNameDigits = 20;

constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kHeaderBytesAt = 12;
constexpr std::size_t kFirstSequenceAt = 16;
constexpr std::size_t kSegmentBytesAt = 24;
constexpr std::size_t kJournalIdAt = 32;
constexpr std::size_t kSaltAt = 48;
constexpr std::size_t kPaddingAt = 56;
constexpr std::size_t kCrcAt = kHeaderBytes - 4;

}  // namespace

HeaderBlock encode(const SegmentHeader& header) {
  HeaderBlock block{};
  std::byte* const at = block.data();
  std::memcpy(at, kMagic.data(), kMagic.size());
  store_le<std::uint32_t>(at + kVersionAt, kVersion);
  store_le<std::uint32_t>(at + kHeaderBytesAt, kHeaderBytes);
  store_le<std::uint64_t>(at + kFirstSequenceAt, header.first_sequence);
  store_le<std::uint64_t>(at + kSegmentBytesAt, header.segment_bytes);
  std::ranges::copy(header.journal_id, at + kJournalIdAt);
  store_le<std::uint64_t>(at + kSaltAt, header.salt);
  store_le<std::uint32_t>(at + kCrcAt, crc32c(std::span(block).first(kCrcAt)));
  return block;
}

Result<SegmentHeader> decode(std::span<const std::byte> block) {
  if (block.size() < kHeaderBytes) return fail(Errc::corrupt, "shorter than a header");
  const std::byte* const at = block.data();
  if (std::memcmp(at, kMagic.data(), kMagic.size()) != 0) {
    return fail(Errc::corrupt, "wrong magic in the header");
  }
  if (load_le<std::uint32_t>(at + kCrcAt) != crc32c(block.first(kCrcAt))) {
    return fail(Errc::corrupt, "wrong checksum of the header");
  }
  const auto version = load_le<std::uint32_t>(at + kVersionAt);
  if (version != kVersion || load_le<std::uint32_t>(at + kHeaderBytesAt) != kHeaderBytes) {
    return fail(Errc::corrupt, fmt::format("format version {} is not known", version));
  }
  const auto padding = block.subspan(kPaddingAt, kCrcAt - kPaddingAt);
  if (zeros_ahead(padding) != padding.size()) {
    return fail(Errc::corrupt, "padding of the header is not zero");
  }
  SegmentHeader header;
  header.first_sequence = load_le<std::uint64_t>(at + kFirstSequenceAt);
  header.segment_bytes = load_le<std::uint64_t>(at + kSegmentBytesAt);
  std::ranges::copy(block.subspan(kJournalIdAt, header.journal_id.size()),
                    header.journal_id.begin());
  header.salt = load_le<std::uint64_t>(at + kSaltAt);
  if (header.segment_bytes < kHeaderBytes || header.segment_bytes > kSegmentBytesMax) {
    return fail(Errc::corrupt, fmt::format("segment of {} bytes", header.segment_bytes));
  }
  return header;
}

std::string segment_name(std::uint64_t first_sequence) {
  return fmt::format("{:0{}}{}", first_sequence, kNameDigits, kSegmentSuffix);
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != kNameDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix)) {
    return std::nullopt;
  }
  const char* const end = name.data() + kNameDigits;
  std::uint64_t sequence = 0;
  const auto [stop, error] = std::from_chars(name.data(), end, sequence);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return sequence;
}

Checksum::Checksum(std::uint64_t salt) noexcept {
  std::array<std::byte, 8> bytes;
  store_le(bytes.data(), salt);
  salted_ = crc_extend(kCrcStart, bytes);
}

std::uint32_t Checksum::of(std::uint64_t offset, Word word,
                           std::span<const std::byte> payload) const noexcept {
  std::array<std::byte, 12> place;
  store_le(place.data(), offset);
  store_le(place.data() + 8, word.raw);
  return crc_of(crc_extend(crc_extend(salted_, place), payload));
}

bool Checksum::fits(std::uint64_t offset, Word word, const std::byte* record) const noexcept {
  const std::span payload(record + kFrameBytes, word.length());
  return load_le<std::uint32_t>(record + 4) == of(offset, word, payload);
}

std::size_t zeros_ahead(std::span<const std::byte> bytes) noexcept {
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    if (word != 0) break;
  }
  while (at < bytes.size() && bytes[at] == std::byte{0}) ++at;
  return at;
}

}  // namespace cordon::journal::internal
