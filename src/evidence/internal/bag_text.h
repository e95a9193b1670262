// The texts of a bundle that have exactly one form, so that the verifier can write them again
// and compare. docs/formats/bundle.md.
#pragma once

#include "base/result.h"
#include "crypto/ed25519.h"
#include "evidence/checkpoint.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cordon::evidence::internal {

inline constexpr std::string_view kBagit =
    "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
inline constexpr std::string_view kPayloadType = "application/vnd.in-toto+json";
inline constexpr std::size_t kPathCharactersMax = 200;
inline constexpr std::size_t kBagNameCharactersMax = 50;

/// Components of [A-Za-z0-9._-], none of them `.` or `..`, at most kPathCharactersMax.
[[nodiscard]] bool is_safe_path(std::string_view path) noexcept;
/// One such component of at most kBagNameCharactersMax.
[[nodiscard]] bool is_bag_name(std::string_view name) noexcept;

/// What bag-info.txt says.
struct BagInfo {
  std::string date;
  std::uint64_t records = 0;
  std::string from;
  std::string until;
  std::string incident;
  std::uint64_t payload_bytes = 0;
  std::uint64_t payload_files = 0;
};
[[nodiscard]] std::string format_bag_info(const BagInfo& info);
[[nodiscard]] std::optional<BagInfo> parse_bag_info(std::string_view text);

[[nodiscard]] std::string manifest_line(const Hash& digest, std::string_view path);
/// One line of a manifest, without its LF.
struct ManifestLine {
  Hash digest;
  std::string_view path;
};
[[nodiscard]] std::optional<ManifestLine> parse_manifest_line(std::string_view line);

/// The in-toto statement over a tag manifest.
[[nodiscard]] std::string statement(const BagInfo& info, const Checkpoint& head,
                                    const Hash& tag_manifest);
/// The subject's digest as a statement names it; nothing if it is not of our form.
[[nodiscard]] std::optional<Hash> subject_of(std::string_view statement);

/// What DSSE signs.
[[nodiscard]] std::string pre_authentication(std::string_view type, std::string_view payload);
/// The envelope with its LF.
[[nodiscard]] std::string format_envelope(std::string_view payload, std::string_view key_id,
                                          const crypto::Signature& signature);
/// What is in an envelope.
struct Envelope {
  std::string payload;
  crypto::Signature signature;
};
/// Refuses as `invalid` whatever `format_envelope` would not write for this key id.
[[nodiscard]] Result<Envelope> parse_envelope(std::string_view bytes, std::string_view key_id);

[[nodiscard]] std::string readme(const BagInfo& info, const Checkpoint& head,
                                 const VerifierKey& key);

/// The id of a journal entry from its head, without parsing the rest.
[[nodiscard]] std::optional<std::string_view> peek_entry_id(std::string_view entry) noexcept;

}  // namespace cordon::evidence::internal
