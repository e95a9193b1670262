#include "journal/memory_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>

namespace cordon::journal {
namespace {

constexpr std::size_t kSectorBytes = 512;
constexpr std::size_t kActs = static_cast<std::size_t>(DiskAct::sync_directory) + 1;

using Bytes = std::vector<std::byte>;

/// A change to a file that is not durable yet: bytes at an offset, or a new size.
struct FileChange {
  std::uint64_t offset;
  Bytes bytes;
  std::optional<std::uint64_t> size;
};

void write_to(Bytes& to, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (to.size() < offset + bytes.size()) to.resize(offset + bytes.size());
  std::ranges::copy(bytes, to.begin() + static_cast<std::ptrdiff_t>(offset));
}

void apply_whole(const FileChange& change, Bytes& to) {
  if (change.size) {
    to.resize(*change.size);
  } else {
    write_to(to, change.offset, change.bytes);
  }
}

/// How a power cut treats what was not durable.
struct Fate {
  std::uint64_t kept_in_1000;
  Random& random;
  [[nodiscard]] bool keeps() { return random.below(1000) < kept_in_1000; }
};

Fate draw_fate(Random& random) {
  constexpr std::uint64_t kOdds[] = {0, 1000, 500, 900, 100, 990};
  return {kOdds[random.below(std::size(kOdds))], random};
}

Status no_power(const std::string& path) {
  return cordon::fail(Errc::unavailable, fmt::format("{}: no power", path));
}

/// Applies a write sector by sector of the file, each or not.
void apply_torn(const FileChange& change, Bytes& to, Fate& fate) {
  if (change.size) {
    if (fate.keeps()) to.resize(*change.size);
    return;
  }
  for (std::size_t at = 0; at < change.bytes.size();) {
    const std::uint64_t place = change.offset + at;
    const std::size_t piece =
        std::min<std::size_t>(kSectorBytes - place % kSectorBytes, change.bytes.size() - at);
    if (fate.keeps()) write_to(to, place, std::span(change.bytes).subspan(at, piece));
    at += piece;
  }
}

}  // namespace

struct MemoryDisk::Inode {
  Bytes live;
  Bytes durable;
  std::vector<FileChange> pending;
};

struct MemoryDisk::State {
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  /// Names given (to an inode) and taken away (null), all at once.
  using NameChange = std::vector<std::pair<std::string, std::shared_ptr<Inode>>>;

  std::mutex mutex;
  Names names;
  Names durable_names;
  std::vector<NameChange> pending;
  std::map<std::string, int> locks;  ///< readers, or -1 for a writer
  std::uint64_t room = UINT64_MAX;
  std::uint64_t changes = 0;
  std::uint64_t power_off_at = UINT64_MAX;
  std::array<std::uint64_t, kActs> fail_in{};
  std::array<Errc, kActs> fail_with{};

  [[nodiscard]] bool has_power() const { return changes < power_off_at; }

  /// Whether the act happens at all. The change that power goes off in does, but says no.
  [[nodiscard]] Status begin(DiskAct act, const std::string& path) {
    if (!has_power()) return no_power(path);
    const auto index = static_cast<std::size_t>(act);
    if (fail_in[index] > 0 && --fail_in[index] == 0) {
      return cordon::fail(fail_with[index], fmt::format("{}: simulated failure", path));
    }
    if (act != DiskAct::open && act != DiskAct::read) ++changes;
    return {};
  }
  [[nodiscard]] Status end(const std::string& path) const {
    return has_power() ? Status{} : no_power(path);
  }
  [[nodiscard]] std::uint64_t used() const {
    std::uint64_t sum = 0;
    for (const auto& [name, inode] : names) sum += inode->live.size();
    return sum;
  }
  static void apply(const NameChange& change, Names& to) {
    for (const auto& [name, inode] : change) {
      if (inode == nullptr) {
        to.erase(name);
      } else {
        to[name] = inode;
      }
    }
  }
  void rename_all(NameChange change) {
    apply(change, names);
    pending.push_back(std::move(change));
  }
};

class MemoryDisk::OpenFile final : public File {
 public:
  OpenFile(std::shared_ptr<State> state, std::string path, std::shared_ptr<Inode> inode)
      : state_(std::move(state)), path_(std::move(path)), inode_(std::move(inode)) {}

  Status write(std::uint64_t offset, std::span<const Piece> pieces) override {
    FileChange change{offset, {}, std::nullopt};
    for (const Piece piece : pieces) {
      change.bytes.insert(change.bytes.end(), piece.begin(), piece.end());
    }
    const std::scoped_lock lock(state_->mutex);
    CORDON_CHECK(state_->begin(DiskAct::write, path_));
    return grow_and_change(offset + change.bytes.size(), std::move(change));
  }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) const override {
    const std::scoped_lock lock(state_->mutex);
    CORDON_CHECK(state_->begin(DiskAct::read, path_));
    if (offset >= inode_->live.size()) return 0;
    const std::size_t count = std::min<std::uint64_t>(out.size(), inode_->live.size() - offset);
    std::ranges::copy(std::span(inode_->live).subspan(offset, count), out.begin());
    return count;
  }
  Status reserve(std::uint64_t bytes) override {
    const std::scoped_lock lock(state_->mutex);
    CORDON_CHECK(state_->begin(DiskAct::reserve, path_));
    if (bytes <= inode_->live.size()) return state_->end(path_);
    return grow_and_change(bytes, {0, {}, bytes});
  }
  Status truncate(std::uint64_t bytes) override {
    const std::scoped_lock lock(state_->mutex);
    CORDON_CHECK(state_->begin(DiskAct::truncate, path_));
    return grow_and_change(bytes, {0, {}, bytes});
  }
  Status sync() override {
    const std::scoped_lock lock(state_->mutex);
    CORDON_CHECK(state_->begin(DiskAct::sync, path_));
    CORDON_CHECK(state_->end(path_));
    for (const FileChange& change : inode_->pending) apply_whole(change, inode_->durable);
    inode_->pending.clear();
    return {};
  }
  [[nodiscard]] Result<std::uint64_t> size() const override {
    const std::scoped_lock lock(state_->mutex);
    return inode_->live.size();
  }

 private:
  Status grow_and_change(std::uint64_t bytes, FileChange change) {
    const std::uint64_t now = inode_->live.size();
    if (bytes > now && state_->used() + (bytes - now) > state_->room) {
      return cordon::fail(Errc::exhausted, fmt::format("{}: no space left", path_));
    }
    apply_whole(change, inode_->live);
    inode_->pending.push_back(std::move(change));
    return state_->end(path_);
  }

  std::shared_ptr<State> state_;
  std::string path_;
  std::shared_ptr<Inode> inode_;
};

class MemoryDisk::Lock final : public DirectoryLock {
 public:
  Lock(std::shared_ptr<State> state, std::string path)
      : state_(std::move(state)), path_(std::move(path)) {}
  ~Lock() override {
    const std::scoped_lock lock(state_->mutex);
    int& held = state_->locks[path_];
    held = held < 0 ? 0 : held - 1;
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  std::shared_ptr<State> state_;
  std::string path_;
};

MemoryDisk::MemoryDisk() : state_(std::make_shared<State>()) {}
MemoryDisk::~MemoryDisk() = default;

/// A directory is what its files' names say; it needs no making.
Status MemoryDisk::make_directory(const Path&) {
  return {};
}

Result<std::unique_ptr<DirectoryLock>> MemoryDisk::lock(const Path& directory, Access access) {
  const std::scoped_lock lock(state_->mutex);
  int& held = state_->locks[directory.string()];
  if (held < 0 || (held > 0 && access == Access::exclusive)) {
    return cordon::fail(Errc::conflict, fmt::format("{} is in use", directory.string()));
  }
  held = access == Access::exclusive ? -1 : held + 1;
  return std::make_unique<Lock>(state_, directory.string());
}

Result<std::vector<std::string>> MemoryDisk::list(const Path& directory) {
  const std::scoped_lock lock(state_->mutex);
  std::vector<std::string> found;
  for (const auto& [name, inode] : state_->names) {
    const Path path(name);
    if (path.parent_path() == directory) found.push_back(path.filename().string());
  }
  return found;
}

Result<std::unique_ptr<File>> MemoryDisk::open(const Path& path, OpenFor purpose) {
  const std::string name = path.string();
  const std::scoped_lock lock(state_->mutex);
  CORDON_CHECK(state_->begin(DiskAct::open, name));
  const auto at = state_->names.find(name);
  if (purpose != OpenFor::create) {
    if (at == state_->names.end()) return cordon::fail(Errc::not_found, name);
    return std::make_unique<OpenFile>(state_, name, at->second);
  }
  // A new inode even where there was a file: that is harsher than truncating it.
  auto inode = std::make_shared<Inode>();
  state_->rename_all({{name, inode}});
  return std::make_unique<OpenFile>(state_, name, std::move(inode));
}

Status MemoryDisk::rename(const Path& from, const Path& to) {
  const std::scoped_lock lock(state_->mutex);
  CORDON_CHECK(state_->begin(DiskAct::rename, from.string()));
  const auto at = state_->names.find(from.string());
  if (at == state_->names.end()) return cordon::fail(Errc::not_found, from.string());
  state_->rename_all({{to.string(), at->second}, {from.string(), nullptr}});
  return state_->end(from.string());
}

Status MemoryDisk::remove(const Path& path) {
  const std::scoped_lock lock(state_->mutex);
  CORDON_CHECK(state_->begin(DiskAct::remove, path.string()));
  if (!state_->names.contains(path.string())) return cordon::fail(Errc::not_found, path.string());
  state_->rename_all({{path.string(), nullptr}});
  return state_->end(path.string());
}

Status MemoryDisk::sync_directory(const Path& directory) {
  const std::scoped_lock lock(state_->mutex);
  CORDON_CHECK(state_->begin(DiskAct::sync_directory, directory.string()));
  CORDON_CHECK(state_->end(directory.string()));
  std::erase_if(state_->pending, [&](const State::NameChange& change) {
    if (Path(change.front().first).parent_path() != directory) return false;
    State::apply(change, state_->durable_names);
    return true;
  });
  return {};
}

void MemoryDisk::fail(DiskAct act, std::uint64_t nth, Errc code) {
  const std::scoped_lock lock(state_->mutex);
  state_->fail_in[static_cast<std::size_t>(act)] = nth;
  state_->fail_with[static_cast<std::size_t>(act)] = code;
}

void MemoryDisk::set_room(std::uint64_t bytes) {
  const std::scoped_lock lock(state_->mutex);
  state_->room = bytes;
}

void MemoryDisk::power_off_at(std::uint64_t nth) {
  const std::scoped_lock lock(state_->mutex);
  state_->power_off_at = state_->changes + nth;
}

bool MemoryDisk::has_power() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->has_power();
}

std::uint64_t MemoryDisk::changes() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->changes;
}

std::unique_ptr<MemoryDisk> MemoryDisk::after_power_cut(Random& random) const {
  const std::scoped_lock lock(state_->mutex);
  Fate name_fate = draw_fate(random);
  State::Names names = state_->durable_names;
  for (const auto& change : state_->pending) {
    if (name_fate.keeps()) State::apply(change, names);
  }
  auto disk = std::make_unique<MemoryDisk>();
  for (const auto& [name, inode] : names) {
    Fate fate = draw_fate(random);
    Bytes bytes = inode->durable;
    for (const FileChange& change : inode->pending) apply_torn(change, bytes, fate);
    disk->put(name, std::move(bytes));
  }
  return disk;
}

std::unique_ptr<MemoryDisk> MemoryDisk::after_kill() const {
  const std::scoped_lock lock(state_->mutex);
  auto disk = std::make_unique<MemoryDisk>();
  for (const auto& [name, inode] : state_->names) disk->put(name, inode->live);
  return disk;
}

std::vector<std::byte> MemoryDisk::contents(const Path& path) const {
  const std::scoped_lock lock(state_->mutex);
  const auto at = state_->names.find(path.string());
  return at == state_->names.end() ? Bytes{} : at->second->live;
}

void MemoryDisk::put(const Path& path, std::vector<std::byte> bytes) {
  const std::scoped_lock lock(state_->mutex);
  auto inode = std::make_shared<Inode>();
  inode->durable = bytes;
  inode->live = std::move(bytes);
  state_->durable_names[path.string()] = inode;
  state_->names[path.string()] = std::move(inode);
}

}  // namespace cordon::journal
