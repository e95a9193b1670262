#include "base/hex.h"
#include "evidence/internal/verifier.h"

#include <fmt/format.h>

namespace cordon::evidence::internal {

void Verifier::accuse(std::string_view path, std::string what, std::string expected,
                      std::string found) {
  accused_.emplace(path);
  if (report_.faults.size() >= limits_.faults_max) {
    report_.faults_cut = true;
    return;
  }
  const BagFile* const file = bag_.find(path);
  report_.faults.push_back({std::string(path), 0, file == nullptr ? 0 : file->size, std::move(what),
                            std::move(expected), std::move(found)});
}

void Verifier::accuse_range(std::string_view path, std::uint64_t begin, std::uint64_t end,
                            std::string what) {
  const std::size_t before = report_.faults.size();
  accuse(path, std::move(what));
  if (report_.faults.size() == before) return;
  report_.faults.back().begin = begin;
  report_.faults.back().end = end;
}

std::optional<std::string> Verifier::read(std::string_view path) {
  const BagFile* const file = bag_.find(path);
  if (file == nullptr) {
    accuse(path, "missing");
    return std::nullopt;
  }
  auto content = content_of(bag_, *file, limits_.document_bytes_max);
  if (!content) {
    accuse(path, content.error().detail);
    return std::nullopt;
  }
  return std::move(*content);
}

void Verifier::passed(std::string sentence, std::size_t faults_before) {
  if (report_.faults.size() == faults_before) report_.checked.push_back(std::move(sentence));
}

void Verifier::run() {
  check_places();
  if (check_seal()) {
    check_manifest();
    check_required();
    check_log();
    check_statement();
    check_earlier_heads();
    check_records();
  } else {
    stopped_ = true;
  }
  report_.ok = !stopped_ && report_.faults.empty();
}

bool Verifier::check_seal() {
  return choose_key() && check_signatures();
}

bool Verifier::choose_key() {
  std::optional<VerifierKey> hint;
  if (const auto text = read(kLogKey)) {
    auto parsed = VerifierKey::parse(text->substr(0, text->find('\n')));
    if (parsed && parsed->text() + "\n" == *text) {
      hint = std::move(*parsed);
    } else {
      accuse(kLogKey, "does not hold one verifier key and a newline");
    }
  }
  std::optional<crypto::PublicKey> signer;
  if (const auto pem = read(kSignerKey)) {
    auto parsed = crypto::PublicKey::from_pem(*pem);
    if (parsed && parsed->to_pem() == *pem) {
      signer = std::move(*parsed);
    } else {
      accuse(kSignerKey, "does not hold one Ed25519 public key in its PEM form");
    }
  }

  if (pinned_.log || pinned_.signer) {
    report_.trust = Trust::pinned;
    log_ = pinned_.log;
    key_ = pinned_.signer ? *pinned_.signer : pinned_.log->key();
    if (pinned_.log && pinned_.log->key().raw() != key_->raw()) {
      accuse(kLogKey, "the two pinned keys differ, but one key signs a bundle");
      return false;
    }
    if (!log_ && hint) log_ = *VerifierKey::make(hint->name(), *key_);
  } else if (hint && signer && hint->key().raw() != signer->raw()) {
    // One of the two is wrong. The signature tells which, unless it is wrong as well.
    const auto tags = read(kTagManifest);
    const auto signature = read(kRawSignature);
    const bool is_signers =
        tags && signature && signer->verifies(bytes_of(*tags), bytes_of(*signature));
    accuse(is_signers ? kLogKey : kSignerKey, "the two keys of the bundle differ");
    key_ = is_signers ? *signer : hint->key();
    log_ = *VerifierKey::make(hint->name(), *key_);
  } else {
    log_ = hint;
    key_ = hint ? hint->key() : signer;
  }
  check_key_hints(hint, signer);
  if (log_) {
    report_.vkey = log_->text();
    report_.origin = log_->name();
  }
  return key_ && stopped_ == false;
}

void Verifier::check_key_hints(const std::optional<VerifierKey>& hint,
                               const std::optional<crypto::PublicKey>& signer) {
  if (report_.trust != Trust::pinned) return;
  if (pinned_.log && hint && hint->text() != pinned_.log->text()) {
    accuse(kLogKey, "the bundle names another log key than the pinned one", pinned_.log->text(),
           hint->text());
    stopped_ = true;
  }
  if (!pinned_.log && hint && hint->key().raw() != key_->raw()) {
    accuse(kLogKey, "the bundle names another log key than the pinned one",
           fmt::format("Ed25519 {}", to_hex(key_->raw())),
           fmt::format("Ed25519 {}", to_hex(hint->key().raw())));
    stopped_ = true;
  }
  if (!stopped_ && signer && signer->raw() != key_->raw()) {
    accuse(kSignerKey, "the bundle names another signer than the pinned one",
           fmt::format("Ed25519 {}", to_hex(key_->raw())),
           fmt::format("Ed25519 {}", to_hex(signer->raw())));
  }
}

/// Whether the envelope is well made and signed. `other_bag`: but about another tag manifest.
bool Verifier::is_enveloped(const std::string& tags, std::string& problem, bool& other_bag) {
  const auto bytes = read(kEnvelope);
  if (!bytes || !log_) {
    problem = "cannot be read";
    return false;
  }
  const auto envelope = parse_envelope(*bytes, log_->id_hex());
  if (!envelope) {
    problem = envelope.error().detail;
    return false;
  }
  if (!key_->verifies(bytes_of(pre_authentication(kPayloadType, envelope->payload)),
                      envelope->signature)) {
    problem = "its signature does not verify";
    return false;
  }
  payload_ = envelope->payload;
  other_bag = subject_of(*payload_) != crypto::sha256(tags);
  return true;
}

bool Verifier::check_signatures() {
  const std::size_t before = report_.faults.size();
  const auto tags = read(kTagManifest);
  const auto signature = read(kRawSignature);
  if (!tags) return false;
  tags_digest_ = crypto::sha256(*tags);
  const bool is_signed = signature && signature->size() == sizeof(crypto::Signature) &&
                         key_->verifies(bytes_of(*tags), bytes_of(*signature));
  std::string problem;
  bool other_bag = false;
  const bool enveloped = is_enveloped(*tags, problem, other_bag);
  // Without the log's key there is no key id to hold it against; that key is accused already.
  if (is_signed && !enveloped && log_ && !accused(kEnvelope)) accuse(kEnvelope, problem);
  if (is_signed && enveloped && other_bag) {
    accuse(kEnvelope, "its statement is about another bag", to_hex(tags_digest_));
  }
  if (!is_signed && enveloped && !other_bag && !accused(kRawSignature)) {
    accuse(kRawSignature, "does not verify over tagmanifest-sha256.txt");
  }
  const bool is_authentic = is_signed || (enveloped && !other_bag);
  if (!is_authentic) {
    accuse(kTagManifest, fmt::format("neither signature verifies over it under the key {}",
                                     log_ ? log_->text() : to_hex(key_->raw())));
    return false;
  }
  passed("two signatures over the tag manifest", before);
  return check_tag_manifest(*tags);
}

bool Verifier::check_tag_manifest(const std::string& tags) {
  const std::size_t before = report_.faults.size();
  std::string expected;
  for (const std::string_view path : {kBagInfo, kBagitFile, kManifest}) {
    const BagFile* const file = bag_.find(path);
    if (file == nullptr) {
      accuse(path, "missing");
      continue;
    }
    const auto digest = digest_of(bag_, *file);
    if (!digest) {
      accuse(path, digest.error().detail);
      continue;
    }
    const std::string line = manifest_line(*digest, path);
    expected += line;
    if (tags.find(line) == tags.npos) {
      const std::size_t name = tags.find(fmt::format("  {}\n", path));
      const std::string promised =
          name == tags.npos || name < 64 ? "no line for it" : tags.substr(name - 64, 64);
      accuse(path, "its SHA-256 is not the one in tagmanifest-sha256.txt", promised,
             to_hex(*digest));
    }
  }
  if (report_.faults.size() == before && expected != tags) {
    accuse(kTagManifest, "does not list exactly the three tag files, sorted");
  }
  check_bag_info();
  passed("bag-info.txt, bagit.txt and manifest-sha256.txt are those that were signed", before);
  return !accused(kManifest) && !accused(kTagManifest);
}

void Verifier::check_bag_info() {
  if (!accused(kBagitFile)) {
    const auto bagit = read(kBagitFile);
    if (bagit && *bagit != kBagit) accuse(kBagitFile, "does not declare BagIt 1.0 in UTF-8");
  }
  if (accused(kBagInfo)) return;
  const auto text = read(kBagInfo);
  if (!text) return;
  info_ = parse_bag_info(*text);
  if (!info_) {
    accuse(kBagInfo, "is not written in its one form");
    return;
  }
  report_.incident = info_->incident;
  if (!bag_.name().empty() && bag_.name() != info_->incident) {
    accuse(bag_.name(), "the archive's directory is not named after the incident", info_->incident,
           bag_.name());
  }
}

}  // namespace cordon::evidence::internal
