#include "evidence/internal/bag_writer.h"

#include "evidence/internal/bag_text.h"
#include "evidence/internal/tar.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::evidence::internal {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;

}  // namespace

BagFileWriter::BagFileWriter(Descriptor file, std::filesystem::path path)
    : file_(std::move(file)), path_(std::move(path)) {}

Status BagFileWriter::write(std::string_view bytes) {
  sha_.update(bytes);
  size_ += bytes.size();
  buffer_ += bytes;
  return buffer_.size() >= kBufferBytes ? flush() : Status();
}

Status BagFileWriter::flush() {
  CORDON_CHECK(write_all(file_, path_, buffer_));
  buffer_.clear();
  return {};
}

Result<BagFileWriter> BagWriter::begin(const std::string& path) {
  if (!is_safe_path(path)) {
    return fail(Errc::invalid, fmt::format("'{}' cannot name a file of a bundle", path));
  }
  if (files_.contains(path)) {
    return fail(Errc::conflict, fmt::format("{} is in the bundle twice", path));
  }
  const std::filesystem::path whole = root_ / path;
  if (directories_.insert(whole.parent_path()).second) {
    std::error_code problem;
    std::filesystem::create_directories(whole.parent_path(), problem);
    if (problem) {
      return fail(Errc::unavailable,
                  fmt::format("{}: {}", whole.parent_path().string(), problem.message()));
    }
  }
  CORDON_TRY(Descriptor file, open_file(whole, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
  return BagFileWriter(std::move(file), whole);
}

Status BagWriter::end(const std::string& path, BagFileWriter& writer) {
  CORDON_CHECK(writer.flush());
  files_[path] = {writer.digest(), writer.size()};
  return {};
}

Status BagWriter::add(const std::string& path, std::string_view bytes) {
  CORDON_TRY(BagFileWriter writer, begin(path));
  CORDON_CHECK(writer.write(bytes));
  return end(path, writer);
}

std::string BagWriter::manifest(std::string_view prefix) const {
  std::string lines;
  for (const auto& [path, written] : files_) {
    if (path.starts_with(prefix)) lines += manifest_line(written.digest, path);
  }
  return lines;
}

std::uint64_t BagWriter::bytes(std::string_view prefix) const {
  std::uint64_t total = 0;
  for (const auto& [path, written] : files_) {
    if (path.starts_with(prefix)) total += written.size;
  }
  return total;
}

std::uint64_t BagWriter::count(std::string_view prefix) const {
  return static_cast<std::uint64_t>(
      std::count_if(files_.begin(), files_.end(),
                    [&](const auto& file) { return file.first.starts_with(prefix); }));
}

Result<BagWriter::Archived> BagWriter::archive(const std::string& name,
                                               const std::filesystem::path& tar) const {
  CORDON_TRY(Descriptor out, open_file(tar, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
  BagFileWriter writer(std::move(out), tar);
  std::string piece(kBufferBytes, '\0');
  for (const auto& [path, written] : files_) {
    const auto header = tar_header(name + "/" + path, written.size);
    if (!header) {
      return fail(Errc::invalid,
                  fmt::format("{} of {} bytes does not fit into an archive", path, written.size));
    }
    CORDON_CHECK(writer.write(*header));
    CORDON_TRY(const Descriptor file, open_file(root_ / path, O_RDONLY | O_NOFOLLOW));
    for (std::uint64_t at = 0; at < written.size;) {
      CORDON_TRY(const std::size_t got, read_at(file, root_ / path, at, piece));
      if (got == 0) return fail(Errc::unavailable, fmt::format("{} became shorter", path));
      CORDON_CHECK(writer.write(std::string_view(piece).substr(0, got)));
      at += got;
    }
    CORDON_CHECK(writer.write(std::string(tar_padding(written.size), '\0')));
  }
  CORDON_CHECK(writer.write(std::string(2 * kTarBlock, '\0')));
  CORDON_CHECK(writer.flush());
  return Archived{writer.digest(), writer.size()};
}

}  // namespace cordon::evidence::internal
