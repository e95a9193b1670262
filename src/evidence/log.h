// The log: follows the journal, and signs what it has read back and computed twice.
#pragma once

#include "base/result.h"
#include "crypto/ed25519.h"
#include "evidence/checkpoint.h"
#include "evidence/merkle.h"
#include "evidence/rederive.h"
#include "journal/disk.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::evidence {

/// Where the log lives and what it is called.
struct LogOptions {
  std::filesystem::path dir;  ///< `last-signed` and `checkpoint`; the log's own
  std::string origin;         ///< for example "cordon.example/evidence/log1"
};

/// The Ed25519 key in this PEM file. Makes one, readable by its owner alone, if there is none;
/// `created` tells. Refuses as `invalid` a file that others may read, and one that holds no key.
struct LoadedKey {
  crypto::SigningKey key;
  bool created;
};
[[nodiscard]] Result<LoadedKey> load_or_create_key(const std::filesystem::path& pem_file);

/// The writer's side of one Merkle log. Belongs to the control thread; the only one of its
/// directory, which it locks. Disk and entries outlive it.
class Log {
  struct Passkey {  // only `open` makes a log
    explicit Passkey() = default;
  };

 public:
  Log(Passkey, LogOptions options, crypto::SigningKey key, VerifierKey verifier,
      EntrySource& entries, journal::Disk& disk, std::unique_ptr<journal::DirectoryLock> lock);

  /// Refuses as `invalid` an origin that cannot name a key, as `conflict` a directory another
  /// process holds or an origin that differs from the last signed head's, as `corrupt` a
  /// last-signed head that cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<Log>> open(LogOptions options, crypto::SigningKey key,
                                                         EntrySource& entries, journal::Disk& disk);

  /// Takes the next durable entry. Refuses any other sequence as `conflict`, and as `corrupt` the
  /// entry with which the tree reaches the last signed size under another root: history was
  /// rewritten, and from then on nothing is signed.
  [[nodiscard]] Status integrate(std::uint64_t sequence, std::string_view entry);

  [[nodiscard]] std::uint64_t size() const noexcept { return tree_.size(); }
  /// Size of the last head that may have been signed; 0 if none.
  [[nodiscard]] std::uint64_t signed_size() const noexcept;

  /// Reads back up to `entries_max` of the entries not read back yet, so that the next checkpoint
  /// has less to do; answers with how many are left. `corrupt` as for checkpoint.
  [[nodiscard]] Result<std::uint64_t> rederive_some(std::uint64_t entries_max);
  /// The signed head of all entries integrated. Reads the new ones back, computes the root a
  /// second time, makes (size, root) durable, and only then signs; the same size gives the same
  /// bytes. Refuses as `conflict` a tree smaller than the last signed one, as `corrupt` when the
  /// two computations differ. Blocks on the disk.
  [[nodiscard]] Result<std::string> checkpoint();
  /// The last one published, also before a restart.
  [[nodiscard]] const std::optional<std::string>& latest() const noexcept { return latest_; }

  [[nodiscard]] const VerifierKey& verifier() const noexcept { return verifier_; }
  /// For bundles: the log's key signs them too, under other first bytes.
  [[nodiscard]] const crypto::SigningKey& key() const noexcept { return key_; }
  /// A snapshot of the tree, for a Prover that may run on another thread.
  [[nodiscard]] const Tree& tree() const noexcept { return tree_; }

 private:
  [[nodiscard]] Status recall();
  [[nodiscard]] Status read_back(std::uint64_t count);
  [[nodiscard]] Status rederive();

  LogOptions options_;
  crypto::SigningKey key_;
  VerifierKey verifier_;
  EntrySource& entries_;
  journal::Disk& disk_;
  std::unique_ptr<journal::DirectoryLock> lock_;
  Tree tree_;
  Rederivation again_;
  std::optional<Checkpoint> last_signed_;
  std::optional<std::string> latest_;
  std::uint64_t latest_size_ = 0;  ///< of the tree that `latest_` is about
  std::optional<Error> broken_;    ///< set once; nothing is signed after it
};

}  // namespace cordon::evidence
