#include "evidence/verify.h"

#include "evidence/internal/bag.h"
#include "evidence/internal/verifier.h"

#include <fmt/format.h>

namespace cordon::evidence {

namespace internal {

Report verify_opened(OpenedBag opened, const Pinned& pinned, const VerifyLimits& limits) {
  Report report;
  if (pinned.log || pinned.signer) report.trust = Trust::pinned;
  report.faults = std::move(opened.faults);
  if (opened.bag) {
    if (report.faults.empty()) {
      report.checked.emplace_back("the structure: plain files only, every byte has its place");
    }
    Verifier(*opened.bag, pinned, limits, report).run();
  }
  return report;
}

}  // namespace internal

Result<Report> verify_bundle(const std::filesystem::path& path, const Pinned& pinned,
                             const VerifyLimits& limits) {
  CORDON_TRY(internal::OpenedBag opened, internal::open_bag(path, limits));
  return internal::verify_opened(std::move(opened), pinned, limits);
}

std::string describe(const Report& report) {
  std::string out = fmt::format("{} {}\n", report.ok ? "VERIFIED" : "REFUSED", report.incident);
  if (report.trust == Trust::untrusted) {
    out += "UNTRUSTED KEYS: no key was given, so only the bundle itself vouches for its keys\n";
  }
  if (!report.vkey.empty()) out += fmt::format("key      {}\n", report.vkey);
  if (report.ok) {
    out += fmt::format("records  {} of a log of {} entries\n", report.records, report.tree_size);
  }
  for (const std::string& sentence : report.checked) out += fmt::format("checked  {}\n", sentence);
  for (const Fault& fault : report.faults) {
    out += fmt::format("FAULT    {}", fault.path);
    if (fault.end != 0) out += fmt::format(" bytes {}-{}", fault.begin, fault.end);
    out += fmt::format(": {}", fault.what);
    if (!fault.expected.empty()) out += fmt::format("; expected {}", fault.expected);
    if (!fault.found.empty()) out += fmt::format("; found {}", fault.found);
    out += '\n';
  }
  if (report.faults_cut) out += "FAULT    there are more\n";
  return out;
}

}  // namespace cordon::evidence
