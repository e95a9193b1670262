#include "store/flight_recorder.h"

#include "base/hex.h"
#include "store/archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

namespace cordon::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kContext = "cordon/flight/v1";
constexpr std::string_view kEnding = ".seg";
constexpr std::size_t kLengthBytes = 4;

/// When a segment was begun, from its name; nothing for another file.
std::optional<WallTime> begun_of(const std::string& name) {
  if (!name.ends_with(kEnding)) return std::nullopt;
  std::int64_t ns = 0;
  const char* const end = name.data() + name.size() - kEnding.size();
  const auto [stop, error] = std::from_chars(name.data(), end, ns);
  if (error != std::errc() || stop != end) return std::nullopt;
  return WallTime(std::chrono::nanoseconds(ns));
}

std::array<std::byte, kLengthBytes> length_of(std::size_t size) {
  std::array<std::byte, kLengthBytes> bytes{};
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    bytes[i] = static_cast<std::byte>((size >> (8 * i)) & 0xFFU);
  }
  return bytes;
}

std::size_t read_length(std::string_view bytes) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    size |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return size;
}

}  // namespace

FlightRecorder::FlightRecorder(FlightOptions options, const crypto::SealKey& key,
                               const Clock& clock, journal::Disk& disk, Random& random)
    : options_(std::move(options)), key_(key), clock_(clock), disk_(disk), random_(random) {}

Status FlightRecorder::begin_segment() {
  begun_ = clock_.wall();
  written_ = 0;
  const std::string name = fmt::format("{:020}{}", begun_.time_since_epoch().count(), kEnding);
  CORDON_TRY(file_, disk_.open(options_.dir / name, journal::OpenFor::create));
  return forget();
}

Status FlightRecorder::keep(std::string_view record) {
  if (record.size() > options_.record_bytes_max) {
    return fail(Errc::exhausted, fmt::format("a record of {} bytes, the flight recorder keeps {}",
                                             record.size(), options_.record_bytes_max));
  }
  const bool full = written_ >= options_.segment_bytes;
  if (!file_ || full || clock_.wall() - begun_ > options_.segment_time) {
    CORDON_CHECK(begin_segment());
  }
  const std::string sealed = crypto::seal(key_, kContext, record, random_);
  const auto length = length_of(sealed.size());
  const std::array<journal::Piece, 2> pieces = {journal::Piece(length), bytes_of(sealed)};
  CORDON_CHECK(file_->write(written_, pieces));
  written_ += length.size() + sealed.size();
  return {};
}

/// A segment is forgotten whole, once the youngest that it can hold is past the time.
Status FlightRecorder::forget() {
  CORDON_TRY(const std::vector<std::string> names, disk_.list(options_.dir));
  const WallTime now = clock_.wall();
  std::uint64_t total = 0;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const auto begun = begun_of(*name);
    if (!begun) continue;
    const bool own = file_ && *begun == begun_;
    std::uint64_t size = options_.segment_bytes;
    if (const auto file = disk_.open(options_.dir / *name, journal::OpenFor::reading)) {
      size = (*file)->size().value_or(size);
    }
    total += size;
    const bool old = now - *begun > options_.keep_for + options_.segment_time;
    if (!own && (old || total > options_.bytes_max)) {
      CORDON_CHECK(disk_.remove(options_.dir / *name));
    }
  }
  return {};
}

FlightReader::FlightReader(FlightOptions options, const crypto::SealKey& key, journal::Disk& disk)
    : options_(std::move(options)), key_(key), disk_(disk) {}

Result<std::uint64_t> FlightReader::read(const std::function<bool(std::string)>& visit) const {
  std::uint64_t unreadable = 0;
  CORDON_TRY(const std::vector<std::string> names, disk_.list(options_.dir));
  const std::uint64_t most = options_.segment_bytes + options_.record_bytes_max + 1024;
  for (const std::string& name : names) {
    if (!begun_of(name)) continue;
    const auto bytes = read_file(disk_, options_.dir / name, most);
    if (!bytes) {
      if (bytes.error().code != Errc::not_found) ++unreadable;
      continue;
    }
    std::string_view rest = *bytes;
    while (rest.size() >= kLengthBytes) {
      const std::size_t size = read_length(rest);
      if (size > rest.size() - kLengthBytes) break;  // being written, or cut by a crash
      auto record = crypto::unseal(key_, kContext, rest.substr(kLengthBytes, size));
      if (!record) {
        ++unreadable;
      } else if (!visit(*std::move(record))) {
        return unreadable;
      }
      rest.remove_prefix(kLengthBytes + size);
    }
  }
  return unreadable;
}

}  // namespace cordon::store
