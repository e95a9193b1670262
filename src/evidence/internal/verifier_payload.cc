#include "base/hex.h"
#include "evidence/internal/lines.h"
#include "evidence/internal/verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::evidence::internal {
namespace {

constexpr std::string_view kPayload = "data/";
constexpr std::string_view kProofs = "data/proofs/";
constexpr std::string_view kHeads = "data/log/checkpoints/";
constexpr std::string_view kConsistency = ".consistency";
constexpr std::size_t kManifestLineMax = 66 + kPathCharactersMax;
constexpr std::size_t kEntryBytesMax = 65'535;
constexpr std::uint64_t kProofBytesMax = 128 * 1024;

constexpr std::array kRequired = {std::string_view("data/README.txt"),
                                  std::string_view("data/incident.json"),
                                  std::string_view("data/timeline.jsonl"),
                                  kRecords,
                                  kCheckpoint,
                                  kLogKey,
                                  kSignerKey};

/// What a file must be called because of its content, if its place says so.
std::optional<std::string> name_by_digest(std::string_view path, const std::string& digest) {
  for (const auto& [place, ending] :
       {std::pair("data/rulepacks/", ""), std::pair("data/config/", ".json")}) {
    if (path.starts_with(place)) return fmt::format("{}{}{}", place, digest, ending);
  }
  return std::nullopt;
}

}  // namespace

void Verifier::check_places() {
  report_.files = bag_.files().size();
  constexpr std::array kTags = {kTagManifest, kManifest,     kBagInfo,
                                kBagitFile,   kRawSignature, kEnvelope};
  for (const BagFile& file : bag_.files()) {
    if (file.path.starts_with(kPayload)) continue;
    if (std::find(kTags.begin(), kTags.end(), file.path) == kTags.end()) {
      accuse(file.path, "a file that no bundle has");
    }
  }
}

/// Calls `visit` with each line, until one is not in its form, which is a fault.
bool Verifier::read_manifest(const std::function<void(const ManifestLine&)>& visit) {
  const BagFile* const manifest = bag_.find(kManifest);
  BagStream lines(bag_, *manifest);
  std::string last;
  for (;;) {
    const std::uint64_t begin = lines.position();
    const auto text = lines.line(kManifestLineMax);
    if (!text) {
      accuse_range(kManifest, begin, manifest->size, text.error().detail);
      return false;
    }
    if (!*text) return true;
    const auto line = parse_manifest_line(**text);
    if (!line || !line->path.starts_with(kPayload) || !(last < line->path)) {
      accuse_range(kManifest, begin, lines.position(),
                   "a line that is not in its form, or out of order");
      return false;
    }
    last = line->path;
    visit(*line);
  }
}

void Verifier::check_manifest() {
  const std::size_t before = report_.faults.size();
  // The whole list first: a list that is wrong must not accuse the files it speaks of.
  if (!read_manifest([](const ManifestLine&) {})) return;
  if (!read_manifest([this](const ManifestLine& line) { check_payload_line(line); })) return;
  for (; next_file_ < bag_.files().size(); ++next_file_) {
    const BagFile& file = bag_.files()[next_file_];
    if (file.path.starts_with(kPayload)) accuse(file.path, "not in manifest-sha256.txt");
  }
  const bool is_whole = report_.faults.size() == before;
  if (is_whole && info_ &&
      (info_->payload_bytes != payload_bytes_ || info_->payload_files != payload_files_)) {
    accuse(kBagInfo, "Payload-Oxum is wrong",
           fmt::format("{}.{}", info_->payload_bytes, info_->payload_files),
           fmt::format("{}.{}", payload_bytes_, payload_files_));
  }
  passed(fmt::format("{} files of payload have the SHA-256 that was signed, none is missing and "
                     "none was added",
                     payload_files_),
         before);
}

void Verifier::check_payload_line(const ManifestLine& line) {
  const auto& files = bag_.files();
  for (; next_file_ < files.size() && files[next_file_].path < line.path; ++next_file_) {
    const BagFile& file = files[next_file_];
    if (file.path.starts_with(kPayload)) accuse(file.path, "not in manifest-sha256.txt");
  }
  if (next_file_ == files.size() || files[next_file_].path != line.path) {
    accuse(line.path, "missing");
    return;
  }
  const BagFile& file = files[next_file_++];
  ++payload_files_;
  payload_bytes_ += file.size;
  const auto digest = digest_of(bag_, file);
  if (!digest) {
    accuse(file.path, digest.error().detail);
    return;
  }
  if (*digest != line.digest) {
    accuse(file.path, "its SHA-256 is not the one that was signed", to_hex(line.digest),
           to_hex(*digest));
    return;
  }
  const auto name = name_by_digest(file.path, to_hex(*digest));
  if (name && *name != file.path) {
    accuse(file.path, "is not named by its SHA-256", *name, file.path);
  }
}

void Verifier::check_required() {
  for (const std::string_view path : kRequired) {
    if (bag_.find(path) == nullptr && !accused(path)) accuse(path, "missing");
  }
}

void Verifier::check_log() {
  if (!log_ || accused(kCheckpoint)) return;
  const std::size_t before = report_.faults.size();
  const auto note = read(kCheckpoint);
  if (!note) return;
  auto head = open_checkpoint(*note, *log_);
  if (!head) {
    accuse(kCheckpoint, head.error().detail);
    return;
  }
  head_note_ = *note;
  head_ = std::move(*head);
  report_.tree_size = head_->size;
  passed(fmt::format("the head of {} over {} entries is signed", head_->origin, head_->size),
         before);
}

void Verifier::check_statement() {
  if (!payload_ || !info_ || !head_ || accused(kEnvelope)) return;
  const std::size_t before = report_.faults.size();
  const std::string expected = statement(*info_, *head_, tags_digest_);
  if (*payload_ != expected) {
    accuse(kEnvelope, "its statement does not say what is in the bag", expected,
           payload_->substr(0, 2000));
  }
  passed("the signed statement names this bag, incident, window and head", before);
}

void Verifier::check_earlier_heads() {
  if (!head_) return;
  for (const BagFile& file : bag_.files()) {
    if (!file.path.starts_with(kHeads)) continue;
    if (file.path.ends_with(kConsistency)) {
      const std::string of = file.path.substr(0, file.path.size() - kConsistency.size());
      if (bag_.find(of) == nullptr && !accused(of)) accuse(file.path, "belongs to no head");
    } else {
      check_earlier_head(file.path, file.path + std::string(kConsistency));
    }
  }
}

void Verifier::check_earlier_head(const std::string& path, const std::string& proof_path) {
  if (accused(path) || accused(proof_path)) return;
  const std::size_t before = report_.faults.size();
  const auto note = read(path);
  const auto text = read(proof_path);
  if (!note || !text) return;
  const auto old = open_checkpoint(*note, *log_);
  if (!old) {
    accuse(path, old.error().detail);
    return;
  }
  Proof proof;
  std::string_view rest = *text;
  while (const auto line = take_line(rest)) {
    const auto hash = parse_base64_hash(*line);
    if (!hash || proof.size() == 2 * kProofHashesMax) {
      accuse(proof_path, "is not a list of hashes in base64");
      return;
    }
    proof.push_back(*hash);
  }
  if (!rest.empty() || !proves_consistency(proof, old->size, old->root, head_->size, head_->root)) {
    accuse(proof_path, fmt::format("does not show that the tree of {} begins the tree of {}",
                                   old->size, head_->size));
  }
  passed(fmt::format("{}: its {} entries are the first of the head's", path, old->size), before);
}

void Verifier::check_records() {
  if (!head_ || bag_.find(kRecords) == nullptr) return;
  const std::size_t before = report_.faults.size();
  const BagFile& file = *bag_.find(kRecords);
  BagStream lines(bag_, file);
  for (;;) {
    const std::uint64_t begin = lines.position();
    const auto line = lines.line(kEntryBytesMax);
    if (!line) {
      accuse_range(kRecords, begin, file.size, line.error().detail);
      break;
    }
    if (!*line) break;
    ++report_.records;
    check_record(**line, begin);
  }
  if (!accused(kRecords)) {
    if (info_ && info_->records != report_.records) {
      accuse(kBagInfo, "Cordon-Records is wrong", std::to_string(info_->records),
             std::to_string(report_.records));
    }
    check_leftover_proofs();
  }
  passed(fmt::format("{} records, each proved to be in the log, in log order", report_.records),
         before);
}

void Verifier::check_record(std::string_view entry, std::uint64_t begin) {
  const std::uint64_t end = begin + entry.size() + 1;
  const auto id = peek_entry_id(entry);
  if (!id) return accuse_range(kRecords, begin, end, "not a journal entry");
  const std::string path = fmt::format("{}{}.tlog-proof", kProofs, *id);
  const BagFile* const file = bag_.find(path);
  if (file != nullptr) proofs_used_.insert(file);
  if (accused(path)) return;
  if (file == nullptr) {
    return accuse_range(kRecords, begin, end, fmt::format("the entry {} has no proof", *id));
  }
  const auto bytes = content_of(bag_, *file, kProofBytesMax);
  const auto proof = bytes ? parse_proof(*bytes) : tl::make_unexpected(bytes.error());
  if (!proof) return accuse(path, proof.error().detail);
  if (proof->checkpoint != head_note_) {
    return accuse(path, "holds another head than data/log/checkpoint");
  }
  if (!proves_inclusion(proof->hashes, leaf_hash(entry), proof->index, head_->size, head_->root)) {
    return accuse_range(kRecords, begin, end,
                        fmt::format("the entry {} is not entry {} of the log", *id, proof->index));
  }
  if (last_index_ && proof->index <= *last_index_) {
    return accuse_range(
        kRecords, begin, end,
        fmt::format("entry {} of the log stands after entry {}", proof->index, *last_index_));
  }
  last_index_ = proof->index;
}

void Verifier::check_leftover_proofs() {
  for (const BagFile& file : bag_.files()) {
    if (file.path.starts_with(kProofs) && !proofs_used_.contains(&file) && !accused(file.path)) {
      accuse(file.path, "belongs to no record");
    }
  }
}

}  // namespace cordon::evidence::internal
