#include "evidence/internal/bag.h"

#include "base/hex.h"
#include "evidence/internal/bag_text.h"
#include "evidence/internal/tar.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace cordon::evidence::internal {
namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr unsigned kDepthMax = 8;
constexpr std::string_view kZeroBlock(
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);

bool is_all_zero(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kZeroBlock.size());
    if (piece != kZeroBlock.substr(0, piece.size())) return false;
    bytes.remove_prefix(piece.size());
  }
  return true;
}

class FileSource final : public ByteSource {
 public:
  FileSource(std::filesystem::path path, Descriptor file, std::uint64_t size)
      : path_(std::move(path)), file_(std::move(file)), size_(size) {}
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> out) override {
    return read_at(file_, path_, offset, out);
  }

 private:
  std::filesystem::path path_;
  Descriptor file_;
  std::uint64_t size_;
};

class TarBag final : public Bag {
 public:
  TarBag(std::unique_ptr<ByteSource> source, const std::string& name, const VerifyLimits& limits)
      : source_(std::move(source)), archive_(name), limits_(limits) {}

  /// Whether the structure holds; if not, says why.
  std::optional<Fault> list();

  Result<std::size_t> read(const BagFile& file, std::uint64_t offset,
                           std::span<char> out) override {
    if (offset >= file.size) return std::size_t{0};
    const std::uint64_t left = file.size - offset;
    return source_->read(file.offset + offset,
                         out.first(std::min<std::uint64_t>(out.size(), left)));
  }

 private:
  [[nodiscard]] Fault fault(std::uint64_t begin, std::uint64_t end, std::string what) const {
    return {archive_, begin, end, std::move(what), {}, {}};
  }
  [[nodiscard]] std::optional<Fault> take(std::string_view block, std::uint64_t at);
  [[nodiscard]] std::optional<Fault> check_end(std::uint64_t at);

  std::unique_ptr<ByteSource> source_;
  std::string archive_;
  VerifyLimits limits_;
};

std::optional<Fault> TarBag::list() {
  std::array<char, kTarBlock> block;
  std::uint64_t at = 0;
  for (;;) {
    const auto got = source_->read(at, block);
    if (!got) return fault(at, at, got.error().detail);
    const std::string_view text(block.data(), *got);
    if (text.size() != kTarBlock) return fault(at, at + text.size(), "the archive ends too early");
    if (is_all_zero(text)) return check_end(at);
    if (auto wrong = take(text, at)) return wrong;
    const BagFile& last = files_.back();
    at = last.offset + last.size;
    const std::uint64_t padding = tar_padding(last.size);
    const auto rest = source_->read(at, std::span(block).first(padding));
    if (!rest || *rest != padding || !is_all_zero({block.data(), padding})) {
      return fault(at, at + padding, fmt::format("the bytes after {} are not zeros", last.path));
    }
    at += padding;
  }
}

std::optional<Fault> TarBag::take(std::string_view block, std::uint64_t at) {
  auto member = parse_tar_header(block);
  if (!member) {
    return fault(at, at + kTarBlock,
                 "not the header of a plain file in the one form that a bundle has");
  }
  const std::size_t slash = member->path.find('/');
  const std::string top = member->path.substr(0, slash);
  const std::string path = slash == std::string::npos ? "" : member->path.substr(slash + 1);
  if (name_.empty()) name_ = top;
  if (!is_bag_name(top) || top != name_ || !is_safe_path(path)) {
    return fault(at, at + kTarBlock, "a file outside the bag's directory or with an unsafe name");
  }
  if (!files_.empty() && !(files_.back().path < path)) {
    return fault(at, at + kTarBlock, fmt::format("{} stands after {}", path, files_.back().path));
  }
  if (files_.size() == limits_.files_max) {
    return fault(at, at + kTarBlock, fmt::format("more than {} files", limits_.files_max));
  }
  files_.push_back({path, member->size, at + kTarBlock});
  return std::nullopt;
}

std::optional<Fault> TarBag::check_end(std::uint64_t at) {
  std::array<char, 2 * kTarBlock + 1> block;
  const auto got = source_->read(at, block);
  if (!got || *got != 2 * kTarBlock || !is_all_zero({block.data(), *got})) {
    return fault(at, source_->size(), "the archive does not end with two blocks of zeros");
  }
  return std::nullopt;
}

class DirectoryBag final : public Bag {
 public:
  DirectoryBag(std::filesystem::path root, Descriptor top)
      : root_(std::move(root)), top_(std::move(top)) {}

  [[nodiscard]] std::vector<Fault> list(const VerifyLimits& limits);
  Result<std::size_t> read(const BagFile& file, std::uint64_t offset, std::span<char> out) override;

 private:
  void walk(const Descriptor& directory, const std::string& prefix, unsigned depth);
  void look_at(const Descriptor& directory, const std::string& path, const char* name,
               unsigned depth);
  [[nodiscard]] Result<Descriptor> open_beneath(const std::string& path) const;
  void complain(std::string path, std::string what) {
    if (faults_.size() < limits_.faults_max) {
      faults_.push_back({std::move(path), 0, 0, std::move(what), {}, {}});
    }
  }

  std::filesystem::path root_;
  Descriptor top_;
  VerifyLimits limits_;
  std::vector<Fault> faults_;
  const BagFile* open_ = nullptr;
  Descriptor file_;
};

std::vector<std::string> names_in(const Descriptor& directory, std::uint64_t count_max) {
  std::vector<std::string> names;
  // "." again, because fdopendir takes its descriptor over and moves its position.
  const int fd = ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = fd < 0 ? nullptr : ::fdopendir(fd);
  if (stream == nullptr) {
    if (fd >= 0) ::close(fd);
    return names;
  }
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    names.emplace_back(name);
    if (names.size() > count_max) break;
  }
  ::closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Fault> DirectoryBag::list(const VerifyLimits& limits) {
  limits_ = limits;
  walk(top_, "", 0);
  std::sort(files_.begin(), files_.end(),
            [](const BagFile& a, const BagFile& b) { return a.path < b.path; });
  return std::move(faults_);
}

void DirectoryBag::walk(const Descriptor& directory, const std::string& prefix, unsigned depth) {
  const auto names = names_in(directory, limits_.files_max);
  if (names.empty()) complain(prefix, "an empty directory");
  for (const std::string& name : names) {
    const std::string path = prefix.empty() ? name : prefix + "/" + name;
    if (!is_safe_path(path)) {
      complain(prefix.empty() ? "." : prefix, "holds a file with an unsafe name");
    } else {
      look_at(directory, path, name.c_str(), depth);
    }
  }
}

void DirectoryBag::look_at(const Descriptor& directory, const std::string& path, const char* name,
                           unsigned depth) {
  struct stat found {};
  if (::fstatat(directory.get(), name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return complain(path, "cannot be looked at");
  }
  if (S_ISREG(found.st_mode)) {
    if (files_.size() == limits_.files_max) {
      return complain(path, fmt::format("more than {} files", limits_.files_max));
    }
    files_.push_back({path, static_cast<std::uint64_t>(found.st_size), 0});
    return;
  }
  if (!S_ISDIR(found.st_mode)) {
    return complain(path, S_ISLNK(found.st_mode) ? "a symbolic link" : "not a plain file");
  }
  if (depth == kDepthMax) {
    return complain(path, fmt::format("directories deeper than {}", kDepthMax));
  }
  const Descriptor below(
      ::openat(directory.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (below.get() < 0) return complain(path, "cannot be opened");
  walk(below, path, depth + 1);
}

/// Component by component, so that nothing swapped in meanwhile leads outside.
Result<Descriptor> DirectoryBag::open_beneath(const std::string& path) const {
  Descriptor directory;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t slash = path.find('/', begin);
    const std::string part = path.substr(begin, slash - begin);
    const int from = directory.get() < 0 ? top_.get() : directory.get();
    const int kind = slash == path.npos ? O_NONBLOCK : O_DIRECTORY;
    Descriptor next(::openat(from, part.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind));
    if (next.get() < 0) return refused("open", root_ / path);
    directory = std::move(next);
    if (slash == path.npos) return directory;
    begin = slash + 1;
  }
}

Result<std::size_t> DirectoryBag::read(const BagFile& file, std::uint64_t offset,
                                       std::span<char> out) {
  if (open_ != &file) {
    open_ = nullptr;
    CORDON_TRY(file_, open_beneath(file.path));
    open_ = &file;
  }
  return read_at(file_, root_ / file.path, offset, out);
}

}  // namespace

Result<std::size_t> MemorySource::read(std::uint64_t offset, std::span<char> out) {
  if (offset >= bytes_.size()) return std::size_t{0};
  return bytes_.copy(out.data(), out.size(), offset);
}

const BagFile* Bag::find(std::string_view path) const noexcept {
  const auto at = std::lower_bound(files_.begin(), files_.end(), path,
                                   [](const BagFile& f, std::string_view p) { return f.path < p; });
  return at != files_.end() && at->path == path ? &*at : nullptr;
}

OpenedBag open_tar(std::unique_ptr<ByteSource> source, const std::string& name,
                   const VerifyLimits& limits) {
  auto bag = std::make_unique<TarBag>(std::move(source), name, limits);
  OpenedBag opened;
  if (auto fault = bag->list()) {
    opened.faults.push_back(std::move(*fault));
  } else {
    opened.bag = std::move(bag);
  }
  return opened;
}

Result<OpenedBag> open_bag(const std::filesystem::path& path, const VerifyLimits& limits) {
  CORDON_TRY(Descriptor file, open_file(path, O_RDONLY | O_NONBLOCK));
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) return refused("stat", path);
  if (S_ISREG(found.st_mode)) {
    const auto size = static_cast<std::uint64_t>(found.st_size);
    return open_tar(std::make_unique<FileSource>(path, std::move(file), size),
                    path.filename().string(), limits);
  }
  if (!S_ISDIR(found.st_mode)) {
    return fail(Errc::invalid, fmt::format("{} is neither a directory nor a file", path.string()));
  }
  auto bag = std::make_unique<DirectoryBag>(path, std::move(file));
  OpenedBag opened;
  opened.faults = bag->list(limits);
  opened.bag = std::move(bag);
  return opened;
}

BagStream::BagStream(Bag& bag, const BagFile& file) : bag_(bag), file_(file) {}

Result<std::optional<std::string_view>> BagStream::line(std::size_t line_bytes_max) {
  std::size_t searched = at_;
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != buffer_.npos && end - at_ <= line_bytes_max) {
      const std::string_view line = std::string_view(buffer_).substr(at_, end - at_);
      at_ = end + 1;
      return line;
    }
    if (end != buffer_.npos || buffer_.size() - at_ > line_bytes_max) {
      return fail(Errc::invalid, fmt::format("a line of more than {} bytes", line_bytes_max));
    }
    if (ended_) {
      if (at_ == buffer_.size()) return std::optional<std::string_view>();
      return fail(Errc::invalid, "the last line has no end");
    }
    buffer_.erase(0, at_);
    base_ += at_;
    at_ = 0;
    const std::size_t held = buffer_.size();
    searched = held;
    buffer_.resize(held + kPieceBytes);
    CORDON_TRY(const std::size_t got,
               bag_.read(file_, base_ + held, std::span(buffer_).subspan(held)));
    buffer_.resize(held + got);
    ended_ = got < kPieceBytes;
  }
}

Result<Hash> digest_of(Bag& bag, const BagFile& file) {
  std::array<char, kPieceBytes> piece;
  crypto::Sha256 sha;
  std::uint64_t at = 0;
  for (;;) {
    CORDON_TRY(const std::size_t got, bag.read(file, at, piece));
    sha.update(std::string_view(piece.data(), got));
    at += got;
    if (got < piece.size()) break;
  }
  if (at != file.size) return fail(Errc::unavailable, "changed its size while it was read");
  return sha.finish();
}

Result<std::string> content_of(Bag& bag, const BagFile& file, std::uint64_t bytes_max) {
  if (file.size > bytes_max) {
    return fail(Errc::exhausted,
                fmt::format("has {} bytes, at most {} are read", file.size, bytes_max));
  }
  std::string bytes(file.size, '\0');
  CORDON_TRY(const std::size_t got, bag.read(file, 0, bytes));
  if (got != file.size) return fail(Errc::unavailable, "changed its size while it was read");
  return bytes;
}

}  // namespace cordon::evidence::internal
