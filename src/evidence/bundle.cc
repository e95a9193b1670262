#include "evidence/bundle.h"

#include "base/hex.h"
#include "codec/base64.h"
#include "evidence/internal/bag_text.h"
#include "evidence/internal/bag_writer.h"
#include "evidence/proof.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

namespace cordon::evidence {
namespace {

namespace fs = std::filesystem;
using internal::BagWriter;

constexpr std::string_view kPayload = "data/";

/// Everything that one freeze works with.
struct Freeze {
  const BundleRequest& request;
  Prover& prover;
  EntrySource& entries;
  const VerifierKey& log;
  const crypto::SigningKey& key;
  Checkpoint head;
  internal::BagInfo info;
};

Status check_request(const BundleRequest& request, const Checkpoint& head) {
  if (!internal::is_bag_name(request.incident)) {
    return fail(Errc::invalid, fmt::format("'{}' cannot name a bundle", request.incident));
  }
  if (request.sequences.size() > kBundleRecordsMax) {
    return fail(Errc::exhausted, fmt::format("{} records, a bundle holds at most {}",
                                             request.sequences.size(), kBundleRecordsMax));
  }
  if (std::adjacent_find(request.sequences.begin(), request.sequences.end(),
                         std::greater_equal<>()) != request.sequences.end()) {
    return fail(Errc::invalid, "the sequences of a bundle do not strictly ascend");
  }
  if (!request.sequences.empty() && request.sequences.back() >= head.size) {
    return fail(Errc::invalid, fmt::format("entry {} is not under the signed head of {} entries",
                                           request.sequences.back(), head.size));
  }
  if (request.until < request.from) {
    return fail(Errc::invalid, "the window of a bundle ends before it begins");
  }
  return {};
}

/// The head, if the key signed it and the tree has that root.
Result<Checkpoint> check_head(const std::string& note, Prover& prover, const VerifierKey& log,
                              std::string_view what) {
  auto head = open_checkpoint(note, log);
  if (!head) return fail(Errc::invalid, fmt::format("{}: {}", what, head.error().detail));
  CORDON_TRY(const Hash root, prover.root_at(head->size));
  if (root != head->root) {
    return fail(Errc::invalid, fmt::format("{}: its root is not the tree's", what));
  }
  return *head;
}

Status add_record(Freeze& freeze, BagWriter& bag, internal::BagFileWriter& lines,
                  std::uint64_t sequence, std::string_view entry) {
  const auto id = internal::peek_entry_id(entry);
  if (!id || entry.find('\n') != entry.npos) {
    return fail(Errc::corrupt, fmt::format("entry {} is not a journal entry", sequence));
  }
  CORDON_TRY(Proof hashes, freeze.prover.inclusion(sequence, freeze.head.size));
  if (!proves_inclusion(hashes, leaf_hash(entry), sequence, freeze.head.size, freeze.head.root)) {
    return fail(Errc::corrupt,
                fmt::format("entry {} is not what the head was signed over", sequence));
  }
  CORDON_CHECK(lines.write(entry));
  CORDON_CHECK(lines.write("\n"));
  return bag.add(fmt::format("data/proofs/{}.tlog-proof", *id),
                 format_proof({sequence, std::move(hashes), freeze.request.checkpoint}));
}

Status add_records(Freeze& freeze, BagWriter& bag) {
  const std::string path = "data/decisions.jsonl";
  CORDON_TRY(internal::BagFileWriter lines, bag.begin(path));
  for (const std::uint64_t sequence : freeze.request.sequences) {
    // Copied, since making its proof reads other entries from the same source.
    std::string entry;
    CORDON_CHECK(
        freeze.entries.read(sequence, 1, [&](std::uint64_t, std::string_view bytes) -> Status {
          entry = bytes;
          return {};
        }));
    CORDON_CHECK(add_record(freeze, bag, lines, sequence, entry));
  }
  return bag.end(path, lines);
}

Status add_heads(Freeze& freeze, BagWriter& bag) {
  CORDON_CHECK(bag.add("data/log/checkpoint", freeze.request.checkpoint));
  for (const EarlierHead& earlier : freeze.request.earlier) {
    CORDON_TRY(const Checkpoint old,
               check_head(earlier.note, freeze.prover, freeze.log, earlier.name));
    CORDON_TRY(const Proof proof, freeze.prover.consistency(old.size, freeze.head.size));
    std::string lines;
    for (const Hash& hash : proof) lines += codec::to_base64(hash) + "\n";
    const std::string path = "data/log/checkpoints/" + earlier.name;
    CORDON_CHECK(bag.add(path, earlier.note));
    CORDON_CHECK(bag.add(path + ".consistency", lines));
  }
  return {};
}

/// Named by its digest, so the same one again is the same file.
Status add_blob(BagWriter& bag, std::string_view place, std::string_view bytes,
                std::string_view ending) {
  const std::string path = fmt::format("{}{}{}", place, crypto::hex(crypto::sha256(bytes)), ending);
  return bag.has(path) ? Status() : bag.add(path, bytes);
}

Status add_documents(const Freeze& freeze, BagWriter& bag) {
  const BundleRequest& request = freeze.request;
  CORDON_CHECK(bag.add("data/README.txt", readme(freeze.info, freeze.head, freeze.log)));
  CORDON_CHECK(bag.add("data/incident.json", request.incident_json));
  CORDON_CHECK(bag.add("data/timeline.jsonl", request.timeline_jsonl));
  CORDON_CHECK(bag.add("data/trust/log.vkey", freeze.log.text() + "\n"));
  CORDON_CHECK(bag.add("data/trust/signer.pub.pem", freeze.log.key().to_pem()));
  for (const std::string& rulepack : request.rulepacks) {
    CORDON_CHECK(add_blob(bag, "data/rulepacks/", rulepack, ""));
  }
  for (const std::string& config : request.configs) {
    CORDON_CHECK(add_blob(bag, "data/config/", config, ".json"));
  }
  for (const Document& receipt : request.receipts) {
    CORDON_CHECK(bag.add("data/receipts/" + receipt.path, receipt.bytes));
  }
  return {};
}

Status add_tags(Freeze& freeze, BagWriter& bag) {
  freeze.info.payload_bytes = bag.bytes(kPayload);
  freeze.info.payload_files = bag.count(kPayload);
  const std::string manifest = bag.manifest(kPayload);
  CORDON_CHECK(bag.add("bag-info.txt", format_bag_info(freeze.info)));
  CORDON_CHECK(bag.add("bagit.txt", internal::kBagit));
  CORDON_CHECK(bag.add("manifest-sha256.txt", manifest));
  const std::string tags =
      bag.manifest("bag-info.txt") + bag.manifest("bagit.txt") + bag.manifest("manifest-");
  CORDON_CHECK(bag.add("tagmanifest-sha256.txt", tags));

  const crypto::Signature raw = freeze.key.sign(bytes_of(tags));
  CORDON_CHECK(bag.add("signatures/tagmanifest.sig", text_of(raw)));
  const std::string payload = statement(freeze.info, freeze.head, crypto::sha256(tags));
  const crypto::Signature enveloped =
      freeze.key.sign(bytes_of(internal::pre_authentication(internal::kPayloadType, payload)));
  return bag.add("signatures/bundle.intoto.jsonl",
                 internal::format_envelope(payload, freeze.log.id_hex(), enveloped));
}

Status make_way(const fs::path& path) {
  std::error_code problem;
  fs::remove_all(path, problem);
  if (problem) {
    return fail(Errc::unavailable, fmt::format("{}: {}", path.string(), problem.message()));
  }
  return {};
}

Status move_to(const fs::path& from, const fs::path& to) {
  std::error_code problem;
  fs::rename(from, to, problem);
  if (problem) {
    return fail(Errc::unavailable, fmt::format("{}: {}", to.string(), problem.message()));
  }
  return {};
}

Result<Hash> digest_of_file(const fs::path& path) {
  CORDON_TRY(const internal::Descriptor file, internal::open_file(path, O_RDONLY | O_NOFOLLOW));
  std::string piece(256 * 1024, '\0');
  crypto::Sha256 sha;
  for (std::uint64_t at = 0;;) {
    CORDON_TRY(const std::size_t got, internal::read_at(file, path, at, piece));
    if (got == 0) return sha.finish();
    sha.update(std::string_view(piece).substr(0, got));
    at += got;
  }
}

/// Puts both forms in their place, the tar last: where there is a tar, both are whole.
Status publish(const fs::path& partial_bag, const fs::path& partial_tar, const Frozen& frozen) {
  CORDON_CHECK(internal::sync_file_system(partial_tar));
  const auto there = digest_of_file(frozen.tar);
  if (there && *there != frozen.tar_sha256) {
    CORDON_CHECK(make_way(partial_bag));
    CORDON_CHECK(make_way(partial_tar));
    return fail(Errc::conflict, fmt::format("{} is there with other bytes, sha256 {}",
                                            frozen.tar.string(), to_hex(*there)));
  }
  if (!there && there.error().code != Errc::not_found) {
    return tl::make_unexpected(there.error());
  }
  CORDON_CHECK(make_way(frozen.bag));
  CORDON_CHECK(move_to(partial_bag, frozen.bag));
  CORDON_CHECK(internal::sync_directory(frozen.bag.parent_path()));
  CORDON_CHECK(move_to(partial_tar, frozen.tar));
  return internal::sync_directory(frozen.bag.parent_path());
}

}  // namespace

Result<Frozen> freeze(const BundleRequest& request, Prover& prover, EntrySource& entries,
                      const VerifierKey& log, const crypto::SigningKey& key, const fs::path& out) {
  if (key.public_key().raw() != log.key().raw()) {
    return fail(Errc::invalid, "a bundle is signed with the key of its log");
  }
  CORDON_TRY(const Checkpoint head, check_head(request.checkpoint, prover, log, "checkpoint"));
  CORDON_CHECK(check_request(request, head));
  Freeze state{request, prover, entries, log, key, head, {}};
  state.info = {format_rfc3339(request.as_of).substr(0, 10),
                request.sequences.size(),
                format_rfc3339(request.from),
                format_rfc3339(request.until),
                request.incident,
                0,
                0};

  const fs::path partial_bag = out / fmt::format(".{}.partial", request.incident);
  const fs::path partial_tar = out / fmt::format(".{}.tar.partial", request.incident);
  CORDON_CHECK(make_way(partial_bag));
  CORDON_CHECK(make_way(partial_tar));
  BagWriter bag(partial_bag);
  CORDON_CHECK(add_records(state, bag));
  CORDON_CHECK(add_heads(state, bag));
  CORDON_CHECK(add_documents(state, bag));
  CORDON_CHECK(add_tags(state, bag));
  CORDON_TRY(const BagWriter::Archived archived, bag.archive(request.incident, partial_tar));

  Frozen frozen{out / request.incident,
                out / (request.incident + ".tar"),
                archived.digest,
                archived.bytes,
                head.size,
                request.sequences.size(),
                bag.count("")};
  CORDON_CHECK(publish(partial_bag, partial_tar, frozen));
  return frozen;
}

}  // namespace cordon::evidence
