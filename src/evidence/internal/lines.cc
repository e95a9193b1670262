#include "evidence/internal/lines.h"

#include "base/hex.h"
#include "codec/base64.h"

#include <algorithm>
#include <charconv>

namespace cordon::evidence::internal {
namespace {

std::optional<Hash> as_hash(const Result<std::vector<std::byte>>& bytes) {
  Hash hash;
  if (!bytes || bytes->size() != hash.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  return hash;
}

}  // namespace

std::optional<std::string_view> take_line(std::string_view& rest) noexcept {
  const std::size_t end = rest.find('\n');
  if (end == rest.npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept {
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc() || stopped != end || value > INT64_MAX) return std::nullopt;
  return value;
}

std::optional<Hash> parse_base64_hash(std::string_view text) {
  if (text.size() != 44) return std::nullopt;
  return as_hash(codec::from_base64(text));
}

std::optional<Hash> parse_hex_hash(std::string_view text) {
  if (text.size() != 64) return std::nullopt;
  return as_hash(from_hex(text));
}

}  // namespace cordon::evidence::internal
