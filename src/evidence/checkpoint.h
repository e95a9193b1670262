// A tree head that somebody signed: a C2SP checkpoint in a signed note.
// docs/formats/checkpoint.md.
//
// Reading is strict: what is accepted is written again as the same bytes.
#pragma once

#include "base/result.h"
#include "crypto/ed25519.h"
#include "evidence/merkle.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::evidence {

inline constexpr std::size_t kNoteBytesMax = 64 * 1024;
inline constexpr std::size_t kNoteSignaturesMax = 64;
inline constexpr std::size_t kOriginBytesMax = 255;

using KeyId = std::array<std::byte, 4>;

/// The public half of a log's key, under the log's name. Immutable, any thread.
class VerifierKey {
 public:
  /// Refuses as `invalid` a name that is empty, longer than 255 bytes, or has other than the
  /// printable ASCII characters without space and plus.
  [[nodiscard]] static Result<VerifierKey> make(std::string name, crypto::PublicKey key);
  /// `name+keyid+base64`. Refuses another algorithm than Ed25519 and a wrong key id as `invalid`.
  [[nodiscard]] static Result<VerifierKey> parse(std::string_view text);
  [[nodiscard]] std::string text() const;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const crypto::PublicKey& key() const noexcept { return key_; }
  [[nodiscard]] const KeyId& id() const noexcept { return id_; }
  [[nodiscard]] std::string id_hex() const;

 private:
  VerifierKey(std::string name, crypto::PublicKey key);
  std::string name_;
  crypto::PublicKey key_;
  KeyId id_;
};

/// One signature line of a note.
struct NoteSignature {
  std::string name;
  KeyId id;
  std::vector<std::byte> bytes;
};

/// Text and the signatures over it. The text ends with a newline.
struct SignedNote {
  std::string text;
  std::vector<NoteSignature> signatures;
};

/// Refuses as `invalid` what is not exactly a signed note, as `exhausted` one that is larger
/// than kNoteBytesMax or has more than kNoteSignaturesMax signatures.
[[nodiscard]] Result<SignedNote> parse_note(std::string_view bytes);
[[nodiscard]] std::string format_note(const SignedNote& note);

/// The head of one log's tree at one size.
struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Hash root{};
};

/// The three lines that are signed.
[[nodiscard]] std::string format_checkpoint(const Checkpoint& checkpoint);
/// Refuses as `invalid` anything else, extension lines included.
[[nodiscard]] Result<Checkpoint> parse_checkpoint(std::string_view text);

/// The signed note of a checkpoint; the key's name is the origin. The same for the same input.
[[nodiscard]] std::string sign_checkpoint(const Checkpoint& checkpoint,
                                          const crypto::SigningKey& key);

/// Reads a signed checkpoint. Refuses as `invalid` one that `key` did not sign, one where a
/// signature under the name and id of `key` is wrong, and one of another origin. Signatures of
/// unknown keys are passed over.
[[nodiscard]] Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key);

}  // namespace cordon::evidence
