#include "evidence/log.h"

#include "base/assert.h"
#include "store/archive.h"

#include <fmt/format.h>

namespace cordon::evidence {
namespace {

constexpr const char* kLastSigned = "last-signed";
constexpr const char* kPublished = "checkpoint";

/// Nothing where the file does not exist.
Result<std::optional<std::string>> read_if_there(journal::Disk& disk,
                                                 const std::filesystem::path& path) {
  auto bytes = store::read_file(disk, path, kNoteBytesMax);
  if (bytes) return std::move(*bytes);
  if (bytes.error().code == Errc::not_found) return std::optional<std::string>();
  return tl::make_unexpected(bytes.error());
}

}  // namespace

Log::Log(Passkey, LogOptions options, crypto::SigningKey key, VerifierKey verifier,
         EntrySource& entries, journal::Disk& disk, std::unique_ptr<journal::DirectoryLock> lock)
    : options_(std::move(options)),
      key_(std::move(key)),
      verifier_(std::move(verifier)),
      entries_(entries),
      disk_(disk),
      lock_(std::move(lock)) {}

Result<std::unique_ptr<Log>> Log::open(LogOptions options, crypto::SigningKey key,
                                       EntrySource& entries, journal::Disk& disk) {
  CORDON_TRY(VerifierKey verifier, VerifierKey::make(options.origin, key.public_key()));
  CORDON_CHECK(disk.make_directory(options.dir));
  CORDON_TRY(auto lock, disk.lock(options.dir, journal::Access::exclusive));
  auto log = std::make_unique<Log>(Passkey{}, std::move(options), std::move(key),
                                   std::move(verifier), entries, disk, std::move(lock));
  CORDON_CHECK(log->recall());
  return log;
}

Status Log::recall() {
  const auto path = options_.dir / kLastSigned;
  CORDON_TRY(const auto text, read_if_there(disk_, path));
  if (!text) return {};
  const auto head = parse_checkpoint(*text);
  if (!head) {
    return fail(Errc::corrupt, fmt::format("{}: {}", path.string(), head.error().detail));
  }
  if (head->origin != options_.origin) {
    return fail(Errc::conflict, fmt::format("{} is of the log {}, not of {}", path.string(),
                                            head->origin, options_.origin));
  }
  last_signed_ = *head;
  CORDON_TRY(auto note, read_if_there(disk_, options_.dir / kPublished));
  // One signed with an earlier key, or cut short by a crash, is simply not shown any more.
  if (!note) return {};
  if (const auto published = open_checkpoint(*note, verifier_)) {
    latest_size_ = published->size;
    latest_ = std::move(note);
  }
  return {};
}

std::uint64_t Log::signed_size() const noexcept {
  return last_signed_ ? last_signed_->size : 0;
}

Status Log::integrate(std::uint64_t sequence, std::string_view entry) {
  if (broken_) return tl::make_unexpected(*broken_);
  if (sequence != tree_.size()) {
    return fail(Errc::conflict, fmt::format("entry {} offered to the log, which awaits entry {}",
                                            sequence, tree_.size()));
  }
  tree_.append(leaf_hash(entry));
  if (last_signed_ && last_signed_->size == tree_.size() && last_signed_->root != tree_.root()) {
    broken_ = Error{
        Errc::corrupt,
        fmt::format("the first {} entries are not those that were signed: root {}, "
                    "signed {}",
                    tree_.size(), crypto::hex(tree_.root()), crypto::hex(last_signed_->root))};
    return tl::make_unexpected(*broken_);
  }
  return {};
}

Status Log::read_back(std::uint64_t count) {
  return entries_.read(
      again_.size(), count, [this](std::uint64_t sequence, std::string_view entry) -> Status {
        if (sequence != again_.size()) {
          return fail(Errc::corrupt, fmt::format("entry {} read back where {} is expected",
                                                 sequence, again_.size()));
        }
        again_.add(entry);
        return {};
      });
}

Result<std::uint64_t> Log::rederive_some(std::uint64_t entries_max) {
  if (broken_) return tl::make_unexpected(*broken_);
  CORDON_CHECK(read_back(std::min(entries_max, tree_.size() - again_.size())));
  return tree_.size() - again_.size();
}

Status Log::rederive() {
  CORDON_CHECK(read_back(tree_.size() - again_.size()));
  if (again_.size() != tree_.size() || again_.root() != tree_.root()) {
    broken_ = Error{Errc::corrupt,
                    fmt::format("the tree of {} entries has root {}, but {} entries read back "
                                "from disk give {}: nothing is signed",
                                tree_.size(), crypto::hex(tree_.root()), again_.size(),
                                crypto::hex(again_.root()))};
    return tl::make_unexpected(*broken_);
  }
  return {};
}

Result<std::string> Log::checkpoint() {
  if (broken_) return tl::make_unexpected(*broken_);
  if (tree_.size() < signed_size()) {
    return fail(Errc::conflict,
                fmt::format("a tree of {} entries, but one of {} was signed: the log is still "
                            "catching up, or entries were lost",
                            tree_.size(), signed_size()));
  }
  const Checkpoint head{options_.origin, tree_.size(), tree_.root()};
  const bool is_new = !last_signed_ || last_signed_->size < head.size;
  CORDON_CHECK(rederive());
  if (is_new) {
    // `integrate` compared the roots when the tree passed the last signed size.
    CORDON_CHECK(store::replace_file(disk_, options_.dir / kLastSigned, format_checkpoint(head)));
    last_signed_ = head;
  }
  CORDON_ASSERT(last_signed_->root == head.root);
  // Anybody may ask; nothing is signed unless the tree has grown.
  if (latest_ && latest_size_ == head.size) return *latest_;
  std::string note = sign_checkpoint(head, key_);
  if (latest_ != note) {
    CORDON_CHECK(store::replace_file(disk_, options_.dir / kPublished, note));
    latest_ = note;
    latest_size_ = head.size;
  }
  return note;
}

}  // namespace cordon::evidence
