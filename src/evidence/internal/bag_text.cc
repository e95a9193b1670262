#include "evidence/internal/bag_text.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/uuid.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "evidence/internal/lines.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::evidence::internal {
namespace {

constexpr std::string_view kStatementStart =
    R"({"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"tagmanifest-sha256.txt",)"
    R"("digest":{"sha256":")";

bool is_plain(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool is_safe_component(std::string_view part) noexcept {
  return !part.empty() && part != "." && part != ".." &&
         std::all_of(part.begin(), part.end(), is_plain);
}

/// The rest of the next line after `label`, which it must begin with.
std::optional<std::string_view> take_labelled(std::string_view& text, std::string_view label) {
  const auto line = take_line(text);
  if (!line || !line->starts_with(label)) return std::nullopt;
  return line->substr(label.size());
}

/// A JSON string literal.
std::string json_text(std::string_view text) {
  return codec::write_json(codec::Json(std::string(text)));
}

}  // namespace

bool is_safe_path(std::string_view path) noexcept {
  if (path.size() > kPathCharactersMax) return false;
  for (;;) {
    const std::size_t slash = path.find('/');
    if (!is_safe_component(path.substr(0, slash))) return false;
    if (slash == path.npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool is_bag_name(std::string_view name) noexcept {
  return name.size() <= kBagNameCharactersMax && is_safe_component(name);
}

std::string format_bag_info(const BagInfo& info) {
  return fmt::format(
      "Bag-Software-Agent: cordon evidence-bundle/1\n"
      "Bagging-Date: {}\n"
      "Cordon-Records: {}\n"
      "Cordon-Window: {}/{}\n"
      "External-Identifier: {}\n"
      "Payload-Oxum: {}.{}\n",
      info.date, info.records, info.from, info.until, info.incident, info.payload_bytes,
      info.payload_files);
}

std::optional<BagInfo> parse_bag_info(std::string_view text) {
  const std::string_view all = text;
  const auto agent = take_labelled(text, "Bag-Software-Agent: cordon evidence-bundle/1");
  const auto date = take_labelled(text, "Bagging-Date: ");
  const auto records = take_labelled(text, "Cordon-Records: ");
  const auto window = take_labelled(text, "Cordon-Window: ");
  const auto incident = take_labelled(text, "External-Identifier: ");
  const auto oxum = take_labelled(text, "Payload-Oxum: ");
  if (!agent || !date || !records || !window || !incident || !oxum) return std::nullopt;
  const std::size_t slash = window->find('/');
  const std::size_t dot = oxum->find('.');
  if (slash == window->npos || dot == oxum->npos || !is_bag_name(*incident)) return std::nullopt;
  const auto count = parse_decimal(*records);
  const auto bytes = parse_decimal(oxum->substr(0, dot));
  const auto files = parse_decimal(oxum->substr(dot + 1));
  const auto from = parse_rfc3339(window->substr(0, slash));
  const auto until = parse_rfc3339(window->substr(slash + 1));
  const auto day = parse_rfc3339(std::string(*date) + "T00:00:00Z");
  if (!count || !bytes || !files || !from || !until || !day) return std::nullopt;
  BagInfo info{format_rfc3339(*day).substr(0, 10),
               *count,
               format_rfc3339(*from),
               format_rfc3339(*until),
               std::string(*incident),
               *bytes,
               *files};
  if (format_bag_info(info) != all) return std::nullopt;
  return info;
}

std::string manifest_line(const Hash& digest, std::string_view path) {
  return fmt::format("{}  {}\n", to_hex(digest), path);
}

std::optional<ManifestLine> parse_manifest_line(std::string_view line) {
  if (line.size() < 67 || line.substr(64, 2) != "  ") return std::nullopt;
  const auto digest = parse_hex_hash(line.substr(0, 64));
  const std::string_view path = line.substr(66);
  if (!digest || !is_safe_path(path)) return std::nullopt;
  return ManifestLine{*digest, path};
}

std::string statement(const BagInfo& info, const Checkpoint& head, const Hash& tag_manifest) {
  return fmt::format(
      "{}{}\"}}}}],\"predicateType\":\"https://cordon.dev/evidence-bundle/v1\",\"predicate\":"
      "{{\"incident\":{},\"records\":{},\"from\":{},\"until\":{},\"log\":{{\"origin\":{},"
      "\"size\":{},\"root\":\"{}\"}}}}}}",
      kStatementStart, to_hex(tag_manifest), json_text(info.incident), info.records,
      json_text(info.from), json_text(info.until), json_text(head.origin), head.size,
      codec::to_base64(head.root));
}

std::optional<Hash> subject_of(std::string_view statement) {
  if (!statement.starts_with(kStatementStart)) return std::nullopt;
  return parse_hex_hash(statement.substr(kStatementStart.size()).substr(0, 64));
}

std::string pre_authentication(std::string_view type, std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", type.size(), type, payload.size(), payload);
}

std::string format_envelope(std::string_view payload, std::string_view key_id,
                            const crypto::Signature& signature) {
  return fmt::format(
      "{{\"payload\":\"{}\",\"payloadType\":\"{}\",\"signatures\":[{{\"keyid\":\"{}\","
      "\"sig\":\"{}\"}}]}}\n",
      codec::to_base64(bytes_of(payload)), kPayloadType, key_id, codec::to_base64(signature));
}

Result<Envelope> parse_envelope(std::string_view bytes, std::string_view key_id) {
  CORDON_TRY(const codec::Json value, codec::parse_json(bytes));
  const auto text = [](const codec::Json& object, const char* key) {
    if (!object.is_object()) return std::string();
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto payload = codec::from_base64(text(value, "payload"));
  if (!payload) return fail(Errc::invalid, "the payload is not base64");
  const auto signatures = value.is_object() ? value.find("signatures") : value.end();
  if (signatures == value.end() || !signatures->is_array() || signatures->size() != 1) {
    return fail(Errc::invalid, "there is not exactly one signature");
  }
  const auto signature = codec::from_base64(text(signatures->front(), "sig"));
  Envelope envelope{std::string(text_of(*payload)), {}};
  if (!signature || signature->size() != envelope.signature.size()) {
    return fail(Errc::invalid, "the signature is not 64 bytes in base64");
  }
  std::copy(signature->begin(), signature->end(), envelope.signature.begin());
  if (format_envelope(envelope.payload, key_id, envelope.signature) != bytes) {
    return fail(Errc::invalid,
                fmt::format("it is not written in its one form, with key id {}", key_id));
  }
  return envelope;
}

std::string readme(const BagInfo& info, const Checkpoint& head, const VerifierKey& key) {
  return fmt::format(
      "Evidence bundle of {0}\n"
      "\n"
      "{1} records between {2} and {3}\n"
      "from the log {4}, whose head over {5} entries is in data/log/checkpoint.\n"
      "\n"
      "Verify it with other people's tools. In the directory that holds bagit.txt:\n"
      "\n"
      "  sha256sum --strict -c tagmanifest-sha256.txt\n"
      "  sha256sum --strict -c manifest-sha256.txt\n"
      "  openssl pkeyutl -verify -pubin -inkey KEY.pem -rawin -in tagmanifest-sha256.txt "
      "-sigfile signatures/tagmanifest.sig\n"
      "\n"
      "KEY.pem is the signer's public key as you got it by another way. The copy in\n"
      "data/trust/signer.pub.pem is a hint: a forger would bring his own. It is the key of\n"
      "\n"
      "  {6}\n"
      "\n"
      "These three say that the files are the signed ones. That no other file was added, that\n"
      "every record stands in the log, and that no byte is left out, is checked by\n"
      "\n"
      "  cordon verify BUNDLE --key VKEY\n"
      "\n"
      "Each data/proofs/*.tlog-proof (c2sp.org/tlog-proof@v1) proves one line of\n"
      "data/decisions.jsonl: the leaf is SHA-256(0x00 || line without its newline).\n",
      info.incident, info.records, info.from, info.until, head.origin, head.size, key.text());
}

std::optional<std::string_view> peek_entry_id(std::string_view entry) noexcept {
  constexpr std::string_view kBefore = R"(","id":")";
  constexpr std::size_t kIdCharacters = 36;
  if (!entry.starts_with(R"({"v":1,"kind":")")) return std::nullopt;
  const std::size_t found = entry.substr(0, 80).find(kBefore);
  if (found == entry.npos) return std::nullopt;
  const std::string_view id = entry.substr(found + kBefore.size()).substr(0, kIdCharacters);
  if (!is_uuid(id)) return std::nullopt;
  return id;
}

}  // namespace cordon::evidence::internal
