#include "evidence/verify.h"

#include "cli/internal/session.h"
#include "crypto/ed25519.h"
#include "evidence/checkpoint.h"

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kKeyBytesMax = 16 * 1024;

/// A vkey (`name+id+base64`) or a PEM public key.
Answer<evidence::Pinned> parse_key(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.pop_back();
  }
  evidence::Pinned pinned;
  if (text.starts_with("-----BEGIN")) {
    CORDON_TRY(auto key, crypto::PublicKey::from_pem(text + "\n"));
    pinned.signer = key;
  } else {
    CORDON_TRY(auto key, evidence::VerifierKey::parse(text));
    pinned.log = key;
  }
  return pinned;
}

Answer<evidence::Pinned> read_keys(const Values& values) {
  const auto text = values.optional("key");
  const auto file = values.optional("key-file");
  if (text && file) {
    return tl::make_unexpected(Failure{kExitUsage, "found --key and --key-file, expected one"});
  }
  if (text) return parse_key(*text);
  if (!file) return evidence::Pinned{};
  CORDON_TRY(std::string bytes, read_file(*file, kKeyBytesMax));
  return parse_key(std::move(bytes));
}

std::string printable_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += printable(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

codec::Json to_json(const evidence::Report& report) {
  codec::Json faults = codec::Json::array();
  for (const evidence::Fault& fault : report.faults) {
    faults.push_back({{"path", fault.path},
                      {"begin", fault.begin},
                      {"end", fault.end},
                      {"what", fault.what},
                      {"expected", fault.expected},
                      {"found", fault.found}});
  }
  return {{"ok", report.ok},
          {"trust", report.trust == evidence::Trust::pinned ? "pinned" : "untrusted"},
          {"incident", report.incident},
          {"origin", report.origin},
          {"vkey", report.vkey},
          {"tree_size", report.tree_size},
          {"records", report.records},
          {"files", report.files},
          {"checked", report.checked},
          {"faults", std::move(faults)},
          {"faults_cut", report.faults_cut}};
}

Done verify(Session& session, const Values& values) {
  CORDON_TRY(const evidence::Pinned pinned, read_keys(values));
  CORDON_TRY(const evidence::Report report, evidence::verify_bundle(values.text("bundle"), pinned));
  if (values.flag("json")) {
    session.print_line(codec::write_json(to_json(report)));
  } else {
    session.print(printable_lines(evidence::describe(report)));
  }
  if (report.ok) return {};
  const std::string first =
      report.faults.empty()
          ? "not every check could be made"
          : fmt::format("{}: {}", report.faults.front().path, report.faults.front().what);
  return fail(Errc::corrupt, "the bundle does not hold: " + printable(first));
}

}  // namespace

std::vector<Command> verify_commands() {
  return {{.path = "verify",
           .summary = "Verify a bundle: offline, with nothing but the bundle and a key",
           .example = "verify INC-2026-00001.tar --key-file log.vkey",
           .reach = Reach::local,
           .parameters = {{Form::positional, Presence::required, "bundle", "BUNDLE",
                           "the bag's directory, or its tar"},
                          {Form::option, Presence::optional, "key", "VKEY",
                           "the log's key that you noted earlier; without one, keys are untrusted"},
                          {Form::option, Presence::optional, "key-file", "FILE",
                           "the same from a file: a vkey, or a public key in PEM"},
                          {Form::flag, Presence::optional, "json", "", "print the report as JSON"}},
           .run = verify}};
}

}  // namespace cordon::cli::internal
