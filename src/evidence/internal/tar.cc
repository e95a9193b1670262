#include "evidence/internal/tar.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

namespace cordon::evidence::internal {
namespace {

struct Field {
  std::size_t at;
  std::size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kSum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kMagic{257, 8};
constexpr Field kDevices{329, 16};
constexpr Field kPrefix{345, 155};

void put(std::string& block, Field field, std::string_view text) {
  block.replace(field.at, text.size(), text);
}

/// Text up to the first NUL of a field.
std::string_view text_in(std::string_view block, Field field) {
  const std::string_view all = block.substr(field.at, field.size);
  return all.substr(0, all.find('\0'));
}

unsigned sum_of(std::string_view block) {
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  return sum;
}

}  // namespace

std::optional<std::string> tar_header(std::string_view path, std::uint64_t size) {
  if (size > kTarFileBytesMax || path.empty()) return std::nullopt;
  std::size_t cut = 0;
  if (path.size() > kName.size) {
    cut = path.find('/', path.size() - kName.size - 1);
    if (cut == path.npos || cut == 0 || cut > kPrefix.size || cut + 1 == path.size()) {
      return std::nullopt;
    }
  }
  std::string block(kTarBlock, '\0');
  put(block, kName, cut == 0 ? path : path.substr(cut + 1));
  put(block, kPrefix, path.substr(0, cut));
  put(block, kMode, "0000644");
  put(block, kUid, "0000000");
  put(block, kGid, "0000000");
  put(block, kSize, fmt::format("{:011o}", size));
  put(block, kTime, "00000000000");
  put(block, kType, "0");
  put(block, kMagic,
      std::string_view("ustar\0"
                       "00",
                       8));
  put(block, kDevices,
      std::string_view("0000000\0"
                       "0000000\0",
                       16));
  put(block, kSum, "        ");
  put(block, kSum, fmt::format("{:06o}", sum_of(block)) + std::string("\0 ", 2));
  return block;
}

std::optional<TarMember> parse_tar_header(std::string_view block) {
  if (block.size() != kTarBlock) return std::nullopt;
  TarMember member;
  const std::string_view prefix = text_in(block, kPrefix);
  if (!prefix.empty()) member.path = std::string(prefix) + "/";
  member.path += text_in(block, kName);
  const std::string_view size = text_in(block, kSize);
  const auto read = std::from_chars(size.data(), size.data() + size.size(), member.size, 8);
  if (read.ec != std::errc()) return std::nullopt;
  if (tar_header(member.path, member.size) != block) return std::nullopt;
  return member;
}

}  // namespace cordon::evidence::internal
