// Verifies a bundle with nothing but the bundle and, if given, a key the verifier already holds.
// No server, no network. Every byte of every file is accounted for: in an archive the bytes of
// the archive itself too. docs/formats/bundle.md says what is checked.
#pragma once

#include "base/result.h"
#include "crypto/ed25519.h"
#include "evidence/checkpoint.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cordon::evidence {

/// What the verifier trusts beforehand. Keys inside a bundle are only hints.
struct Pinned {
  std::optional<VerifierKey> log;
  std::optional<crypto::PublicKey> signer;  ///< from PEM; the log's key when only that is given
};

/// Bounds on what a hostile bundle may cost.
struct VerifyLimits {
  std::uint64_t files_max = 1'100'000;
  std::uint64_t document_bytes_max = 16U << 20U;  ///< of a file that is read whole
  std::size_t faults_max = 100;
};

/// `untrusted`: everything holds together, but under keys that only the bundle vouches for.
enum class Trust : std::uint8_t { pinned, untrusted };

/// One thing that is wrong, and where.
struct Fault {
  std::string path;         ///< inside the bag; the archive's own name if its structure is wrong
  std::uint64_t begin = 0;  ///< bytes of that file; 0, 0 when the file as a whole is meant
  std::uint64_t end = 0;
  std::string what;
  std::string expected;
  std::string found;
};

/// What verification found. `ok` means: no fault, and every check was made.
struct Report {
  bool ok = false;
  Trust trust = Trust::untrusted;
  std::string incident;
  std::string origin;
  std::string vkey;  ///< the key that was used
  std::uint64_t tree_size = 0;
  std::uint64_t records = 0;
  std::uint64_t files = 0;
  std::vector<std::string> checked;  ///< one sentence each, in order
  std::vector<Fault> faults;         ///< the most telling first
  bool faults_cut = false;           ///< there were more than `faults_max`
};

/// Reads a bag directory or its tar. `not_found` or `unavailable` if it cannot be read at all;
/// whatever is wrong with its content is in the report.
[[nodiscard]] Result<Report> verify_bundle(const std::filesystem::path& path,
                                           const Pinned& pinned = {},
                                           const VerifyLimits& limits = {});

/// The report for a person, with "UNTRUSTED KEYS" when no key was pinned.
[[nodiscard]] std::string describe(const Report& report);

}  // namespace cordon::evidence
