#include "evidence/checkpoint.h"

#include "base/hex.h"
#include "codec/base64.h"
#include "evidence/internal/lines.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::evidence {
namespace {

constexpr std::byte kEd25519Note{0x01};
constexpr std::string_view kDash = "\xE2\x80\x94 ";  // U+2014 and a space

bool names_a_key(std::string_view name) {
  return !name.empty() && name.size() <= kOriginBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127; }) &&
         name.find('+') == name.npos;
}

KeyId key_id(std::string_view name, const crypto::PublicKeyBytes& raw) {
  crypto::Sha256 sha;
  sha.update(name);
  sha.update("\n");
  sha.update({&kEd25519Note, 1});
  sha.update(raw);
  const Hash digest = sha.finish();
  KeyId id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

Result<NoteSignature> parse_signature(std::string_view line) {
  if (!line.starts_with(kDash)) {
    return fail(Errc::invalid, "a signature line that does not begin with a dash and a space");
  }
  line.remove_prefix(kDash.size());
  const std::size_t space = line.find(' ');
  if (space == line.npos || !names_a_key(line.substr(0, space))) {
    return fail(Errc::invalid, "a signature line without a key name");
  }
  const auto bytes = codec::from_base64(line.substr(space + 1));
  NoteSignature signature{std::string(line.substr(0, space)), {}, {}};
  if (!bytes || bytes->size() <= signature.id.size()) {
    return fail(Errc::invalid, "a signature that is not base64 of a key id and a signature");
  }
  const auto after_id = bytes->begin() + static_cast<std::ptrdiff_t>(signature.id.size());
  std::copy(bytes->begin(), after_id, signature.id.begin());
  signature.bytes.assign(after_id, bytes->end());
  return signature;
}

}  // namespace

VerifierKey::VerifierKey(std::string name, crypto::PublicKey key)
    : name_(std::move(name)), key_(std::move(key)), id_(key_id(name_, key_.raw())) {}

Result<VerifierKey> VerifierKey::make(std::string name, crypto::PublicKey key) {
  if (!names_a_key(name)) {
    return fail(Errc::invalid,
                fmt::format("a log's name has 1 to {} printable ASCII characters, without space "
                            "and plus",
                            kOriginBytesMax));
  }
  return VerifierKey(std::move(name), std::move(key));
}

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  const std::size_t first = text.find('+');
  const std::size_t second = first == text.npos ? first : text.find('+', first + 1);
  if (second == text.npos || text.size() > 2 * kOriginBytesMax) {
    return fail(Errc::invalid, "a verifier key is name+keyid+base64");
  }
  const auto bytes = codec::from_base64(text.substr(second + 1));
  if (!bytes || bytes->size() != 1 + sizeof(crypto::PublicKeyBytes) ||
      bytes->front() != kEd25519Note) {
    return fail(Errc::invalid, "a verifier key that is not an Ed25519 key in base64");
  }
  CORDON_TRY(crypto::PublicKey key, crypto::PublicKey::from_raw(std::span(*bytes).subspan(1)));
  CORDON_TRY(VerifierKey verifier, make(std::string(text.substr(0, first)), std::move(key)));
  if (verifier.id_hex() != text.substr(first + 1, second - first - 1)) {
    return fail(Errc::invalid, fmt::format("a verifier key whose id should be {}, the id of its "
                                           "name and key",
                                           verifier.id_hex()));
  }
  return verifier;
}

std::string VerifierKey::text() const {
  std::vector<std::byte> bytes{kEd25519Note};
  bytes.insert(bytes.end(), key_.raw().begin(), key_.raw().end());
  return fmt::format("{}+{}+{}", name_, id_hex(), codec::to_base64(bytes));
}

std::string VerifierKey::id_hex() const {
  return to_hex(id_);
}

Result<SignedNote> parse_note(std::string_view bytes) {
  if (bytes.size() > kNoteBytesMax) {
    return fail(Errc::exhausted, fmt::format("a signed note of {} bytes, at most {} are allowed",
                                             bytes.size(), kNoteBytesMax));
  }
  const auto control = [](char c) { return (c >= 0 && c < ' ' && c != '\n') || c == 127; };
  if (std::any_of(bytes.begin(), bytes.end(), control)) {
    return fail(Errc::invalid, "a signed note with a control character");
  }
  // The last blank line: the text may hold others.
  const std::size_t blank = bytes.rfind("\n\n");
  if (blank == bytes.npos || blank == 0) {
    return fail(Errc::invalid, "a signed note without a text, a blank line and signatures");
  }
  SignedNote note{std::string(bytes.substr(0, blank + 1)), {}};
  std::string_view rest = bytes.substr(blank + 2);
  while (const auto line = internal::take_line(rest)) {
    if (note.signatures.size() == kNoteSignaturesMax) {
      return fail(Errc::exhausted,
                  fmt::format("a signed note with more than {} signatures", kNoteSignaturesMax));
    }
    CORDON_TRY(note.signatures.emplace_back(), parse_signature(*line));
  }
  if (!rest.empty() || note.signatures.empty()) {
    return fail(Errc::invalid, "a signed note that does not end with a signature line");
  }
  return note;
}

std::string format_note(const SignedNote& note) {
  std::string out = note.text + "\n";
  for (const NoteSignature& signature : note.signatures) {
    std::vector<std::byte> bytes(signature.id.begin(), signature.id.end());
    bytes.insert(bytes.end(), signature.bytes.begin(), signature.bytes.end());
    out += fmt::format("{}{} {}\n", kDash, signature.name, codec::to_base64(bytes));
  }
  return out;
}

std::string format_checkpoint(const Checkpoint& checkpoint) {
  return fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.size,
                     codec::to_base64(checkpoint.root));
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  const auto origin = internal::take_line(text);
  const auto size = internal::take_line(text);
  const auto root = internal::take_line(text);
  if (!root || !text.empty()) {
    return fail(Errc::invalid, "a checkpoint is three lines: origin, size, root");
  }
  if (!names_a_key(*origin)) return fail(Errc::invalid, "a checkpoint without a usable origin");
  const auto number = internal::parse_decimal(*size);
  if (!number) return fail(Errc::invalid, "a checkpoint whose size is not a decimal number");
  const auto hash = internal::parse_base64_hash(*root);
  if (!hash) return fail(Errc::invalid, "a checkpoint whose root is not 32 bytes in base64");
  return Checkpoint{std::string(*origin), *number, *hash};
}

std::string sign_checkpoint(const Checkpoint& checkpoint, const crypto::SigningKey& key) {
  SignedNote note{format_checkpoint(checkpoint), {}};
  const crypto::Signature signature = key.sign(bytes_of(note.text));
  note.signatures.push_back({checkpoint.origin,
                             key_id(checkpoint.origin, key.public_key().raw()),
                             {signature.begin(), signature.end()}});
  return format_note(note);
}

Result<Checkpoint> open_checkpoint(std::string_view bytes, const VerifierKey& key) {
  CORDON_TRY(const SignedNote note, parse_note(bytes));
  CORDON_TRY(Checkpoint checkpoint, parse_checkpoint(note.text));
  if (checkpoint.origin != key.name()) {
    return fail(Errc::invalid,
                fmt::format("a checkpoint of {}, expected {}", checkpoint.origin, key.name()));
  }
  bool is_signed = false;
  for (const NoteSignature& signature : note.signatures) {
    if (signature.name != key.name() || signature.id != key.id()) continue;
    if (!key.key().verifies(bytes_of(note.text), signature.bytes)) {
      return fail(Errc::invalid, fmt::format("the signature of {} does not verify", key.name()));
    }
    is_signed = true;
  }
  if (!is_signed) {
    return fail(Errc::invalid, fmt::format("not signed by {}+{}", key.name(), key.id_hex()));
  }
  return checkpoint;
}

}  // namespace cordon::evidence
